"""Arrays in an .npz archive, read as a stream so that memory stays flat."""

import functools
import lzma
import math
import os
import pathlib
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

from zoo import forms
from zoo.data.source import Chunk, Source, Split, bad, tail, with_test

Header = tuple[tuple[int, ...], np.dtype, bool]  # shape, dtype, Fortran order

_BYTES = 2**24  # read at a time
# NumPy's reader of headers and Python's of archives raise all of these of damage and of malice.
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError, SyntaxError),
    *(EOFError, OSError, ValueError, TypeError, KeyError, RuntimeError, MemoryError, OverflowError),
)


def open_npz(name: str, path: str | os.PathLike, largest: int) -> Source:
    """The archive's arrays `x` (or `x_train`), `y` (`y_train`), `x_test`, `y_test` as a `Source`.

    x is read by the rule of `zoo.forms`: images [N, H, W] or [N, H, W, C], or vectors [N, D]. y is
    integer [N] or [N, 1] (classes from 0, at most as many as examples), or other numbers [N, A]
    (attributes; one-hot rows are refused). Without x_test, a tenth of the rows are the test split
    (`source.held_out`). Other arrays whose names begin with x or y are refused, as they look like
    data; the rest is not read. Nothing is unpickled.

    Args:
        name: as the user wrote it.
        path: of the archive.
        largest: bytes that an example, or all labels, may have.
    """
    path = pathlib.Path(path).expanduser()
    if not os.path.isfile(path):  # false of names that no disk takes
        raise bad(name, "npz:PATH of a file that exists", kind=FileNotFoundError)
    try:
        with zipfile.ZipFile(path) as archive:
            files = {info.filename: info for info in archive.infolist()}
    except BROKEN as error:
        raise _damaged(name, error) from None
    keys, members = _chosen(name, files)
    try:
        with zipfile.ZipFile(path) as archive:
            headers = {key: _header(archive, key) for key in members}
    except BROKEN as error:
        raise _damaged(name, error) from None

    splits, shapes, ys = {}, {}, {}
    for split, key in keys.items():
        shape, dtype, _ = headers[key]
        if math.prod(shape[1:]) * dtype.itemsize > largest:
            expected = f"examples of at most {largest} bytes (memory_limit)"
            raise bad(name, f"{expected}; {key} is {list(shape)}")
        shapes[split] = _example(name, path, key, headers[key])
        label = key.replace("x", "y", 1)
        if label in members:
            ys[split] = _label_array(name, path, label, headers[label], shape[0], largest)
        reader = functools.partial(_chunks, name, path, key, headers[key], ys.get(split))
        splits[split] = Split(shape[0], reader)
    if len(set(shapes.values())) > 1:
        shown = " and ".join(f"{list(shape)} {dtype}" for shape, dtype in shapes.values())
        raise bad(name, f"train and test images of one shape and type, not {shown}")
    if ys and len(ys) < len(splits):
        raise bad(name, "labels for both of train and test, or for neither")
    kinds = {y.shape[1:] for y in ys.values()}
    if len(kinds) > 1:
        raise bad(name, "labels of one kind in train and test")
    if classes := ys and kinds == {()}:
        _check_classes(name, list(ys.values()), " and ".join(k for k in members if k[0] == "y"))
    digest = zlib.crc32(",".join(f"{key}:{members[key].CRC}" for key in sorted(headers)).encode())
    splits, drawn = with_test(splits)
    return Source(
        name=name,
        shape=shapes["train"][0],
        dtype=shapes["train"][1],
        splits=splits,
        identity=f"npz:{path.name} crc32={digest:08x}{drawn}",
        verify=True,
        validation=tail(splits["train"].size),
        num_classes=1 + max(int(y.max()) for y in ys.values()) if classes else None,
        num_attributes=ys["train"].shape[1] if ys and not classes else None,
        binary=headers[keys["train"]][1] == np.bool_,
    )


def _chosen(
    name: str, files: dict[str, zipfile.ZipInfo]
) -> tuple[dict[str, str], dict[str, zipfile.ZipInfo]]:
    """({split: key of its x}, {key: member} of all arrays that are read)."""
    held = {file.removesuffix(".npy"): file for file in files if file.endswith(".npy")}
    x = next((key for key in ("x", "x_train") if key in held), None)
    if x is None:
        found = ", ".join(sorted(files)) or "nothing"
        raise bad(name, f"an archive with an array x or x_train; it holds {found}")
    keys = {"train": x} | ({"test": "x_test"} if "x_test" in held else {})
    pairs = [pair for key in keys.values() for pair in (key, key.replace("x", "y", 1))]
    unread = sorted(key for key in held if key[:1] in {*"xyXY"} and key not in pairs)
    if unread:
        key, y = unread[0], x.replace("x", "y", 1)
        swapped = key in ("y", "y_train") and y not in held
        hint = f"Save {key} as {y}." if swapped else f"Rename {key}, or leave it out."
        expected = f"an archive whose data are {', '.join(pairs)}, without {', '.join(unread)}"
        raise bad(name, expected, hint)
    return keys, {key: files[held[key]] for key in pairs if key in held}


def _check_classes(name: str, ys: list[np.ndarray], shown: str) -> None:
    """Refuses classes without examples: below the least, or more than there are examples."""
    least, most = min(int(y.min()) for y in ys), max(int(y.max()) for y in ys)
    if least:
        hint = f"Subtract {least} from {shown}."
        raise bad(name, f"{shown} with classes from 0, and the least is {least}", hint)
    rows = sum(map(len, ys))
    if most >= rows:
        expected = f"{shown} with at most as many classes as examples, {rows}"
        hint = "Number the classes from 0, without gaps."
        raise bad(name, f"{expected}, and the largest is {most}", hint)


def _damaged(name: str, error: Exception) -> Exception:
    reason = " ".join(str(error).split())[:80] or type(error).__name__
    return bad(name, f"a whole npz archive as np.savez writes it ({reason})")


def _open(archive: zipfile.ZipFile, key: str) -> tuple[IO[bytes], tuple[int, ...], np.dtype, bool]:
    """(file after its header, shape, dtype, fortran order)."""
    file = archive.open(f"{key}.npy")
    version = np.lib.format.read_magic(file)
    numbers = "1_0" if version == (1, 0) else "2_0"
    shape, fortran, dtype = getattr(np.lib.format, f"read_array_header_{numbers}")(file)
    return file, shape, dtype, fortran


def _header(archive: zipfile.ZipFile, key: str) -> Header:
    file, shape, dtype, fortran = _open(archive, key)
    with file:
        rest = archive.getinfo(f"{key}.npy").file_size - file.tell()
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"{key} has the shape {shape}")
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != rest:
        raise ValueError(f"{key} is not as long as its header says")
    return shape, dtype, fortran


def _example(
    name: str, path: pathlib.Path, key: str, header: Header
) -> tuple[tuple[int, ...], str]:
    """(shape of one example as it is yielded, dtype name) of an array of images or vectors."""
    shape, dtype, _ = header
    if dtype.hasobject:
        raise bad(name, f"{key} of uint8 or floats, not of Python objects", kind=TypeError)
    if dtype.kind not in "fiub":
        raise bad(name, f"{key} of uint8 or floats, not {dtype}", kind=TypeError)
    if len(shape) not in (2, 3, 4) or min(shape) < 1:
        expected = f"{key} of shape [N, H, W, C], [N, H, W] or [N, D], not {list(shape)}"
        raise bad(name, expected)
    image = len(shape) > 2
    if image and dtype.kind in "iu" and dtype != np.uint8:
        high = max(float(part.max()) for part in _parts(name, path, key, header))
        expected = f"{key} of uint8 or floats, not {dtype}"
        raise bad(name, expected, forms.white_hint(key, high), kind=TypeError)
    if len(shape) == 4 and shape[1] in (1, 3) and min(shape[2:]) > 4:
        expected = f"{key} of shape [N, H, W, C], not {list(shape)}, whose channels come first"
        raise bad(name, expected, f"Save np.moveaxis({key}, 1, -1).")
    example = (*shape[1:], 1) if len(shape) == 3 else shape[1:]
    as_bytes = image and dtype in (np.uint8, np.bool_)
    return example, "uint8" if as_bytes else "float32"


def _label_array(
    name: str, path: str | os.PathLike, key: str, header: Header, size: int, limit: int
) -> np.ndarray:
    """y as int32 [N] or float32 [N, A], checked."""
    shape, dtype, _ = header
    if dtype.hasobject:
        raise bad(name, f"{key} of numbers, not of Python objects", kind=TypeError)
    if not shape or shape[0] != size:
        found = shape[0] if shape else "no"
        raise bad(name, f"{key} with one label for each of {size} examples, not {found}")
    if min(shape) < 0 or math.prod(shape) * dtype.itemsize > limit:
        raise bad(name, f"{key} of at most {limit} bytes (memory_limit), not of {list(shape)}")
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            y = np.lib.format.read_array(file, allow_pickle=False)
    except BROKEN as error:
        raise _damaged(name, error) from None
    if y.ndim == 2 and y.shape[1] == 1 and y.dtype.kind in "iu":
        y = y[:, 0]
    if y.ndim == 1 and y.dtype.kind in "iu":
        if y.min() < 0 or y.max() >= 2**31:
            raise bad(name, f"{key} with classes from 0, not {y.min()} .. {y.max()}")
        return y.astype(np.int32)
    if (
        y.ndim == 2
        and y.shape[1] > 1
        and ((y == 0) | (y == 1)).all()
        and (y.sum(axis=1) == 1).all()
    ):
        raise bad(name, f"{key} of classes [N], not of one-hot rows", f"Save {key}.argmax(axis=1).")
    if y.ndim == 2 and y.shape[1] and y.dtype.kind in "iufb":
        return _as_float(name, key, y, image=False)
    expected = f"{key} of integers [N] or attributes [N, A], not {dtype} {list(shape)}"
    one = y.ndim == 1 and y.dtype.kind in "fb"
    hint = f"Save {key}.astype('int32') of classes, {key}[:, None] of one attribute." if one else ""
    raise bad(name, expected, hint)


def _parts(name: str, path: pathlib.Path, key: str, header: Header) -> Iterator[np.ndarray]:
    """Yields an array's rows in order, some megabytes at a time, as they are stored."""
    (size, *shape), dtype, fortran = header
    row = math.prod(shape) * dtype.itemsize
    count = size if fortran else max(1, _BYTES // row)
    try:
        with zipfile.ZipFile(path) as archive:
            file = _open(archive, key)[0]
            with file:
                for start in range(0, size, count):
                    n = min(count, size - start)
                    data = file.read(n * row)
                    if len(data) < n * row:
                        raise EOFError("it ends too early")
                    x = np.frombuffer(data, dtype)
                    # Fortran order stores the first axis fastest.
                    yield x.reshape(*shape[::-1], n).T if fortran else x.reshape(n, *shape)
                if file.read(1):
                    raise EOFError("it does not end where its header says")
    except BROKEN as error:
        raise _damaged(name, error) from None


def _chunks(
    name: str, path: pathlib.Path, key: str, header: Header, y: np.ndarray | None
) -> Iterator[Chunk]:
    """Yields (x, y) parts in order, checked."""
    start = 0
    for part in _parts(name, path, key, header):
        x = _pixels(name, key, part)
        yield x, None if y is None else y[start : start + len(x)]
        start += len(x)


def _pixels(name: str, key: str, x: np.ndarray) -> np.ndarray:
    """[n, H, W, C] or [n, D] of uint8 or float32, with values as `zoo.forms` says."""
    x = x[..., None] if x.ndim == 3 else x
    image = x.ndim == 4
    if image and x.dtype == np.bool_:
        return x.astype(np.uint8) * np.uint8(255)
    if image and x.dtype == np.uint8:
        return x
    return _as_float(name, key, x, image)


def _as_float(name: str, key: str, given: np.ndarray, image: bool) -> np.ndarray:
    """float32 of what `forms.range_fault` finds good."""
    given = forms.narrowed(given)
    if fault := forms.range_fault(float(given.min()), float(given.max()), image, key):
        expected, found, hint = fault
        raise bad(name, f"{key} of {expected}, not {found}", hint)
    return given.astype(np.float32)
