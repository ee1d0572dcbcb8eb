"""What a metric is, and what it returns: a number that cannot be separated from its protocol."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from zoo import ledger

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.metrics.subject import Subject
    from zoo.model import GenerativeModel


class Measure(NamedTuple):
    """One measured value.

    Attributes:
        value: float; fractions in [0, 1], likelihoods in nats unless the name says bits.
        n: int, examples or samples that were measured.
        protocol: one sentence.
        std: standard deviation over repeated draws, None without draws.
        standard_error: of the value over other sets of n examples, of one trained model; of a
            mean over subsets of samples and of data, over other sets of both; None of counts.
        floor: the value of other real data in place of the samples: of a perfect model, if the data
            are as many. None where that says nothing.
        confused: of labels that are compared, as `confusions`.
    """

    value: float
    n: int
    protocol: str
    std: float | None = None
    standard_error: float | None = None
    floor: float | None = None
    confused: list[list[int]] | None = None

    def noted(self, note: str) -> "Measure":
        """The same, with a further clause in its protocol."""
        return self._replace(protocol=f"{self.protocol}; {note}")

    def as_dict(self) -> dict:
        """JSON-able, without the fields that do not apply."""
        return {name: entry for name, entry in self._asdict().items() if entry is not None}


class Metric(NamedTuple):
    """An entry of a table METRICS: all that there is to say of one metric.

    Attributes:
        applies: (model, dataset) -> whether it fits them.
        measure: (subject) -> `Measure`; (subject, level=l) -> `Measure` if `levelled`.
        help, better, only_asked: as in `zoo.metrics.names.Description`, constants; only those that
            are slow, or are read beside another one, are measured only when they are asked for.
        levelled: whether it is measured once more for each level of the code above 1.
        of_samples: whether it is about samples alone, and no split is measured.
    """

    applies: Callable[["GenerativeModel", "Dataset"], bool]
    measure: Callable[..., Measure]
    help: str
    better: str | None = None
    only_asked: bool = False
    levelled: bool = False
    of_samples: bool = False


def mean_of(values: ArrayLike, protocol: str, share: bool | None = None) -> Measure:
    """The `Measure` of a mean over examples, with the standard error s / sqrt(n).

    For a share p, whose values are 0 and 1, that is sqrt(p (1 - p) / (n - 1)).

    Args:
        values: float or bool [N], one an example.
        protocol: one sentence.
        share: whether the mean is a share in [0, 1]; None means if the values are bool.
    """
    share = np.asarray(values).dtype == bool if share is None else share
    values = np.asarray(values, np.float64)
    n, value = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / n**0.5 if n > 1 else None
    if error == 0 and share:
        error = ledger.share_error(value, n)
    return Measure(value, n, protocol, standard_error=error)


def agreement(y: ArrayLike, y_hat: ArrayLike, protocol: str) -> Measure:
    """The share of labels that were found, with those that are confused most.

    Args:
        y: int [N], what is right.
        y_hat: int [N], what was found.
        protocol: one sentence.
    """
    same = np.asarray(y) == np.asarray(y_hat)
    return mean_of(same, protocol)._replace(confused=confusions(y, y_hat))


def confusions(y: ArrayLike, y_hat: ArrayLike, most: int = 3) -> list[list[int]]:
    """[class, class that it is taken for, how often] of the most frequent mistakes.

    Args:
        y: int [N], what is right.
        y_hat: int [N], what was found.
        most: how many pairs of classes; equally frequent ones in the order of the classes.
    """
    pairs = np.stack([np.asarray(y), np.asarray(y_hat)], axis=1).astype(np.int64)
    found, times = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0, return_counts=True)
    order = np.argsort(-times, kind="stable")[:most]
    return [[int(a), int(b), int(n)] for (a, b), n in zip(found[order], times[order])]


def jackknifed(
    statistic: Callable[..., float], *arrays: np.ndarray, groups: int = 20
) -> tuple[float, float | None]:
    """A statistic of examples and its standard error, by leaving out groups of them.

        s^2 = (g - 1) / g  sum_j (T_j - mean of all T_j)^2,   T_j without group j

    Args:
        statistic: callable of arrays of N rows each.
        arrays: [N, ...], of the same examples.
        groups: g; every g-th example is in one. Of a mean and g = N it is s / sqrt(N) of the
            examples; of an extreme of several figures it errs high, up to twofold.

    Returns:
        (value, standard error); the latter None of fewer than two examples.

    Reference: Efron and Stein, The jackknife estimate of variance, 1981; Shao and Tu, The jackknife
        and bootstrap, 1995, chapter 2.3 (by groups, for what is not smooth too).
    """
    n = len(arrays[0])
    value, groups = float(statistic(*arrays)), min(groups, n)
    if groups < 2:
        return value, None
    group = np.arange(n) % groups
    each = [float(statistic(*(rows[group != j] for rows in arrays))) for j in range(groups)]
    return value, float(np.std(each) * (groups - 1) ** 0.5)


def one_of(
    compute: Callable[["Subject"], Mapping[str, Measure]], name: str
) -> Callable[["Subject"], Measure]:
    """One of several measures that are computed at once, as a function of a subject.

    Args:
        compute: subject -> {name: Measure}, called once a subject.
        name: of the one.
    """
    return lambda s: s.once(compute)[name]
