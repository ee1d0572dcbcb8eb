"""A [B] against [B, 1] slip cannot pass."""

import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo.losses import adversarial, divergence, likelihood, supervised


@pytest.mark.parametrize(
    "loss, ranks",
    [
        (adversarial.discriminator, (1, 2)),
        (adversarial.discriminator, (2, 1)),
        (adversarial.minimax_generator, (2,)),
        (adversarial.non_saturating_generator, (2,)),
        (adversarial.swapped_generator, (1, 2)),
        (adversarial.swapped_generator, (2, 1)),
        (likelihood.negative_elbo, (1, 2)),
        (likelihood.negative_elbo, (2, 1)),
        (likelihood.iwae_bound, (1,)),
        (likelihood.marginal_bound, (1, 2)),
        (likelihood.marginal_bound, (2, 1)),
        (lambda z: likelihood.doubly_reparameterised(z, 2), (1,)),
        (adversarial.log_ratio_generator, (2,)),
        (adversarial.wasserstein_critic, (1, 2)),
        (adversarial.wasserstein_critic, (2, 1)),
        (adversarial.wasserstein_generator, (2,)),
        (supervised.data_logit, (1,)),
    ],
)
def test_wrong_ranks_are_refused(loss, ranks):
    with pytest.raises(ValueError, match="rank"):
        loss(*(tf.zeros([4, 1][:rank]) for rank in ranks))


def test_wrong_ranks_of_labels_are_refused():
    for logits, y in (([4], [4]), ([4, 3], [4, 1])):
        with pytest.raises(ValueError, match="rank"):
            supervised.cross_entropy(tf.zeros(logits), tf.zeros(y, tf.int32))


def test_divergences_of_unsummed_distributions_are_refused():
    q = tfd.Normal(tf.zeros([4, 1]), 1.0)  # one KL a dimension, not one an example
    with pytest.raises(ValueError, match="rank"):
        divergence.analytic_kl(q, tfd.Normal(0.0, 1.0))
    with pytest.raises(ValueError, match="rank"):
        divergence.monte_carlo_kl(q, tfd.Normal(0.0, 1.0), tf.zeros([4, 1]))
