"""Image files: decoded, and brought to the shape that a model takes."""

import math
import os
import pathlib
import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from zoo.data import resize
from zoo.errors import refusal

_ORIENTATION = 0x0112  # EXIF's tag
# Of Pillow's modes; the others, such as palettes, are colours.
_CHANNELS = {"1": 1, "L": 1, "I": 1, "F": 1, "I;16": 1, "I;16B": 1, "LA": 2, "RGBA": 4}


class Header(NamedTuple):
    """What is known of an image file before it is decoded.

    Attributes:
        shape: (H, W, C) of what `decode` will give.
        orientation: EXIF's, 1 .. 8; 1 is upright.
    """

    shape: tuple[int, int, int]
    orientation: int

    @property
    def bytes(self) -> int:
        """Of the decoded image."""
        return math.prod(self.shape)


def header(file: str | os.PathLike) -> Header:
    """Reads shape and orientation of an image file, and none of its pixels.

    A PNG's orientation counts where it stands before the pixels.

    Raises:
        ValueError: no image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images: the caller has a limit of its own
            with Image.open(file) as image:
                # A PNG's own `getexif` decodes all pixels, to find what may stand behind them.
                orientation = Image.Image.getexif(image).get(_ORIENTATION, 1)
                channels = _CHANNELS.get(image.mode, 3)
                channels += image.mode == "P" and "transparency" in image.info
                width, height = image.size
    except Exception as error:  # of damage and of malice Pillow raises any
        raise ValueError(f"no image: {error}") from None
    orientation = int(orientation) if orientation in range(1, 9) else 1
    turned = orientation > 4
    shape = (width, height, channels) if turned else (height, width, channels)
    return Header(shape, orientation)


def decode(file: str | tf.Tensor, orientation: int | tf.Tensor = 1) -> tf.Tensor:
    """uint8 [H, W, C] of a PNG, JPEG, BMP or GIF file (its first frame), upright; traceable.

    16-bit PNGs keep their upper eight bits.
    """
    image = tf.io.decode_image(tf.io.read_file(file), expand_animations=False)
    return upright(image, orientation)


def upright(image: tf.Tensor, orientation: int | tf.Tensor) -> tf.Tensor:
    """Turns and mirrors [H, W, C] as EXIF's orientation says."""
    one_of = lambda *values: tf.reduce_any(tf.equal(orientation, values))
    image = tf.cond(one_of(5, 6, 7, 8), lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    image = tf.cond(one_of(2, 3, 6, 7), lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(one_of(3, 4, 7, 8), lambda: tf.reverse(image, [0]), lambda: image)


def to_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """uint8 [H, W, channels], 1 or 3, of grey or colour with opacity or without; traceable.

    Opacity is left out; colours become grey, and grey becomes colours.
    """
    given = tf.shape(image)[-1]
    image = image[..., : given - (given + 1) % 2]  # of 2 or 4 the last one is the opacity
    grey = tf.equal(tf.shape(image)[-1], 1)
    if channels == 3:
        return tf.cond(grey, lambda: tf.tile(image, [1, 1, 3]), lambda: image)
    coloured = lambda: tf.image.rgb_to_grayscale(tf.ensure_shape(image, (None, None, 3)))
    return tf.cond(grey, lambda: image, coloured)


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
            image = decode(str(path), header(path).orientation)
        except (ValueError, tf.errors.InvalidArgumentError):
            expected = "image files that can be decoded (PNG, JPEG, BMP, GIF)"
            raise ValueError(refusal("images", expected, str(path))) from None
        if image.shape[-1] != channels:
            if channels not in (1, 3):
                raise ValueError(refusal("images", f"images of {channels} channels", str(path)))
            image = to_channels(image, channels)
        images.append(resize.fit(image, height, width).numpy())
    if not images:
        raise ValueError(refusal("images", "at least one image file", []))
    return np.stack(images).astype(np.float32) / np.float32(255)
