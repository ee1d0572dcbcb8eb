"""What it costs a classifier to change its mind near x.

A classifier is `classify`, [B, ...] -> logits [B, K].
"""

from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo.losses import divergence
from zoo.precision import INNER_SCALE

Classify = Callable[[tf.Tensor], tf.Tensor]


def virtual_adversarial(
    classify: Classify,
    target: tf.Tensor,
    x: tf.Tensor,
    noise: tf.Tensor,
    epsilon: float,
    xi: float = 0.01,
    iterations: int = 1,
) -> tf.Tensor:
    """KL(p(y|x) || p(y|x + epsilon d)), [B] nats, d the direction in which it grows fastest.

    The divergence teaches p(y|x + epsilon d) alone: p(y|x) and d count as constants.

    Args:
        classify: x -> logits of p(y|x); the same noise, if any, in each call.
        target: [B, K], its logits at x.
        x: [B, ...].
        noise: [B, ...], standard normal, from which the search for d starts.
        epsilon: length of the step, L2 over all numbers of an example.
        xi, iterations: of `adversarial_direction`.

    Reference: Miyato, Maeda, Koyama, Nakae, Ishii: Distributional smoothing with virtual
        adversarial training, arXiv 1507.00677, section 2.
    """
    target = tf.stop_gradient(target)
    direction = adversarial_direction(classify, target, x, noise, xi, iterations)
    return _class_divergence(target, classify(x + epsilon * direction))


def adversarial_direction(
    classify: Classify,
    target: tf.Tensor,
    x: tf.Tensor,
    noise: tf.Tensor,
    xi: float = 0.01,
    iterations: int = 1,
) -> tf.Tensor:
    """The unit d, [B, ...], along which p(y|x + d) leaves p(y|x) fastest; 0 where p is flat.

    KL(p(y|x) || p(y|x + r)) is r.H r / 2 for small r, and d is the first eigenvector of H, by the
    power iteration  d <- H d / |H d|,  H d the slope of the divergence at r = xi d over xi.

    Args:
        classify, target, x, noise: as in `virtual_adversarial`.
        xi: length of r; small beside what changes p, large beside what rounding does to x.
        iterations: of the power iteration, from `noise`.

    Reference: Miyato et al., arXiv 1507.00677, section 2.2 and algorithm 1.
    """
    tf.debugging.assert_rank(target, 2)
    direction = _unit(noise)
    for _ in range(iterations):
        with tf.GradientTape() as tape:
            step = xi * direction
            tape.watch(step)
            distance = INNER_SCALE * _class_divergence(target, classify(x + step))
        direction = _unit(tape.gradient(distance, step))
    return tf.stop_gradient(direction)


def _class_divergence(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    tf.debugging.assert_rank(logits, 2)
    return divergence.analytic_kl(tfd.Categorical(logits=target), tfd.Categorical(logits=logits))


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    """v / |v| of each example, 0 for 0; no square of a small number vanishes."""
    axes = list(range(1, vectors.shape.rank))
    largest = tf.reduce_max(tf.abs(vectors), axes, keepdims=True)
    vectors = tf.math.divide_no_nan(vectors, largest)
    squares = tf.reduce_sum(tf.square(vectors), axes, keepdims=True)
    return tf.math.divide_no_nan(vectors, tf.sqrt(squares))
