"""Noise layers: how much they change, what is left of it without training, and on two replicas."""

import math

import numpy as np
import pytest
import tensorflow as tf

from zoo import seeds
from zoo.networks.noise import Dropout, GaussianNoise, Shift
from zoo.networks.stack import Stack, dense


def test_dropout():
    x, seed, n = tf.fill([200, 100], 3.0), seeds.fold(0, "a"), 20_000
    y = Dropout(0.2)(x, training=True, seed=seed).numpy()
    dropped = (y == 0).mean()
    assert abs(dropped - 0.2) < 4 * math.sqrt(0.2 * 0.8 / n)
    # The rest is scaled so that E y = x, for a rate within half of 1/256 of the one asked for.
    np.testing.assert_allclose(y[y != 0], 3.0 / 0.8, rtol=0.5 / 256 / 0.8)
    assert abs(y.mean() - 3.0) < 4 * 3.0 * math.sqrt(0.2 / 0.8 / n)
    np.testing.assert_array_equal(Dropout(0.2)(x, training=True, seed=seed), y)
    other = Dropout(0.2)(x, training=True, seed=seeds.fold(0, "b")).numpy()
    assert abs(((y == 0) == (other == 0)).mean() - 0.68) < 4 * math.sqrt(0.68 * 0.32 / n)
    np.testing.assert_array_equal(Dropout(0.2)(x), x)


def test_gaussian_noise():
    x, seed, n = tf.fill([200, 100], 3.0), seeds.fold(0, "a"), 20_000
    y = GaussianNoise(0.5)(x, training=True, seed=seed).numpy()
    assert abs(y.mean() - 3.0) < 4 * 0.5 / math.sqrt(n)
    assert abs(y.std() - 0.5) < 4 * 0.5 / math.sqrt(2 * n)
    np.testing.assert_array_equal(GaussianNoise(0.5)(x, training=True, seed=seed), y)
    assert np.abs(GaussianNoise(0.5)(x, training=True, seed=seeds.fold(1)) - y).max() > 0.1
    np.testing.assert_array_equal(GaussianNoise(0.5)(x), x)


def test_shift():
    """Of one bright pixel in the middle, each of the 5 x 3 places that moves can bring it to."""
    n = 3_000
    x = np.zeros([n, 7, 5, 2], np.float32)
    x[:, 3, 2] = 1.0, 2.0
    layer, seed = Shift(1), seeds.fold(0, "a")
    y = layer(x, training=True, seed=seed).numpy()
    np.testing.assert_array_equal(y.sum(axis=(1, 2)), np.tile([1.0, 2.0], (n, 1)))
    share = (y[..., 0] == 1.0).mean(axis=0)  # of each place
    assert np.abs(share[2:5, 1:4] - 1 / 9).max() < 4 * math.sqrt(1 / 9 * 8 / 9 / n)
    np.testing.assert_array_equal(layer(x, training=True, seed=seed), y)
    assert (layer(x, training=True, seed=seeds.fold(1)) != y).numpy().any()
    np.testing.assert_array_equal(layer(x), x)


def test_shift_loses_what_leaves_and_brings_in_zeros():
    x = tf.ones([400, 3, 3, 1])
    y = Shift(2)(x, training=True, seed=seeds.fold(0)).numpy()[..., 0]
    sizes = {(int(rows), int(columns)) for rows, columns in zip(y[:, 1].sum(1), y[:, :, 1].sum(1))}
    assert y.shape == (400, 3, 3) and set(np.unique(y)) == {0.0, 1.0}
    assert (y.sum(axis=(1, 2)) >= 1).all() and (y.sum(axis=(1, 2)) <= 9).all()
    assert {(3, 3), (2, 2)} <= sizes


def test_a_row_moves_its_images_when_training():
    """A bright pixel in the middle of 3 x 3, through an identity: it is moved, or it is there."""
    x = np.zeros([50, 3, 3, 1], np.float32)
    x[:, 1, 1] = 1.0
    stack = Stack([dense(9, shift=1, activation="linear")])
    stack.build(x.shape)
    stack.set_weights([np.eye(9, dtype=np.float32), np.zeros(9, np.float32)])
    places = np.argmax(stack(x, training=True, seed=seeds.fold(0)), axis=1)
    assert set(places) == set(range(9))
    np.testing.assert_array_equal(stack(x), x.reshape(50, 9))


def test_only_images_are_shifted():
    with pytest.raises(ValueError, match="shift.*no images.*shift=1"):
        Stack([dense(3, shift=1)]).build((None, 4))


@pytest.mark.parametrize(
    "kind, amount, shape",
    [(Dropout, 0.5, [4]), (GaussianNoise, 1.0, [4]), (Shift, 3, [8, 8, 1])],
)
def test_noise_on_two_replicas_is_the_noise_of_the_whole(monkeypatch, kind, amount, shape):
    layer = kind(amount)
    half, seed = tf.random.stateless_uniform([3, *shape], [0, 1]), seeds.fold(3)
    x = tf.concat([half, half], axis=0)
    whole = layer(x, training=True, seed=seed)
    halves = []
    for index in (0, 1):
        monkeypatch.setattr(seeds, "replica", lambda index=index: (2, index))
        halves.append(layer(half, training=True, seed=seed))
    np.testing.assert_array_equal(tf.concat(halves, axis=0), whole)
