"""Whether samples are copies: of examples that the model learned from, or of each other.

Two images are taken for copies if they are as near to each other, in the L2 norm of x, as the
nearest thousandth of the held-out examples are to their nearest training example.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from zoo.data import Dataset
from zoo.errors import refusal
from zoo.metrics import fits
from zoo.metrics.halves import halves, made, samples
from zoo.metrics.kept import Arrays, kept
from zoo.metrics.measure import Measure, Metric, mean_of, one_of
from zoo.metrics.subject import Rows, Subject, flat

QUANTILE = 1e-3  # of held-out examples that are as near to train as a copy
TRAIN_ROWS = 5_000  # of train a block
ROWS = 2_000  # of the others a block


class Nearest(NamedTuple):
    """The nearest examples of each row, nearest first.

    Attributes:
        distances: float64 [N, k], L2.
        rows: int64 [N, k], of the data.
    """

    distances: np.ndarray
    rows: np.ndarray


def nearest(x: np.ndarray, batches: Iterable[Rows], k: int = 1) -> Nearest:
    """The k nearest examples of data that need not fit into memory.

    A matrix product finds them; their distances are those of the differences themselves, as the
    square of a small distance is lost among those of long vectors.

    Args:
        x: [N, ...].
        batches: {"x": [m, ...], ...} each; at least k examples in all.
        k: int >= 1.
    """
    x, start = flat(x), 0
    distances, rows = np.full((len(x), k), np.inf), np.full((len(x), k), -1)
    for batch in batches:
        data = flat(batch["x"])
        half_norms = np.square(data).sum(axis=1) / 2.0
        some = min(k, len(data))
        for first in range(0, len(x), ROWS):
            block = slice(first, first + ROWS)
            score = half_norms - x[block] @ data.T  # |x - y|^2 / 2, but for what x adds to all
            near = np.argpartition(score, some - 1, axis=1)[:, :some]
            own = [np.linalg.norm(x[block] - data[near[:, i]], axis=1) for i in range(some)]
            all_distances = np.concatenate([distances[block], np.stack(own, axis=1)], axis=1)
            all_rows = np.concatenate([rows[block], near + start], axis=1)
            order = np.argsort(all_distances, axis=1, kind="stable")[:, :k]
            distances[block] = np.take_along_axis(all_distances, order, axis=1)
            rows[block] = np.take_along_axis(all_rows, order, axis=1)
        start += len(data)
    return Nearest(distances, rows)


def nearest_in_train(x: np.ndarray, dataset: Dataset, k: int = 1) -> Nearest:
    """The k nearest training examples of each x."""
    batches = dataset.batches("train", min(TRAIN_ROWS, dataset.size("train")))
    return nearest(x, batches.as_numpy_iterator(), k)


def copy_scores(of_samples: np.ndarray, of_held_out: np.ndarray) -> dict[str, Measure]:
    """Whether samples are nearer to the training examples than held-out examples are.

    The rows of the held-out examples in turn decide what near is, and are what the floor is of.

    Args:
        of_samples: [N], the distance of each from its nearest training example.
        of_held_out: [M], that of examples that the model did not learn from, M >= 4.

    Returns:
        {name: Measure}: `copied_share`, in [0, 1], and `train_distance_ratio`, the ratio of the
        medians: 0 if samples are copies, about 1 if they are like other data.
    """
    if len(of_held_out) < 4:
        raise ValueError(refusal("of_held_out", "at least four distances", np.shape(of_held_out)))
    known, others = of_held_out[0::2], of_held_out[1::2]
    threshold, median = near(known), float(np.median(known))
    if not median:
        expected = "distances of which most are above 0: half of these examples are in train too"
        raise ValueError(refusal("of_held_out", expected, median))
    share = mean_of(
        of_samples <= threshold,
        f"share of samples that are nearer to a training example, in the L2 norm of x, than all "
        f"but {QUANTILE:g} of {len(known)} held-out examples are, {threshold:.4g}",
    )
    ratio = Measure(
        float(np.median(of_samples)) / median,
        len(of_samples),
        f"median distance of samples from the nearest training example, in the L2 norm of x, over "
        f"that of {len(known)} held-out examples, {median:.4g}",
    )
    floors = float(np.mean(others <= threshold)), float(np.median(others)) / median
    note = f"floor: {len(others)} other held-out examples in the samples' place"
    return {
        name: found._replace(floor=floor).noted(note)
        for (name, found), floor in zip(
            {"copied_share": share, "train_distance_ratio": ratio}.items(), floors
        )
    }


def near(distances: np.ndarray) -> float:
    """What is near: the quantile of held-out examples' distances from train."""
    return float(np.quantile(distances, QUANTILE))


def birthday_support(x: np.ndarray, threshold: float) -> Measure:
    """How many different samples a model has, from how often two of them are copies.

    Among s draws of N equally likely ones c = s (s - 1) / (2 N) pairs agree on average; so

        N = s (s - 1) / (2 c)

    Of unequal shares p it is 1 / sum p^2. Its relative standard error is about c^(-1/2).

    Args:
        x: [s, ...], s >= 2.
        threshold: L2 distance up to which a pair are copies.

    Returns:
        The estimate; a lower bound, that of one pair, if there is none.

    Reference: Arora and Zhang, Do GANs actually learn the distribution? An empirical study, arXiv
        1706.08224, section 3, where a person looks at pairs and no number is made of their count.
    """
    if len(x) < 2:
        raise ValueError(refusal("x", "at least two samples", np.shape(x)))
    x, pairs = flat(x), 0
    half_norms = np.square(x, dtype=np.float64).sum(axis=1) / 2.0
    half_square = threshold**2 / 2.0
    for first in range(0, len(x), ROWS):
        for second in range(first, len(x), ROWS):
            a, b = slice(first, first + ROWS), slice(second, second + ROWS)
            half_squares = half_norms[a, None] + half_norms[b] - x[a] @ x[b].T
            later = np.arange(len(x))[a, None] < np.arange(len(x))[b]  # each pair once
            # Rounding of the product errs by less than this; what is that close is asked exactly.
            slack = 1e-5 * (half_norms[a].max() + half_norms[b].max())
            pairs += int((later & (half_squares < half_square - slack)).sum())
            rows, columns = np.nonzero(later & (abs(half_squares - half_square) <= slack))
            for some in range(0, len(rows), ROWS):
                each = slice(some, some + ROWS)
                difference = x[rows[each] + first] - x[columns[each] + second]
                pairs += int((np.linalg.norm(difference, axis=1) <= threshold).sum())
    s = len(x)
    value = s * (s - 1) / (2 * max(pairs, 1))
    protocol = (
        f"number of equally likely samples of which {s} have as many pairs of copies, {pairs}, "
        f"within {threshold:.4g} in the L2 norm of x; of no pair that of one, a lower bound"
    )
    error = value / pairs**0.5 if pairs else None
    return Measure(value, s, protocol, standard_error=error)


# --- of a subject -----------------------------------------------------------------------------


def _held_out(s: Subject) -> np.ndarray:
    """Distances of held-out examples from their nearest training example; kept in a file."""
    split = s.dataset.default_split
    if split == "train":
        expected = "data with examples that are not trained on"
        raise ValueError(refusal("dataset", expected, s.dataset.name))
    limit = s.protocol.limit

    def compute() -> Arrays:
        x = s.dataset.arrays(split, limit)["x"]
        return {"distances": nearest_in_train(x, s.dataset).distances[:, 0]}

    key = f"{s.dataset.with_all_labels().description}, {split}, {limit}"
    folder = s.dataset.cache_dir
    return kept(folder, "nearest", key, compute, lambda arrays: arrays["distances"])


def _copies(s: Subject) -> Mapping[str, Measure]:
    of_samples = nearest_in_train(s.once(samples), s.dataset).distances[:, 0]
    scores = copy_scores(of_samples, s.once(_held_out))
    return {name: found.noted(made(s)) for name, found in scores.items()}


def _support(s: Subject) -> Measure:
    threshold = near(s.once(_held_out))
    other = s.once(halves).other["x"]
    found = birthday_support(s.once(samples), threshold)
    return found._replace(floor=birthday_support(other, threshold).value).noted(
        f"{made(s)}; floor: {len(other)} examples of the train split in the samples' place"
    )


METRICS = {
    "copied_share": Metric(
        fits.compares_images,
        one_of(_copies, "copied_share"),
        help="share of samples as near to a training example as a thousandth of other data are",
        better="lower",
        of_samples=True,
    ),
    "train_distance_ratio": Metric(
        fits.compares_images,
        one_of(_copies, "train_distance_ratio"),
        help="median distance of samples from train over that of other data; 0 if they are copies",
        of_samples=True,
    ),
    "birthday_support": Metric(
        fits.compares_images,
        _support,
        help="number of different samples, from how many of them are copies of each other",
        better="higher",
        of_samples=True,
    ),
}
