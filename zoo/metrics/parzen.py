"""The Parzen-window log-likelihood of early GAN papers; a legacy, only to compare with them.

It says little of a model: it depends on the width of the window, the number of samples and the
scale of the pixels.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from zoo.errors import refusal
from zoo.metrics import fits
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.subject import Subject

SAMPLES = 10_000  # of the model, as AAE's "10K" column
VALIDATION_ROWS = 1_000  # that sigma is chosen on
SIGMAS = np.logspace(-2.0, 0.5, 26)  # ten a decade
CHUNK_BYTES = 64 * 2**20  # of one block of distances


def parzen(
    samples: np.ndarray, validation: np.ndarray, test: np.ndarray, sigmas: np.ndarray = SIGMAS
) -> Measure:
    """Mean log-density of `test` under equal Gaussians N(s, sigma^2 I) at the samples, in nats.

    Args:
        samples: [M, ...], of the model.
        validation: [V, ...], what sigma is chosen on: the candidate of highest mean log-density.
        test: [N, ...].
        sigmas: candidates, > 0, in units of x.

    Reference: Goodfellow et al., GAN, arXiv 1406.2661, table 1; Makhzani et al., Adversarial
        autoencoders, arXiv 1511.05644, table 1.
    """
    scores = log_density(validation, samples, sigmas).mean(axis=1)
    sigma = sigmas[int(np.argmax(scores))]
    protocol = (
        f"mean log-density in nats of a Gaussian Parzen window on {len(samples)} samples of the "
        f"model, sigma = {sigma:.3g} chosen from {len(sigmas)} on {len(validation)} validation "
        "examples"
    )
    return mean_of(log_density(test, samples, [sigma])[0], protocol)


def log_density(
    x: np.ndarray, samples: np.ndarray, sigmas: Sequence[float] | np.ndarray
) -> np.ndarray:
    """log (1 / M) sum_m N(x_n; s_m, sigma^2 I), float64 [S, N] nats.

    Args:
        x: [N, ...].
        samples: [M, ...].
        sigmas: [S], > 0.
    """
    # float64: a float32 |x|^2 - 2 x.s + |s|^2, divided by a small sigma^2, errs by whole nats.
    x, samples = (np.asarray(a, np.float64).reshape(len(a), -1) for a in (x, samples))
    count, dimensions = samples.shape
    if x.shape[1] != dimensions:
        expected = f"data of the {dimensions} dimensions of the samples"
        raise ValueError(refusal("x", expected, x.shape))
    half_norms = np.square(samples).sum(axis=1) / 2.0
    rows = max(1, CHUNK_BYTES // (8 * count))
    blocks = []
    for start in range(0, len(x), rows):
        block = x[start : start + rows]
        half_norm = np.square(block).sum(axis=1, keepdims=True) / 2.0
        half_squares = half_norm - block @ samples.T + half_norms  # |x - s|^2 / 2
        blocks.append([logsumexp(-half_squares / s**2, axis=1) for s in sigmas])
    sigmas = np.asarray(sigmas, np.float64)[:, None]
    constant = math.log(count) + dimensions * np.log(math.sqrt(2.0 * math.pi) * sigmas)
    return np.concatenate(blocks, axis=1) - constant


# --- of a subject -----------------------------------------------------------------------------


def _parzen(s: Subject) -> Measure:
    held_out = s.held_out(lambda split: s.dataset.arrays(split, s.protocol.limit))
    found = parzen(s.means(SAMPLES), held_out["x"][:VALIDATION_ROWS], s.x)
    # Those papers put their windows on means of p(x|z) where their models have them.
    made = "means of p(x|z)" if s.samples_are == "draws of p(x|z)" else s.samples_are
    return found.noted(f"samples: {made}")


METRICS = {
    "parzen": Metric(
        fits.samples,
        _parzen,
        help="log-density of data under windows on samples, nats; only to compare with papers",
        better="higher",
        only_asked=True,
    ),
}
