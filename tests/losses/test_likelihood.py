"""Bounds on log p(x) against closed forms, and against a model whose evidence is known."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.losses.calculus import LN2, gradients
from zoo import distributions
from zoo.losses import divergence, likelihood


def test_negative_elbo_by_hand():
    # -(log p - beta KL): -(-3 - 2) = 5 and -(-1 - 0.5) = 1.5; with beta = 4: 3 + 8 and 1 + 2.
    log_likelihood, kl = tf.constant([-3.0, -1.0]), tf.constant([2.0, 0.5])
    np.testing.assert_allclose(likelihood.negative_elbo(log_likelihood, kl), [5.0, 1.5])
    np.testing.assert_allclose(likelihood.negative_elbo(log_likelihood, kl, 4.0), [11.0, 3.0])


def test_iwae_by_hand():
    # ln((1 + 3) / 2) = ln 2; equal weights w give ln w; beyond exp: ln((e^-999 + e^-1000) / 2).
    weights = tf.constant([[0.0, math.log(3.0)], [-1.5, -1.5], [-999.0, -1000.0]])
    expected = [LN2, -1.5, -999.0 + math.log1p(math.exp(-1.0)) - LN2]
    np.testing.assert_allclose(likelihood.iwae_bound(weights), expected, rtol=1e-6)


@pytest.mark.parametrize("beta", [1.0, 0.3, 0.0])
def test_doubly_reparameterised_by_hand(beta):
    # log w = c z: d bound / dz_k = v_k c, v = softmax(c z) of each example's draws, and once more
    # beta v_k + 1 - beta; any factor of the bound is one of its gradient.
    z, c = np.float32([[1.0], [2.0], [0.5], [-1.0]]), 0.7
    v = np.exp(c * z).reshape(2, 2)
    v = (v / v.sum(axis=1, keepdims=True)).reshape(4, 1)
    variable = tf.Variable(z)
    with tf.GradientTape() as tape:
        draws, zeros = likelihood.doubly_reparameterised(tf.identity(variable), 2, beta)
        log_weights = tf.reshape(c * draws[:, 0] + zeros, [2, 2])
        bound = likelihood.iwae_bound(log_weights)
        loss = tf.reduce_sum(bound * [-0.5, 3.0])
    np.testing.assert_array_equal(draws, z)
    np.testing.assert_array_equal(zeros, np.zeros(4))
    expected = np.float32([-0.5, -0.5, 3.0, 3.0])[:, None] * v * c * (beta * v + 1 - beta)
    np.testing.assert_allclose(tape.gradient(loss, variable), expected, rtol=1e-5)


def test_squared_and_absolute_error_by_hand():
    # Differences 1, -2, 0, 2: half of 1 + 4 + 4 summed; 5 / 4 averaged.
    x = np.float32([[[1.0, 0.0], [3.0, 2.0]]])
    x_hat = np.float32([[[0.0, 2.0], [3.0, 0.0]]])
    np.testing.assert_allclose(likelihood.squared_error(x, x_hat), [4.5])
    np.testing.assert_allclose(likelihood.absolute_error(x, x_hat), [1.25])
    of_x, of_hat = gradients(likelihood.squared_error, x, x_hat)
    np.testing.assert_allclose(of_x, x - x_hat)
    np.testing.assert_allclose(of_hat, x_hat - x)
    (slope,) = gradients(lambda each: likelihood.absolute_error(x, each), x_hat - 0.5)
    np.testing.assert_allclose(slope, -np.sign(x - x_hat + 0.5) / 4)


def test_squared_error_is_a_normal_log_likelihood_and_a_constant():
    features, features_hat = np.random.default_rng(0).standard_normal((2, 5, 7)).astype(np.float32)
    log_prob = distributions.normal(tf.constant(features_hat), 1.0).log_prob(features)
    expected = -log_prob - 3.5 * math.log(2 * math.pi)
    found = likelihood.squared_error(features, features_hat)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


class LinearGaussian:
    """z ~ N(0, I), x|z ~ N(w z + b, s^2 I), w diagonal: x ~ N(b, w^2 + s^2).

    Posterior precision 1 + w^2 / s^2, mean (w / s^2) (x - b) / precision.
    """

    w, b, s = np.array([1.5, -0.4]), np.array([0.2, -1.0]), 0.6

    def __init__(self):
        self.x = np.array([[0.3, -0.8], [2.5, 0.4], [-3.0, -1.0]], np.float32)
        precision = 1 + self.w**2 / self.s**2
        self.loc = (self.w / self.s**2) * (self.x - self.b) / precision
        self.log_scale = np.broadcast_to(-0.5 * np.log(precision), self.loc.shape)
        variance = self.w**2 + self.s**2
        terms = -0.5 * (self.x - self.b) ** 2 / variance - 0.5 * np.log(2 * math.pi * variance)
        self.evidence = terms.sum(axis=1)
        self.prior = distributions.standard_normal(2)

    def posterior(self, widen=0.0, shift=0.0):
        outputs = np.concatenate([self.loc + shift, self.log_scale + widen], axis=1)
        return distributions.diagonal_normal(tf.constant(outputs, tf.float32))

    def log_likelihood(self, z):
        """log p(x|z) of z [B, 2], or [K, B, 2], whose draws stand for more rows."""
        x = np.broadcast_to(self.x, z.shape).reshape(-1, 2)
        loc = tf.reshape(tf.cast(z * self.w + self.b, tf.float32), [-1, 2])
        return tf.reshape(distributions.normal(loc, self.s).log_prob(x), z.shape[:-1])

    def log_weights(self, q, z):
        """log p(x, z) - log q(z|x) for z [K, B, 2], as [B, K]."""
        return tf.transpose(self.log_likelihood(z) + self.prior.log_prob(z) - q.log_prob(z))


def test_elbo_is_the_evidence_at_the_exact_posterior():
    model = LinearGaussian()
    q = model.posterior()
    for z in q.sample(3, seed=[0, 1]):
        # log p(x|z) + log p(z) - log q(z|x) = log p(x) for *every* z, as q is the exact posterior.
        kl = divergence.monte_carlo_kl(q, model.prior, z)
        loss = likelihood.negative_elbo(model.log_likelihood(z), kl)
        np.testing.assert_allclose(-loss, model.evidence, atol=2e-5)


def test_elbo_with_analytic_kl_at_the_exact_posterior():
    # E_q log p(x|z) = sum -((x - b - w loc)^2 + w^2 scale^2) / (2 s^2) - ln(s sqrt(2 pi)).
    model = LinearGaussian()
    scale = np.exp(model.log_scale)
    squares = (model.x - model.b - model.w * model.loc) ** 2 + model.w**2 * scale**2
    expected = (-squares / (2 * model.s**2) - math.log(model.s * math.sqrt(2 * math.pi))).sum(
        axis=1
    )
    kl = divergence.analytic_kl(model.posterior(), model.prior)
    loss = likelihood.negative_elbo(tf.constant(expected, tf.float32), kl)
    np.testing.assert_allclose(-loss, model.evidence, atol=2e-5)


def test_iwae_rises_from_the_elbo_to_the_evidence():
    model = LinearGaussian()
    q = model.posterior(
        widen=0.5, shift=0.2
    )  # a wrong posterior: the ELBO is loose, the weights are bounded
    draws = 16_384
    weights = model.log_weights(q, q.sample(draws, seed=[3, 4])).numpy()  # [B, draws]

    def bounds(k):
        """[B, draws / k] independent estimates."""
        flat = tf.constant(weights.reshape(-1, k))
        return likelihood.iwae_bound(flat).numpy().reshape(len(weights), -1)

    np.testing.assert_allclose(bounds(1), weights, atol=1e-6)  # K = 1 is the ELBO, draw by draw
    means = [bounds(k).mean(axis=1) for k in (1, 4, 16, 64)]
    gap = np.array(
        [0.5 * 2 * (math.exp(1.0) - 1 - 1.0) + 0.5 * 0.04 * np.exp(-2 * model.log_scale[0]).sum()]
    )
    # The ELBO's gap: KL(q || exact) = sum (e^(2 widen) - 1 - 2 widen) / 2 + (shift / scale)^2 / 2.
    error = 4 * bounds(1).std(axis=1) / math.sqrt(draws)
    assert np.all(np.abs(model.evidence - means[0] - gap) < error)
    for lower, higher in zip(means, means[1:]):
        assert np.all(lower < higher)
    exact = bounds(draws)[:, 0]
    ratios = np.exp(weights - weights.max(axis=1, keepdims=True))
    error = 4 * ratios.std(axis=1) / ratios.mean(axis=1) / math.sqrt(draws)  # delta method
    assert np.all(np.abs(exact - model.evidence) < error)
    assert np.all(error < 0.1)
