"""Whether the aggregated codes look like the prior N(0, I), and how much codes tell of x."""

import math

import numpy as np
from scipy import special

from zoo.errors import refusal
from zoo.metrics.measure import Measure, mean_of

ACTIVE_VARIANCE = 0.01  # Burda et al.'s threshold
ACTIVE_NATS = 0.1  # a dimension's mean KL above which it counts as used
INFORMATION_EXAMPLES = 5_000  # of the mixture q(z): the cost is their square
CHUNK_BYTES = 64 * 2**20  # of one block of log-densities


def latent_moments(codes):
    """Moments of the aggregated posterior q(z) = E_x q(z|x), from one draw an example.

    Args:
        codes: [N, d], z_n ~ q(z|x_n).

    Returns:
        {name: Measure}: `latent_mean_norm` (E |z|; about sqrt(d - 1/2) under N(0, I)),
        `latent_max_abs_mean` (0 under N(0, I)), `latent_min_std` and `latent_max_std` (1).
    """
    codes = np.asarray(codes, np.float64)
    mean, std = codes.mean(axis=0), codes.std(axis=0)
    what = "of the aggregated codes, one draw of q(z|x) an example"
    measured = {
        "latent_mean_norm": (np.linalg.norm(codes, axis=1).mean(), f"mean L2 norm {what}"),
        "latent_max_abs_mean": (np.abs(mean).max(), f"largest |mean| of a dimension {what}"),
        "latent_min_std": (std.min(), f"smallest standard deviation of a dimension {what}"),
        "latent_max_std": (std.max(), f"largest standard deviation of a dimension {what}"),
    }
    return {
        name: Measure(float(value), len(codes), protocol)
        for name, (value, protocol) in measured.items()
    }


def active_units(posterior_means, threshold=ACTIVE_VARIANCE):
    """The number of dimensions with Var_x(E[z_i|x]) > threshold.

    Args:
        posterior_means: [N, d], E[z|x_n].
        threshold: float.

    Reference: Burda et al., Importance Weighted Autoencoders, arXiv 1509.00519, section 5.2.
    """
    variance = np.asarray(posterior_means, np.float64).var(axis=0)
    protocol = (
        f"of {variance.size} dimensions those whose posterior mean has a variance over examples "
        f"above {threshold:g}"
    )
    return Measure(float((variance > threshold).sum()), len(posterior_means), protocol)


# --- information ------------------------------------------------------------------------------


def kl_per_dim(loc, scale):
    """KL(N(loc, scale^2) || N(0, 1)) of every example and dimension, [N, d] nats.

    Args:
        loc, scale: [N, d], of q(z|x_n).

    Reference: Kingma and Welling, arXiv 1312.6114, appendix B.
    """
    loc, scale = np.asarray(loc, np.float64), np.asarray(scale, np.float64)
    return (np.square(loc) + np.square(scale) - 1.0) / 2.0 - np.log(scale)


def kl(loc, scale):
    """Mean of KL(q(z|x) || N(0, I)), nats an example; args as `kl_per_dim`."""
    return mean_of(
        kl_per_dim(loc, scale).sum(axis=1), "mean of KL(q(z|x) || p(z)) in nats, in closed form"
    )


def kl_active_dims(loc, scale, threshold=ACTIVE_NATS):
    """The number of dimensions whose KL has a mean above the threshold; args as `kl_per_dim`.

    Args:
        threshold: nats.
    """
    each = kl_per_dim(loc, scale).mean(axis=0)
    protocol = (
        f"of {len(each)} dimensions those whose KL from the prior has a mean above "
        f"{threshold:g} nats"
    )
    return Measure(float((each > threshold).sum()), len(loc), protocol)


def mutual_information(loc, scale, z):
    """I(x; z) = E KL(q(z|x) || p(z)) - KL(q(z) || p(z)), between two bounds in expectation, nats.

        mean_n log q(z_n|x_n) - log q(z_n),   q(z) = mean_m q(z|x_m)

    With m over all N examples this is a lower bound, which cannot exceed log N; with m over the
    others alone an upper one. p(z) cancels.

    Args:
        loc, scale: [N, d], of q(z|x_n), N >= 2.
        z: [N, d], one draw of each.

    Returns:
        {name: Measure}: `mutual_information` (lower), `mutual_information_upper`.

    Reference: Hoffman and Johnson, ELBO surgery, 2016; the bounds: Poole et al., On variational
        bounds of mutual information, arXiv 1905.06922, section 2.
    """
    n = len(z)
    if n < 2:
        raise ValueError(refusal("z", "at least two examples", np.shape(z)))
    own, others = _log_densities(loc, scale, z)  # log q(z_n|x_n), log sum_(m != n) q(z_n|x_m)
    bounds = {
        "mutual_information": (np.logaddexp(own, others) - math.log(n), "lower", "its own"),
        "mutual_information_upper": (others - math.log(n - 1), "upper", "not its own"),
    }
    return {
        name: mean_of(
            own - aggregated,
            f"mean of log q(z|x) - log q(z) in nats, one draw an example, q(z) the mean of the "
            f"posteriors of {n} examples, {which} among them: {side} bound of I(x; z) in "
            "expectation",
        )
        for name, (aggregated, side, which) in bounds.items()
    }


def categorical_information(probabilities):
    """I(x; y) = H(E q(y|x)) - E H(q(y|x)) of a categorical code, nats, exact for these examples.

    Args:
        probabilities: [N, K], q(y|x_n).
    """
    probabilities = np.asarray(probabilities, np.float64)
    entropies = special.entr(probabilities).sum(axis=1)
    value = special.entr(probabilities.mean(axis=0)).sum() - entropies.mean()
    protocol = "entropy of the mean of q(y|x) minus the mean of its entropy, nats"
    return Measure(float(value), len(probabilities), protocol)


def _log_densities(loc, scale, z):
    """(log q(z_n|x_n) [N], log sum over m != n of q(z_n|x_m) [N]), float64."""
    loc, scale, z = (np.asarray(a, np.float64) for a in (loc, scale, z))
    n, d = z.shape
    precision = 1.0 / np.square(scale)
    # log N(z; m, s^2) = -1/2 sum z^2/s^2 - 2 z m/s^2 + m^2/s^2 + log 2 pi s^2: two products of
    # matrices.
    constant = np.square(loc / scale).sum(axis=1) + d * math.log(2.0 * math.pi)
    constant += 2.0 * np.log(scale).sum(axis=1)
    rows, own, others = max(1, CHUNK_BYTES // (8 * n)), np.empty(n), np.empty(n)
    for first in range(0, n, rows):
        block = np.arange(first, min(first + rows, n))
        squares = np.square(z[block]) @ precision.T - 2.0 * z[block] @ (loc * precision).T
        log_q = -0.5 * (squares + constant)  # [rows, N]
        here = np.arange(len(block)), block
        own[block], log_q[here] = log_q[here], -np.inf
        others[block] = special.logsumexp(log_q, axis=1)
    return own, others


# --- normality --------------------------------------------------------------------------------


def code_normality(codes):
    """How near codes of data are to draws of N(0, I), of which each figure is known.

    Args:
        codes: [N, d], N >= 2, one draw of q(z|x_n) an example (the code, if it is deterministic).

    Returns:
        {name: Measure}: `code_mean_square` (|z|^2 / d; 1), `code_kurtosis` (fourth standardised
        moment of a dimension; 3), `code_ks` (largest difference of a dimension's distribution
        function from N(0, 1)'s; about 0.87 / sqrt(N)): means over dimensions.

    Reference: what Danihelka et al., arXiv 1705.05263, look at in codes of Real NVPs; these figures
        are ours.
    """
    codes = np.asarray(codes, np.float64)
    n, d = codes.shape
    centred = codes - codes.mean(axis=0)
    variance = np.square(centred).mean(axis=0)
    # A dimension that is constant has no kurtosis: it counts as 0, which no other one can have.
    kurtosis = (centred**4).mean(axis=0) / np.maximum(np.square(variance), np.finfo(float).tiny)
    below = special.ndtr(np.sort(codes, axis=0))
    steps = np.arange(n)[:, None] / n
    distance = np.maximum(below - steps, steps + 1.0 / n - below).max(axis=0)
    of_codes = "codes of data, one draw an example"
    measured = {
        "code_mean_square": (np.square(codes).mean(), f"mean of |z|^2 / {d} of {of_codes}"),
        "code_kurtosis": (kurtosis.mean(), f"mean kurtosis of the {d} dimensions of {of_codes}"),
        "code_ks": (
            distance.mean(),
            f"mean Kolmogorov-Smirnov distance from N(0, 1) of the {d} dimensions of {of_codes}",
        ),
    }
    return {name: Measure(float(v), n, protocol) for name, (v, protocol) in measured.items()}
