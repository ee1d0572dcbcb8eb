"""The maximum mean discrepancy of samples from data, on pixels: what moment matching lowers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.errors import refusal
from zoo.losses import kernel
from zoo.metrics import fits
from zoo.metrics.halves import compared
from zoo.metrics.measure import Measure, Metric
from zoo.metrics.subject import flat

SUBSETS, SUBSET_ROWS = 20, 1_000
SCALES = (0.125, 0.25, 0.5, 1.0, 2.0)  # variances of the kernels, in median squared distances


def mean_discrepancy(
    samples: np.ndarray, reference: np.ndarray, *, subsets: int = SUBSETS, seed: int = 0
) -> Measure:
    """Squared maximum mean discrepancy by Gaussian kernels as wide as the data are, unbiased.

    The kernel is that of `variances(reference)`: every set of samples is measured by one kernel.
    Subsets and standard error are as those of `kernel_distance` (KID): the mean over random
    subsets of 1,000 examples of each, or of half of all if these are fewer.

    Args:
        samples: [N, ...], N >= 4.
        reference: [M, ...], M >= 4.
        subsets: how many.
        seed: of their draw, without replacement within a subset.

    Returns:
        The mean, of either sign where the distributions are the same; `std` over the subsets.

    Reference: Gretton et al., A kernel two-sample test, JMLR 2012, equation 3 and section 8 (the
        median distance).
    """
    x, y = (flat(np.asarray(a, np.float32)) for a in (samples, reference))
    if x.shape[1:] != y.shape[1:] or min(len(x), len(y)) < 4:
        expected = f"at least four, of the shape of the data, {np.shape(reference)}"
        raise ValueError(refusal("samples", expected, np.shape(samples)))
    gaussian = kernel.rbf(variances(y))
    size = subset_size(x, y)
    found, std, error = over_subsets(x, y, lambda a, b: _mmd(a, b, gaussian), subsets, seed)
    protocol = (
        f"squared MMD from {len(y)} examples of data by Gaussian kernels, whose variances are "
        f"{', '.join(f'{s:g}' for s in SCALES)} median squared distances of data, unbiased, mean "
        f"over {subsets} subsets of {size}"
    )
    return Measure(found, len(x), protocol, std=std, standard_error=error)


def subset_size(x: np.ndarray, y: np.ndarray) -> int:
    """Rows of a subset: 1,000, or half of all if these are fewer."""
    return min(SUBSET_ROWS, min(len(x), len(y)) // 2)


def over_subsets(
    x: np.ndarray,
    y: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray], Any],
    subsets: int,
    seed: int,
) -> tuple[float, float, float]:
    """(mean, deviation, standard error of the mean) of a measure over random subsets of both.

    Two subsets of m among n share examples, so the error is s (m / (n - m))^(1/2).
    """
    n, size = min(len(x), len(y)), subset_size(x, y)
    generator = np.random.default_rng(seed)
    draw = lambda a: a[generator.choice(len(a), size, replace=False)]
    found = [float(measure(draw(x), draw(y))) for _ in range(subsets)]
    std = float(np.std(found))
    return float(np.mean(found)), std, std * (size / (n - size)) ** 0.5


def variances(reference: np.ndarray) -> list[float]:
    """`SCALES` times the median squared distance of the first 1,000 examples from each other."""
    y = tf.constant(flat(np.asarray(reference[:SUBSET_ROWS], np.float32)))
    square = np.asarray(kernel.squared_distances(y, y))
    median = float(np.median(square[~np.eye(len(square), dtype=bool)]))
    if median <= 0.0:
        raise ValueError(refusal("reference", "examples that differ", "half of the pairs alike"))
    return [scale * median for scale in SCALES]


def _mmd(x: np.ndarray, y: np.ndarray, gaussian: kernel.Kernel) -> tf.Tensor:
    return kernel.squared_mmd(tf.constant(x), tf.constant(y), gaussian, "unbiased")


METRICS = {
    "mmd": Metric(
        fits.compares,
        lambda s: compared(s, mean_discrepancy),
        help="squared MMD of samples from data, Gaussian kernels on x; 0 of the same",
        better="lower",
        of_samples=True,
    ),
}
