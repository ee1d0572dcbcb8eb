"""Whether the aggregated codes look like the prior N(0, I), and how much codes tell of x."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from zoo import distributions, seeds
from zoo.data import Dataset
from zoo.errors import refusal
from zoo.metrics import fits
from zoo.metrics.measure import Measure, Metric, jackknifed, mean_of, one_of
from zoo.metrics.simulation import simulate
from zoo.metrics.subject import BATCH, Subject, flat
from zoo.model import GenerativeModel

ACTIVE_VARIANCE = 0.01  # Burda et al.'s threshold
ACTIVE_NATS = 0.1  # a dimension's mean KL above which it counts as used
INFORMATION_EXAMPLES = 5_000  # of the mixture q(z): the cost is their square
INFORMATION_SAMPLES = 10_000  # whose own category is read again
CHUNK_BYTES = 64 * 2**20  # of one block of log-densities


def latent_moments(codes: np.ndarray) -> dict[str, Measure]:
    """Moments of the aggregated posterior q(z) = E_x q(z|x), from one draw an example.

    Args:
        codes: [N, d], z_n ~ q(z|x_n).

    Returns:
        {name: Measure}: `latent_mean_norm` (E |z|; about sqrt(d - 1/2) under N(0, I)),
        `latent_max_abs_mean` (0 under N(0, I)), `latent_min_std` and `latent_max_std` (1).
    """
    codes = np.asarray(codes, np.float64)
    what = "of the aggregated codes, one draw of q(z|x) an example"
    extreme = lambda statistic, which: _jackknifed(
        statistic, codes, f"{which} of a dimension {what}"
    )
    return {
        "latent_mean_norm": mean_of(np.linalg.norm(codes, axis=1), f"mean L2 norm {what}"),
        "latent_max_abs_mean": extreme(lambda z: np.abs(z.mean(axis=0)).max(), "largest |mean|"),
        "latent_min_std": extreme(lambda z: z.std(axis=0).min(), "smallest standard deviation"),
        "latent_max_std": extreme(lambda z: z.std(axis=0).max(), "largest standard deviation"),
    }


def _jackknifed(
    statistic: Callable[[np.ndarray], float], codes: np.ndarray, protocol: str
) -> Measure:
    value, error = jackknifed(statistic, codes)
    return Measure(value, len(codes), protocol, standard_error=error)


def active_units(posterior_means: np.ndarray, threshold: float = ACTIVE_VARIANCE) -> Measure:
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


def kl_per_dim(loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """KL(N(loc, scale^2) || N(0, 1)) of every example and dimension, [N, d] nats.

    Args:
        loc, scale: [N, d], of q(z|x_n).

    Reference: Kingma and Welling, arXiv 1312.6114, appendix B.
    """
    loc, scale = np.asarray(loc, np.float64), np.asarray(scale, np.float64)
    return (np.square(loc) + np.square(scale) - 1.0) / 2.0 - np.log(scale)


def kl(loc: np.ndarray, scale: np.ndarray) -> Measure:
    """Mean of KL(q(z|x) || N(0, I)), nats an example; args as `kl_per_dim`."""
    return mean_of(
        kl_per_dim(loc, scale).sum(axis=1), "mean of KL(q(z|x) || p(z)) in nats, in closed form"
    )


def kl_active_dims(loc: np.ndarray, scale: np.ndarray, threshold: float = ACTIVE_NATS) -> Measure:
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


def mutual_information(loc: np.ndarray, scale: np.ndarray, z: np.ndarray) -> dict[str, Measure]:
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


def categorical_information(probabilities: np.ndarray) -> Measure:
    """I(x; y) = H(E q(y|x)) - E H(q(y|x)) of a categorical code, nats, exact for these examples.

    Args:
        probabilities: [N, K], q(y|x_n).
    """
    probabilities = np.asarray(probabilities, np.float64)
    entropies = special.entr(probabilities).sum(axis=1)
    mean = probabilities.mean(axis=0)
    value = special.entr(mean).sum() - entropies.mean()
    protocol = "entropy of the mean of q(y|x) minus the mean of its entropy, nats"
    # It is the mean of KL(q(y|x) || mean of q(y|x)), which gives the error.
    each = special.rel_entr(probabilities, mean).sum(axis=1)
    return mean_of(each, protocol)._replace(value=float(value))


def code_information(log_q: np.ndarray, categories: np.ndarray) -> Measure:
    """L_I = E log Q(c|x) + log K of samples x = G(c, ...), a lower bound of I(c; x), nats.

    Args:
        log_q: [N, K], log Q(c|x_n).
        categories: int [N], the c that x_n was made of, drawn uniformly.

    Reference: Chen et al., InfoGAN, arXiv 1606.03657, equation 5.
    """
    n, k = np.shape(log_q)
    found = np.asarray(log_q, np.float64)[np.arange(n), categories] + math.log(k)
    protocol = f"mean of log Q(c|x) + log {k} over samples of as many codes, nats"
    return mean_of(found, f"{protocol}: a lower bound of I(c; x), at most {math.log(k):.4f}")


def _log_densities(
    loc: np.ndarray, scale: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
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


def code_normality(codes: np.ndarray) -> dict[str, Measure]:
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
    of_codes = "codes of data, one draw an example"
    squares = np.square(codes)
    over_dimensions = lambda each, what: _jackknifed(
        lambda z: each(z).mean(), codes, f"mean {what} of the {d} dimensions of {of_codes}"
    )
    return {
        "code_mean_square": mean_of(
            squares.mean(axis=1), f"mean of |z|^2 / {d} of {of_codes}"
        )._replace(value=float(squares.mean())),
        "code_kurtosis": over_dimensions(_kurtosis, "kurtosis"),
        "code_ks": over_dimensions(_distance, "Kolmogorov-Smirnov distance from N(0, 1)"),
    }


def _kurtosis(codes: np.ndarray) -> np.ndarray:
    """Fourth standardised moment of each dimension, [d]."""
    centred = codes - codes.mean(axis=0)
    variance = np.square(centred).mean(axis=0)
    # A dimension that is constant has no kurtosis: it counts as 0, which no other one can have.
    return (centred**4).mean(axis=0) / np.maximum(np.square(variance), np.finfo(float).tiny)


def _distance(codes: np.ndarray) -> np.ndarray:
    """Largest difference of each dimension's distribution function from N(0, 1)'s, [d]."""
    n = len(codes)
    below = special.ndtr(np.sort(codes, axis=0))
    steps = np.arange(n)[:, None] / n
    return np.maximum(below - steps, steps + 1.0 / n - below).max(axis=0)


# --- of a subject -----------------------------------------------------------------------------


def _draws(s: Subject) -> np.ndarray:
    return s.codes(s.split)["draw"]


def _moments(s: Subject) -> dict[str, Measure]:
    return latent_moments(_draws(s))


def _normality(s: Subject) -> dict[str, Measure]:
    if not s.model.dequantises:
        return code_normality(_draws(s))

    def encode(x: Any, y: Any, index: int) -> dict[str, np.ndarray]:
        return {"draw": flat(s.model.dequantised_codes(x, seeds.fold(s.seed, s.split, index)))}

    found = code_normality(s.over(s.split, encode)["draw"])
    note = "grey levels plus uniform noise"
    return {name: measure.noted(note) for name, measure in found.items()}


def _information(s: Subject) -> dict[str, Measure]:
    few = slice(0, INFORMATION_EXAMPLES)
    q = {name: rows[few] for name, rows in s.posteriors(s.split).items()}
    found = mutual_information(q["loc"], q["scale"], _draws(s)[few])
    if _has_closed_kl(s.model, s.dataset):
        bound = kl(q["loc"], q["scale"])  # E KL(q(z|x) || p(z)) >= I
        if bound.value < found["mutual_information_upper"].value:
            note = "an upper bound of I(x; z), below the one by the mean of the posteriors"
            found["mutual_information_upper"] = bound.noted(note)
    return found


def _code_information(s: Subject) -> Measure:
    x, z = (np.asarray(each) for each in simulate(s.model, INFORMATION_SAMPLES, seed=s.seed))
    k = s.model.code_classes
    read = [s.model.read(x[i : i + BATCH]).mean() for i in range(0, len(x), BATCH)]
    return code_information(np.concatenate(read)[:, :k], z[:, :k].argmax(axis=1))


def _reads_categories(model: GenerativeModel, dataset: Dataset) -> bool:
    categories = model.code_classes is not None and not model.conditional
    return categories and {"read", "decode"} <= model.capabilities


def _of_posteriors(
    measure: Callable[[np.ndarray, np.ndarray], Measure],
) -> Callable[[Subject], Measure]:
    """`measure(loc, scale)` as a function of a subject."""
    return lambda s: measure(*(s.posteriors(s.split)[name] for name in ("loc", "scale")))


def _has_information(model: GenerativeModel, dataset: Dataset) -> bool:
    # Codes of a conditional model need not tell what the label says.
    return not model.conditional and fits.encodes_normally(model)


def _meant_to_be_normal(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether the codes of data should be draws of N(0, I)."""
    both = {"encode", "decode"} <= model.capabilities and model.levels == 1
    return both and distributions.is_standard_normal(model.prior)


def _has_closed_kl(model: GenerativeModel, dataset: Dataset) -> bool:
    return _meant_to_be_normal(model, dataset) and fits.encodes_normally(model)


def _has_categories(model: GenerativeModel, dataset: Dataset) -> bool:
    return "y" in model.parts and "encode" in model.capabilities and not model.conditional


METRICS = {
    "active_units": Metric(
        fits.exact_means,  # an average of draws varies by its noise
        lambda s: active_units(s.codes(s.split)["mean"]),
        help="dimensions of the code whose posterior mean varies between examples",
    ),
    "latent_mean_norm": Metric(
        fits.can("encode"),
        one_of(_moments, "latent_mean_norm"),
        help="mean length of a code; about the square root of its dimension under N(0, I)",
    ),
    "latent_max_abs_mean": Metric(
        fits.can("encode"),
        one_of(_moments, "latent_max_abs_mean"),
        help="largest absolute mean of a dimension of the codes; 0 under N(0, I)",
    ),
    "latent_min_std": Metric(
        fits.can("encode"),
        one_of(_moments, "latent_min_std"),
        help="smallest standard deviation of a dimension of the codes; 1 under N(0, I)",
    ),
    "latent_max_std": Metric(
        fits.can("encode"),
        one_of(_moments, "latent_max_std"),
        help="largest standard deviation of a dimension of the codes; 1 under N(0, I)",
    ),
    "code_mean_square": Metric(
        _meant_to_be_normal,
        one_of(_normality, "code_mean_square"),
        help="mean square of an entry of the codes of data; 1 under N(0, I)",
    ),
    "code_kurtosis": Metric(
        _meant_to_be_normal,
        one_of(_normality, "code_kurtosis"),
        help="mean kurtosis of the codes of data; 3 under N(0, I)",
    ),
    "code_ks": Metric(
        _meant_to_be_normal,
        one_of(_normality, "code_ks"),
        help="mean Kolmogorov-Smirnov distance of the codes of data from N(0, 1)",
        better="lower",
    ),
    "kl": Metric(
        _has_closed_kl,
        _of_posteriors(kl),
        help="KL divergence of the posterior from the prior, nats an example",
    ),
    "kl_active_dims": Metric(
        _has_closed_kl,
        _of_posteriors(kl_active_dims),
        help="dimensions of the code whose divergence from the prior exceeds 0.1 nats",
    ),
    "mutual_information": Metric(
        _has_information,
        one_of(_information, "mutual_information"),
        help="what the code tells of x, nats: a lower bound, at most the log of the examples",
    ),
    "mutual_information_upper": Metric(
        _has_information,
        one_of(_information, "mutual_information_upper"),
        help="what the code tells of x, nats: an upper bound",
    ),
    "mutual_information_y": Metric(
        _has_categories,
        lambda s: categorical_information(s.clusters(s.split)["probabilities"]),
        help="what the categorical code tells of x, nats",
    ),
    "code_information": Metric(
        _reads_categories,
        _code_information,
        help="what samples tell of their own category, nats: at most the log of the categories",
        better="higher",
        of_samples=True,
    ),
}
