"""A last row whose outputs but the first have a hidden row of their own."""

import numpy as np
import tensorflow as tf

from tests.helpers import refused
from zoo import networks
from zoo.networks import own
from zoo.networks.stack import Stack, conv, dense
from zoo.networks.weight_norm import WeightNorm


def network(outputs):
    rows = dense(6, activation="tanh"), dense(None, activation="linear", aside=4)
    made = Stack(rows, outputs, slope=0.1, init_stddev=0.5, init_seed=3, epsilon=1e-3)
    made.build((None, 5))
    return made


def test_by_hand():
    made, x = network((3,)), np.random.default_rng(0).standard_normal((9, 5)).astype(np.float32)
    hidden = made.blocks[0](x).numpy()
    last = made.blocks[1].linear
    u, v = last.others.blocks
    pre = hidden @ u.linear.kernel.numpy()
    normed = (pre - pre.mean(axis=0)) / np.sqrt(pre.var(axis=0) + 1e-3)
    others = np.where(normed > 0, normed, 0.1 * normed) @ v.linear.kernel.numpy()
    expected = np.column_stack([hidden @ last.first.kernel.numpy(), others])
    np.testing.assert_allclose(made(x, training=True), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(u.norm.moving_mean, 0.05 * pre.mean(axis=0), atol=1e-6)


def test_the_first_output_teaches_nothing_of_the_others_row():
    made, x = network((3,)), tf.constant(np.eye(5, dtype=np.float32))
    with tf.GradientTape(persistent=True) as tape:
        y = made(x, training=True)
        first, other = tf.reduce_sum(y[:, 0]), tf.reduce_sum(y[:, 1] * tf.range(5.0))
    u = made.blocks[1].linear.others.blocks[0].linear.kernel
    assert tape.gradient(first, u) is None or not np.any(tape.gradient(first, u))
    assert np.abs(tape.gradient(other, u)).max() > 1e-4


def test_it_is_kept_and_left_out():
    made, alone = network((3,)), network(())
    assert networks.couples_rows(made) and not networks.couples_rows(alone)
    assert networks.is_function(alone)
    twin = own.revive(own.record({"critic": made}))["critic"]
    assert twin.rows == made.rows
    twin.set_weights(made.get_weights())
    x = np.ones((2, 5), np.float32)
    np.testing.assert_array_equal(twin(x), made(x))


def test_the_first_output_has_the_row_s_norm_and_maps_have_no_aside():
    row = dense(None, activation="linear", aside=4, weight_norm="fixed")
    made = Stack((dense(6, activation="tanh"), row), (3,))
    made.build((None, 5))
    first = made.blocks[1].linear.first
    assert isinstance(first, WeightNorm) and first.compute_output_shape((None, 6)) == (None, 1)
    with refused(ValueError, match="`aside`: expected 0 for a row that is not dense"):
        Stack([conv(None, 3, aside=4)], (3, 3, 2)).build((None, 5, 5, 1))
    with refused(ValueError, match="`bias`: expected tied, untied or none"):
        Stack([dense(3, bias="ties")]).build((None, 5))
