"""Penalties on networks, which come as callables."""

from collections.abc import Callable

import tensorflow as tf


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor], x_data: tf.Tensor, x_model: tf.Tensor, mix: tf.Tensor
) -> tf.Tensor:
    """(|grad C(x)| - 1)^2 at x = mix x_data + (1 - mix) x_model, [B]: both sides of 1 cost.

    Args:
        critic: callable, [B, ...] -> scores [B], row i of row i alone (no batch normalisation).
        x_data: [B, ...].
        x_model: [B, ...].
        mix: [B], uniform on [0, 1).

    Returns:
        [B].

    Reference: Gulrajani et al., Improved training of Wasserstein GANs, arXiv 1704.00028, equation 3
        and algorithm 1.
    """
    tf.debugging.assert_rank(mix, 1)
    mix = tf.reshape(mix, [-1] + [1] * (x_data.shape.rank - 1))
    x = mix * x_data + (1.0 - mix) * x_model
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = critic(x)
    tf.debugging.assert_rank(scores, 1)
    slope = tape.gradient(scores, x)
    axes = list(range(1, x.shape.rank))
    # The root's own slope is infinite at 0: without the constant a flat critic gives NaN.
    norm = tf.sqrt(tf.reduce_sum(tf.square(slope), axes) + 1e-12)
    return tf.square(norm - 1.0)
