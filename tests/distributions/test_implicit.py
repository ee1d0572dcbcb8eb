"""Distributions known by their draws."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.distributions.examples import implicit
from zoo import distributions, seeds


def test_implicit_shapes_and_refusals():
    q = implicit()
    assert q.sample(seed=[0, 1]).shape == (3, 2)
    assert q.sample(5, seed=[0, 1]).shape == (5, 3, 2)
    assert q.batch_shape == (3,)
    assert q.event_shape == (2,)
    with pytest.raises(NotImplementedError):
        q.log_prob(tf.zeros([3, 2]))


def test_implicit_mean_is_the_average_of_draws():
    q = implicit()
    # The mean of 10 draws of N(10 i, 1): standard error sqrt(1/10); of 1000: 0.03.
    offsets = np.repeat([[0.0], [10.0], [20.0]], 2, axis=1)
    assert np.abs(q.mean() - offsets).max() < 4 * math.sqrt(1 / 10)
    many = tf.function(lambda: q.mean(draws=1000))()
    assert np.abs(many - offsets).max() < 4 / math.sqrt(1000)
    np.testing.assert_array_equal(q.mean(), q.mean())
    drawn = q.sample(10, seed=seeds.fold(0, "mean"))
    np.testing.assert_allclose(q.mean(), np.mean(drawn, axis=0), rtol=1e-6)


def test_many_implicit_draws_are_those_of_a_graph_and_carry_gradients():
    scale = tf.Variable([2.0, 3.0])
    q = distributions.Implicit(lambda noise: scale * noise, 2, 4, (2,))
    with tf.GradientTape() as tape:
        eager = q.sample(40, seed=[0, 1])
        total = tf.reduce_sum(eager)
    np.testing.assert_array_equal(eager, tf.function(lambda: q.sample(40, seed=[0, 1]))())
    # d/d scale of sum(scale * noise) is the noise's sum, which is that of the draws over the scale.
    noise = tf.reduce_sum(eager, axis=[0, 1]) / scale
    np.testing.assert_allclose(tape.gradient(total, scale), noise, rtol=1e-4)
