"""How near a reconstruction x_hat comes to its x."""

from collections.abc import Callable

import numpy as np

from zoo.data import Dataset
from zoo.errors import refusal
from zoo.metrics import classifier, fits
from zoo.metrics.measure import Measure, Metric, agreement, mean_of
from zoo.metrics.subject import Subject
from zoo.model import GenerativeModel

FEATURE_ROWS = 500  # examples a call of a network's features: bounds memory


def reconstruction_mse(x: np.ndarray, x_hat: np.ndarray) -> Measure:
    """(1 / N) sum_n mean over pixels and channels of (x_n - x_hat_n)^2.

    Args:
        x: [N, ...].
        x_hat: [N, ...].
    """
    errors = np.square(_rows(x) - _rows(x_hat, like=x)).mean(axis=1)
    return mean_of(errors, "mean over examples of the mean over pixels of (x - x_hat)^2")


def reconstruction_ratio(x: np.ndarray, x_hat: np.ndarray, seed: int = 0) -> Measure:
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
    own, others = (np.linalg.norm(x - of, axis=1) for of in (x_hat, x_hat[other]))
    mean = others.mean(dtype=np.float64)
    if not mean:
        raise ValueError(refusal("x", "examples that differ", "equal ones"))
    ratio = float(own.mean(dtype=np.float64)) / float(mean)
    protocol = (
        "mean L2 norm of x - x_hat over that of x - x_hat of another example, paired by one random "
        f"cycle of seed {seed}"
    )
    # The error of a ratio of means is that of the mean of its linear part, which is 0. Terms that
    # are neighbours on the cycle share an example, and so a covariance.
    linear = ((own.astype(np.float64) - ratio * others) / mean)[cycle]
    variance = np.mean(linear * (linear + 2.0 * np.roll(linear, 1))) / (len(x) - 1)
    error = float(np.sqrt(variance)) if variance >= 0.0 else None  # too few examples to tell
    return Measure(ratio, len(x), protocol, standard_error=error)


def feature_mse(features: Callable, x: np.ndarray, x_hat: np.ndarray) -> Measure:
    """mean_n mean_f (f(x_n) - f(x_hat_n))^2 / mean_f Var_n f(x_n).

    The scale of the features cancels; a constant x_hat at the mean of the features would give 1.

    Args:
        features: callable [B, ...] -> [B, F], such as a discriminator's last hidden layer.
        x: [N, ...], N >= 2.
        x_hat: [N, ...].

    Reference: the distance of Larsen et al., VAE/GAN, arXiv 1512.09300, section 2.3, without their
        likelihood.
    """
    errors, total, squares = [], np.zeros(()), np.zeros(())
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


def label_agreement(judge: classifier.Judge, x: np.ndarray, x_hat: np.ndarray) -> Measure:
    """The share of examples whose reconstruction has the same label as they have, in [0, 1].

    Args:
        judge: a `classifier.Judge` with its `test_error`, which gives both labels.
        x: [N, *image_shape].
        x_hat: the same shape.
    """
    protocol = (
        "share of examples whose reconstruction gets the label of the example from the zoo's "
        f"classifier, whose own test error is {judge.test_error:.4f}"
    )
    return agreement(judge.predict(x), judge.predict(x_hat), protocol)


def _rows(x: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """float32 [N, D]."""
    x = np.asarray(x, np.float32).reshape(len(x), -1)
    if like is not None and x.shape != (len(like), np.size(like) // len(like)):
        raise ValueError(refusal("x_hat", f"the shape of x, {np.shape(like)}", x.shape))
    return x


# --- of a subject -----------------------------------------------------------------------------


def _from_level(measure: Callable[[Subject, np.ndarray], Measure]) -> Callable[..., Measure]:
    """`measure(subject, x_hat)` as a function of a subject and the level of the reconstruction."""

    def measured(s: Subject, level: int = 1) -> Measure:
        found = measure(s, s.reconstructions(level)).noted(s.reconstructions_are)
        return found if level == 1 else found.noted(f"reconstructed from level {level}")

    return measured


def _has_features(model: GenerativeModel, dataset: Dataset) -> bool:
    return model.has_discriminator_features and "reconstruct" in model.capabilities


METRICS = {
    "reconstruction_mse": Metric(
        fits.can("reconstruct"),
        _from_level(lambda s, x_hat: reconstruction_mse(s.x, x_hat)),
        help="mean squared difference of a pixel from its reconstruction",
        better="lower",
        levelled=True,
    ),
    "reconstruction_ratio": Metric(
        fits.can("reconstruct"),
        _from_level(lambda s, x_hat: reconstruction_ratio(s.x, x_hat, s.seed)),
        help="mean distance of x from its reconstruction over that from another's; 1 is blind",
        better="lower",
        levelled=True,
    ),
    "feature_mse": Metric(
        _has_features,
        _from_level(lambda s, x_hat: feature_mse(s.model.discriminator_features, s.x, x_hat)),
        help="squared difference of x and its reconstruction in the model's own features",
        levelled=True,
    ),
    "label_agreement": Metric(
        fits.on_classes("reconstruct"),
        _from_level(lambda s, x_hat: label_agreement(s.once(classifier.judged), s.x, x_hat)),
        help="share of reconstructions to which a classifier gives the label of their example",
        better="higher",
        levelled=True,
    ),
}
