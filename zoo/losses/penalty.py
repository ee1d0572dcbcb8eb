"""Penalties on the slope of a network, which comes as a callable: where it is taken, and its cost.

A network is `critic`, [B, ...] -> [B], row i of row i alone (no batch normalisation).
"""

from collections.abc import Callable

import tensorflow as tf

Critic = Callable[[tf.Tensor], tf.Tensor]

# --- where ----------------------------------------------------------------------------------------


def between(x_data: tf.Tensor, x_model: tf.Tensor, mix: tf.Tensor) -> tf.Tensor:
    """mix x_data + (1 - mix) x_model, [B, ...]: points between data and samples, row by row.

    Args:
        x_data, x_model: [B, ...].
        mix: [B], uniform on [0, 1): one number a row.

    Reference: Gulrajani et al., Improved training of Wasserstein GANs, arXiv 1704.00028, algorithm
        1, line 6.
    """
    tf.debugging.assert_rank(mix, 1)
    mix = tf.reshape(mix, [-1] + [1] * (x_data.shape.rank - 1))
    return mix * x_data + (1.0 - mix) * x_model


def around(x_data: tf.Tensor, stddev: tf.Tensor, noise: tf.Tensor, mix: tf.Tensor) -> tf.Tensor:
    """x + mix (x' - x), x' = x + stddev noise / 2, [B, ...]: points around data.

    Args:
        x_data: [B, ...].
        stddev: scalar, of all numbers of the global batch.
        noise: [B, ...], uniform on [0, 1): so it only adds.
        mix: [B], uniform on [0, 1).

    Reference: Kodali et al., On convergence and stability of GANs (DRAGAN), arXiv 1705.07215,
        algorithm 1, as in the authors' code. The paper's last version has x + N(0, c I) instead.
    """
    return between(x_data + 0.5 * stddev * noise, x_data, mix)


# --- what it costs --------------------------------------------------------------------------------


def two_sided(critic: Critic, x: tf.Tensor) -> tf.Tensor:
    """(|grad C(x)| - 1)^2, [B]: both sides of 1 cost.

    Reference: Gulrajani et al., arXiv 1704.00028, equation 3.
    """
    return tf.square(_slope(critic, x) - 1.0)


def one_sided(critic: Critic, x: tf.Tensor) -> tf.Tensor:
    """max(0, |grad C(x)| - 1)^2, [B]: only slopes over 1 cost.

    Reference: Petzka, Fischer, Lukovnikov, On the regularization of Wasserstein GANs, arXiv
        1709.08894.
    """
    return tf.square(tf.nn.relu(_slope(critic, x) - 1.0))


def r1(critic: Critic, x: tf.Tensor) -> tf.Tensor:
    """|grad C(x)|^2, [B], of data.

    Reference: Mescheder, Geiger, Nowozin, Which training methods for GANs do actually converge?,
        arXiv 1801.04406, equation 9, without its factor gamma / 2, as in the authors' code.
    """
    return _squared_slope(critic, x)


# By the names that models know penalties by. They differ in where the slope is taken, too:
# two_sided and one_sided `between` data and samples, dragan `around` data, r1 at data.
COSTS = {"two_sided": two_sided, "one_sided": one_sided, "dragan": two_sided, "r1": r1}


def gradient_penalty(
    critic: Critic, x_data: tf.Tensor, x_model: tf.Tensor, mix: tf.Tensor
) -> tf.Tensor:
    """`two_sided` at points `between` data and samples, [B]: the penalty of WGAN-GP.

    Args:
        critic: callable, [B, ...] -> scores [B].
        x_data: [B, ...].
        x_model: [B, ...].
        mix: [B], uniform on [0, 1).

    Reference: Gulrajani et al., arXiv 1704.00028, equation 3 and algorithm 1.
    """
    return two_sided(critic, between(x_data, x_model, mix))


def _squared_slope(critic: Critic, x: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = critic(x)
    tf.debugging.assert_rank(scores, 1)
    slope = tape.gradient(scores, x)
    return tf.reduce_sum(tf.square(slope), list(range(1, x.shape.rank)))


def _slope(critic: Critic, x: tf.Tensor) -> tf.Tensor:
    # The root's own slope is infinite at 0: without the constant a flat critic gives NaN.
    return tf.sqrt(_squared_slope(critic, x) + 1e-12)
