"""Bounds on log p(x)."""

from collections.abc import Callable

import tensorflow as tf


def negative_elbo(
    log_likelihood: tf.Tensor, kl: tf.Tensor, beta: float | tf.Tensor = 1.0
) -> tf.Tensor:
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


def iwae_bound(log_weights: tf.Tensor) -> tf.Tensor:
    """log 1/K sum_k w_k, [B] nats, a lower bound of log p(x) that rises with K.

    Args:
        log_weights: [B, K], log p(x, z_k) - log q(z_k|x).

    Reference: Burda et al., arXiv 1509.00519, equation 8.
    """
    tf.debugging.assert_rank(log_weights, 2)
    draws = tf.cast(tf.shape(log_weights)[1], log_weights.dtype)
    return tf.reduce_logsumexp(log_weights, axis=1) - tf.math.log(draws)


def marginal_bound(joint_bounds: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """sum_y q(y|x) [L(x, y) - log q(y|x)], [B] nats: a lower bound of log p(x).

    Its gap is KL(q(y|x) || p(y|x)) where L(x, y) = log p(x, y); where q(y|x) is one-hot, it is
    L(x, y) of that y.

    Args:
        joint_bounds: [B, K], lower bounds L(x, y) of log p(x, y), y = 0, ..., K - 1.
        logits: [B, K] of q(y|x).

    Reference: Kingma et al., Semi-supervised learning with deep generative models, arXiv 1406.5298,
        equation 7.
    """
    tf.debugging.assert_rank(joint_bounds, 2)
    tf.debugging.assert_rank(logits, 2)
    log_q = tf.nn.log_softmax(logits)
    return tf.reduce_sum(tf.exp(log_q) * (joint_bounds - log_q), axis=1)


def doubly_reparameterised(
    z: tf.Tensor, draws: int, beta: float | tf.Tensor = 1.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws z of q(z|x) whose gradient from `iwae_bound` has a lower variance, the same in mean.

        grad = sum_k (beta v_k^2 + (1 - beta) v_k) dlog w_k/dz_k dz_k/dphi,   v_k = w_k / sum_j w_j

    The plain gradient has v_k for the bracket, and beside it what q's parameters do to log q(z|x)
    at a fixed z; reparameterised once more that is sum_k beta (v_k - v_k^2) dlog w_k/dz_k dz_k/dphi
    less. So q's parameters are to be constants in log w, which the caller sees to.

    Args:
        z: [B K, d], K draws of each example in succession.
        draws: K.
        beta: weight of log q(z|x) / p(z) in log w, Python float or scalar tensor.

    Returns:
        (z, zeros [B K] to add to log w: the gradient that comes back to them is that of the bound,
        v_k).

    Reference: Tucker et al., Doubly reparameterized gradient estimators, arXiv 1810.04152, equation
        8, which has beta = 1.
    """
    tf.debugging.assert_rank(z, 2)

    @tf.custom_gradient
    def reweighted(z: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable]:
        def gradient(of_z: tf.Tensor, of_log_weights: tf.Tensor) -> tf.Tensor:
            v = tf.reshape(of_log_weights, [-1, draws])  # of any scale and sign
            v = tf.math.divide_no_nan(v, tf.reduce_sum(v, axis=1, keepdims=True))
            return of_z * tf.reshape(beta * v + 1.0 - beta, [-1, 1])

        return (tf.identity(z), tf.zeros(tf.shape(z)[:1])), gradient

    return reweighted(z)


def squared_error(features: tf.Tensor, features_hat: tf.Tensor) -> tf.Tensor:
    """1/2 |f - f_hat|^2, [B]: -log N(f; f_hat, I) without its constant, nats.

    Args:
        features, features_hat: [B, ...].

    Reference: Larsen et al., VAE/GAN, arXiv 1512.09300, equations 7 and 8.
    """
    return 0.5 * tf.reduce_sum(tf.square(_flat(features) - _flat(features_hat)), axis=1)


def absolute_error(x: tf.Tensor, x_hat: tf.Tensor) -> tf.Tensor:
    """Mean over pixels and channels of |x - x_hat|, [B].

    Args:
        x, x_hat: [B, ...].

    Reference: Rosca et al., alpha-GAN, arXiv 1706.04987, section 4 (an L1 reconstruction term).
    """
    return tf.reduce_mean(tf.abs(_flat(x) - _flat(x_hat)), axis=1)


def _flat(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, [tf.shape(x)[0], -1])
