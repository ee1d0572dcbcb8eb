"""Image files: decoded, and brought to the shape that a model takes."""

import os
import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from zoo.data import resize
from zoo.errors import refusal


def decode(file: str | tf.Tensor) -> tf.Tensor:
    """uint8 [H, W, C] of a PNG, JPEG, BMP or GIF file (its first frame); traceable."""
    return tf.io.decode_image(tf.io.read_file(file), expand_animations=False)


def read(paths: Iterable[str | os.PathLike], image_shape: tuple[int, int, int]) -> np.ndarray:
    """Images of any size, each cropped at its centre and resized to `image_shape`.

    Transparency is left out; colours become grey, and grey becomes colours, as the shape asks.

    Args:
        paths: of image files.
        image_shape: (H, W, C).

    Returns:
        float32 [N, H, W, C] in [0, 1].

    Raises:
        FileNotFoundError: no such file.
        ValueError: no image, or one whose channels cannot become C.
    """
    height, width, channels = image_shape
    images = []
    for path in map(pathlib.Path, paths):
        if not path.is_file():
            raise FileNotFoundError(refusal("images", "image files that exist", str(path)))
        try:
            image = _with_channels(decode(str(path)), channels)
        except tf.errors.InvalidArgumentError:
            expected = "image files that can be decoded (PNG, JPEG, BMP, GIF)"
            raise ValueError(refusal("images", expected, str(path))) from None
        if image is None:
            expected = f"images of {channels} channels"
            raise ValueError(refusal("images", expected, str(path)))
        images.append(resize.fit(image, height, width).numpy())
    if not images:
        raise ValueError(refusal("images", "at least one image file", []))
    return np.stack(images).astype(np.float32) / np.float32(255)


def _with_channels(image: tf.Tensor, channels: int) -> tf.Tensor | None:
    """uint8 [H, W, channels], or None where that cannot be."""
    if image.shape[-1] == channels:
        return image
    if image.shape[-1] in (2, 4):  # the last one is the opacity
        image = image[..., :-1]
    if image.shape[-1] == channels:
        return image
    change = {(3, 1): tf.image.rgb_to_grayscale, (1, 3): tf.image.grayscale_to_rgb}
    return change.get((image.shape[-1], channels), lambda image: None)(image)
