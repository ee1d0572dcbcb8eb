"""Divergences between TFP distributions."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd


def analytic_kl(q: tfd.Distribution, p: tfd.Distribution) -> tf.Tensor:
    """KL(q || p), [B] nats, in closed form (Kingma and Welling, arXiv 1312.6114, appendix B)."""
    kl = tfd.kl_divergence(q, p)
    tf.debugging.assert_rank(kl, 1)
    return kl


def monte_carlo_kl(q: tfd.Distribution, p: tfd.Distribution, z: tf.Tensor) -> tf.Tensor:
    """log q(z) - log p(z), [B] nats: an unbiased estimate of KL(q || p) for z ~ q."""
    kl = q.log_prob(z) - p.log_prob(z)
    tf.debugging.assert_rank(kl, 1)
    return kl


def information_bound(log_prob: tf.Tensor, entropy: float | tf.Tensor) -> tf.Tensor:
    """log Q(c|x) + H(c), [B] nats: its mean is at most the information that x = G(z, c) has of c.

    Args:
        log_prob: [B], log Q(c|x) of the code c that x was made from.
        entropy: of the codes' distribution, in nats, which the bound reaches where Q knows c.

    Reference: Chen et al., InfoGAN, arXiv 1606.03657, equation 5.
    """
    tf.debugging.assert_rank(log_prob, 1)
    return log_prob + entropy
