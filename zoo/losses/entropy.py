"""Entropies of classes, in nats: of each example, and of the classes of all of them together."""

import tensorflow as tf


def conditional(logits: tf.Tensor) -> tf.Tensor:
    """H[p(y|x)] = -sum_k p_k log p_k, p = softmax(logits), [B]: 0 if sure, log K if uniform.

    Args:
        logits: [B, K].
    """
    tf.debugging.assert_rank(logits, 2)
    log_p = tf.nn.log_softmax(logits)
    return -tf.reduce_sum(tf.exp(log_p) * log_p, axis=1)


def marginal(mean_probs: tf.Tensor) -> tf.Tensor:
    """H[E p(y|x)], a scalar: log K if all classes are as frequent.

    Args:
        mean_probs: [K], the mean over the global batch of p(y|x). Of few examples it is a biased
            estimate, so batches should hold many more than K.
    """
    tf.debugging.assert_rank(mean_probs, 1)
    return -tf.reduce_sum(tf.math.xlogy(mean_probs, mean_probs))
