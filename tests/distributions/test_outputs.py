"""Network outputs become posteriors and likelihoods; decoders start at the mean of the data."""

import math

import numpy as np
import pytest
import tensorflow as tf

from zoo import distributions, networks
from zoo.networks.stack import conv, dense


def test_diagonal_normal_reads_loc_and_log_scale():
    q = distributions.diagonal_normal(tf.constant([[1.0, 2.0, 0.0, math.log(3.0)]]))
    np.testing.assert_allclose(q.mean(), [[1.0, 2.0]])
    np.testing.assert_allclose(q.stddev(), [[1.0, 3.0]], rtol=1e-6)
    # At the mean: -ln(2 pi) - ln 3, one number an example.
    np.testing.assert_allclose(
        q.log_prob([[1.0, 2.0]]), [-math.log(2 * math.pi) - math.log(3.0)], rtol=1e-6
    )


def test_unit_normal_shares_variance_1_between_outputs_and_noise():
    q = distributions.unit_normal(tf.constant([[1.0, -2.0]]), 0.6)
    np.testing.assert_allclose(q.mean(), [[0.8, -1.6]], rtol=1e-6)  # 0.8^2 + 0.6^2 = 1
    np.testing.assert_allclose(q.stddev(), [[0.6, 0.6]], rtol=1e-6)
    # At the mean: -ln(2 pi) - 2 ln 0.6, one number an example.
    np.testing.assert_allclose(
        q.log_prob([[0.8, -1.6]]), [-math.log(2 * math.pi) - 2 * math.log(0.6)], rtol=1e-5
    )


def test_scaled_normal_reads_channels():
    p = distributions.scaled_normal(tf.reshape([0.5, math.log(2.0)], [1, 1, 1, 2]))
    np.testing.assert_allclose(p.mean(), [[[[0.5]]]])
    np.testing.assert_allclose(p.stddev(), [[[[2.0]]]], rtol=1e-6)


def test_bernoulli_sums_over_pixels():
    # logit ln 3: P(1) = 3/4. Image (1, 0, 1, 1): ln(3/4) 3 + ln(1/4).
    p = distributions.bernoulli(tf.fill([1, 2, 2, 1], math.log(3.0)))
    x = tf.reshape([1.0, 0.0, 1.0, 1.0], [1, 2, 2, 1])
    np.testing.assert_allclose(p.log_prob(x), [3 * math.log(0.75) + math.log(0.25)], rtol=1e-6)
    np.testing.assert_allclose(p.mean(), np.full([1, 2, 2, 1], 0.75), rtol=1e-6)


def test_normal_has_one_stddev():
    p = distributions.normal(tf.zeros([2, 3]), 0.5)
    np.testing.assert_allclose(p.stddev(), np.full([2, 3], 0.5))
    expected = -3 * (0.5 * math.log(2 * math.pi) + math.log(0.5)) - 3 * 2.0  # (1 / 0.5)^2 / 2 = 2
    np.testing.assert_allclose(p.log_prob(tf.ones([2, 3])), [expected] * 2, rtol=1e-6)


def test_to_data():
    images = tf.reshape([0.0, math.log(3.0)], [2, 1, 1, 1])
    np.testing.assert_allclose(distributions.to_data(images)[:, 0, 0, 0], [0.5, 0.75], rtol=1e-6)
    np.testing.assert_array_equal(distributions.to_data(tf.constant([[-7.0, 9.0]])), [[-7.0, 9.0]])
    assert distributions.to_data(tf.zeros([1, 2], tf.bfloat16)).dtype == tf.float32


@pytest.mark.parametrize("of", ["diagonal_normal", "bernoulli", "deterministic", "scaled_normal"])
def test_bfloat16_outputs_become_float32(of):
    p = getattr(distributions, of)(tf.zeros([2, 4], tf.bfloat16))
    assert p.dtype == tf.float32
    assert p.mean().dtype == tf.float32


def decoder(last, **options):
    network = networks.Stack((last,), init_stddev=1e-6, **options)
    network.build((None, 5))
    return network


@pytest.mark.parametrize("bias", ["tied", "untied"])
def test_set_output_bias_gives_the_mean_of_the_batch(bias):
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, (50, 4, 4, 2)).astype(np.float32)
    network = networks.Stack(
        (networks.stack.Reshape((4, 4, 2)), conv(2, 1, activation="linear", bias=bias)),
        init_stddev=1e-6,
    )
    network.build((None, 32))
    distributions.set_output_bias(network, x)
    mean = distributions.to_data(network(tf.zeros([1, 32])))
    if bias == "untied":  # every pixel
        np.testing.assert_allclose(mean[0], x.mean(axis=0), atol=1e-5)
    else:  # every channel
        np.testing.assert_allclose(mean[0, 0, 0], x.mean(axis=(0, 1, 2)), atol=5e-3)


def test_set_output_bias_of_a_dense_decoder_of_images():
    x = np.random.default_rng(0).uniform(0.1, 0.9, (50, 4, 4, 1)).astype(np.float32)
    network = decoder(dense(None, activation="linear"), output_shape=(4, 4, 1))
    distributions.set_output_bias(network, x)
    mean = distributions.to_data(network(tf.zeros([1, 5])))
    np.testing.assert_allclose(mean[0], x.mean(axis=0), atol=1e-5)


def test_set_output_bias_of_vectors_and_of_saturated_pixels():
    network = decoder(dense(2, activation="linear"))
    distributions.set_output_bias(network, np.array([[-3.0, 4.0], [1.0, 8.0]], np.float32))
    np.testing.assert_allclose(network(tf.zeros([1, 5])), [[-1.0, 6.0]], atol=1e-5)
    network = decoder(dense(None, activation="linear"), output_shape=(1, 2, 1))
    distributions.set_output_bias(network, np.array([[[[0.0], [1.0]]]], np.float32))
    mean = distributions.to_data(network(tf.zeros([1, 5])))
    np.testing.assert_allclose(tf.reshape(mean, [2]), [0.01, 0.99], atol=1e-5)  # black and white


def test_set_output_bias_leaves_others_networks_alone():
    distributions.set_output_bias(object(), np.zeros([2, 2], np.float32))


@pytest.mark.parametrize("output", ["normal", "deterministic", "implicit"])
def test_codes_as_encoders_give_them(output):
    outputs = tf.constant([[1.0, 2.0, 0.0, math.log(3.0)]])
    network = {
        "normal": lambda: outputs,
        "deterministic": lambda: outputs[:, :2],
        "implicit": lambda noise: outputs[:, :2] + tf.reduce_sum(noise, axis=1, keepdims=True),
    }[output]
    q = distributions.code(output, network, 1, 2, noise_dim=5)
    assert q.batch_shape == (1,) and q.event_shape == (2,)
    if output == "implicit":
        assert q.noise_dim == 5
        assert distributions.code(output, network, 1, 2).noise_dim == 2
        # The sum of five: variance 5. 10 draws.
        assert np.abs(q.mean() - outputs[:, :2]).max() < 4.5 * math.sqrt(5 / 10)
    else:
        np.testing.assert_allclose(q.mean(), [[1.0, 2.0]])
        stddev = [[1.0, 3.0]] if output == "normal" else [[0.0, 0.0]]
        np.testing.assert_allclose(q.stddev(), stddev, rtol=1e-6)
