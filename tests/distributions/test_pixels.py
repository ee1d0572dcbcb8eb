"""Pixels one by one: probabilities that sum to 1, draws that follow them."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.distributions.pixels import FAMILIES

LEVELS = np.arange(256, dtype=np.float32) / 255


def family_of(name, channels, seed=0):
    """(family, outputs [P] of one pixel, `head` that gives them as a network would)."""
    family = FAMILIES[name](channels, 3)
    sizes = [outputs for _, outputs in family.heads]
    flat = np.random.default_rng(seed).normal(0.0, 1.5, sum(sizes)).astype(np.float32)
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    head = lambda index, x: tf.repeat(parts[index][None], tf.shape(x)[0], axis=0)
    return family, flat, head


def every_pixel(name, channels):
    """All values of a pixel, [N, C]."""
    levels = [0.0, 1.0] if name == "bernoulli" else LEVELS
    return np.array(list(itertools.product(levels, repeat=channels)), np.float32)


def probabilities(name, channels, seed=0):
    family, outputs, _ = family_of(name, channels, seed)
    x = every_pixel(name, channels)
    repeated = np.repeat(outputs[None], len(x), axis=0)
    return np.exp(family.log_prob(tf.constant(repeated), x).numpy().astype(np.float64))


@pytest.mark.parametrize(
    "name, channels",
    [("bernoulli", 3), ("categorical", 1), ("logistic_mixture", 1), ("logistic_mixture", 2)],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_probabilities_of_a_pixel_sum_to_one(name, channels, seed):
    assert abs(probabilities(name, channels, seed).sum() - 1.0) < 1e-4


@pytest.mark.parametrize(
    "name, channels",
    [("bernoulli", 3), ("categorical", 1), ("logistic_mixture", 1), ("logistic_mixture", 2)],
)
def test_draws_follow_the_probabilities(name, channels):
    family, _, head = family_of(name, channels)
    n = 20_000
    noise = np.random.default_rng(3).uniform(size=(n, family.noise)).astype(np.float32)
    drawn = family.pick(head, tf.constant(noise)).numpy()
    x, p = every_pixel(name, channels), probabilities(name, channels)
    # Moments of the drawn pixels, each within 4 standard errors of the exact ones.
    for function in (lambda v: v[:, 0], lambda v: v[:, 0] ** 2, lambda v: v[:, 0] * v[:, -1]):
        exact = (p * function(x)).sum()
        deviation = np.sqrt((p * function(x) ** 2).sum() - exact**2)
        assert abs(function(drawn).mean() - exact) < 4 * deviation / np.sqrt(n)
    assert np.isin(np.round(drawn * 255), np.round(x * 255)).all()


def test_means_of_a_mixture_move_with_the_channels_before():
    # One component, scale so small that x_1 is its mean: 0.5 (mu_1 + tanh(a) (2 x_0 - 1) + 1).
    family = FAMILIES["logistic_mixture"](2, 1)
    outputs = np.array([0.0, 0.6, 0.2, -9.0, -9.0, 0.5], np.float32)  # logit, mu, log s, a
    head = lambda index, x: tf.constant(outputs[None])
    drawn = family.pick(head, tf.constant([[0.5, 0.5, 0.5]])).numpy()[0]
    assert abs(drawn[0] - 0.8) < 1 / 255 + 1e-6  # 0.5 (0.6 + 1)
    expected = 0.5 * (0.2 + np.tanh(0.5) * (2 * drawn[0] - 1) + 1)
    assert abs(drawn[1] - expected) < 0.5 / 255 + 1e-6


def test_a_pixel_cnn_s_images_sum_to_one():
    model = zoo.create("pixel_cnn", image_shape=(2, 2, 1), pixel_layers=2, pixel_maps=4)
    rng = np.random.default_rng(0)
    for variable in model.pixels.trainable_variables:
        variable.assign(rng.normal(0.0, 0.7, variable.shape))
    x = np.array(list(itertools.product([0.0, 1.0], repeat=4)), np.float32).reshape(-1, 2, 2, 1)
    p = np.exp(model.log_prob(x).numpy().astype(np.float64))
    assert abs(p.sum() - 1.0) < 1e-5
    assert p.max() > 0.2  # far from uniform
    drawn = model.sample(20_000, seed=0).numpy().reshape(-1, 4)
    counts = np.bincount((drawn @ [8, 4, 2, 1]).astype(int), minlength=16)
    chi_square = ((counts - 20_000 * p) ** 2 / (20_000 * p)).sum()
    assert chi_square < 37.7  # 0.999 quantile, 15 degrees of freedom


def test_draws_by_the_distribution_s_own_verbs():
    model = zoo.create("pixel_cnn", image_shape=(4, 4, 1), pixel_layers=1, pixel_maps=4)
    p = model.image(3)
    drawn = p.sample(2, seed=tf.constant([1, 2]))
    assert drawn.shape == (2, 3, 4, 4, 1)
    each = p.log_prob(drawn)
    assert each.shape == (2, 3)
    np.testing.assert_allclose(each[1], p.log_prob(drawn[1]), rtol=1e-5)
    np.testing.assert_array_equal(drawn, p.sample(2, seed=tf.constant([1, 2])))
    with pytest.raises(NotImplementedError):
        p.mean()
