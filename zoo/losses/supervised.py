"""Losses of labelled examples."""

import tensorflow as tf


def cross_entropy(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """-log softmax(logits)[y], [B] nats.

    Args:
        logits: [B, K].
        y: int [B].
    """
    tf.debugging.assert_rank(logits, 2)
    tf.debugging.assert_rank(y, 1)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)


def with_other(logits: tf.Tensor) -> tf.Tensor:
    """K logits and a 0 for class K + 1, "not data", [B, K + 1].

    A softmax of K + 1 logits stays the same if one number is added to all, so that the last one may
    be fixed.

    Args:
        logits: [B, K].

    Reference: Salimans et al., Improved techniques for training GANs, arXiv 1606.03498, section 5.
    """
    tf.debugging.assert_rank(logits, 2)
    return tf.pad(logits, [[0, 0], [0, 1]])


def data_logit(logits: tf.Tensor) -> tf.Tensor:
    """log P(one of K classes) - log P(class K + 1), [B]: a K+1-class discriminator as one of two.

    Args:
        logits: [B, K + 1], the last one of "not data".

    Reference: Salimans et al., Improved techniques for training GANs, arXiv 1606.03498, section 5;
        Dumoulin et al., ALI, arXiv 1606.00704, semi-supervised learning.
    """
    tf.debugging.assert_rank(logits, 2)
    return tf.reduce_logsumexp(logits[:, :-1], axis=1) - logits[:, -1]
