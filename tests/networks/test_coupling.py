"""Networks of coupling layers: where they start, what bounds them, what they read."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.networks.coupling import Conditioner, Conditioners, kept_half, layout

SHAPES = [(5,), (1,), (4, 6, 3), (7, 4, 1), (1, 1, 2)]


def conditioner(shape, **options):
    """A built one."""
    made = Conditioner(shape, **{"units": 8, "blocks": 1, **options})
    made.build()
    return made


def move(network, stddev=0.5, seed=0):
    """Adds noise to every weight."""
    random = np.random.default_rng(seed)
    for v in network.trainable_variables:
        v.assign(v + random.normal(0.0, stddev, v.shape))


def data(shape, rows=3, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=(rows, *shape)), tf.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_starts_at_zero_and_depends_on_its_row_alone(shape):
    network, x = conditioner(shape), data(shape)
    assert network(x).shape == (3, *shape[:-1], 2 * shape[-1])
    assert not np.any(network(x))
    move(network)
    whole = network(x).numpy()
    assert np.abs(whole).max() > 0.1
    # Sums in another order: terms of size 10, of which some hundred are off by 2^-24 each.
    np.testing.assert_allclose(network(x[1:2]), whole[1:2], rtol=1e-5, atol=6e-5)
    assert not network.non_trainable_variables


@pytest.mark.parametrize("shape", SHAPES)
def test_log_scales_stay_within_their_bound(shape):
    network = conditioner(shape)
    move(network, 50.0)
    network.bound.assign(np.arange(1.0, 1.0 + shape[-1]))
    log_scale, shift = tf.split(network(10 * data(shape, 20)), 2, axis=-1)
    largest = np.abs(log_scale).reshape(-1, shape[-1]).max(axis=0)
    np.testing.assert_allclose(largest, network.bound, rtol=1e-4)
    assert np.abs(shift).max() > 100  # shifts have none


def test_blocks_of_pixels_give_each_pixel_its_own_outputs():
    # Without hidden blocks the last layer sees the first one's pixel: a 3x3 block of 2x2 pixels.
    network = conditioner((8, 8, 1), blocks=0)
    move(network)
    x = data((8, 8, 1), 1).numpy()
    before = network(x).numpy()
    x[0, 0, 0, 0] += 1.0
    moved = np.abs(network(x).numpy() - before).max(axis=(0, 3)) > 1e-6
    assert moved[:4, :4].all() and not moved[4:].any() and not moved[:, 4:].any()
    assert len(np.unique(np.round(before, 5))) > 100


def test_odd_sides_are_read_pixel_by_pixel():
    assert conditioner((7, 4, 1)).first.kernel.shape == (3, 3, 1, 8)
    assert conditioner((6, 4, 1)).first.kernel.shape == (3, 3, 4, 8)


@pytest.mark.parametrize("size, half", [(6, 0), (6, 1), (7, 0), (7, 1)])
def test_of_a_half_it_computes_the_other_one_alone(size, half):
    kept = (np.arange(size) < size // 2) == (half == 0)
    x, weights = data((size,)) * kept, data((2 * size,), 1, seed=1) * np.tile(1.0 - kept, 2)
    found = {}
    for name, chosen in (("whole", None), ("half", half)):
        network = conditioner((size,), half=chosen)
        move(network)
        with tf.GradientTape() as tape:
            outputs = network(x) * np.tile(1.0 - kept, 2)  # as a coupling uses them
            loss = tf.reduce_sum(outputs * weights)
        found[name] = [outputs, *tape.gradient(loss, network.trainable_variables)]
    assert np.abs(found["whole"][0]).max() > 0.1
    for whole, of_half in zip(found["whole"], found["half"]):
        # Sums of some ten terms of size 10, each off by 2^-24.
        np.testing.assert_allclose(of_half, whole, rtol=1e-5, atol=1e-5)
    # What is not used is not computed, nor is what is not kept read.
    assert not np.any(network(x).numpy()[:, np.tile(kept, 2)])
    np.testing.assert_array_equal(network(x + 3.0 * (1.0 - kept)), network(x))


def test_long_vectors_alone_are_read_by_halves():
    halves = lambda shape: [kept_half(mask) for mask in layout(shape, 2, 1)[0][0]]
    assert halves((64,)) == [0, 1, 0, 1] and halves((63,)) == [None] * 4
    assert halves((8, 8, 1)) == [None]


def test_several_are_one_network_of_different_weights():
    made = Conditioners([(4, 4, 1), (4, 4, 1), (2, 2, 2)], units=8, blocks=2, init_seed=3)
    made.build()
    kernels = [member.first.kernel.numpy() for member in made.members]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.01
    move(made)
    assert made(data((2, 2, 2)), index=2).shape == (3, 2, 2, 4)
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    twin.build()
    twin.set_weights(made.get_weights())
    for index, shape in enumerate([(4, 4, 1), (4, 4, 1), (2, 2, 2)]):
        x = data(shape)
        np.testing.assert_array_equal(twin(x, index=index), made(x, index=index))


def test_initial_weights():
    network = conditioner((3,), units=2000, init_stddev=0.02)
    assert abs(np.std(network.blocks[0][0].kernel) / 0.02 - 1) < 0.02
    network = conditioner((3,), units=2000)
    assert abs(np.std(network.blocks[0][0].kernel) / np.sqrt(2 / 2000) - 1) < 0.02  # He
