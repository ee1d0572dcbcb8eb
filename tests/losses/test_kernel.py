"""Kernels and MMD: by hand, and against two Gaussians' closed form."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.losses.calculus import gradients
from zoo.losses import divergence, kernel


def test_kernels_by_hand():
    # Bandwidths are variances: at distance 2, exp(-4 / (2 * 2)) + exp(-4 / (2 * 8)).
    square = tf.constant([0.0, 4.0])
    expected = [2.0, math.exp(-1.0) + math.exp(-0.25)]
    np.testing.assert_allclose(kernel.rbf([2.0, 8.0])(square), expected, rtol=1e-6)
    # (1 + 4 / (2 a))^-a: 3^-1 + 2^-2 for a = 1, 2.
    found = kernel.rational_quadratic([1.0, 2.0])(square)
    np.testing.assert_allclose(found, [2.0, 1 / 3 + 1 / 4], rtol=1e-6)


def test_distances():
    x, y = tf.constant([[0.0, 0.0], [3.0, 4.0]]), tf.constant([[3.0, 4.0], [0.0, 1.0], [6.0, 8.0]])
    found = kernel.squared_distances(x, y)
    np.testing.assert_allclose(found, [[25.0, 1.0, 100.0], [0.0, 18.0, 25.0]], atol=1e-5)


def test_estimators_by_hand():
    # One kernel of variance 1/2, exp(-d^2), on the line: x = 0, 1; y = 0, 2.
    x, y, e = tf.constant([[0.0], [1.0]]), tf.constant([[0.0], [2.0]]), math.exp
    xx, yy = e(-1), e(-4)
    cross = (1 + e(-4) + e(-1) + e(-1)) / 4  # |0-0|, |0-2|, |1-0|, |1-2|
    expected = {
        "biased": (2 + 2 * xx) / 4 + (2 + 2 * yy) / 4 - 2 * cross,
        "unbiased": xx + yy - 2 * cross,
        "linear": xx + yy - e(-4) - e(-1),  # |x1 - y2| = 2, |x2 - y1| = 1
    }
    for estimator, value in expected.items():
        found = kernel.squared_mmd(x, y, kernel.rbf([0.5]), estimator)
        np.testing.assert_allclose(found, value, rtol=1e-5, err_msg=estimator)
    with pytest.raises(ValueError, match="estimator"):
        kernel.squared_mmd(x, y, kernel.rbf([0.5]), "exact")


def test_pairs_of_a_single_row_are_refused():
    one, rbf = tf.zeros([1, 2]), kernel.rbf([1.0])
    for estimator in ("unbiased", "linear"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="at least two rows"):
            kernel.squared_mmd(one, one, rbf, estimator)
    assert kernel.squared_mmd(one, one, rbf, "biased") == 0.0


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_against_the_closed_form_of_two_gaussians(shift):
    # E k(x, y) of N(0, I) and N(mu, I) is (s / (s + 2))^(d/2) exp(-|mu|^2 / (2 (s + 2))).
    d, s, n, repeats = 3, 2.0, 20, 400
    size = (s / (s + 2)) ** (d / 2)
    exact = 2 * size * (1 - math.exp(-(d * shift**2) / (2 * (s + 2))))
    random = np.random.default_rng(0)
    x = tf.constant(random.standard_normal((repeats, n, d)), tf.float32)
    y = tf.constant(random.standard_normal((repeats, n, d)) + shift, tf.float32)
    bias = {"biased": 2 * (1 - size) / n, "unbiased": 0.0, "linear": 0.0}
    for estimator, excess in bias.items():
        one = lambda pair, e=estimator: kernel.squared_mmd(*pair, kernel.rbf([s]), e)
        found = tf.vectorized_map(one, (x, y)).numpy()
        error = found.std() / math.sqrt(repeats)
        assert abs(found.mean() - exact - excess) < 4 * error, estimator
        assert error < 0.02
        negative = {"biased": False, "unbiased": shift == 0, "linear": True}[estimator]
        assert (found < 0).any() == negative


def test_feature_matching_by_hand():
    # ((1 - 4)^2 + (2 - 2)^2) / 2; its slope at the model's means is -(1 - 4) and 0.
    data, model = tf.constant([1.0, 2.0]), tf.constant([4.0, 2.0])
    np.testing.assert_allclose(kernel.feature_matching(data, model), 4.5)
    of_data, of_model = gradients(kernel.feature_matching, data, model)
    np.testing.assert_allclose([of_data, of_model], [[-3.0, 0.0], [3.0, 0.0]])
    with pytest.raises(ValueError, match="rank"):
        kernel.feature_matching(tf.zeros([4, 2]), tf.zeros([2]))


def test_information_bound_reaches_the_information():
    # c of 4 classes passes a channel that errs with chance 0.2: I = ln 4 + E ln P(c|x).
    channel = np.full((4, 4), 0.2 / 3) + (0.8 - 0.2 / 3) * np.eye(4)
    information = math.log(4) + (channel * np.log(channel)).sum() / 4
    weights = channel.reshape(-1) / 4
    bound = lambda q: weights * divergence.information_bound(np.log(q).reshape(-1), math.log(4))
    np.testing.assert_allclose(np.sum(bound(channel)), information, rtol=1e-6)
    assert np.sum(bound(0.9 * channel + 0.1 / 4)) < information - 1e-3
    with pytest.raises(ValueError, match="rank"):
        divergence.information_bound(tf.zeros([4, 1]), 1.0)
