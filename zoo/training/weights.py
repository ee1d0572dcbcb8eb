"""The weights of a published run, weights.npz, which stands in the place of its checkpoints.

A matrix in bfloat16 is kept as two planes of bytes: all upper halves (sign and exponent, few
different ones), then all lower halves. An archive deflates them to three quarters of float16.
"""

import contextlib
import os
import pathlib
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from zoo.data import npz
from zoo.errors import refusal

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

FILE = "weights.npz"
STEP = "step"
_MATRIX_RANK = 2  # biases, gains and statistics have less: they are few, and stay float32
_FLOATS, _INTEGERS, _PLANES = ("<f2", "<f4"), ("<i8",), "|u1"  # types, in NumPy's spelling


def restore(model: "GenerativeModel", path: pathlib.Path) -> None:
    """Assigns what `zoo.publishing.weights.pack` wrote.

    Networks that only train keep their first weights, and `model.untrained` names them.

    Raises:
        ValueError: weights of another model; nothing is assigned.
    """
    expected = {
        f"{role}/{number:03d}": variable
        for role, network in model.networks.items()
        for number, variable in enumerate(network.variables)
    }
    arrays = _read(path, {name: tuple(v.shape) for name, v in expected.items()} | {STEP: ()})
    roles = {name.partition("/")[0] for name in arrays} - {STEP}
    for name in (STEP, *expected):
        if (name == STEP or name.partition("/")[0] in roles) and name not in arrays:
            raise ValueError(_refused(path, f"the array {name}, which this model has", "none"))
    if not roles or not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError(_refused(path, "finite weights of at least one network", sorted(roles)))
    for name in arrays.keys() - {STEP}:
        expected[name].assign(arrays[name])
    model.untrained = frozenset(model.networks) - roles
    model.step.assign(int(arrays[STEP]))
    model.restart_averages()


def kept(array: np.ndarray, precision: str) -> np.ndarray:
    """An array as a file holds it: a matrix in a half precision, if that has its range.

    Args:
        array: weights.
        precision: one of `zoo.pretrained.PRECISIONS`.
    """
    if array.ndim < _MATRIX_RANK or array.dtype != np.float32 or precision == "float32":
        return array
    with np.errstate(over="ignore"):
        half = array.astype(tf.as_dtype(precision).as_numpy_dtype)
    if not np.isfinite(half).all():
        return array
    if precision == "float16":
        return half
    bits = half.view(np.uint16)
    return np.stack([bits >> 8, bits & 0xFF]).astype(np.uint8)


def read_back(array: np.ndarray) -> np.ndarray:
    """The float32 numbers of an array that `kept` made."""
    if array.dtype != np.uint8:
        return array.astype(np.float32)
    upper, lower = array.astype(np.uint32)
    return (upper << 24 | lower << 16).view(np.float32)


def _read(path: pathlib.Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The arrays of a file whose names, kinds and shapes were compared before any was read.

    Weights come as float32, whatever they were kept in.
    """
    with _opened(path):
        described = _headers(path)
    for name, (shape, dtype, size) in described.items():
        if name not in shapes:
            raise ValueError(_refused(path, f"arrays of this model, as {min(shapes)}", name))
        whole = shape == shapes[name] and dtype.str in (_INTEGERS if name == STEP else _FLOATS)
        planes = shape == (2, *shapes[name]) and dtype.str == _PLANES and name != STEP
        if not whole and not planes:
            known = f"{name} of shape {shapes[name]}"
            raise ValueError(_refused(path, known, f"{dtype} {shape}"))
        if size > dtype.itemsize * int(np.prod(shape)) + 2**12:
            raise ValueError(_refused(path, f"{name} of its size", size))
    with _opened(path), np.load(path, allow_pickle=False) as archive:
        read = {name: archive[name] for name in archive.files}
    return {name: array if name == STEP else read_back(array) for name, array in read.items()}


def _headers(path: pathlib.Path) -> dict[str, tuple[tuple[int, ...], np.dtype, int]]:
    """{array: (shape, type, bytes)} as the file says, before an array is read."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for item in archive.infolist():
            if item.compress_type != zipfile.ZIP_STORED:
                raise ValueError("compressed arrays")
            with archive.open(item) as member:
                version = np.lib.format.read_magic(member)
                if version != (1, 0):
                    raise ValueError(f"version {version} of NumPy's format")
                header = np.lib.format.read_array_header_1_0(member, max_header_size=2**12)
            found[item.filename.removesuffix(".npy")] = header[0], header[2], item.file_size
    return found


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[None]:
    """Within the block whatever a damaged file does to its reader is a refusal in one line."""
    try:
        yield
    except npz.BROKEN as error:
        what = " ".join(str(error).split())
        raise ValueError(_refused(path, "the weights of a published run", what)) from None


def _refused(path: str | os.PathLike, expected: str, received: Any) -> str:
    return refusal(str(path), expected, received)
