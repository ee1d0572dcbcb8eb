"""Log-likelihoods of a model and their bounds, in nats; bits per dimension."""

import math

import numpy as np

from zoo import checks
from zoo.metrics.measure import mean_of

ROWS = 5_000  # importance samples times examples a call: bounds memory


def log_prob(model, x, y=None, *, samples=1, seed=0):
    """log p(x) or its bound, float64 [N] nats, of any number of examples and importance samples.

    Args:
        model: a model with `log_prob`.
        x: [N, *image_shape].
        y: labels [N], for conditional models.
        samples: k of the importance-weighted bound, int >= 1; 1 is the ELBO.
        seed: of the importance samples; each example has its own.
    """
    size = max(1, ROWS // checks.whole(samples, "samples"))
    parts = [
        model.log_prob(
            x[start : start + size],
            y=None if y is None else y[start : start + size],
            samples=samples,
            seed=_seed_of(seed, start),
        )
        for start in range(0, len(x), size)
    ]
    return np.concatenate([np.asarray(part, np.float64) for part in parts])


def elbo(log_probs):
    """The evidence lower bound as the mean of one-sample estimates, nats an example.

    Args:
        log_probs: [N], from `log_prob(..., samples=1)`.
    """
    return mean_of(log_probs, "mean evidence lower bound in nats, one draw of q(z|x) an example")


def nll(log_probs, samples=None, dequantised=False):
    """-mean log p(x) in nats, or an upper bound on it.

    Args:
        log_probs: [N].
        samples: k of the importance-weighted bound; None if `log_probs` are exact.
        dequantised: whether they are of grey levels plus uniform noise in [0, 1): their mean is at
            most that of the levels' log-probabilities.

    Reference: Burda et al., Importance Weighted Autoencoders, arXiv 1509.00519, equation 8; Theis
        et al., A note on the evaluation of generative models, arXiv 1511.01844, section 3.1.
    """
    protocol = f"mean of -log p(x) in nats, {_exactness(samples, dequantised)}"
    return mean_of(-np.asarray(log_probs), protocol)


def bits_per_dim(log_probs, dimensions, samples=None, dequantised=False):
    """-log p(x) / (D ln 2), of log-probabilities of 256-level data.

    Args:
        log_probs: [N], the log of a probability mass, nats.
        dimensions: D, pixels times channels.
        samples: as in `nll`.
        dequantised: as in `nll`.
    """
    exactness = _exactness(samples, dequantised)
    protocol = f"mean of -log p(x) / ({dimensions} ln 2), {exactness}"
    return mean_of(-np.asarray(log_probs) / (dimensions * math.log(2.0)), protocol)


def _exactness(samples, dequantised):
    if samples is not None:
        return f"an upper bound from {samples} importance samples of q(z|x) an example"
    if dequantised:
        return "exact for grey levels plus uniform noise, one draw an example"
    return "exact"


def _seed_of(seed, start):
    """Another seed for the batch that begins at row `start`, in [0, 2^62)."""
    state = np.random.SeedSequence([seed, start]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(2))
