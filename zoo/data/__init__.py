"""Data sources, fixed splits and the deterministic input pipeline.

This module is light: TensorFlow is imported by the first call of `load`.
"""

import os
from typing import TYPE_CHECKING, Any

from zoo.errors import refusal, unknown

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset

__all__ = ["Dataset", "list_sources", "load", "read_images"]

LARGEST = 2**28  # bytes of an image that is decoded whatever the memory limit
BINARISE = ("threshold", "static", "dynamic")
# Sources read from TFDS: name -> (TFDS name, {our split: TFDS split}, image_size).
TFDS_SOURCES = {
    "mnist": ("mnist", {"train": "train", "test": "test"}, None),
    "fashion_mnist": ("fashion_mnist", {"train": "train", "test": "test"}, None),
    "binarized_mnist": (
        "binarized_mnist",
        {"train": "train", "validation": "validation", "test": "test"},
        None,
    ),
    "cifar10": ("cifar10", {"train": "train", "test": "test"}, None),
    "svhn_cropped": ("svhn_cropped", {"train": "train", "test": "test"}, None),
    "svhn_extra": ("svhn_cropped", {"train": "extra", "test": "test"}, None),
    "celeb_a": ("celeb_a", {"train": "train", "validation": "validation", "test": "test"}, 64),
    # ImageNet's test labels are not public: its validation split is what everyone tests on.
    "imagenet_resized": (
        "imagenet_resized/64x64",
        {"train": "train", "test": "validation"},
        None,
    ),
}
VECTORS = ("gaussian_grid", "gaussian_ring")
PREFIXES = ("tfds", "npz", "folder")


def list_sources() -> list[str]:
    """Names that `load` accepts; `NAME` and `PATH` stand for the user's own."""
    forms = ["folder:PATH", "npz:PATH", "tfds:NAME"]
    return sorted(["digits", "stacked_mnist", *VECTORS, *TFDS_SOURCES]) + forms


def load(
    name: str,
    *,
    data_dir: str | os.PathLike | None = None,
    binarise: str | None = None,
    labels: int | None = None,
    label_seed: int = 0,
    reference: str | None = None,
    image_size: int | None = None,
    cache_dir: str | os.PathLike | None = None,
    memory_limit: int = 2**31,
) -> "Dataset":
    """A data set by name.

    | name | examples | splits (train / validation / test) |
    |---|---|---|
    | digits | [8, 8, 1], values k/16 | 1,500 / last 300 of train / 297, by a fixed permutation |
    | gaussian_grid, gaussian_ring | [2] | 100,000 / 100,000 / 10,000, drawn by fixed seeds |
    | mnist, fashion_mnist | [28, 28, 1] | TFDS's / last 10,000 of train / TFDS's |
    | cifar10, svhn_cropped, svhn_extra | [32, 32, 3] | TFDS's / last 10,000 of train / TFDS's |
    | binarized_mnist, celeb_a | [28, 28, 1], [64, 64, 3] | TFDS's three |
    | imagenet_resized | [64, 64, 3] | TFDS's / last 10,000 of train / TFDS's `validation` |
    | stacked_mnist | [28, 28, 3] | 60,000 / last 10,000 of train / 10,000 |
    | tfds:NAME | images | TFDS's; without `validation`: the last tenth of train, at most 10,000 |
    | npz:PATH | arrays `x` (or `x_train`), `y`, `x_test`, `y_test` | below |
    | folder:PATH | image files, sub-folders are classes; or `train/` and `test/` of these | below |

    A source that stores no test split (TFDS's without one, an archive without x_test, a folder
    without `test/`) has a tenth of its examples drawn for it by a fixed seed, at most 10,000, and
    another tenth of the rest for validation; of fewer than 30 examples none are drawn.

    "Last of train" means the last rows in the source's stored order; they remain in `train` unless
    `validation_held_out` is asked for.

    Args:
        name: one of `list_sources()`.
        data_dir: directory of TFDS data; None means TFDS_DATA_DIR, else TFDS's own default.
        binarise: None; "threshold" (x >= 0.5); "static" (one Bernoulli draw a pixel by a fixed
            seed); "dynamic" (a new draw in every training step; other reads use the static draw).
        labels: None, or the number of labelled training examples, equally many of every class. They
            never come from the validation rows.
        label_seed: which of them; an int in [0, 2^31).
        reference: name of a second data set of the same shape, whose examples come beside, as
            "x_reference", binarised and resized as the first.
        image_size: centre-crop to a square and resize to image_size x image_size.
        cache_dir: where sets over `memory_limit` are kept as raw files; None means
            `data_dir`/zoo_cache, or ~/.cache/zoo without a data_dir.
        memory_limit: bytes of one split that are still held in memory; an image of more (and more
            than 256 MiB) is refused before it is decoded.

    Returns:
        A `Dataset`.

    Raises:
        ValueError, TypeError, FileNotFoundError: one line that names the argument.
    """
    from zoo import checks  # loads NumPy, without which `list_sources` and `--help` are fast

    if not isinstance(name, str):
        raise TypeError(refusal("name", "a str", name))
    prefix, colon, rest = name.partition(":")
    named = name in ("digits", "stacked_mnist", *VECTORS, *TFDS_SOURCES)
    if not named and not (colon and rest and prefix in PREFIXES):
        raise unknown("name", name, list_sources())
    if binarise is not None and binarise not in BINARISE:
        raise unknown("binarise", binarise, BINARISE)
    if name in VECTORS:
        for argument, value in (("binarise", binarise), ("image_size", image_size)):
            if value is not None:
                raise ValueError(refusal(argument, f"None: {name} holds vectors", value))
    checks.whole(label_seed, "label_seed", 0, 2**31 - 1)
    if label_seed and labels is None:
        raise ValueError(refusal("label_seed", "0 without labels, as none are drawn", label_seed))
    checks.whole(memory_limit, "memory_limit", 0)
    if labels is not None:
        checks.whole(labels, "labels")
    if image_size is not None:
        checks.whole(image_size, "image_size")

    from zoo.data import compared, dataset, sources

    source = sources.open_source(
        name, data_dir=data_dir, image_size=image_size, largest=max(memory_limit, LARGEST)
    )
    made = dataset.Dataset(
        source,
        binarise=binarise,
        labels=labels,
        label_seed=label_seed,
        cache_dir=sources.cache_directory(cache_dir, data_dir),
        memory_limit=memory_limit,
    )
    if reference is None:
        return made
    options: dict[str, Any] = {"data_dir": data_dir, "binarise": binarise, "image_size": image_size}
    other = load(reference, cache_dir=cache_dir, memory_limit=memory_limit, **options)
    return compared.Compared(made, other)


def __getattr__(attribute: str) -> Any:
    if attribute == "Dataset":
        from zoo.data.dataset import Dataset

        return Dataset
    if attribute == "read_images":
        from zoo.data.image_files import read

        return read
    raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
