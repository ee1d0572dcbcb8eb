"""Data of the benchmark: MNIST, or noise of any size."""

import atexit
import pathlib
import shutil
import tempfile
from collections.abc import Sequence

import numpy as np

from zoo import data
from zoo.data.source import Source, Split


def load(shape: Sequence[int], images: int | None, data_dir: str | None) -> data.Dataset:
    """MNIST where it is at hand, else uint8 noise of its size: the pipeline does the same work.

    Args:
        shape: of an image.
        images: so many of noise, in a file that need not fit into memory; None for MNIST.
        data_dir: where MNIST lies, None for TFDS_DATA_DIR.
    """
    if images:
        return _mapped(shape, images)
    try:
        return data.load("mnist", data_dir=data_dir)
    except FileNotFoundError:
        folder = tempfile.mkdtemp()
        path = pathlib.Path(folder, "noise.npz")
        noise = np.random.default_rng(0).integers(0, 256, (60_000, *shape), dtype=np.uint8)
        np.savez(path, x=noise)
        return data.load(f"npz:{path}")


def _mapped(shape: Sequence[int], count: int) -> data.Dataset:
    """Noise that is prepared as a raw file and read from there, however much it is."""

    def chunks():
        random, size = np.random.default_rng(0), 2**16
        for start in range(0, count, size):
            rows = min(size, count - start)
            yield random.integers(0, 256, (rows, *shape), dtype=np.uint8), None

    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return data.Dataset(
        Source(
            f"{count:,} images of noise in a file",
            tuple(shape),
            "uint8",
            {"train": Split(count, chunks)},
            f"{count} images of noise",
        ),
        binarise=None,
        labels=None,
        label_seed=0,
        cache_dir=pathlib.Path(folder),
        memory_limit=0,
    )
