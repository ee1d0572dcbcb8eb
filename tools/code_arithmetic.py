"""Codes as vectors: the mean of a class minus that of another one, plus an image of the latter."""

from typing import TYPE_CHECKING

import drawing
import numpy as np

from zoo import pictures

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.model import GenerativeModel

AVERAGED = 2_000  # images at most whose codes make the means of classes


def fits(model: "GenerativeModel", dataset: "Dataset") -> bool:
    """Whether `picture` has something to show: codes that may tell the class of images.

    Those that a conditional model draws do not depend on the class; those that it infers may.
    """
    infers = "encode" in model.capabilities
    codes = "decode" in model.capabilities and (infers or not model.conditional)
    return codes and dataset.num_classes is not None and len(model.image_shape) == 3


def picture(model: "GenerativeModel", dataset: "Dataset", split: str, seed: int) -> np.ndarray:
    """The mean code of a class minus that of another one, plus the code of an image of the latter.

    A row is an image of each of the first classes: itself, the class of column k in its place, for
    every k. Where k is its own class nothing is added: its reconstruction. Without an encoder the
    images are samples, and the zoo's classifier says of which class each is. A conditional model is
    told the class of the row's image in all columns: what changes is what its code tells of it.

    Args:
        model: a GenerativeModel that `fits`.
        dataset: images with classes, whose means are those of the first ones of the split.
        split: its name.
        seed: of codes that have to be drawn.

    Reference: Radford et al., DCGAN, arXiv 1511.06434, section 6.3.2.
    """
    encodes = "encode" in model.capabilities
    x, y, z = (_encoded if encodes else _sampled)(model, dataset, split, seed)
    shown, first = np.unique(y, return_index=True)
    shown, first = shown[: drawing.CLASSES], first[: drawing.ROWS]
    means = np.stack([z[y == label].mean(axis=0) for label in shown])  # [K, code_dim]
    own = means[np.searchsorted(shown, y[first])]
    moved = z[first][:, None] + means[None] - own[:, None]  # [rows, K, code_dim]
    told = np.repeat(y[first], len(shown)) if model.conditional else None
    decoded = drawing.decode_mean(
        model, moved.reshape(-1, moved.shape[-1]).astype(np.float32), told
    )
    return pictures.interpolation_grid(decoded, x[first])


def _encoded(
    model: "GenerativeModel", dataset: "Dataset", split: str, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first images of a split, their labels and codes."""
    real = dataset.arrays(split, AVERAGED)
    x, y = real["x"], drawing.labels_of(model, real)
    blocks = [slice(i, i + drawing.BATCH) for i in range(0, len(x), drawing.BATCH)]
    z = [drawing.start_codes(model, x[i], None if y is None else y[i], seed) for i in blocks]
    return x, real["y"], np.concatenate(z)


def _sampled(
    model: "GenerativeModel", dataset: "Dataset", split: str, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples, the classes that the zoo's classifier finds in them, and their codes."""
    from zoo.metrics import classifier  # loads TensorFlow

    z = drawing.draw_prior(model, AVERAGED, seed)
    x = np.concatenate(
        [
            drawing.decode_mean(model, z[i : i + drawing.BATCH])
            for i in range(0, len(z), drawing.BATCH)
        ]
    )
    return x, classifier.judge(dataset).predict(x), z
