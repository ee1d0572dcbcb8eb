"""Masked networks: who sees whom, by perturbation; sampling by columns against whole passes."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from zoo.networks import MADE, PixelStack
from zoo.networks.noise import Dropout

SHAPE = (5, 6, 2)


def stack(heads=((0, 3),), shape=SHAPE, conditions=(), **options):
    """A built network whose biases are not 0."""
    settings = {"layers": 6, "maps": 4, "kernel": 3, "first_kernel": 3, "init_seed": 1}
    network = PixelStack(heads, **{**settings, **options})
    network.build((None, *shape), *((None, *condition) for condition in conditions))
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        if "bias" in variable.path:
            variable.assign(rng.normal(0.0, 0.3, variable.shape))
    return network


def images(n, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, *shape)).astype(np.float32)


def reach(network, shape=SHAPE, *conditions):
    """bool [H W, H W]: whether output i moves as pixel j does, by more than rounding.

    Kernels sum in another order for another number of rows: sums of some hundred terms of size 1
    are then off by up to 100 x 2^-24 = 6e-6.
    """
    return changes(network, shape, *conditions) > 1e-5


def changes(network, shape=SHAPE, *conditions):
    """[H W, H W]: how much output i moves as pixel j does."""
    x = images(1, shape)
    pixels = shape[0] * shape[1]
    moved = np.repeat(x, pixels, axis=0).reshape(pixels, pixels, shape[2])
    moved[np.arange(pixels), np.arange(pixels)] = 1.0 - moved[np.arange(pixels), np.arange(pixels)]
    rows = [np.repeat(condition, pixels, axis=0) for condition in conditions]
    before = network(x, *conditions).numpy().reshape(1, pixels, -1)
    after = network(moved.reshape(pixels, *shape), *rows).numpy().reshape(pixels, pixels, -1)
    return np.abs(after - before).max(axis=-1).T


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("kernels", [(3, 3), (3, 5), (7, 3)])
def test_a_pixel_sees_those_before_it_and_no_other(gated, kernels):
    first, kernel = kernels
    moves = changes(stack(gated=gated, first_kernel=first, kernel=kernel))
    assert np.triu(moves).max() < 1e-5  # rounding, see `reach`
    seen = moves > 1e-6  # the farthest ones, through six layers, move little
    # Six layers reach every pixel above and to the left of the last one: there is no blind spot.
    assert seen[-1, :-1].all() or not gated  # a ReLU may be shut
    assert seen[-1, :-1].mean() > 0.9


def test_one_layer_has_no_blind_spot_in_its_window():
    seen = reach(stack(layers=1, first_kernel=5)).reshape(5, 6, 5, 6)
    window = np.zeros((5, 6), bool)
    window[1:3, 1:6] = True  # two rows above, two columns on each side
    window[3, 1:3] = True
    np.testing.assert_array_equal(seen[3, 3], window)


def test_channels_follow_one_another():
    network = stack(heads=((0, 1), (1, 1)))
    x = images(1)
    moved = np.stack([x[0], x[0]])
    for channel in range(2):
        moved[channel, 2, 3, channel] += 0.5
    change = np.abs(network(moved).numpy() - network(x).numpy())[:, 2, 3]
    assert change[0, 0] < 1e-5 and change[0, 1] > 1e-4  # the second reads the first
    np.testing.assert_array_less(change[1], 1e-5)  # see `reach`


@pytest.mark.parametrize("condition", [(4,), (5, 6, 3)])
def test_conditions_reach_every_pixel_and_leave_the_order(condition):
    network = stack(conditions=(condition,))
    x, one = images(1), images(1, condition, seed=1)
    other = images(1, condition, seed=2)
    change = np.abs(network(x, one).numpy() - network(x, other).numpy())
    assert (change.max(axis=-1) > 1e-5).all()
    assert not np.triu(reach(network, SHAPE, one)).any()


def pick(head, noise):
    """A pixel of two channels that depends on the outputs and on the noise."""
    first = tf.cast(noise[:, 0] < tf.sigmoid(head(0, tf.zeros_like(noise))[:, 0]), tf.float32)
    x = tf.stack([first, first], axis=-1)
    second = tf.cast(noise[:, 1] < tf.sigmoid(head(1, x)[:, 0]), tf.float32)
    return tf.stack([first, second], axis=-1)


def pixel_by_pixel(network, noise, *conditions):
    """What `sample` gives, from a whole pass for each channel of each pixel."""
    x = np.zeros_like(noise)
    for row, column, channel in np.ndindex(*noise.shape[1:]):
        logits = network(x, *conditions).numpy()[:, row, column, channel]
        chance = 1.0 / (1.0 + np.exp(-logits))
        x[:, row, column, channel] = noise[:, row, column, channel] < chance
    return x


@pytest.mark.parametrize(
    "options",
    [{}, {"gated": False}, {"first_kernel": 7, "kernel": 5}, {"conditions": ((4,), (5, 6, 3))}],
)
@pytest.mark.parametrize("jit_compile", helpers.first_of([False, True]))
def test_sampling_by_columns_is_exact(options, jit_compile):
    network = stack(heads=((0, 1), (1, 1)), **{"layers": 3, **options})
    given = [images(3, shape, seed=1) for shape in options.get("conditions", ())]
    noise = images(3, seed=2)
    sample = tf.function(
        lambda noise: network.sample(pick, noise, *given), jit_compile=jit_compile, autograph=False
    )
    drawn = sample(noise).numpy()
    np.testing.assert_array_equal(drawn, pixel_by_pixel(network, noise, *given))
    assert 0.1 < drawn.mean() < 0.9  # not one colour


def test_dropout_is_drawn_by_seed_and_only_in_training():
    network, x = stack(dropout=0.5), images(2)
    one, again = (network(x, training=True, seed=tf.constant([1, 2])) for _ in range(2))
    other = network(x, training=True, seed=tf.constant([1, 3]))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3
    np.testing.assert_array_equal(network(x), network(x, training=False, seed=tf.constant([1, 2])))


def test_every_gate_drops_by_a_mask_of_its_own(monkeypatch):
    masks, draw = [], Dropout._bytes
    spy = lambda layer, shape, seed: masks.append(draw(layer, shape, seed)) or masks[-1]
    monkeypatch.setattr(Dropout, "_bytes", spy)
    stack(dropout=0.5, layers=3)(images(2), training=True, seed=tf.constant([1, 2]))
    assert len(masks) == 6  # two stacks of three layers
    for one, other in itertools.combinations(masks, 2):
        assert np.mean(one.numpy() == other.numpy()) < 0.05  # bytes: by chance 1 in 256


def test_made_is_autoregressive():
    network = MADE(7)
    network.build((None, 5))
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    z = tf.constant(rng.normal(size=(1, 5)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        outputs = network(z)[0]  # [5, 2]
    for number in range(2):
        with tf.GradientTape() as tape:
            tape.watch(z)
            outputs = network(z)[0, :, number]
        jacobian = tape.jacobian(outputs, z)[:, 0].numpy()  # [output, input]
        np.testing.assert_array_equal(np.triu(jacobian), 0.0)
        assert (np.abs(jacobian[np.tril_indices(5, -1)]) > 1e-6).all()
