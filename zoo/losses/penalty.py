"""Penalties on the slope of a critic, [B], to be added to its loss."""

import tensorflow as tf


def gradient_penalty(critic, x_data, x_model, mix):
    """(|grad critic(x)|_2 - 1)^2 at x = mix x_data + (1 - mix) x_model, [B].

    Args:
        critic: callable, x [B, ...] -> [B].
        x_data, x_model: [B, ...].
        mix: [B], uniform in [0, 1).

    Reference: Gulrajani et al., Improved training of Wasserstein GANs, arXiv 1704.00028,
        equation 3.
    """
    tf.debugging.assert_rank(mix, 1)
    mix = tf.reshape(mix, [-1] + [1] * (x_data.shape.rank - 1))
    x = mix * x_data + (1.0 - mix) * x_model
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = critic(x)
    tf.debugging.assert_rank(scores, 1)
    slopes = tf.reshape(tape.gradient(scores, x), [tf.shape(x)[0], -1])
    # The root has no slope at 0: its gradient would be NaN.
    norm = tf.sqrt(tf.reduce_sum(tf.square(slopes), axis=1) + 1e-12)
    return tf.square(norm - 1.0)
