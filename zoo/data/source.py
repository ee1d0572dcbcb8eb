"""What a source is: shapes, names, and a way to read each split in chunks."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from zoo.errors import refusal

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
        stamp: what else tells a prepared file from a stale one: times of files.
        verify: whether the content may be refused, so that every split is read by `load` already.
        validation: rows at the end of train that are the validation split, if none is stored.
        num_classes: K, or None.
        num_attributes: A, or None.
        class_names: tuple of K class names (or A attribute names), or None.
        binary: whether all pixels are 0 or 1.
        modes: means [M, D] of a mixture, or None.
        mode_stddev: standard deviation of each of its components, or None.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    splits: dict[str, Split]
    identity: str
    stamp: str = ""
    verify: bool = False
    validation: int = 0
    num_classes: int | None = None
    num_attributes: int | None = None
    class_names: tuple[str, ...] | None = None
    binary: bool = False
    modes: np.ndarray | None = None
    mode_stddev: float | None = None


def bad(name: str, expected: str, hint: str = "", kind: type[Exception] = ValueError) -> Exception:
    """The error for a source that cannot be read as data."""
    return kind(refusal("name", expected, name, hint))


def tail(size: int) -> int:
    """Number of validation rows at the end of a train split of `size`: a tenth, at most 10,000."""
    return min(10_000, size // 10)


def array_split(x: np.ndarray, y: np.ndarray | None = None) -> Split:
    """A `Split` over arrays that are in memory already."""
    return Split(len(x), lambda: iter([(x, y)]))
