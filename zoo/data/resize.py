"""Images of any shape to squares."""

import tensorflow as tf


def square(image, size):
    """Centre crop of [H, W, C], then antialiased bilinear resize: uint8 [size, size, C]."""
    shape = tf.shape(image)
    side = tf.minimum(shape[0], shape[1])
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    image = tf.image.resize(
        image[top : top + side, left : left + side], [size, size], antialias=True
    )
    return tf.saturate_cast(tf.round(image), tf.uint8)
