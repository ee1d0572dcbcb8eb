"""Pools with switches: by hand, with ties and odd sides, there and back."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.networks.stack import Reshape, conv, deconv, dense
from zoo.networks.switches import SwitchDecoder, SwitchEncoder, pooled, unpooled


def test_a_pool_by_hand():
    x = np.array([[1.0, 2.0, 0.0, 0.0], [4.0, 3.0, 0.0, -1.0]], np.float32).reshape(1, 2, 4, 1)
    what, where = pooled(tf.constant(x), 2)
    np.testing.assert_array_equal(what[0, 0, :, 0], [4.0, 0.0])
    # The third of the first window; of equal numbers the first.
    np.testing.assert_array_equal(where[0, 0, :, :, 0], [[0, 0, 1, 0], [1, 0, 0, 0]])
    back = unpooled(what + 1.0, where, (2, 4, 1))
    np.testing.assert_array_equal(back[0, :, :, 0], [[0, 0, 1, 0], [5, 0, 0, 0]])


@pytest.mark.parametrize("sides", [(6, 4), (5, 7), (1, 3)])
def test_pools_of_all_sides_are_tensorflow_s_and_go_back(sides):
    x = np.random.default_rng(0).normal(size=(3, *sides, 2)).astype(np.float32)
    for size in (2, 3):
        what, where = pooled(tf.constant(x), size)
        # Windows begin at the upper left corner, so what is missing comes after all.
        missing = [(0, 0), *((0, -side % size) for side in sides), (0, 0)]
        padded = np.pad(x, missing, constant_values=-1e9)
        np.testing.assert_array_equal(what, tf.nn.max_pool2d(padded, size, size, "VALID"))
        back = unpooled(what, where, x.shape[1:]).numpy()
        kept = back != 0
        np.testing.assert_array_equal(back[kept], x[kept])
        assert kept.sum() == np.prod(what.shape)


def test_the_gradient_goes_to_the_maximum_alone():
    x = tf.constant([[1.0, 2.0], [2.0, 0.0]])[None, :, :, None]
    with tf.GradientTape() as tape:
        tape.watch(x)
        what, where = pooled(x, 2)
        total = tf.reduce_sum(3.0 * what) + tf.reduce_sum(where)
    np.testing.assert_array_equal(tape.gradient(total, x)[0, :, :, 0], [[0, 3], [0, 0]])


def test_levels_and_the_way_back():
    rows = (conv(3, 3, 2, padding="same", norm=True), dense(6), dense(None, activation="linear"))
    encoder = SwitchEncoder(rows, (4,))
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 5, 1)), tf.float32)
    logits = encoder(x)
    levels, same = encoder.levels(x)
    np.testing.assert_array_equal(logits, same)
    assert encoder.shapes == [(5, 5, 1), (3, 3, 3), (6,)]
    assert encoder.unpooled_shapes == [(5, 5, 1), (5, 5, 3), (6,)]
    np.testing.assert_array_equal(levels[1].what, pooled(encoder.stacks[0](x), 2)[0])
    assert levels[0].where is None and levels[2].where is None
    for row, level in zip(encoder.trace(x), [*levels[1:], None]):
        np.testing.assert_array_equal(row, logits if level is None else level.what)
    decoder = SwitchDecoder(encoder.rows, encoder.shapes, encoder.unpooled_shapes)
    found = decoder(levels[-1].what, [level.where for level in levels])
    assert [tuple(each.shape) for each in found] == [(2, 5, 5, 1), (2, 3, 3, 3)]
    # By hand: level 1 from the code by a dense row, x from its unpooled numbers.
    middle = decoder.stacks[1](levels[2].what)
    np.testing.assert_array_equal(found[1], middle)
    spread = unpooled(middle, levels[1].where, (5, 5, 3))
    np.testing.assert_allclose(found[0], decoder.stacks[0](spread), atol=1e-6)
    for network in (encoder, decoder):
        twin = type(network).from_config(network.get_config())
        assert twin.get_config() == network.get_config()


@pytest.mark.parametrize("row", [deconv(3, 2), Reshape((2, 2, 1))])
def test_other_rows_are_refused(row):
    with pytest.raises(ValueError, match="rows"):
        SwitchEncoder((row,))
