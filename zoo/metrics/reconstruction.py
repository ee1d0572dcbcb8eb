"""How near a reconstruction x_hat comes to its x."""

import numpy as np

from zoo.errors import refusal
from zoo.metrics.measure import Measure, mean_of

FEATURE_ROWS = 500  # examples a call of a network's features: bounds memory


def reconstruction_mse(x, x_hat):
    """(1 / N) sum_n mean over pixels and channels of (x_n - x_hat_n)^2.

    Args:
        x: [N, ...].
        x_hat: [N, ...].
    """
    errors = np.square(_rows(x) - _rows(x_hat, like=x)).mean(axis=1)
    return mean_of(errors, "mean over examples of the mean over pixels of (x - x_hat)^2")


def reconstruction_ratio(x, x_hat, seed=0):
    """mean_n |x_n - x_hat_n| / mean_n |x_n - x_hat_m(n)|, m(n) a random other example.

    1 means that a reconstruction says nothing of its x; 0 that it is perfect.

    Args:
        x: [N, ...], N >= 2.
        x_hat: [N, ...].
        seed: of the pairing, one random cycle through all examples, so that m(n) is never n.

    Reference: Donahue et al., BiGAN, arXiv 1605.09782, as logged by the authors' code.
    """
    x, x_hat = _rows(x), _rows(x_hat, like=x)
    if len(x) < 2:
        raise ValueError(refusal("x", "at least two examples", x.shape))
    cycle = np.random.default_rng(seed).permutation(len(x))
    other = np.empty_like(cycle)
    other[cycle] = np.roll(cycle, 1)
    ratio = _mean_norm(x - x_hat) / _mean_norm(x - x_hat[other])
    protocol = (
        "mean L2 norm of x - x_hat over that of x - x_hat of another example, paired by one random "
        f"cycle of seed {seed}"
    )
    return Measure(ratio, len(x), protocol)


def feature_mse(features, x, x_hat):
    """mean_n mean_f (f(x_n) - f(x_hat_n))^2 / mean_f Var_n f(x_n).

    The scale of the features cancels; a constant x_hat at the mean of the features would give 1.

    Args:
        features: callable [B, ...] -> [B, F], such as a discriminator's last hidden layer.
        x: [N, ...], N >= 2.
        x_hat: [N, ...].

    Reference: the distance of Larsen et al., VAE/GAN, arXiv 1512.09300, section 2.3, without their
        likelihood.
    """
    errors, total, squares = [], 0.0, 0.0
    for start in range(0, len(x), FEATURE_ROWS):
        batch = slice(start, start + FEATURE_ROWS)
        f, f_hat = (np.asarray(features(part[batch]), np.float64) for part in (x, x_hat))
        errors.append(np.square(f - f_hat).mean(axis=1))
        total, squares = total + f.sum(axis=0), squares + np.square(f).sum(axis=0)
    variance = float(np.mean(squares / len(x) - np.square(total / len(x))))
    if variance <= 0.0:
        raise ValueError(refusal("features", "features that differ between examples", variance))
    protocol = (
        f"mean squared difference of {len(total)} features of x and x_hat over the mean variance "
        "of a feature over x"
    )
    return mean_of(np.concatenate(errors) / variance, protocol)


def _rows(x, like=None):
    """float32 [N, D]."""
    x = np.asarray(x, np.float32).reshape(len(x), -1)
    if like is not None and x.shape != (len(like), np.size(like) // len(like)):
        raise ValueError(refusal("x_hat", f"the shape of x, {np.shape(like)}", x.shape))
    return x


def _mean_norm(differences):
    return float(np.linalg.norm(differences, axis=1).mean(dtype=np.float64))
