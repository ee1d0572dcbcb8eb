"""Stacks of rows and pairs of stacks: their weights, what joins where, and their round trips."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.networks.stack import GlobalMean, MaxPool, Pair, Reshape, Stack, conv, dense


def test_stack_config_round_trip():
    rows = (
        conv(4, 3, 2, norm=True, dropout=0.1),
        Reshape((4, 4, 1)),
        dense(6, activation="maxout", pieces=3, noise=0.2),
        dense(None, activation="linear", extra=True),
    )
    stack = Stack(rows, (5,), slope=0.3, init_stddev=0.1, init_seed=7, momentum=0.8, epsilon=1e-3)
    again = Stack.from_config(stack.get_config())
    assert again.get_config() == stack.get_config()
    for network in (stack, again):
        network.build((None, 5, 5, 1), (None, 2))
    x, extra = tf.random.stateless_normal([3, 5, 5, 1], [0, 1]), tf.ones([3, 2])
    np.testing.assert_array_equal(again(x, extra), stack(x, extra))  # the same initial weights
    assert stack(x, extra).shape == (3, 5)


def test_pools():
    stack = Stack((MaxPool(2), conv(None, 1, activation="linear"), GlobalMean()), (5,))
    stack.build((None, 3, 4, 2))
    x = np.arange(48, dtype=np.float32).reshape(2, 3, 4, 2)
    largest, maps, means = stack.trace(x)
    np.testing.assert_array_equal(largest, x[:, [1, 2]][:, :, [1, 3]])
    assert maps.shape == (2, 2, 2, 5)  # the last row with units has as many as the outputs need
    np.testing.assert_allclose(means, np.mean(maps, axis=(1, 2)), rtol=1e-5)
    assert Stack.from_config(stack.get_config()).get_config() == stack.get_config()


def test_initial_weights_depend_on_seed_and_row():
    def kernel(seed, row):
        stack = Stack((dense(400), dense(400)), init_stddev=0.02, init_seed=seed)
        stack.build((None, 400))
        return stack.blocks[row].linear.kernel.numpy()

    np.testing.assert_array_equal(kernel(1, 0), kernel(1, 0))
    assert np.abs(kernel(1, 0) - kernel(1, 1)).max() > 0.01
    assert np.abs(kernel(1, 0) - kernel(2, 0)).max() > 0.01
    assert abs(kernel(1, 0).std() - 0.02) < 4 * 0.02 / math.sqrt(2 * 160_000)


def test_a_row_may_start_otherwise_than_its_network():
    rows = (dense(300, activation="relu"), dense(200, activation="linear", init_stddev=1e-3))
    for stddev, first in ((None, math.sqrt(2 / 400)), (0.05, 0.05)):  # He's: 2 / inputs
        stack = Stack(rows, init_stddev=stddev)
        stack.build((None, 400))
        found = [block.linear.kernel.numpy().std() for block in stack.blocks]
        # A standard deviation of n >= 60,000 numbers is known to 1 / sqrt(2 n) = 0.3 %.
        np.testing.assert_allclose(found, [first, 1e-3], rtol=0.02)


@pytest.mark.parametrize("marked", [None, 1])
def test_extra_input_joins_its_row(marked):
    rows = [
        dense(3, activation="linear"),
        dense(4, activation="linear"),
        dense(2, activation="linear"),
    ]
    if marked is not None:
        rows[marked] = dense(4, activation="linear", extra=True)
    stack = Stack(rows, init_stddev=0.5)
    stack.build((None, 6), (None, 5))
    widths = [6, 3, 4]
    widths[marked or 0] += 5  # the first row where none is marked
    assert [block.linear.kernel.shape[0] for block in stack.blocks] == widths
    x = tf.ones([1, 6])
    first, second, _ = stack.trace(x, tf.zeros([1, 5]))
    first_, second_, _ = stack.trace(x, tf.ones([1, 5]))
    assert np.abs(second - second_).max() > 1e-3
    assert np.array_equal(first, first_) == (marked == 1)


def test_a_row_without_units_must_be_the_last():
    with pytest.raises(ValueError, match="Received: units=None"):
        Stack((dense(None), dense(3)), (3,)).build((None, 2))
    with pytest.raises(ValueError, match=r"ends in \(4,\).*Received: rows=\(3,\)"):
        Stack((dense(3),), (4,)).build((None, 2))


def test_leaky_slope_is_the_tables():
    stack = Stack((dense(1),), slope=0.25)
    stack.build((None, 1))
    stack.blocks[0].linear.kernel.assign([[1.0]])
    np.testing.assert_allclose(stack(tf.constant([[-2.0], [2.0]])), [[-0.5], [2.0]])


def test_pair_takes_both_inputs_and_gives_float32_logits():
    pair = Pair(Stack((dense(3),)), Stack((dense(2),)), Stack((dense(1, activation="linear"),)))
    pair.build((None, 2, 2, 1), (None, 4))
    assert pair.joint.blocks[0].linear.kernel.shape == (5, 1)  # 3 + 2
    x, z = (
        tf.random.stateless_normal([6, 2, 2, 1], [0, 1]),
        tf.random.stateless_normal([6, 4], [0, 2]),
    )
    assert pair(x, z).shape == (6,)
    assert np.abs(pair(x, z) - pair(x, -z)).max() > 1e-4
    assert np.abs(pair(x, z) - pair(-x, z)).max() > 1e-4
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(pair))
    again.build((None, 2, 2, 1), (None, 4))
    again.set_weights(pair.get_weights())
    np.testing.assert_array_equal(again(x, z), pair(x, z))


@pytest.mark.parametrize("codes", [True, False])
def test_a_pair_s_trace_is_the_trunk_on_x_then_the_joint(codes):
    trunk, hidden = Stack((dense(3), dense(5))), Stack((dense(4), dense(1, activation="linear")))
    pair = Pair(trunk, Stack((dense(2),)) if codes else None, hidden)
    pair.build((None, 6), *(((None, 4),) if codes else ()))
    x, z = tf.ones([7, 6]), tf.ones([7, 4])
    inputs = (x, z) if codes else (x,)
    rows = pair.trace(*inputs)
    assert [row.shape for row in rows] == [(7, 3), (7, 5), (7, 4), (7,)]
    np.testing.assert_array_equal(rows[1], trunk(x))
    np.testing.assert_array_equal(rows[-1], pair(*inputs))
    if codes:  # the trunk on x does not feel z
        others = pair.trace(x, -z)
        np.testing.assert_array_equal(rows[1], others[1])
        assert np.abs(rows[2] - others[2]).max() > 1e-4


def test_labels_join_a_pair_s_joint_network():
    pair = Pair(Stack(()), Stack(()), Stack((dense(4), dense(1, activation="linear"))))
    pair.build((None, 2), (None, 3), (None, 5))
    assert [b.linear.kernel.shape for b in pair.joint.blocks] == [(2 + 3 + 5, 4), (4, 1)]
    x, z = tf.ones([6, 2]), tf.ones([6, 3])
    found = (pair(x, z, value * tf.ones([6, 5])) for value in (0.0, 1.0))
    assert np.abs(np.subtract(*found)).max() > 1e-4


LAST = dense(None, activation="linear")


def test_an_extra_input_may_join_several_rows():
    rows = [dense(3, activation="linear", extra=True), dense(4, activation="linear")]
    stack = Stack([*rows, dense(2, activation="linear", extra=True)])
    stack.build((None, 6), (None, 5))
    kernels = [block.linear.kernel.shape for block in stack.blocks]
    assert kernels == [(6 + 5, 3), (3, 4), (4 + 5, 2)]
    x, extra = tf.ones([1, 6]), tf.constant([[1.0, -2.0, 0.5, 0.0, 3.0]])
    first, last = stack.blocks[0].linear.kernel, stack.blocks[2].linear.kernel
    first.assign(tf.concat([first[:6], tf.zeros([5, 3])], axis=0))
    change = stack(x, extra) - stack(x, tf.zeros([1, 5]))  # the first row is deaf now
    np.testing.assert_allclose(change, extra @ last[4:], rtol=1e-5)


@pytest.mark.parametrize(
    "rows",
    [
        [dense(6, norm=True, extra=True), LAST],
        [dense(6, extra=True, bias="none"), LAST],
        [conv(4, 3, norm=True), dense(6, norm=True, extra=True), LAST],
        [conv(4, 3, norm=True), conv(4, 3, extra=True), dense(6, extra=True), LAST],
        [dense(6, noise=0.1, extra=True), LAST],
        [dense(6, weight_norm="learned", extra=True), LAST],
        [dense(6, spectral=True, extra=True), LAST],
        [dense(6), dense(6, minibatch=3, extra=True), LAST],
        [dense(6), dense(None, activation="linear", extra=True)],
    ],
)
def test_several_extra_inputs_to_each_x_are_as_many_rows(rows):
    # What is made of x alone is made once; its batch statistics are those of repeated rows.
    x = tf.random.stateless_normal([4, 5, 5, 1], [0, 1])
    extra = tf.random.stateless_normal([4, 3, 2], [0, 2])
    weights = tf.random.stateless_normal([12, 5], [0, 3])
    found = []
    for inputs in ((x, extra), (tf.repeat(x, 3, axis=0), tf.reshape(extra, [12, 2]))):
        stack = Stack(rows, (5,))
        training = not any(row.noise for row in rows)  # noise is drawn for each x then
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = stack(*inputs, training=training)
            loss = tf.reduce_sum(weights * y)
        of_weights, (of_x, of_extra) = tape.gradient(loss, (stack.trainable_variables, inputs))
        of_x = tf.reduce_sum(tf.reshape(of_x, [4, -1, 5, 5, 1]), axis=1)
        moved = [tf.convert_to_tensor(v) for v in stack.non_trainable_variables]
        found.append([y, of_x, tf.reshape(of_extra, [12, 2]), *of_weights, *moved])
    assert found[0][0].shape == (12, 5)
    for shared, repeated in zip(*found, strict=True):
        np.testing.assert_allclose(shared, repeated, rtol=1e-4, atol=1e-4)
