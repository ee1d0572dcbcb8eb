"""Splits as arrays: in memory, or prepared once as a raw file that is mapped into memory."""

import contextlib
import dataclasses
import hashlib
import json
import math
import mmap
import os
import pathlib
import platform
import shutil
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import tensorflow as tf

from zoo import files
from zoo.data.source import Split

_SUMS = "sums.json"
_CHUNK = 1024  # rows transformed at a time: bounds the scratch memory
_PIECES, _PIECE = 64, 2**16  # of a prepared file: how many are summed, and the bytes of each


@dataclasses.dataclass(frozen=True)
class Rows:
    """Examples of one split.

    Attributes:
        x: numpy array [N, *shape], in memory or mapped, uint8 or float32, aligned to 64 bytes.
        y: int32 [N], float32 [N, A] or None.
    """

    x: np.ndarray
    y: np.ndarray | None

    def tensor(self) -> tf.Tensor:
        """`x` as an eager tensor on the CPU, over the same bytes.

        Of a raw file these are mapped pages, so a data set of any size is gathered from by the same
        graph as a small one, and the system may drop its pages at any time. By DLPack, as other
        ways (`tf.convert_to_tensor`, `ImmutableConst`) copy everything, for a moment at least.
        """
        return tf.experimental.dlpack.from_dlpack(np.asarray(_Pages(self.x)).__dlpack__())


class _Pages:
    """An array for DLPack, which cannot say that one is read-only; TensorFlow writes to none.

    A mapping that could be written would count as memory, and a file larger than it be refused.
    """

    def __init__(self, x: np.ndarray) -> None:
        self.kept = x
        self.__array_interface__ = {**x.__array_interface__, "data": (x.ctypes.data, False)}


def collect(
    split: Split,
    shape: tuple[int, ...],
    dtype: str,
    *,
    key: dict[str, Any],
    cache_dir: str | os.PathLike,
    memory_limit: int,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Rows:
    """Reads a `Split` once.

    Args:
        split: the `Split`.
        shape: of one example.
        dtype: of the result.
        key: dict that identifies the content; names the prepared file.
        cache_dir: where prepared files live.
        memory_limit: bytes up to which the result is held in memory.
        transform: callable on chunks of x, applied in stored order, or None.

    Returns:
        `Rows`.
    """
    shape = (split.size, *shape)
    if math.prod(shape) * np.dtype(dtype).itemsize <= memory_limit:
        x = _aligned(shape, dtype)
        return Rows(x, _fill(x, split, transform))
    content = json.dumps({**key, "shape": shape, "dtype": dtype}, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    final = pathlib.Path(cache_dir) / digest
    with contextlib.suppress(Exception):  # not prepared yet, or damaged: it may hold anything
        return _opened(final, shape, dtype)
    final.parent.mkdir(parents=True, exist_ok=True)
    with files.locked(final.parent, wait=True):
        with contextlib.suppress(Exception):  # another process has prepared it meanwhile
            return _opened(final, shape, dtype)
        shutil.rmtree(final, ignore_errors=True)
        _sweep(final.parent)
        _prepare(final, split, shape, dtype, transform)
    return _opened(final, shape, dtype)


def _opened(folder: pathlib.Path, shape: tuple[int, ...], dtype: str) -> Rows:
    """What was prepared.

    Raises:
        Exception: it is not there, or not as it was written: cut, or changed in one of the pieces
            that are summed. All of y is, and of x 64 pieces from end to end, so that a set of any
            size opens at once. Who may write in the folder may change the rest.
    """
    if files.read_json(folder / _SUMS) != _sums(folder):
        raise ValueError(f"{folder} is not as it was written")
    with files.open_regular(folder / "x.raw") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mmap, "MADV_RANDOM"):  # a batch is rows from anywhere: what is beside them is no use
        pages.madvise(mmap.MADV_RANDOM)
    x = np.frombuffer(pages, dtype).reshape(shape)
    if not (folder / "y.npy").exists():
        return Rows(x, None)
    with files.open_regular(folder / "y.npy") as file:
        y = np.lib.format.read_array(file, allow_pickle=False)
    if len(y) != len(x):
        raise ValueError(f"{folder} has {len(y)} labels of {len(x)} examples")
    return Rows(x, y)


def _prepare(
    final: pathlib.Path,
    split: Split,
    shape: tuple[int, ...],
    dtype: str,
    transform: Callable[[np.ndarray], np.ndarray] | None,
) -> None:
    """Writes x.raw, y.npy and sums of both as a folder that appears whole."""
    temporary = final.with_name(f"{final.name}.{platform.node()}-{os.getpid()}.tmp")
    with files.new_folder(final, temporary, keep=True) as folder:
        with open(folder / "x.raw", "wb") as file:
            y = _fill(_Appender(file, dtype, shape[0]), split, transform)
        if y is not None:
            np.save(folder / "y.npy", y)
        (folder / _SUMS).write_text(json.dumps(_sums(folder)))


def _sums(folder: pathlib.Path) -> dict[str, str]:
    """{file: its bytes, and a sum of it} of what was prepared."""
    return {p.name: _sum(p) for p in sorted(folder.iterdir()) if p.name != _SUMS}


def _sum(path: pathlib.Path) -> str:
    """Bytes and sha256 of a file; of a long one but for labels, of pieces from end to end."""
    with files.open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if path.suffix == ".npy" or size <= _PIECES * _PIECE:
            return f"{size} {hashlib.file_digest(file, 'sha256').hexdigest()}"
        found = hashlib.sha256()
        for piece in range(_PIECES):
            file.seek(piece * (size - _PIECE) // (_PIECES - 1))
            found.update(file.read(_PIECE))
        return f"{size} {found.hexdigest()}"


def _sweep(cache_dir: pathlib.Path) -> None:
    """Removes what processes of this machine were preparing when they were killed."""
    for left in cache_dir.glob(f"*.{platform.node()}-*.tmp"):
        process = left.name.removesuffix(".tmp").rpartition("-")[2]
        if process.isdigit() and not pathlib.Path("/proc", process).exists():
            shutil.rmtree(left, ignore_errors=True)


class _Appender:
    """Takes `self[start:stop] = chunk` in order and appends it to a file."""

    def __init__(self, file: IO[bytes], dtype: str, size: int) -> None:
        self.file, self.dtype, self.size = file, dtype, size

    def __len__(self) -> int:
        return self.size

    def __setitem__(self, rows: slice, chunk: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(chunk, self.dtype).data)


def _fill(
    x: np.ndarray | _Appender, split: Split, transform: Callable[[np.ndarray], np.ndarray] | None
) -> np.ndarray | None:
    """Writes the chunks of a split into x; returns its labels or None."""
    labels, done = [], 0
    for images, y in split.chunks():
        for start in range(0, len(images), _CHUNK):
            part = images[start : start + _CHUNK]
            x[done : done + len(part)] = part if transform is None else transform(part)
            done += len(part)
        if y is not None:
            labels.append(y)
    if done != len(x):
        raise ValueError(f"The source ended after {done} of {len(x)} examples; prepare it again.")
    return np.concatenate(labels) if labels else None


def _aligned(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Empty array at a multiple of 64 bytes, which TensorFlow adopts without a copy."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    buffer = np.empty(size + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size].view(dtype).reshape(shape)
