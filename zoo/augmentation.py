"""Random changes of images, through which gradients flow."""

import math

import tensorflow as tf


def affine_maps(
    u: tf.Tensor, rotation: float, shear: float, scale: float, shift: float
) -> tf.Tensor:
    """Affine maps around the identity, as `affine` takes them.

    A = R(u_1 rotation) S(u_2 shear) diag(exp(u_3 scale), exp(u_4 scale)),  t = shift (u_5, u_6),
    of a rotation R and a slant S of columns along rows, (row, column + shear row).

    Args:
        u: float32 [B, 6], in [-1, 1].
        rotation: in degrees, from rows to columns.
        shear: columns per row.
        scale: a logarithm, of rows and of columns.
        shift: of half the longer side.

    Returns:
        float32 [B, 2, 3].
    """
    angle, slant = math.radians(rotation) * u[:, 0], shear * u[:, 1]
    cos, sin = tf.cos(angle), tf.sin(angle)
    rows, columns = tf.stack([cos - slant * sin, -sin], 1), tf.stack([sin + slant * cos, cos], 1)
    linear = tf.stack([rows, columns], 1) * tf.exp(scale * u[:, None, 2:4])
    return tf.concat([linear, shift * u[:, 4:, None]], axis=2)


def affine(x: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
    """Images under affine maps, by bilinear interpolation; beyond an image is 0.

    The pixel at p of row b shows the image at  A p + t,  where p = (row, column) is 0 in the middle
    of the image, and the longer side is [-1, 1], from its first pixel's middle to its last one's.
    Gradients are exact, and XLA compiles it: those of `tf.raw_ops.ImageProjectiveTransformV3` are
    approximate, and it does not.

    Args:
        x: [B, H, W, C], H and W known and at least 2.
        maps: float32 [B, 2, 3], the (A | t).

    Returns:
        [B, H, W, C], of the dtype of x.
    """
    height, width = x.shape[1:3]
    middle = tf.constant([[height - 1.0], [width - 1.0]]) / 2.0
    pixels = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    half = (max(height, width) - 1.0) / 2.0
    p = (tf.cast(tf.reshape(pixels, [2, -1]), tf.float32) - middle) / half
    # Not by a matrix product, which some devices round.
    at = maps[:, :, :1] * p[0] + maps[:, :, 1:2] * p[1] + maps[:, :, 2:]  # [B, 2, H W]
    at = at * half + middle
    low = tf.floor(at)
    shares = tf.cast(at - low, x.dtype)  # of the next row, and of the next column
    # A frame of zeros stands for all that is beyond the image.
    framed = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    framed = tf.reshape(framed, [tf.shape(x)[0], (height + 2) * (width + 2), -1])
    shown = tf.zeros([], x.dtype)
    for step in ((0, 0), (0, 1), (1, 0), (1, 1)):
        place = tf.cast(low, tf.int32) + 1 + tf.constant(step)[:, None]
        place = tf.clip_by_value(place, 0, tf.constant([[height + 1], [width + 1]]))
        corner = tf.gather(framed, place[:, 0] * (width + 2) + place[:, 1], batch_dims=1)
        each = [shares[:, i] if ahead else 1.0 - shares[:, i] for i, ahead in enumerate(step)]
        shown += corner * (each[0] * each[1])[..., None]
    return tf.ensure_shape(tf.reshape(shown, tf.shape(x)), x.shape)
