"""Distances of samples from data in the features of a fixed network: FID, KID, Inception score."""

import numpy as np
from scipy import special

from zoo.errors import refusal
from zoo.metrics import features, fits, moments
from zoo.metrics.measure import Measure, Metric

SUBSETS = 50  # of KID
SPLITS = 10  # of the Inception score


def frechet_distance(samples: np.ndarray, reference: np.ndarray) -> Measure:
    """Squared Frechet distance of two normal distributions with the moments of the features.

        |m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2))

    In float64. The trace of the root of the product is that of the symmetric S C_1 S, S^2 = C_2,
    whose eigenvalues l are real and not negative: sum_i l_i^(1/2). Covariances divide by n - 1.

    The standard error is that of the mean of what each sample changes to first order,
    2 (m_1 - m_2).(x - m_1) + (x - m_1)' G (x - m_1) with G = I - S (S C_1 S)^(-1/2) S, the gradient
    by C_1.

    Args:
        samples: [N, F], N >= 2.
        reference: [M, F], M >= 2.

    Returns:
        The distance. It is biased upwards: two sets of n examples of N(0, I) in d dimensions have
        about 2 d / n + d (d + 1) / (2 n). So n is to be the same wherever values are compared.

    Reference: Heusel et al., GANs trained by a two time-scale update rule, arXiv 1706.08500,
        equation 6; Dowson and Landau, The Frechet distance between multivariate normal
        distributions, 1982.
    """
    x, y = _pair(samples, reference)
    mean, difference = x.mean(axis=0), x.mean(axis=0) - y.mean(axis=0)
    c_x, c_y = (np.atleast_2d(np.cov(a, rowvar=False)) for a in (x, y))
    values, vectors = np.linalg.eigh(c_y)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T  # S
    values, vectors = np.linalg.eigh(root @ c_x @ root)
    # Rounding leaves null directions with eigenvalues of about this size, of both signs.
    positive = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    values, vectors = values[positive], vectors[:, positive]
    trace = np.trace(c_x) + np.trace(c_y) - 2.0 * np.sqrt(values).sum()
    value = float(difference @ difference + trace)

    side = root @ vectors
    gradient = np.eye(len(root)) - (side / np.sqrt(values)) @ side.T  # G
    centred = x - mean
    influence = 2.0 * centred @ difference + ((centred @ gradient) * centred).sum(axis=1)
    protocol = f"Frechet distance from {len(y)} examples of data, on {x.shape[1]} features"
    error = float(influence.std(ddof=1)) / len(x) ** 0.5
    return Measure(max(value, 0.0), len(x), protocol, standard_error=error)


def kernel_distance(
    samples: np.ndarray, reference: np.ndarray, *, subsets: int = SUBSETS, seed: int = 0
) -> Measure:
    """Squared maximum mean discrepancy of features by the kernel (x.y / F + 1)^3, unbiased.

    The mean over random subsets of 1,000 examples of each, or of half of all if these are fewer.
    Two subsets of m among n share examples, so their deviation s tells of the error of the mean
    s (m / (n - m))^(1/2), whatever the number of subsets.

    Args:
        samples: [N, F], N >= 4.
        reference: [M, F], M >= 4.
        subsets: how many.
        seed: of their draw, without replacement within a subset.

    Returns:
        The mean, of either sign where the distributions are the same; `std` over the subsets.

    Reference: Binkowski et al., Demystifying MMD GANs, arXiv 1801.01401, section 4; Gretton et al.,
        A kernel two-sample test, 2012, equation 3.
    """
    x, y = _pair(samples, reference)
    size = moments.subset_size(x, y)
    if size < 2:
        raise ValueError(refusal("samples", "at least four, of at least four data", x.shape))
    found, std, error = moments.over_subsets(x, y, _mmd, subsets, seed)
    protocol = (
        f"squared MMD from {len(y)} examples of data by the kernel (x.y / F + 1)^3, unbiased, on "
        f"F = {x.shape[1]} features, mean over {subsets} subsets of {size}"
    )
    return Measure(found, len(x), protocol, std=std, standard_error=error)


def _mmd(x: np.ndarray, y: np.ndarray) -> float:
    """The U-statistic: pairs of an example with itself are left out."""
    inner = [a @ b.T / a.shape[1] + 1.0 for a, b in ((x, x), (y, y), (x, y))]
    k_xx, k_yy, k_xy = (k * k * k for k in inner)  # twenty times as fast as k**3
    within = sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (k_xx, k_yy))
    return float(within - 2.0 * k_xy.mean())


def inception_score(probabilities: np.ndarray, splits: int = SPLITS) -> Measure:
    """exp of the mean over samples of KL(p(y|x) || p(y)), p(y) their mean, in [1, K].

    Args:
        probabilities: [N, K], p(y|x) of samples by a classifier.
        splits: contiguous parts of the samples; the value is the mean over them.

    Returns:
        The mean over the splits; `std` over them.

    Reference: Salimans et al., Improved techniques for training GANs, arXiv 1606.03498, section 4.
    """
    p = np.asarray(probabilities, np.float64)
    parts = np.array_split(p, min(splits, len(p)))
    found = [_score(part) for part in parts]
    protocol = (
        f"exp of the mean KL(p(y|x) || p(y)) of {p.shape[1]} classes, mean over {len(parts)} splits"
    )
    error = float(np.std(found, ddof=1)) / len(parts) ** 0.5 if len(parts) > 1 else None
    std = float(np.std(found))
    return Measure(float(np.mean(found)), len(p), protocol, std=std, standard_error=error)


def _score(p: np.ndarray) -> float:
    return float(np.exp(special.rel_entr(p, p.mean(axis=0)).sum(axis=1).mean()))


def _pair(samples: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 [., F]; refused unless they are at least two of one width, and finite."""
    x, y = np.asarray(samples, np.float64), np.asarray(reference, np.float64)
    if x.ndim != 2 or x.shape[1:] != y.shape[1:] or min(len(x), len(y)) < 2:
        expected = f"at least two rows of features as wide as those of the data, {y.shape}"
        raise ValueError(refusal("samples", expected, x.shape))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(refusal("samples", "finite features", "NaN or infinity"))
    return x, y


METRICS = {
    "fid": Metric(
        fits.compares_images,
        features.of_features(frechet_distance),
        help="Frechet distance of samples from data in the features of a classifier",
        better="lower",
        of_samples=True,
    ),
    "kid": Metric(
        fits.compares_images,
        features.of_features(kernel_distance),
        help="kernel distance (MMD) of samples from data in these features; 0 of the same",
        better="lower",
        of_samples=True,
    ),
    "inception_score": Metric(
        fits.compares_images,
        features.of_probabilities(inception_score),
        help="how sure and how varied a classifier finds samples; at most the number of classes",
        better="higher",
        of_samples=True,
    ),
}
