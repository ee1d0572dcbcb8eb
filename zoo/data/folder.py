"""Image files in a folder; its sub-folders, if there are any, are the classes."""

import functools
import math
import os
import pathlib
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from zoo import files as disk
from zoo.data import image_files, resize
from zoo.data.source import Chunk, Source, Split, bad, tail, with_test

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_OTHERS = (".tif", ".tiff", ".webp", ".heic", ".avif", ".jp2")  # which TensorFlow cannot decode
_SPLITS = ("train", "validation", "test")
_SHUFFLE_SEED = 8
_ROWS, _BYTES = 256, 2**28  # decoded at a time, at most
_PIECE = 2**20  # bytes read at a time


def open_folder(name: str, path: str | os.PathLike, image_size: int | None, largest: int) -> Source:
    """PNG, JPEG, BMP and GIF (first frame) files as a `Source`.

    A folder that holds `train/` and `test/` (and `validation/`) has these splits; of another one a
    tenth of the files is the test split (`source.held_out`). File lists are shuffled by a fixed
    seed, so that the validation rows at the end of train are a random sample.

    Images are turned upright as their EXIF says. Where some have colours, grey ones get three equal
    channels; where some have an opacity and others none, it is left out. Without `image_size` all
    must have one shape. Hidden files and macOS's `__MACOSX` are passed over.

    Args:
        name: as the user wrote it.
        path: of the folder.
        image_size: resize to this, or None.
        largest: bytes of a decoded image; a larger one is refused before it is decoded.
    """
    root = pathlib.Path(path).expanduser()
    if not os.path.isdir(root):  # false of names that no disk takes
        raise bad(name, "folder:PATH of a folder that exists", kind=FileNotFoundError)
    roots = {folder.name: folder for folder in _folders(root) if folder.name in _SPLITS}
    if not {"train", "test"} <= roots.keys() or len(roots) < len(_folders(root)):
        if roots and len(roots) == len(_folders(root)):  # they would be taken for classes
            raise bad(name, f"train/ and test/ among the splits, not {', '.join(roots)} alone")
        roots = {"train": root}
    found = {split: _listed(name, folder) for split, folder in roots.items()}
    classes = found["train"][1]
    for split, (_, others) in found.items():
        if others != classes:
            raise bad(name, f"the same sub-folders in train/ and {split}/, not {others}")
    listed = {split: [file for file, _ in files] for split, (files, _) in found.items()}
    headers = {file: _header(name, file) for files in listed.values() for file in files}
    shape, convert = _common(name, headers, image_size, largest)

    @tf.autograph.experimental.do_not_convert
    def decode(file: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
        image = image_files.decode(file, orientation)
        if convert:
            image = image_files.to_channels(image, shape[-1])
        if image_size is not None:
            image = resize.square(image, image_size)
        return tf.ensure_shape(image, shape)

    def chunks(files: list[tuple[pathlib.Path, int]]) -> Iterator[Chunk]:
        paths = [str(file) for file, _ in files]
        turns = [headers[file].orientation for file, _ in files]
        y = np.array([label for _, label in files], np.int32) if classes else None
        dataset = tf.data.Dataset.from_tensor_slices((paths, turns)).map(
            decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        start, rows = 0, max(1, min(_ROWS, _BYTES // math.prod(shape)))
        try:
            for x in dataset.batch(rows).prefetch(1).as_numpy_iterator():
                yield x, None if y is None else y[start : start + len(x)]
                start += len(x)
        except tf.errors.InvalidArgumentError:
            for path, turn in zip(paths[start:], turns[start:]):  # finds the file to blame
                _decode_one(name, path, functools.partial(decode, orientation=turn))
            raise

    splits = {}
    for split, (files, _) in found.items():
        order = np.random.Generator(np.random.Philox(_SHUFFLE_SEED)).permutation(len(files))
        files = [files[i] for i in order]
        splits[split] = Split(len(files), functools.partial(chunks, files))
    splits, drawn = with_test(splits)
    names = sorted(f"{p.relative_to(root).as_posix()}:{_crc32(p):08x}" for p in headers)
    digest = zlib.crc32("\n".join(names).encode())
    resized = "" if image_size is None else f", image_size={image_size}"
    content = f"{len(names)} files crc32={digest:08x}{resized}{drawn}"
    return Source(
        name=name,
        shape=shape,
        dtype="uint8",
        splits=splits,
        identity=f"folder:{root.resolve().name} {content}",
        verify=True,
        validation=0 if "validation" in splits else tail(splits["train"].size),
        num_classes=len(classes) or None,
        class_names=classes or None,
    )


def _crc32(file: pathlib.Path) -> int:
    """Of a file's content: pictures of one size may have taken each other's names."""
    digest = 0
    with disk.open_regular(file) as opened:
        while piece := opened.read(_PIECE):
            digest = zlib.crc32(piece, digest)
    return digest


def _listed(
    name: str, root: pathlib.Path
) -> tuple[list[tuple[pathlib.Path, int]], tuple[str, ...]]:
    """([(file, label)], class names) of the images in a folder or in its sub-folders."""
    flat, folders = _images(name, root), _folders(root)
    if flat and folders:
        both = f"{flat[0].name} and {folders[0].name}/"
        raise bad(name, f"images or sub-folders (classes), not both; it holds {both}")
    listed = [(file, -1) for file in flat]
    for label, folder in enumerate(folders):
        images = _images(name, folder)
        for inner in _folders(folder):
            if images and _images(name, inner):
                where = f"{folder.name}/{inner.name}/"
                raise bad(name, f"images in sub-folders, not below them; {where} has some")
        if not images:
            raise bad(name, f"images in every sub-folder; {folder.name}/ has none")
        listed += [(file, label) for file in images]
    if not listed:
        expected = f"a folder with images ({', '.join(_SUFFIXES)}) in it or in its sub-folders"
        raise bad(name, expected)
    return listed, tuple(folder.name for folder in folders)


def _common(
    name: str,
    headers: dict[pathlib.Path, image_files.Header],
    image_size: int | None,
    largest: int,
) -> tuple[tuple[int, int, int], bool]:
    """(the shape of all images, whether their channels are to be converted), by headers alone."""
    for file, found in headers.items():
        if found.bytes > largest:
            expected = f"images of at most {largest} bytes (memory_limit)"
            raise bad(name, f"{expected}; {file.name} is {list(found.shape)}")
    channels = {found.shape[-1] for found in headers.values()}
    convert = len(channels) > 1
    maps = (3 if max(channels) > 2 else 1) if convert else channels.pop()
    if image_size is not None:
        return (image_size, image_size, maps), convert
    first, *others = headers.items()
    one = first[1].shape[:2]
    for file, found in others:
        if found.shape[:2] != one:
            sizes = f"{file.name} is {list(found.shape)}, not {[*one, maps]}"
            hint = "Give image_size to resize all of them."
            raise bad(name, f"images of one shape; {sizes}", hint)
    return (*one, maps), convert


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    """What is in a folder, but hidden files (such as macOS's `._x.png`) and `__MACOSX`."""
    return sorted(p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX")))


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
    return [p for p in _visible(folder) if p.is_dir()]


def _images(name: str, folder: pathlib.Path) -> list[pathlib.Path]:
    files = [path for path in _visible(folder) if path.is_file()]
    for path in files:
        if path.suffix.lower() in _OTHERS:  # to leave it out would be silent
            expected = f"images that are {', '.join(_SUFFIXES)}; {path.name} is none"
            raise bad(name, expected, "Convert it, or move it elsewhere.")
    return [path for path in files if path.suffix.lower() in _SUFFIXES]


def _header(name: str, file: pathlib.Path) -> image_files.Header:
    try:
        str(file).encode()
        return image_files.header(file)
    except UnicodeEncodeError:
        shown = ascii(file.name)
        raise bad(name, f"names of files in UTF-8, not {shown}") from None
    except ValueError:
        raise bad(name, f"images that can be decoded; {file.name} cannot") from None


def _decode_one(name: str, file: str, decode: Callable[[str], tf.Tensor]) -> None:
    try:
        decode(file)
    except (tf.errors.InvalidArgumentError, ValueError):
        expected = f"images that can be decoded; {pathlib.Path(file).name} cannot"
        raise bad(name, expected) from None
