"""Image files in a folder; its sub-folders, if there are any, are the classes."""

import os
import pathlib
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from zoo.data import image_files, resize
from zoo.data.source import Chunk, Source, Split, bad, tail

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_SHUFFLE_SEED = 8


def open_folder(name: str, path: str | os.PathLike, image_size: int | None) -> Source:
    """PNG, JPEG, BMP and GIF (first frame) files as a `Source`.

    The sorted file list is shuffled by a fixed seed, so that the validation rows at its end are a
    random sample. Without `image_size` all images must have the shape of the first.
    """
    root = pathlib.Path(path).expanduser()
    if not root.is_dir():
        raise bad(name, "folder:PATH of a folder that exists", kind=FileNotFoundError)
    flat = _images(root)
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if flat and folders:
        both = f"{flat[0].name} and {folders[0].name}/"
        expected = f"images or sub-folders (classes), not both; it holds {both}"
        raise bad(name, expected)
    listed = [(file, -1) for file in flat]
    for label, folder in enumerate(folders):
        images = _images(folder)
        if not images:
            raise bad(name, f"images in every sub-folder; {folder.name}/ has none")
        listed += [(file, label) for file in images]
    if not listed:
        expected = f"a folder with images ({', '.join(_SUFFIXES)}) in it or in its sub-folders"
        raise bad(name, expected)

    order = np.random.Generator(np.random.Philox(_SHUFFLE_SEED)).permutation(len(listed))
    files = [str(listed[i][0]) for i in order]
    y = np.array([listed[i][1] for i in order], np.int32) if folders else None
    shape = _decode_one(name, files[0]).shape
    if image_size is not None:
        shape = (image_size, image_size, shape[-1])

    def decode(file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = image_files.decode(file)
        if image_size is not None:
            image = resize.square(image, image_size)
        # Ragged images cannot be batched: their shape goes along, the pixels do not.
        found = tf.shape(image)
        same = tf.reduce_all(tf.equal(found, shape))
        return tf.cond(same, lambda: image, lambda: tf.zeros(shape, tf.uint8)), found

    def chunks() -> Iterator[Chunk]:
        dataset = tf.data.Dataset.from_tensor_slices(files).map(
            decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        start = 0
        try:
            for x, found in dataset.batch(256).prefetch(1).as_numpy_iterator():
                for i in np.flatnonzero((found != shape).any(axis=1))[:1]:
                    raise _ragged(name, files[start + i], found[i], shape)
                yield x, None if y is None else y[start : start + len(x)]
                start += len(x)
        except tf.errors.InvalidArgumentError:
            for file in files[start:]:  # finds the file to blame
                _decode_one(name, file)
            raise

    names = sorted(f"{p.relative_to(root).as_posix()}:{p.stat().st_size}" for p, _ in listed)
    digest = zlib.crc32("\n".join(names).encode())
    resized = "" if image_size is None else f", image_size={image_size}"
    return Source(
        name=name,
        shape=tuple(shape),
        dtype="uint8",
        splits={"train": Split(len(files), chunks)},
        identity=f"folder:{root.resolve().name} {len(files)} files crc32={digest:08x}{resized}",
        stamp=str(max(p.stat().st_mtime_ns for p, _ in listed)),
        verify=True,
        validation=tail(len(files)),
        num_classes=len(folders) or None,
        class_names=tuple(folder.name for folder in folders) or None,
    )


def _images(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in _SUFFIXES)


def _decode_one(name: str, file: str) -> tf.Tensor:
    try:
        return image_files.decode(file)
    except tf.errors.InvalidArgumentError:
        expected = f"images that can be decoded; {pathlib.Path(file).name} cannot"
        raise bad(name, expected) from None


def _ragged(name: str, file: str, found: np.ndarray, shape: Sequence[int]) -> Exception:
    other, one = list(map(int, found)), list(map(int, shape))
    expected = f"images of one shape; {pathlib.Path(file).name} is {other}, not {one}"
    return bad(name, expected, "Give image_size to resize all of them.")
