"""Divergences against those of normal distributions, derived beside each number."""

import math

import numpy as np
import tensorflow as tf

from tests.losses.calculus import LN2
from zoo import distributions
from zoo.losses import divergence


def test_analytic_kl_of_shifted_normals():
    # KL(N(m, 1) || N(0, 1)) = m^2 / 2, summed over dimensions: (9 + 1) / 2 and 0.
    outputs = tf.constant([[3.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    kl = divergence.analytic_kl(
        distributions.diagonal_normal(outputs), distributions.standard_normal(2)
    )
    np.testing.assert_allclose(kl, [5.0, 0.0], atol=1e-6)


def test_analytic_kl_is_not_symmetric():
    # KL(N(0, 2^2) || N(0, 1)) = (4 - 1) / 2 - ln 2; the other way 1/8 - 1/2 + ln 2.
    q = distributions.diagonal_normal(tf.constant([[0.0, LN2]]))
    kl = divergence.analytic_kl(q, distributions.standard_normal(1))
    np.testing.assert_allclose(kl, [1.5 - LN2], atol=1e-6)


def test_monte_carlo_kl_is_unbiased():
    q = distributions.diagonal_normal(tf.constant([[0.7, -0.2, 0.3, -0.5]]))
    p = distributions.standard_normal(2)
    # Sum over dimensions of (m^2 + s^2 - 1) / 2 - ln s, with ln s = 0.3 and -0.5.
    exact = sum((m**2 + math.exp(2 * t) - 1) / 2 - t for m, t in ((0.7, 0.3), (-0.2, -0.5)))
    z = q.sample(20_000, seed=[5, 6])[:, 0]
    many = distributions.diagonal_normal(
        tf.tile(tf.constant([[0.7, -0.2, 0.3, -0.5]]), [len(z), 1])
    )
    estimates = divergence.monte_carlo_kl(many, p, z).numpy()
    error = estimates.std() / math.sqrt(len(estimates))
    assert abs(estimates.mean() - exact) < 4 * error
    assert error < 0.02 < exact
