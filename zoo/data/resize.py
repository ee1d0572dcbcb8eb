"""Images of any shape to the shape that a model takes."""

import tensorflow as tf


def square(image: tf.Tensor, size: int) -> tf.Tensor:
    """`fit` to a square: uint8 [size, size, C]."""
    return fit(image, size, size)


def fit(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The largest centre crop of [H, W, C] that has the shape of the result, resized to it.

    Args:
        image: uint8 [H, W, C].
        height, width: of the result.

    Returns:
        uint8 [height, width, C], by antialiased bilinear interpolation.
    """
    shape = tf.shape(image)
    crop_height = tf.maximum(1, tf.minimum(shape[0], shape[1] * height // width))
    crop_width = tf.maximum(1, tf.minimum(shape[1], shape[0] * width // height))
    top, left = (shape[0] - crop_height) // 2, (shape[1] - crop_width) // 2
    image = image[top : top + crop_height, left : left + crop_width]
    image = tf.image.resize(image, [height, width], antialias=True)
    return tf.saturate_cast(tf.round(image), tf.uint8)
