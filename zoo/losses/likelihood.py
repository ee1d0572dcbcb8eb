"""Bounds on log p(x)."""

import math

import tensorflow as tf


def negative_elbo(log_likelihood, kl, beta=1.0):
    """-(E log p(x|z) - beta KL), [B] nats.

    Args:
        log_likelihood: [B], log p(x|z) at one posterior sample.
        kl: [B], KL(q(z|x) || p(z)), analytic or by sampling.
        beta: weight of the KL term, Python float or scalar tensor.

    Reference: Kingma and Welling, arXiv 1312.6114, equation 3; beta: Higgins et al., beta-VAE,
        equation 4.
    """
    tf.debugging.assert_rank(log_likelihood, 1)
    tf.debugging.assert_rank(kl, 1)
    return beta * kl - log_likelihood


def iwae_bound(log_weights):
    """log 1/K sum_k w_k, [B] nats, a lower bound of log p(x) that rises with K.

    Args:
        log_weights: [B, K], log p(x, z_k) - log q(z_k|x).

    Reference: Burda et al., arXiv 1509.00519, equation 8.
    """
    tf.debugging.assert_rank(log_weights, 2)
    draws = tf.cast(tf.shape(log_weights)[1], log_weights.dtype)
    return tf.reduce_logsumexp(log_weights, axis=1) - tf.math.log(draws)


def bits_per_dim(log_prob, dimensions):
    """-log_prob / (D ln 2): nats an example to bits a dimension."""
    return -log_prob / (dimensions * math.log(2.0))
