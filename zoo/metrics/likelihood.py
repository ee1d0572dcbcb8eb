"""Log-likelihoods of a model and their bounds, in nats; bits per dimension."""

import math
from collections.abc import Callable

import numpy as np

from zoo import checks
from zoo.data import Dataset
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.subject import Subject
from zoo.model import GenerativeModel

ROWS = 5_000  # importance samples times examples a call: bounds memory


def log_prob(
    model: GenerativeModel,
    x: np.ndarray,
    y: np.ndarray | None = None,
    *,
    samples: int = 1,
    seed: int = 0,
) -> np.ndarray:
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


def elbo(log_probs: np.ndarray) -> Measure:
    """The evidence lower bound as the mean of one-sample estimates, nats an example.

    Args:
        log_probs: [N], from `log_prob(..., samples=1)`.
    """
    return mean_of(log_probs, "mean evidence lower bound in nats, one draw of q(z|x) an example")


def nll(log_probs: np.ndarray, samples: int | None = None, dequantised: bool = False) -> Measure:
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


def bits_per_dim(
    log_probs: np.ndarray,
    dimensions: int,
    samples: int | None = None,
    dequantised: bool = False,
) -> Measure:
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


def _exactness(samples: int | None, dequantised: bool) -> str:
    if samples is not None:
        return f"an upper bound from {samples} importance samples of q(z|x) an example"
    if dequantised:
        return "exact for grey levels plus uniform noise, one draw an example"
    return "exact"


def _seed_of(seed: int, start: int) -> int:
    """Another seed for the batch that begins at row `start`, in [0, 2^62)."""
    state = np.random.SeedSequence([seed, start]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(2))


# --- of a subject -----------------------------------------------------------------------------


def _bound(s: Subject) -> int | None:
    """Importance samples of the tighter bound, None where log p(x) is exact."""
    return None if s.model.density == "exact" else s.protocol.iwae_samples


def _log_probs(s: Subject, rows: dict[str, np.ndarray], samples: int) -> np.ndarray:
    return log_prob(s.model, rows["x"], s.labels(rows), samples=samples, seed=s.seed)


def _of_measured(s: Subject) -> np.ndarray:
    """log p(x), or its tighter bound, of what is measured."""
    return _log_probs(s, s.arrays, _bound(s) or 1)


def _of_learned(s: Subject) -> np.ndarray:
    """The same of as many examples that the model learned from, the first of train."""
    rows = s.dataset.arrays("train", min(len(s.x), s.dataset.size("train")))
    return _log_probs(s, rows, _bound(s) or 1)


def _nll(s: Subject, log_probs: Callable[[Subject], np.ndarray] = _of_measured) -> Measure:
    return nll(s.once(log_probs), _bound(s), s.model.dequantises)


def _bits_per_dim(s: Subject, log_probs: Callable[[Subject], np.ndarray] = _of_measured) -> Measure:
    dimensions = int(np.prod(s.x.shape[1:]))
    return bits_per_dim(s.once(log_probs), dimensions, _bound(s), s.model.dequantises)


def _of_train_data(measure: Callable[..., Measure]) -> Callable[[Subject], Measure]:
    note = "the first examples of the train split"
    return lambda s: measure(s, _of_learned).noted(note)


def _has_likelihood(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether `log_prob` is one: a Bernoulli likelihood of grey pixels or real vectors is none."""
    has = "log_prob" in model.capabilities and model.density is not None
    return has and model.proper_likelihood(dataset.binary)


def _has_bound(model: GenerativeModel, dataset: Dataset) -> bool:
    return _has_likelihood(model, dataset) and model.density == "lower_bound"


def _has_bits(model: GenerativeModel, dataset: Dataset) -> bool:
    images = len(dataset.image_shape) == 3 and not dataset.binary
    return images and _has_likelihood(model, dataset)


METRICS = {
    "elbo": Metric(
        _has_bound,
        lambda s: elbo(_log_probs(s, s.arrays, 1)),
        help="evidence lower bound of log p(x), nats an example",
        better="higher",
    ),
    "nll": Metric(
        _has_likelihood,
        _nll,
        help="-log p(x), or an upper bound on it, nats an example",
        better="lower",
    ),
    "bits_per_dim": Metric(
        _has_bits,
        _bits_per_dim,
        help="-log2 p(x), or an upper bound on it, bits a pixel and channel",
        better="lower",
    ),
    "nll_of_train_data": Metric(
        _has_likelihood,
        _of_train_data(_nll),
        help="nll of examples that the model learned from; below nll where it over-fits",
        only_asked=True,
    ),
    "bits_per_dim_of_train_data": Metric(
        _has_bits,
        _of_train_data(_bits_per_dim),
        help="bits_per_dim of examples that the model learned from; below it where it over-fits",
        only_asked=True,
    ),
}
