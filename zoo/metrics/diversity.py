"""How different samples are from each other, by the structural similarity of pairs."""

import numpy as np
import tensorflow as tf

from zoo.errors import refusal
from zoo.metrics import fits
from zoo.metrics.halves import described, halves, samples
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.subject import Subject

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, the finest first
WINDOW, STDDEV = 11, 1.5  # of the Gaussian window of similarity, in pixels
PAIRS = 200  # a call: bounds memory


def ms_ssim_diversity(x: np.ndarray) -> Measure:
    """1 - MS-SSIM, the mean over disjoint pairs of images (x_1, x_2), (x_3, x_4), ..., in [0, 1].

    As it was published, five scales of a window of 11 pixels, an image needs 161 pixels a side.
    Here the window is 11 pixels, or half of the smaller side if that is less; the scales are those
    of the five at which it fits, each half as fine as the one before, and their weights are divided
    by their sum. So 28 x 28 has two scales of window 11, and 8 x 8 two of window 4.

    Args:
        x: [N, H, W, C] in [0, 1], N >= 2; sides of 4 pixels at least.

    Reference: Wang et al., Multi-scale structural similarity, 2003; Odena et al., Conditional image
        synthesis with auxiliary classifier GANs, arXiv 1610.09585, section 4.2, who ask it within
        classes.
    """
    if x.ndim != 4 or len(x) < 2 or min(x.shape[1:3]) < 4:
        expected = "at least two images of at least 4 x 4 pixels"
        raise ValueError(refusal("x", expected, x.shape))
    window, scales = variant(min(x.shape[1:3]))
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    pairs = len(x) // 2
    first, second = x[0 : 2 * pairs : 2], x[1 : 2 * pairs : 2]
    blocks = [slice(start, start + PAIRS) for start in range(0, pairs, PAIRS)]
    similarity = [_ms_ssim(first[b], second[b], tuple(weights), window) for b in blocks]
    protocol = (
        f"1 - MS-SSIM, mean over {pairs} disjoint pairs; {scales} scales, window {window} x "
        f"{window}, weights {', '.join(f'{w:.4f}' for w in weights)}"
    )
    return mean_of(1.0 - np.concatenate(similarity), protocol)._replace(n=2 * pairs)


def variant(side: int) -> tuple[int, int]:
    """(window in pixels, number of scales) of images of this smaller side."""
    window = min(WINDOW, side // 2)
    sides = [side]
    while len(sides) < len(WEIGHTS) and -(-sides[-1] // 2) >= window:
        sides.append(-(-sides[-1] // 2))
    return window, len(sides)


@tf.function(autograph=False, reduce_retracing=True)
def _traced(x: tf.Tensor, y: tf.Tensor, weights: tuple[float, ...], window: int) -> tf.Tensor:
    return tf.image.ssim_multiscale(
        x, y, 1.0, power_factors=weights, filter_size=window, filter_sigma=STDDEV
    )


def _ms_ssim(x: np.ndarray, y: np.ndarray, weights: tuple[float, ...], window: int) -> np.ndarray:
    found = _traced(tf.constant(x, tf.float32), tf.constant(y, tf.float32), weights, window)
    return np.asarray(found, np.float64)


# --- of a subject -----------------------------------------------------------------------------


def _diversity(s: Subject) -> Measure:
    floor = ms_ssim_diversity(s.once(halves).other["x"]).value
    return ms_ssim_diversity(s.once(samples))._replace(floor=floor).noted(described(s))


METRICS = {
    "diversity": Metric(
        fits.compares_images,
        _diversity,
        help="1 - MS-SSIM of pairs of samples: 0 if all are the same; as among data is best",
        of_samples=True,
    ),
}
