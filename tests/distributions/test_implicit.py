"""Distributions known by their draws."""

import contextlib
import math

import numpy as np
import pytest
import tensorflow as tf

from tests.distributions.examples import implicit
from zoo import distributions


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
    # The mean of 256 draws of N(10 i, 1): standard error 1/16; of 1000: 0.03.
    offsets = np.repeat([[0.0], [10.0], [20.0]], 2, axis=1)
    assert np.abs(q.mean() - offsets).max() < 4 / math.sqrt(distributions.MEAN_DRAWS)
    many = tf.function(lambda: q.mean(draws=1000))()
    assert np.abs(many - offsets).max() < 4 / math.sqrt(1000)
    np.testing.assert_array_equal(q.mean(), q.mean())
    assert not distributions.has_exact_mean(q)


def test_the_mean_of_a_row_does_not_depend_on_the_rows_beside_it():
    """The same noises for every row: where x tells nothing, all means are equal."""
    blind = distributions.Implicit(lambda noise: noise, 2, 50, (2,)).mean().numpy()
    np.testing.assert_allclose(blind, np.repeat(blind[:1], 50, axis=0), rtol=1e-5)
    x = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    of = lambda rows: distributions.Implicit(
        lambda noise: tf.tanh(rows + noise) * rows, 2, len(rows), (2,)
    )
    parts = np.concatenate([of(x[:3]).mean(), of(x[3:]).mean()])
    np.testing.assert_allclose(of(x).mean(), parts, rtol=1e-5, atol=1e-7)


def test_a_mean_in_closed_form_is_taken_inside_of_the_context():
    entered = []

    @contextlib.contextmanager
    def context():
        entered.append("in")
        yield
        entered.append("out")

    closed = lambda: tf.fill([3, 2], 1.0 if entered[-1:] == ["in"] else 0.0)
    q = distributions.Implicit(lambda noise: noise, 2, 3, (2,), closed)
    assert distributions.has_exact_mean(q)
    np.testing.assert_array_equal(q.mean(), np.zeros((3, 2)))
    np.testing.assert_array_equal(q.within(context).mean(), np.ones((3, 2)))
    assert entered == ["in", "out"]


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
