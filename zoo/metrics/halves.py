"""Samples of a model, as many real examples, and as many others: what samples are compared with.

The real ones are two parts of the train split without a common example, as papers compare with the
images that a model learned from; their order is random, by a fixed seed. A metric of samples and
the first part has a floor: its value on the second part in place of the samples.

The train split is easier for a classifier that learned from it. On MNIST, 10,000 of each, the test
images have a Frechet distance of 1.1 from train where its two parts have 0.5.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from zoo import distributions
from zoo.data import Dataset
from zoo.errors import refusal
from zoo.metrics import fits
from zoo.metrics.measure import Measure
from zoo.metrics.simulation import simulate
from zoo.metrics.subject import BATCH, Rows, Subject

ROWS = 10_000  # samples, and examples of each part
DRAWN_ROWS = 2_560  # where images are drawn pixel by pixel: 20 for each of 128 features
BYTES = 2**29  # of the pixels of each, at most
SEED = 0  # of the parts, whatever the seed of an evaluation


class Halves(NamedTuple):
    """Two parts of real data.

    Attributes:
        reference: {"x"[, "y"]}, what samples are compared with.
        other: as many, which take the place of samples where a floor is measured.
        rows: which rows of train they are, in words.
    """

    reference: Rows
    other: Rows
    rows: str


def halves(s: Subject) -> Halves:
    """The two parts of the data of a subject, in random order."""
    size = s.dataset.size("train")
    size = size if s.protocol.limit is None else min(size, s.protocol.limit)
    bound = BYTES // (4 * math.prod(s.dataset.image_shape))
    n = min(DRAWN_ROWS if _by_pixels(s) else ROWS, size // 2, max(2, bound))
    if n < 2:
        raise ValueError(refusal("dataset", "at least four training examples", size))
    order = np.random.default_rng(SEED).permutation(size)
    reference, other = (rows_of(s.dataset, "train", order[i * n : (i + 1) * n]) for i in (0, 1))
    return Halves(reference, other, f"{n} of the first {size} by seed {SEED}, twice")


def samples(s: Subject, n: int | None = None) -> np.ndarray:
    """As many samples as each part of the data has, or n; of its labels, if a model needs any."""
    real = s.once(halves).reference
    n = len(real["x"]) if n is None else n
    y = s.labels(real)
    if y is None:
        return s.samples(n)
    y = np.resize(y, (n, *y.shape[1:]))
    if s.samples_are == "draws of p(x|z)":
        return np.asarray(simulate(s.model, n, y, s.seed)[0])
    return np.asarray(s.model.sample(n, y=y, seed=s.seed))


def compared(s: Subject, measure: Callable[[np.ndarray, np.ndarray], Measure]) -> Measure:
    """`measure(samples, data)` of pixels, beside its floor."""
    real = s.once(halves)
    found = measure(s.once(samples), real.reference["x"])
    floor = measure(real.other["x"], real.reference["x"]).value
    return found._replace(floor=floor).noted(described(s))


def made(s: Subject) -> str:
    """What the samples are, in words."""
    labels = ", of the labels of data" if s.model.conditional else ""
    return f"samples: {s.samples_are}{labels}"


def described(s: Subject) -> str:
    """What the samples are, and what the floor is, in words."""
    n = len(s.once(halves).other["x"])
    return f"{made(s)}; floor: {n} other examples of the train split in the samples' place"


def rows_of(dataset: Dataset, split: str, rows: np.ndarray) -> Rows:
    """{"x"[, "y"]} of some rows of a split in their order; the rest is not held in memory."""
    found: Rows = {}
    order = np.argsort(rows)
    ascending, start = rows[order], 0
    for batch in dataset.batches(split, BATCH).as_numpy_iterator():
        stop = start + len(batch["x"])
        low, high = np.searchsorted(ascending, [start, stop])
        for name, values in batch.items():
            to = found.setdefault(name, np.empty((len(rows), *values.shape[1:]), values.dtype))
            to[order[low:high]] = values[ascending[low:high] - start]
        start = stop
    return found


def _by_pixels(s: Subject) -> bool:
    """Whether the model draws an image pixel by pixel."""
    if "decode" not in s.model.capabilities:
        return True
    p = fits.likelihood(s.model)
    return distributions.is_implicit(p) and not distributions.is_deterministic(p)
