"""What a source is: shapes, names, and a way to read each split in chunks."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from zoo.errors import refusal

_HELD_OUT_SEED = 10
_FEWEST = 30  # examples of which a test split is drawn: less than three tell nothing
Chunk = tuple[np.ndarray, np.ndarray | None]  # (x, y)


@dataclasses.dataclass(frozen=True)
class Split:
    """One stored split.

    Attributes:
        size: number of examples N.
        chunks: callable that returns an iterator of `(x, y)` in stored order;
            x [n, *shape], y [n] int32, [n, A] float32 or None. The n of all chunks sum to N.
    """

    size: int
    chunks: Callable[[], Iterator[Chunk]]


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set as it is stored, before binarising, subsets and batches.

    Attributes:
        name: as the user wrote it.
        shape: of one example: (H, W, C) or (D,).
        dtype: "uint8" (means value / 255) or "float32".
        splits: {split name: Split}; always "train".
        identity: str that changes whenever the content does; it holds no directory.
        verify: whether the content may be refused, so that every split is read by `load` already.
        validation: rows at the end of train that are the validation split, if none is stored.
        num_classes: K, or None.
        num_attributes: A, or None.
        class_names: tuple of K class names (or A attribute names), or None.
        binary: whether all pixels are 0 or 1.
        modes: means [M, D] of a mixture, or None.
        mode_stddev: standard deviation of each of its components, or None.
        channels: the source of images of one channel that the channels are taken from, or None.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    splits: dict[str, Split]
    identity: str
    verify: bool = False
    validation: int = 0
    num_classes: int | None = None
    num_attributes: int | None = None
    class_names: tuple[str, ...] | None = None
    binary: bool = False
    modes: np.ndarray | None = None
    mode_stddev: float | None = None
    channels: "Source | None" = None


def bad(name: str, expected: str, hint: str = "", kind: type[Exception] = ValueError) -> Exception:
    """The error for a source that cannot be read as data."""
    return kind(refusal("name", expected, name, hint))


def tail(size: int) -> int:
    """Number of validation rows at the end of a train split of `size`: a tenth, at most 10,000."""
    return min(10_000, size // 10)


def held_out(size: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows of train, rows of test), int64, of a source that stores no test split.

    Test is a tenth of the rows, at most 10,000, drawn by a fixed seed. Train's rows are the others:
    in stored order first those that are not validation, then those that are, a random `tail` too.
    """
    order = np.random.Generator(np.random.Philox(_HELD_OUT_SEED)).permutation(size)
    test, rest = np.split(order, [tail(size)])
    validation, train = np.split(rest, [tail(len(rest))])
    return np.concatenate([np.sort(train), np.sort(validation)]), np.sort(test)


def rows_of(split: Split, rows: np.ndarray) -> Split:
    """Some rows of a split, which is read once for each stretch of rising indices."""
    falls = np.flatnonzero(np.diff(rows) < 0) + 1

    def chunks() -> Iterator[Chunk]:
        for rising in np.split(rows, falls):
            start = 0
            for x, y in split.chunks():
                low, high = np.searchsorted(rising, [start, start + len(x)])
                mine = rising[low:high] - start
                start += len(x)
                if len(mine):
                    yield x[mine], None if y is None else y[mine]

    return Split(len(rows), chunks)


def with_test(splits: dict[str, Split]) -> tuple[dict[str, Split], str]:
    """(splits with a "test", what the identity of a source gains by it)."""
    whole = splits["train"]
    if "test" in splits or whole.size < _FEWEST:
        return splits, ""
    train, test = held_out(whole.size)
    drawn = {"train": rows_of(whole, train), "test": rows_of(whole, test)}
    return splits | drawn, f", test={len(test)} drawn rows"


def array_split(x: np.ndarray, y: np.ndarray | None = None) -> Split:
    """A `Split` over arrays that are in memory already."""
    return Split(len(x), lambda: iter([(x, y)]))
