"""Log-likelihoods of a model and their bounds, in nats; bits per dimension."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from zoo import checks
from zoo.data import Dataset
from zoo.distributions import LEVELS
from zoo.metrics import fits
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.subject import Subject
from zoo.model import GenerativeModel

ROWS = 5_000  # importance samples times examples a call: bounds memory
MASS = "a probability mass"
IMAGE_DENSITY = "a density of pixels in [0, 1]"
DENSITY = "a density"
FEWEST = 1_000  # examples of a bound that sums over classes, where no limit says how many


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


def elbo(log_probs: np.ndarray, of: str = MASS, inferred: str = "q(z|x)") -> Measure:
    """The evidence lower bound as the mean of one-sample estimates, nats an example.

    Args:
        log_probs: [N], from `log_prob(..., samples=1)`.
        of: what p(x) is, as `nll`.
        inferred: what was drawn of, in words.
    """
    protocol = f"mean evidence lower bound in nats, p(x) {of}, one draw of {inferred} an example"
    return mean_of(log_probs, protocol)


def nll(
    log_probs: np.ndarray,
    samples: int | None = None,
    dequantised: bool = False,
    of: str = MASS,
    inferred: str = "q(z|x)",
) -> Measure:
    """-mean log p(x) in nats, or an upper bound on it.

    Args:
        log_probs: [N].
        samples: k of the importance-weighted bound; None if `log_probs` are exact.
        dequantised: whether they are of grey levels plus uniform noise in [0, 1): their mean is at
            most that of the levels' log-probabilities.
        of: what p(x) is: `MASS`, `IMAGE_DENSITY` or `DENSITY`; those of two kinds cannot be
            compared, and a density may exceed 1.
        inferred: what the importance samples are draws of, in words.

    Reference: Burda et al., Importance Weighted Autoencoders, arXiv 1509.00519, equation 8; Theis
        et al., A note on the evaluation of generative models, arXiv 1511.01844, section 3.1.
    """
    protocol = f"mean of -log p(x) in nats, p(x) {of}, {_exactness(samples, dequantised, inferred)}"
    return mean_of(-np.asarray(log_probs), protocol)


def bits_per_dim(
    log_probs: np.ndarray,
    dimensions: int,
    samples: int | None = None,
    dequantised: bool = False,
    inferred: str = "q(z|x)",
) -> Measure:
    """-log p(x) / (D ln 2), of log-probabilities of levels of grey.

    Args:
        log_probs: [N], the log of a probability mass, nats: a density has no bits.
        dimensions: D, pixels times channels.
        samples: as in `nll`.
        dequantised, inferred: as in `nll`.
    """
    exactness = _exactness(samples, dequantised, inferred)
    protocol = f"mean of -log p(x) / ({dimensions} ln 2), {exactness}"
    return mean_of(-np.asarray(log_probs) / (dimensions * math.log(2.0)), protocol)


def _exactness(samples: int | None, dequantised: bool, inferred: str) -> str:
    if samples is not None:
        return f"an upper bound from {samples} importance samples of {inferred} an example"
    if dequantised:
        return "exact for grey levels plus uniform noise, one draw an example"
    return "exact"


def class_gap(log_likelihoods: np.ndarray, y: np.ndarray, of: str = "log p(x|y, z)") -> Measure:
    """By how much log p(x|y, z) at the true y exceeds its mean over all y, nats.

    0 of a model that ignores y where it generates. It is no information: its mean over all y falls
    without bound the surer the decoder is.

    Args:
        log_likelihoods: [N, K], log p(x|y, z) of every y.
        y: int [N], the true ones.
        of: what they are, in words.
    """
    values = np.asarray(log_likelihoods, np.float64)
    gaps = values[np.arange(len(values)), y] - values.mean(axis=1)
    protocol = (
        f"mean of {of} at the true y less its mean over all y, nats, each y with the mean of its "
        "own q(z|x, y)"
    )
    return mean_of(gaps, protocol)


# --- a baseline -------------------------------------------------------------------------------


def pixel_log_probs(counts: np.ndarray) -> np.ndarray:
    """log p of the levels of every pixel by itself, float64 [D, L] nats, from their counts.

        p_i(k) = (n_i(k) + s(k)) / (N + 1),   s(k) = (sum_i n_i(k) + 1 / L) / (N D + 1)

    Each pixel's histogram, with one example more that is spread as the levels of all pixels are:
    so a level that this pixel never had is unlikely, and one that no pixel had nearly impossible.

    Args:
        counts: n_i(k), [D, L], of N examples.
    """
    counts = np.asarray(counts, np.float64)
    dimensions, levels = counts.shape
    spread = (counts.sum(axis=0) + 1.0 / levels) / (counts.sum() + 1.0)
    return np.log((counts + spread) / (counts.sum() / dimensions + 1.0))


def level_counts(batches: Iterable[np.ndarray], levels: int) -> np.ndarray:
    """How often each pixel has each level, int [D, L].

    Args:
        batches: x [B, ...] in [0, 1], of D numbers each.
        levels: L.
    """
    total: Any = 0
    for x in batches:
        level = _levels(x, levels)
        cells = level + levels * np.arange(level.shape[1])
        total = total + np.bincount(cells.ravel(), minlength=levels * level.shape[1])
    return total.reshape(-1, levels)


def independent_pixels(x: np.ndarray, log_probs: np.ndarray) -> np.ndarray:
    """log p(x) = sum_i log p_i(x_i), float64 [N] nats.

    Args:
        x: [N, ...] in [0, 1], of D numbers each.
        log_probs: [D, L], of `pixel_log_probs`.
    """
    level = _levels(x, log_probs.shape[1])
    return log_probs[np.arange(level.shape[1]), level].sum(axis=1)


def _levels(x: np.ndarray, levels: int) -> np.ndarray:
    return np.rint(x * (levels - 1)).astype(np.int64).reshape(len(x), -1)


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


def _first(s: Subject) -> int:
    """Of how many examples a bound is measured.

    All, but of a model that sums over K classes: a K-th of them, since each costs K times as much.
    """
    summed = hasattr(s.model, "OF_EVERY_CLASS") and s.protocol.limit is None
    return max(FEWEST, len(s.x) // (s.model.num_classes or 1)) if summed else len(s.x)


def _of_measured(s: Subject) -> np.ndarray:
    """log p(x), or its tighter bound, of what is measured."""
    rows = {name: value[: _first(s)] for name, value in s.arrays.items()}
    return _log_probs(s, rows, _bound(s) or 1)


def _of_learned(s: Subject) -> np.ndarray:
    """The same of as many examples that the model learned from, the first of train."""
    rows = s.dataset.arrays("train", min(len(s.x), _first(s), s.dataset.size("train")))
    return _log_probs(s, rows, _bound(s) or 1)


def _nll(s: Subject, log_probs: Callable[[Subject], np.ndarray] = _of_measured) -> Measure:
    return nll(s.once(log_probs), _bound(s), s.model.dequantises, kind(s), s.model.INFERRED)


def _bits_per_dim(s: Subject, log_probs: Callable[[Subject], np.ndarray] = _of_measured) -> Measure:
    model, of = s.model, s.once(log_probs)
    return bits_per_dim(of, _dimensions(s), _bound(s), model.dequantises, model.INFERRED)


def _dimensions(s: Subject) -> int:
    return int(np.prod(s.x.shape[1:]))


def kind(s: Subject) -> str:
    """What p(x) is, in words: `MASS`, `IMAGE_DENSITY` or `DENSITY`."""
    if fits.of_mass(s.model, s.dataset):
        return MASS
    return IMAGE_DENSITY if len(s.model.image_shape) == 3 else DENSITY


def _of_pixels(s: Subject) -> np.ndarray:
    """log p(x) of what is measured, by histograms of the train split."""
    counts = level_counts((rows["x"] for rows in s.batches("train")), _depth(s))
    return independent_pixels(s.x, pixel_log_probs(counts))


def _depth(s: Subject) -> int:
    return 2 if s.dataset.binary else LEVELS


def _histograms(s: Subject) -> str:
    return (
        f"every pixel by itself: a histogram of its {_depth(s)} levels in the train split, and one "
        "example more that is spread as the levels of all pixels"
    )


def _nll_of_pixels(s: Subject) -> Measure:
    return nll(s.once(_of_pixels)).noted(_histograms(s))


def _bits_of_pixels(s: Subject) -> Measure:
    return bits_per_dim(s.once(_of_pixels), _dimensions(s)).noted(_histograms(s))


def _class_gap(s: Subject) -> Measure:
    of_every_class = s.model.row_function("class_likelihood_rows")
    found = s.over(s.split, lambda x, y, index: {"log_likelihoods": np.asarray(of_every_class(x))})
    return class_gap(found["log_likelihoods"], found["y"], s.model.OF_EVERY_CLASS)


def _of_train_data(measure: Callable[..., Measure]) -> Callable[[Subject], Measure]:
    note = "the first examples of the train split"
    return lambda s: measure(s, _of_learned).noted(note)


def _has_likelihood(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether `log_prob` is one: a Bernoulli likelihood of grey pixels or real vectors is none."""
    has = "log_prob" in model.capabilities and model.density is not None
    return has and model.proper_likelihood(dataset.binary)


def _has_class_likelihoods(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether log p(x|y, z) is known of every class y of the data (the family of `m2`)."""
    knows = hasattr(model, "class_likelihood_rows") and dataset.num_classes is not None
    return knows and _has_likelihood(model, dataset)


def _has_bound(model: GenerativeModel, dataset: Dataset) -> bool:
    return _has_likelihood(model, dataset) and model.density == "lower_bound"


def _has_mass(model: GenerativeModel, dataset: Dataset) -> bool:
    return _has_likelihood(model, dataset) and fits.of_mass(model, dataset)


def _has_bits(model: GenerativeModel, dataset: Dataset) -> bool:
    return not dataset.binary and _has_mass(model, dataset)


METRICS = {
    "elbo": Metric(
        _has_bound,
        lambda s: elbo(_log_probs(s, s.arrays, 1), kind(s), s.model.INFERRED),
        help="evidence lower bound of log p(x), nats an example",
        better="higher",
    ),
    "nll": Metric(
        _has_likelihood,
        _nll,
        help="-log p(x), a mass or a density, or an upper bound on it, nats an example",
        better="lower",
    ),
    "bits_per_dim": Metric(
        _has_bits,
        _bits_per_dim,
        help="-log2 p(x), or an upper bound on it, bits a pixel and channel",
        better="lower",
    ),
    "class_gap": Metric(
        _has_class_likelihoods,
        _class_gap,
        help="nats by which log p(x|y, z), or its like, at the true y exceeds its mean over y",
        better="higher",
    ),
    "nll_independent_pixels": Metric(
        _has_mass,
        _nll_of_pixels,
        help="what nll is if every pixel is drawn by itself from its histogram: a baseline",
        better="lower",
    ),
    "bits_per_dim_independent_pixels": Metric(
        _has_bits,
        _bits_of_pixels,
        help="what bits_per_dim is if every pixel is drawn by itself from its histogram",
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
