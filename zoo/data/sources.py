"""Opens a source by name: the built-in ones here, files and TFDS in their own modules."""

import importlib.util
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from zoo.data import TFDS_SOURCES
from zoo.data.source import Chunk, Source, Split, array_split
from zoo.errors import refusal

_DIGITS_SEED = 297
_TOY_SEED = 25
_STACKED_SEED = 1_000
_TOY_SIZES = {"train": 100_000, "validation": 100_000, "test": 10_000}


def open_source(
    name: str,
    *,
    data_dir: str | os.PathLike | None,
    image_size: int | None,
    largest: int,
) -> Source:
    """The `Source` behind a valid name; see `zoo.data.load`."""
    prefix, _, rest = name.partition(":")
    if name in ("digits", "stacked_mnist") or prefix == "npz":
        if image_size is not None:
            expected = f"None: {name} has a fixed size"
            raise ValueError(refusal("image_size", expected, image_size))
    if name == "digits":
        return digits()
    if name == "gaussian_grid":
        axis = np.arange(-4.0, 5.0, 2.0)
        modes = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
        return mixture(name, modes, 0.05)
    if name == "gaussian_ring":
        angle = np.arange(8) * (np.pi / 4)
        return mixture(name, np.stack([np.cos(angle), np.sin(angle)], -1), 0.01)
    if prefix == "npz":
        from zoo.data import npz

        return npz.open_npz(name, rest, largest)
    if prefix == "folder":
        from zoo.data import folder

        return folder.open_folder(name, rest, image_size, largest)

    from zoo.data import tfds

    if name == "stacked_mnist":
        dataset, splits, _ = TFDS_SOURCES["mnist"]
        return stacked_mnist(tfds.open_tfds("mnist", dataset, splits, data_dir, None))
    if prefix == "tfds" and rest:
        return tfds.open_tfds(name, rest, None, data_dir, image_size)
    dataset, splits, default_size = TFDS_SOURCES[name]
    return tfds.open_tfds(name, dataset, splits, data_dir, image_size or default_size)


def cache_directory(
    cache_dir: str | os.PathLike | None, data_dir: str | os.PathLike | None
) -> pathlib.Path:
    """Where prepared files live: `cache_dir`, else data_dir/zoo_cache, else ~/.cache/zoo."""
    for argument, value in (("cache_dir", cache_dir), ("data_dir", data_dir)):
        if value is not None and not isinstance(value, (str, os.PathLike)):
            raise TypeError(refusal(argument, "a path", value))
    if cache_dir is not None:
        return pathlib.Path(cache_dir)
    if data_dir is not None:
        return pathlib.Path(data_dir) / "zoo_cache"
    return pathlib.Path.home() / ".cache" / "zoo"


def digits() -> Source:
    """scikit-learn's 1,797 digits, 8x8, values k/16: 1,500 and 297 by a fixed permutation."""
    pixels, labels = _digits_arrays()
    order = np.random.Generator(np.random.Philox(_DIGITS_SEED)).permutation(len(labels))
    x = (pixels[order].reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    y = labels[order].astype(np.int32)
    return Source(
        name="digits",
        shape=(8, 8, 1),
        dtype="float32",
        splits={"train": array_split(x[:1500], y[:1500]), "test": array_split(x[1500:], y[1500:])},
        identity="digits",
        validation=300,
        num_classes=10,
        class_names=tuple("0123456789"),
    )


def _digits_arrays() -> tuple[np.ndarray, np.ndarray]:
    """What `sklearn.datasets.load_digits` gives, [1797, 64] and [1797].

    Its file is read without scikit-learn, whose import takes half as long as TensorFlow's.
    """
    package = importlib.util.find_spec("sklearn").origin  # type: ignore[union-attr]
    path = pathlib.Path(str(package)).with_name("datasets") / "data" / "digits.csv.gz"
    if not path.is_file():  # another version's place
        from sklearn import datasets

        return datasets.load_digits(return_X_y=True)
    rows = np.loadtxt(path, delimiter=",")
    return rows[:, :-1], rows[:, -1]


def mixture(name: str, modes: np.ndarray, stddev: float) -> Source:
    """Equal mixture of isotropic Gaussians; every split is drawn by its own fixed seed.

    Args:
        name: of the source.
        modes: means [M, D].
        stddev: of every component.
    """

    def split(number: int, size: int) -> Split:
        def chunks() -> Iterator[Chunk]:
            generator = np.random.Generator(np.random.Philox([_TOY_SEED, number]))
            centres = modes[generator.integers(len(modes), size=size)]
            x = centres + stddev * generator.standard_normal(centres.shape)
            yield x.astype(np.float32), None

        return Split(size, chunks)

    return Source(
        name=name,
        shape=(modes.shape[1],),
        dtype="float32",
        splits={key: split(number, size) for number, (key, size) in enumerate(_TOY_SIZES.items())},
        identity=name,
        modes=modes.astype(np.float32),
        mode_stddev=stddev,
    )


def stacked_mnist(mnist: Source) -> Source:
    """Three random MNIST digits as channels; y = 100 a + 10 b + c, 1,000 classes.

    The validation rows are stacked from the digits of MNIST's validation rows, the others from the
    rest, so holding them out holds their digits out.

    Args:
        mnist: `Source` of MNIST.
    """

    def split(name: str, number: int) -> Split:
        size = mnist.splits[name].size
        held_out = mnist.validation if name == "train" else 0

        def chunks() -> Iterator[Chunk]:
            parts = list(mnist.splits[name].chunks())
            x = np.concatenate([part[0] for part in parts])[..., 0]
            y = np.concatenate([part[1] for part in parts])
            generator = np.random.Generator(np.random.Philox([_STACKED_SEED, number]))
            rows = generator.integers(size - held_out, size=(size, 3))
            if held_out:
                held = generator.integers(size - held_out, size, size=(held_out, 3))
                rows[-held_out:] = held
            for start in range(0, size, 4096):
                triple = rows[start : start + 4096]
                yield x[triple].transpose(0, 2, 3, 1), y[triple] @ np.array([100, 10, 1], np.int32)

        return Split(size, chunks)

    return Source(
        name="stacked_mnist",
        shape=(*mnist.shape[:2], 3),
        dtype=mnist.dtype,
        splits={"train": split("train", 0), "test": split("test", 1)},
        identity=f"stacked_mnist of {mnist.identity}",
        validation=mnist.validation,
        num_classes=1000,
        class_names=tuple(f"{label:03d}" for label in range(1000)),
        channels=mnist,
    )
