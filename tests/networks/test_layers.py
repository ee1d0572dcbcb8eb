"""Layers that Keras lacks, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.networks.layers import BatchNorm, Maxout, UntiedBias


def test_maxout_takes_the_largest_of_each_group():
    # 6 channels, 2 pieces: channel k competes with channel k + 3.
    x = tf.constant([[1.0, 5.0, -2.0, 3.0, 4.0, -1.0]])
    np.testing.assert_array_equal(Maxout(2)(x), [[3.0, 5.0, -1.0]])
    np.testing.assert_array_equal(Maxout(3)(x), [[4.0, 5.0]])  # (1, -2, 4), (5, 3, -1)


@pytest.mark.parametrize("shape", [(16, 3), (4, 5, 6, 3)])
@pytest.mark.parametrize("synchronised", [False, True])
def test_batch_norm_against_numpy(shape, synchronised):
    layer = BatchNorm(momentum=0.9, epsilon=1e-2)
    layer.build(shape)
    layer.gamma.assign([1.0, 2.0, -0.5])
    layer.beta.assign([0.0, 1.0, 3.0])
    x = np.random.default_rng(0).normal(2.0, 3.0, shape).astype(np.float32)
    if synchronised:
        gamma, beta = layer.gamma.value, layer.beta.value
        y, batch_mean, batch_variance = layer._synchronised(tf.constant(x), gamma, beta)
    else:
        y = layer(x, training=True)
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=axes), x.var(axis=axes)  # the biased variance
    expected = [1.0, 2.0, -0.5] * (x - mean) / np.sqrt(variance + 1e-2) + [0.0, 1.0, 3.0]
    np.testing.assert_allclose(y, expected, atol=2e-5)
    if synchronised:
        np.testing.assert_allclose(batch_mean, mean, rtol=1e-5)
        np.testing.assert_allclose(batch_variance, variance, rtol=1e-4)
        return
    # moving = 0.9 moving + 0.1 batch, from mean 0 and variance 1.
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance, rtol=1e-4)
    before = layer.moving_mean.numpy()
    y = layer(x, training=False)  # population statistics, left as they are
    scale = np.sqrt(0.9 + 0.1 * variance + 1e-2)
    expected = [1.0, 2.0, -0.5] * (x - 0.1 * mean) / scale + [0.0, 1.0, 3.0]
    np.testing.assert_allclose(y, expected, atol=2e-5)
    np.testing.assert_array_equal(layer.moving_mean, before)


def test_synchronised_variance_does_not_cancel_about_a_large_mean():
    # E x^2 is 10^4 in float32, whose steps there are 10^-3: ten times the variance.
    layer = BatchNorm()
    x = np.random.default_rng(0).normal(100.0, 0.01, (64, 3)).astype(np.float32)
    y, _, variance = layer._synchronised(tf.constant(x), tf.ones(3), tf.zeros(3))
    exact = x.astype(np.float64).var(axis=0)
    np.testing.assert_allclose(variance, exact, rtol=1e-2)
    np.testing.assert_allclose(np.std(y, axis=0), np.sqrt(exact / (exact + 1e-4)), rtol=1e-2)


def test_batch_norm_without_scale_and_shift_learns_nothing():
    layer = BatchNorm(epsilon=1e-2, affine=False)
    layer.build((16, 3))
    assert not layer.trainable_variables and len(layer.variables) == 2
    x = np.random.default_rng(0).normal(2.0, 3.0, (16, 3)).astype(np.float32)
    expected = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-2)
    np.testing.assert_allclose(layer(x, training=True), expected, atol=2e-5)


def test_untied_bias_is_one_for_each_pixel_and_channel():
    layer = UntiedBias()
    layer.build((None, 2, 3, 4))
    bias = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    layer.bias.assign(bias)
    np.testing.assert_array_equal(layer(tf.ones([5, 2, 3, 4])), np.tile(1 + bias, (5, 1, 1, 1)))


def test_a_frozen_batch_normalisation_keeps_its_statistics():
    layer = BatchNorm()
    x = tf.constant(np.random.default_rng(0).normal(3, 2, size=(16, 4)), tf.float32)
    layer(x, training=True)
    layer.trainable = False
    before = [np.array(v) for v in layer.variables]
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    for old, variable in zip(before, layer.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
