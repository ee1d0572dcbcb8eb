"""Weight normalisation, against NumPy, and its start from data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from zoo.networks import own
from zoo.networks.stack import Stack, conv, deconv, dense
from zoo.networks.weight_norm import WeightNorm, initialise

MADE = [
    (lambda: keras.layers.Dense(4), (300, 6)),
    (lambda: keras.layers.Conv2D(4, 3, data_format="channels_last"), (60, 6, 6, 2)),
]


@pytest.mark.parametrize("norm", [{"weight_norm": "learned"}, {"spectral": True}])
def test_deconvolutions_have_no_norm_of_weights(norm):
    network = Stack((deconv(4, 3, 2, **norm), dense(None)), ())
    with helpers.refused(ValueError, match=f"`{min(norm)}`.*deconvolution"):
        network.build((None, 5, 5, 2))


@pytest.mark.parametrize("made, shape", MADE)
def test_the_kernel_has_length_g_and_begins_as_it_is(made, shape):
    layer, x = WeightNorm(made()), np.random.default_rng(0).normal(size=shape).astype(np.float32)
    layer.build((None, *shape[1:]))
    np.testing.assert_allclose(layer(x), layer.layer(x), rtol=1e-4, atol=1e-5)
    kernel = layer.layer.kernel.numpy()
    layer.layer.kernel.assign(3.0 * kernel)  # its direction alone counts
    layer.g.assign([0.5, 1.0, 2.0, 3.0])
    y = layer(x)
    layer.layer.kernel.assign(kernel)
    length = np.linalg.norm(kernel.reshape(-1, 4), axis=0)
    np.testing.assert_allclose(
        y, layer.layer(x) * ([0.5, 1.0, 2.0, 3.0] / length), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("learned", [True, False])
def test_the_gradient_is_across_the_direction(learned):
    layer = WeightNorm(keras.layers.Dense(3), learned)
    layer.build((None, 4))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert len(layer.trainable_variables) == 2 + learned
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layer(x) ** 3)
    slopes = dict(zip(["V", "g"], tape.gradient(value, [layer.layer.kernel, layer.g])))
    # A change of V's length changes nothing.
    along = np.sum(slopes["V"] * layer.layer.kernel.numpy(), axis=0)
    np.testing.assert_allclose(along, 0.0, atol=1e-4 * np.abs(slopes["V"]).max())
    if learned:  # d/dg of sum (g a + b)^3, a = x V / |V|, b = 0
        a = x @ (layer.layer.kernel / np.linalg.norm(layer.layer.kernel, axis=0))
        expected = np.sum(3 * layer.g.numpy() ** 2 * a**3, axis=0)
        np.testing.assert_allclose(slopes["g"], expected, rtol=1e-3, atol=1e-4)


def test_data_set_the_start_row_by_row():
    rows = (
        conv(5, 3, activation="relu", weight_norm="fixed", noise=0.3),
        dense(7, activation="relu", weight_norm="fixed"),
        dense(None, activation="linear", weight_norm="learned"),
    )
    network = Stack(rows, (3,))
    network.build((None, 6, 6, 2))
    x = tf.constant(np.random.default_rng(0).normal(2.0, 3.0, size=(50, 6, 6, 2)), tf.float32)
    initialise(network, x, training=True, seed=tf.constant([1, 2]))
    hidden = network.trace(x, training=True, seed=tf.constant([1, 2]))
    y = hidden[-1].numpy()
    np.testing.assert_allclose(y.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=0), 1.0, rtol=1e-3)
    for block, before in ((network.blocks[1], hidden[0]), (network.blocks[2], hidden[1])):
        flat = tf.reshape(before, [50, -1])
        moments = [m.numpy() for m in tf.nn.moments(block.linear(flat), [0])]
        np.testing.assert_allclose(moments, [0 * moments[0], 0 * moments[0] + 1], atol=1e-3)
    again = network(x, training=True, seed=tf.constant([1, 2]))
    np.testing.assert_array_equal(again, y)  # a second call changes nothing


def test_rows_have_it_and_refuse_what_does_not_fit():
    network = Stack((dense(4, weight_norm="fixed"), dense(None, weight_norm="learned")), ())
    network.build((None, 3))
    assert len(network.non_trainable_variables) == 1
    twin = own.revive(own.record({"critic": network}))["critic"]
    assert twin.rows == network.rows
    for options in ({"norm": True}, {"spectral": True}, {"bias": "untied"}):
        with helpers.refused(ValueError, match="`weight_norm`"):
            Stack((dense(4, weight_norm="fixed", **options),)).build((None, 3))
    with helpers.refused(ValueError, match="`weight_norm`"):
        Stack((dense(4, weight_norm="learnt"),)).build((None, 3))
