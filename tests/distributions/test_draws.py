"""Draws: rows that depend on their own seeds, replicas that share one draw, gradients."""

import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tests.distributions.examples import GRID, NAMES, ROWS, families, masses
from zoo import distributions, seeds


def take(name, rows):
    """The distribution made of these rows of a family's."""
    p = families()[name]
    if name == "implicit":
        offset = 10.0 * tf.cast(rows, tf.float32)[:, None]
        return distributions.Implicit(lambda noise: offset + noise, 3, len(rows), (3,))
    return distributions.mapped(lambda parameter: tf.gather(parameter, rows), p)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [None, 2])
def test_sample_rows_depends_on_its_own_row_alone(name, n):
    rows = seeds.row_seeds(ROWS, 5)
    drawn = distributions.sample_rows(families()[name], rows, "z", n)
    event = families()[name].event_shape
    assert drawn.shape == (ROWS, *([] if n is None else [n]), *event)
    for order in ([3, 0, 5, 1, 4, 2], [4], [2, 2]):  # permutation, subset, repetition
        of_order = distributions.sample_rows(take(name, order), tf.gather(rows, order), "z", n)
        np.testing.assert_allclose(of_order, tf.gather(drawn, order), atol=1e-6)
    if "deterministic" not in name:
        elsewhere = distributions.sample_rows(families()[name], rows, "x", n)
        assert np.abs(elsewhere - drawn).max() > 1e-3
    if n and "deterministic" not in name:
        assert np.abs(drawn[:, 0] - drawn[:, 1]).max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_sample_rows_has_the_moments_of_its_distribution(name):
    n = 1000
    p = families()[name]
    drawn = distributions.sample_rows(p, seeds.row_seeds(ROWS, 2), "z", n).numpy()  # [B, n, ...]
    if name == "implicit":
        mean, stddev = np.repeat(10.0 * np.arange(ROWS)[:, None], 3, axis=1), np.ones((ROWS, 3))
    elif name == "discretised_logistic":
        exact = np.vectorize(lambda loc, s: np.dot(GRID, masses(loc, s)))
        squares = np.vectorize(lambda loc, s: np.dot(GRID**2, masses(loc, s)))
        loc, scale = (a.numpy() for a in (p.distribution.loc, p.distribution.scale))
        mean = exact(loc, scale)
        stddev = np.sqrt(squares(loc, scale) - mean**2)
    elif "deterministic" in name:
        mean, stddev = p.mean().numpy(), np.zeros(p.mean().shape)
    else:
        mean, stddev = p.mean().numpy(), p.stddev().numpy()
    assert np.all(np.abs(drawn.mean(axis=1) - mean) < 4.5 * stddev / math.sqrt(n) + 1e-4)
    # The standard error of a standard deviation is about 1 / sqrt(2 n) of it: 2 %.
    assert np.all(np.abs(drawn.std(axis=1) - stddev) < 0.15 * stddev + 1e-4)


@pytest.mark.parametrize("name", ["normal", "uniform", "implicit"])
def test_draw_on_two_replicas_is_one_draw_of_the_whole(monkeypatch, name):
    seed = seeds.fold(0, "z")
    rng = np.random.default_rng(2)
    outputs = tf.constant(rng.standard_normal((4, 4)), tf.float32)

    def draw(rows):
        """This replica's draw for these rows of the global batch of four."""
        part = tf.gather(outputs, rows)
        if name == "uniform":
            return distributions.draw(distributions.uniform(3), seed, len(rows))
        if name == "implicit":
            q = distributions.Implicit(lambda noise: part + noise, 4, len(rows), (4,))
            return distributions.draw(q, seed)
        return distributions.draw(distributions.diagonal_normal(part), seed)

    whole = draw([0, 1, 2, 3])
    halves = []
    for index, rows in enumerate(([0, 1], [2, 3])):
        monkeypatch.setattr(seeds, "replica", lambda index=index: (2, index))
        halves.append(draw(rows))
    np.testing.assert_allclose(tf.concat(halves, axis=0), whole, atol=1e-6)
    assert np.abs(halves[0] - halves[1]).max() > 1e-3


def test_draw_is_reparameterised():
    outputs = tf.Variable([[0.5, -1.0, 0.1, 0.2]])
    with tf.GradientTape() as tape:
        z = distributions.draw(distributions.diagonal_normal(outputs), seeds.fold(0))
    gradient = tape.gradient(z, outputs)
    # z = loc + exp(s) eps: dz/dloc = 1, dz/ds = z - loc.
    np.testing.assert_allclose(gradient[0], [1.0, 1.0, *(z - outputs[:, :2])[0]], rtol=1e-5)


def test_components_are_drawn_by_their_weights():
    loc, tril = np.float32([[-9.0, 0.0], [9.0, 0.0]]), np.stack([np.eye(2, dtype=np.float32)] * 2)
    p = tfd.MixtureSameFamily(
        tfd.Categorical(probs=[0.9, 0.1]), tfd.MultivariateNormalTriL(loc, tril)
    )
    draw = tf.function(lambda: distributions.drawer(seeds.row_seeds(4000, 3))(p, "z"))
    drawn = draw().numpy()  # eager rows are drawn one by one
    # A share of 0.1 of 4,000: 5 standard errors are 0.024.
    assert abs((drawn[:, 0] > 0).mean() - 0.1) < 0.024
