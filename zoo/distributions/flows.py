"""Invertible maps of flows, as TFP bijectors from data to codes.

They are built for one call around networks, whose mode and weights are the call's; so they may
remember what they have computed: `forward` and `forward_log_det_jacobian` of the same tensor cost
one pass.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from zoo.distributions.discretised import LEVELS


def coupling(conditioner: Callable[[tf.Tensor], tf.Tensor], mask: np.ndarray) -> tfb.Bijector:
    """y = b x + (1 - b) (x exp(s) + t), s and t of b x; log |det dy/dx| = sum (1 - b) s.

    Args:
        conditioner: callable, b x [B, *shape] -> s and t side by side, [B, ..., 2 C].
        mask: b, array of zeros and ones, [*shape].

    Reference: Dinh et al., Real NVP, arXiv 1605.08803, equations 7 to 9.
    """
    free, rank = 1.0 - mask, mask.ndim

    @_once
    def affine(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        log_scale, shift = tf.split(conditioner(mask * x), 2, axis=-1)
        return free * log_scale, free * shift

    def forward(x: tf.Tensor) -> tf.Tensor:
        log_scale, shift = affine(x)
        return x * tf.exp(log_scale) + shift

    def inverse(y: tf.Tensor) -> tf.Tensor:
        log_scale, shift = affine(y)  # b y = b x
        return (y - shift) * tf.exp(-log_scale)

    def log_det(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(affine(x)[0], axis=list(range(-rank, 0)))

    return tfb.Inline(
        forward,
        inverse,
        forward_log_det_jacobian_fn=log_det,
        forward_min_event_ndims=rank,
        name="coupling",
    )


def squeeze() -> tfb.Bijector:
    """[B, H, W, C] -> [B, H/2, W/2, 4 C]: each 2x2 block of pixels becomes channels, row by row.

    Reference: Dinh et al., arXiv 1605.08803, section 3.6.
    """
    return tfb.Inline(
        lambda x: tf.nn.space_to_depth(x, 2),
        lambda y: tf.nn.depth_to_space(y, 2),
        forward_log_det_jacobian_fn=lambda x: tf.zeros([], x.dtype),
        forward_min_event_ndims=3,
        is_constant_jacobian=True,
        name="squeeze",
    )


def flatten(shape: tuple[int, ...]) -> tfb.Bijector:
    """[B, *shape] -> [B, D]."""
    return tfb.Reshape([-1], event_shape_in=shape)


def factor_out(rest: tfb.Bijector, shape: tuple[int, int, int]) -> tfb.Bijector:
    """[B, H, W, C] -> [B, D]: the first half of the channels as it is, then `rest` of the others.

    Args:
        rest: bijector, [B, H, W, C / 2] -> [B, D / 2].
        shape: (H, W, C).

    Reference: Dinh et al., arXiv 1605.08803, equation 14.
    """
    height, width, channels = shape
    half = height * width * channels // 2
    halves = _once(lambda x: tf.split(x, 2, axis=-1))

    def forward(x: tf.Tensor) -> tf.Tensor:
        out, others = halves(x)
        return tf.concat([tf.reshape(out, [-1, half]), rest.forward(others)], axis=-1)

    def inverse(y: tf.Tensor) -> tf.Tensor:
        out = tf.reshape(y[:, :half], [-1, height, width, channels // 2])
        return tf.concat([out, rest.inverse(y[:, half:])], axis=-1)

    return tfb.Inline(
        forward,
        inverse,
        forward_log_det_jacobian_fn=lambda x: rest.forward_log_det_jacobian(halves(x)[1], 3),
        forward_min_event_ndims=3,
        inverse_min_event_ndims=1,
        name="factor_out",
    )


def logit(alpha: float) -> tfb.Bijector:
    """log(p / (1 - p)), p = alpha + (1 - 2 alpha) u: [0, 1] and a little beyond -> the reals.

    Reference: Dinh et al., arXiv 1605.08803, section 4.1, which has 1 - alpha for 1 - 2 alpha: that
        is infinite at u = 1.
    """
    slope = 1.0 - 2.0 * alpha
    log_odds = lambda u: (tf.math.log(alpha + slope * u), tf.math.log1p(-alpha - slope * u))
    # Inline, not tfb.Sigmoid: TFP shares what it has cached, gradient tapes and all, among equal
    # bijectors, and functions are equal to themselves alone.
    return tfb.Inline(
        lambda u: tf.subtract(*log_odds(u)),
        lambda h: (tf.sigmoid(h) - alpha) / slope,
        forward_log_det_jacobian_fn=lambda u: math.log(slope) - tf.add(*log_odds(u)),
        forward_min_event_ndims=0,
        name="logit",
    )


def chain(steps: Sequence[tfb.Bijector]) -> tfb.Bijector:
    """The bijectors one after another, the first one first."""
    return tfb.Chain(steps[::-1])


def dequantised(x: tf.Tensor | np.ndarray, noise: tf.Tensor | float) -> tf.Tensor:
    """u in [0, 1]: the levels of images, each spread over its bin of width 1/256.

    Args:
        x: images in [0, 1].
        noise: of the same shape, in [0, 1]; 1/2 gives the bins' middles.

    Reference: Theis et al., A note on the evaluation of generative models, arXiv 1511.01844,
        section 3.1.
    """
    return (tf.round(tf.clip_by_value(x, 0.0, 1.0) * (LEVELS - 1)) + noise) / LEVELS


def quantised(u: tf.Tensor) -> tf.Tensor:
    """Images in [0, 1] whose bins' middles are u, [0, 1] beyond: no levels, so gradients pass."""
    return tf.clip_by_value((LEVELS * u - 0.5) / (LEVELS - 1), 0.0, 1.0)


def _once(function: Callable[[tf.Tensor], Any]) -> Callable[[tf.Tensor], Any]:
    """`function`, which remembers its last argument (by identity) and the result."""
    last = [None, None]

    def remembered(x: tf.Tensor) -> Any:
        if last[0] is not x:
            last[:] = x, function(x)
        return last[1]

    return remembered
