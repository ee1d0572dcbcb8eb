"""Sources read through TensorFlow Datasets."""

import difflib
import functools
import os
import socket
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.data import resize
from zoo.data.source import Chunk, Source, Split, tail, with_test
from zoo.errors import refusal


def open_tfds(
    name: str,
    dataset: str,
    splits: dict[str, str] | None,
    data_dir: str | os.PathLike | None,
    image_size: int | None,
) -> Source:
    """A TFDS image set as a `Source`.

    Args:
        name: as the user wrote it.
        dataset: TFDS name, with configuration and version if wanted.
        splits: {our split: TFDS split}; None takes TFDS's train, validation and test.
        data_dir: TFDS directory or None.
        image_size: resize to this, or None.
    """
    import tensorflow_datasets as tfds

    builder = _prepared(tfds, name, dataset, data_dir)
    features = builder.info.features
    features = dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
    image = features.get("image")
    if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8:
        raise ValueError(refusal("name", "a TFDS set with a uint8 `image` feature", name))
    height, width, channels = image.shape
    if image_size is not None:
        height = width = image_size
    elif height is None or width is None:
        raise ValueError(refusal("image_size", f"an int, as the images of {name} differ", None))
    read, num_classes, names = _labels(tfds, features)
    attributes = len(names) if num_classes is None and names else None

    def decoded(split: str) -> tf.data.Dataset:
        # One file after another is the stored order; what is decoded is kept here, not by TFDS too.
        config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
        return builder.as_dataset(split=split, shuffle_files=False, read_config=config)

    @tf.autograph.experimental.do_not_convert
    def example(features: dict[str, Any]) -> tuple[tf.Tensor, ...]:
        x = features["image"]
        x = x if image_size is None else resize.square(x, image_size)
        return (x, read(features)) if names else (x,)  # type: ignore[misc]  # names: with a reader

    def chunks(split: str) -> Iterator[Chunk]:
        parallel = decoded(split).map(example, num_parallel_calls=tf.data.AUTOTUNE)
        for part in parallel.batch(1024).prefetch(1).as_numpy_iterator():
            x = part[0]
            if dataset.startswith("binarized_mnist"):
                x = (x > 0).astype(np.uint8) * np.uint8(255)
            y = part[1] if len(part) > 1 else None
            if y is not None and num_classes is not None and y.min() < 0:
                expected = f"a set with labels of all rows of {split}: [0, {num_classes})"
                raise ValueError(refusal("name", expected, f"{name} with {y.min()}"))
            yield x, y

    if splits is None:
        splits = {key: key for key in ("train", "validation", "test") if key in builder.info.splits}
        if "train" not in splits:
            raise ValueError(refusal("name", "a TFDS set with a train split", name))
    ours = {
        key: Split(int(decoded(split).cardinality()), functools.partial(chunks, split))
        for key, split in splits.items()
    }
    drawn = ""
    if "validation" not in ours:
        ours, drawn = with_test(ours)
    resized = "" if image_size is None else f", image_size={image_size}"
    return Source(
        name=name,
        shape=(height, width, channels),
        dtype="uint8",
        splits=ours,
        identity=f"{name} {builder.info.version}{resized}{drawn}",
        validation=0 if "validation" in ours else _held_out(ours["train"].size),
        num_classes=num_classes,
        num_attributes=attributes,
        class_names=names or None,
        binary=dataset.startswith("binarized_mnist"),
    )


def _held_out(size: int) -> int:
    """10,000 of the well-known sets, which are large; a tenth of a small one."""
    return 10_000 if size >= 50_000 else tail(size)


def _prepared(tfds: Any, name: str, dataset: str, data_dir: str | os.PathLike | None) -> Any:
    """A builder whose data are on disk, after a download if need be."""
    try:
        builder = tfds.builder(dataset, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        valid = [f"tfds:{known}" for known in tfds.list_builders()]
        near = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        raise ValueError(refusal("name", "a data set that TFDS knows", name, hint)) from None
    except (ValueError, KeyError) as error:  # a configuration or version that it has not
        reason = " ".join(str(error).split())[:120]
        raise ValueError(refusal("name", f"a data set that TFDS knows ({reason})", name)) from None
    try:
        if not builder.is_prepared():
            _need_network()
        builder.download_and_prepare()
    except Exception as error:  # whatever the network, the disk or a checksum says
        reason = " ".join(str(error).split())[:120]
        expected = f"a data set prepared in {builder.data_dir}, or one that can be downloaded"
        hint = f"Set TFDS_DATA_DIR or data_dir to a directory that holds it ({reason})."
        raise FileNotFoundError(refusal("name", expected, name, hint)) from None
    return builder


def _need_network() -> None:
    """Fails at once without a network, where TFDS would try again for minutes."""
    if not urllib.request.getproxies():  # behind a proxy, names need not resolve here
        socket.getaddrinfo("storage.googleapis.com", 443)


def _labels(
    tfds: Any, features: dict[str, Any]
) -> tuple[Callable[[dict[str, Any]], tf.Tensor] | None, int | None, tuple[str, ...]]:
    """(callable from an example's features to y, or None; K or None; class or attribute names)."""
    label, attributes = features.get("label"), features.get("attributes")
    if isinstance(label, tfds.features.ClassLabel) and label.num_classes:
        return lambda f: tf.cast(f["label"], tf.int32), label.num_classes, tuple(label.names)
    if isinstance(attributes, tfds.features.FeaturesDict):
        names = tuple(sorted(attributes))
        return (
            lambda f: tf.stack([tf.cast(f["attributes"][n], tf.float32) for n in names]),
            None,
            names,
        )
    return None, None, ()
