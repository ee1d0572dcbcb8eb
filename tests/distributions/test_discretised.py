"""The logistic distribution on 256 levels: exact masses, finite gradients, fair draws."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.distributions.examples import GRID, masses
from zoo import distributions


@pytest.mark.parametrize("loc", [0.5, 0.0, 1.0, 0.123, -0.4, 1.7, 100.0])
@pytest.mark.parametrize("scale", [0.125 / 255, 0.01, 0.1, 1.0, 30.0])
def test_masses_sum_to_one(loc, scale):
    p = masses(loc, scale)
    assert np.all(p >= 0)
    np.testing.assert_allclose(p.sum(), 1.0, atol=2e-5)


def test_masses_by_hand():
    # F = sigmoid; level k holds F((k + 1/2)/255) - F((k - 1/2)/255), the outer ones all beyond.
    edges = (np.arange(255) + 0.5) / 255
    cumulative = 1 / (1 + np.exp(-(edges - 0.3) / 0.05))
    expected = np.diff(np.concatenate([[0.0], cumulative, [1.0]]))
    np.testing.assert_allclose(masses(0.3, 0.05), expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("loc, scale", [(100.0, 1.0), (-3.0, 0.01), (0.4, 100.0)])
def test_is_exact_far_from_the_centre(loc, scale):
    # F(u + h) - F(u - h) = F(u) (1 - F(u)) 2 sinh(h) where F is an exponential or straight.
    level = 77 / 255
    u = (level - loc) / scale
    log_f, log_1f = -np.logaddexp(0, -u), -np.logaddexp(0, u)
    h = 0.5 / 255 / scale
    expected = log_f + log_1f + math.log(2 * math.sinh(h))
    p = distributions.DiscretisedLogistic(loc, scale)
    np.testing.assert_allclose(p.log_prob(level), expected, rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("log_scale", [-80.0, -6.0, 0.0, 8.0])
@pytest.mark.parametrize("loc", [-40.0, 0.0, 40.0])
def test_gradients_are_finite(log_scale, loc):
    outputs = tf.tile(tf.constant([[[[loc, log_scale]]]]), [1, 16, 16, 1])
    x = tf.reshape(tf.constant(GRID), [1, 16, 16, 1])
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        log_prob = distributions.discretised_logistic(outputs).log_prob(x)
    gradient = tape.gradient(log_prob, outputs).numpy()
    assert log_prob.shape == (1,)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(gradient).all()


def test_gradient_pulls_loc_to_the_data():
    outputs = tf.constant([[[[0.0, 0.0]]], [[[0.0, 0.0]]]])  # loc = sigmoid(0) = 1/2
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        p = distributions.discretised_logistic(outputs)
        log_prob = p.log_prob(tf.reshape([0.2, 0.8], [2, 1, 1, 1]))
    below, above = tape.gradient(log_prob, outputs)[:, 0, 0, 0]
    assert below < -1e-3
    assert above > 1e-3
    np.testing.assert_allclose(p.mean()[:, 0, 0, 0], [0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize("loc", [0.5, 0.02, 0.98, -0.2, 1.3])
@pytest.mark.parametrize("scale", [0.125 / 255, 0.01, 0.1, 1.0])
def test_mean_is_within_half_a_level(loc, scale):
    p = distributions.DiscretisedLogistic(loc, scale)
    assert abs(float(p.mean()) - np.sum(GRID * masses(loc, scale))) < 0.5 / 255


@pytest.mark.parametrize("loc, scale", [(0.5, 0.05), (0.1, 0.2)])
def test_samples_follow_the_masses(loc, scale):
    draws, p = 20_000, masses(loc, scale)
    x = distributions.DiscretisedLogistic(loc, scale).sample(draws, seed=[1, 2]).numpy()
    levels = np.round(x * 255)
    np.testing.assert_allclose(x, levels / 255, atol=1e-7)
    assert levels.min() >= 0
    assert levels.max() <= 255
    mean = np.sum(GRID * p)
    variance = np.sum((GRID - mean) ** 2 * p)
    assert abs(x.mean() - mean) < 4 * math.sqrt(variance / draws)
    fourth = np.sum((GRID - mean) ** 4 * p)
    assert abs(x.var() - variance) < 4 * math.sqrt((fourth - variance**2) / draws)
    counts = np.bincount(levels.astype(int), minlength=256)
    for tail in (0, 255):
        assert abs(counts[tail] - draws * p[tail]) < 4 * math.sqrt(draws * p[tail] + 1)
