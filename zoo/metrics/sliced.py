"""The sliced Wasserstein distance: that of samples from data along random straight lines."""

import numpy as np

from zoo.errors import refusal
from zoo.metrics import fits
from zoo.metrics.halves import compared
from zoo.metrics.measure import Measure, Metric

DIRECTIONS = 256
BLOCK = 16  # directions at a time: bounds memory


def sliced_wasserstein(
    samples: np.ndarray, reference: np.ndarray, *, directions: int = DIRECTIONS, seed: int = 0
) -> Measure:
    """(mean over directions t of W_2(t.x, t.y)^2)^(1/2), in the units of x.

    Along a line the distance is known: W_2^2 is the mean squared difference of the sorted numbers.
    N(0, I) and N(m, I) in d dimensions are |m| / d^(1/2) apart.

    The standard error is that of the mean of what each sample changes to first order, the potential
    f of the line with f'(u) = 2 (u - T(u)), T(u) the datum that u is matched with.

    Args:
        samples: [N, ...], N >= 2.
        reference: [N, ...].
        directions: how many, uniform on the sphere.
        seed: of the directions.

    Reference: Rabin et al., Wasserstein barycenter and its application to texture mixing, 2011;
        Santambrogio, Optimal transport for applied mathematicians, 2015, section 7.2 (first
        variation).
    """
    x, y = (np.asarray(a, np.float32).reshape(len(a), -1) for a in (samples, reference))
    if x.shape != y.shape or len(x) < 2:
        expected = f"as many samples, at least two, as there are data, {np.shape(reference)}"
        raise ValueError(refusal("samples", expected, np.shape(samples)))
    lines = np.random.default_rng(seed).normal(size=(x.shape[1], directions))
    lines = (lines / np.linalg.norm(lines, axis=0)).astype(np.float32)
    square, influence = 0.0, np.zeros(len(x))
    for start in range(0, directions, BLOCK):
        block = lines[:, start : start + BLOCK]
        on_x, on_y = ((a @ block).astype(np.float64) for a in (x, y))  # [N, block]
        order = np.argsort(on_x, axis=0)
        on_x = np.take_along_axis(on_x, order, axis=0)
        gap = on_x - np.sort(on_y, axis=0)
        square += np.square(gap).mean(axis=0).sum() / directions
        slopes = (gap[1:] + gap[:-1]) * np.diff(on_x, axis=0)  # of f, times the steps
        potential = np.zeros_like(gap)
        np.put_along_axis(potential, order[1:], np.cumsum(slopes, axis=0), axis=0)
        influence += potential.sum(axis=1) / directions
    value = float(np.sqrt(square))
    error = float(influence.std(ddof=1)) / len(x) ** 0.5 / (2.0 * value) if value else 0.0
    protocol = (
        f"root mean square over {directions} random directions of W_2 from {len(y)} examples of "
        "data, in the L2 norm of x"
    )
    return Measure(value, len(x), protocol, standard_error=error)


METRICS = {
    "sliced_wasserstein": Metric(
        fits.compares,
        lambda s: compared(s, sliced_wasserstein),
        help="sliced Wasserstein distance of samples from data, in the L2 norm of x",
        better="lower",
        of_samples=True,
    ),
}
