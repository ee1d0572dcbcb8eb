"""Spectral normalisation and the layers of minibatches, against NumPy."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import networks, replicas
from zoo.networks import own
from zoo.networks.layers import BatchNorm
from zoo.networks.minibatch import MinibatchDiscrimination, MinibatchStddev
from zoo.networks.noise import Dropout
from zoo.networks.spectral import SpectralNorm
from zoo.networks.stack import Stack, conv, dense


@pytest.mark.parametrize(
    "made, shape",
    [
        (lambda: keras.layers.Dense(4), (5, 6)),
        (lambda: keras.layers.Conv2D(4, 3, data_format="channels_last"), (5, 6, 6, 2)),
    ],
)
def test_the_kernel_gets_norm_1_and_the_layer_keeps_its_own(made, shape):
    layer = SpectralNorm(made())
    layer.build((None, *shape[1:]))
    random = np.random.default_rng(0)
    layer.bias.assign(random.standard_normal(4))
    kernel, x = layer.layer.kernel.numpy(), random.standard_normal(shape).astype(np.float32)
    for _ in range(60):
        layer(x, training=True)
    sigma = np.linalg.norm(kernel.reshape(-1, 4), 2)
    np.testing.assert_array_equal(layer.layer.kernel, kernel)
    plain = layer.layer(x) - layer.bias.numpy()
    np.testing.assert_allclose(layer(x), plain / sigma + layer.bias.numpy(), rtol=1e-3, atol=1e-5)


def test_one_iteration_a_call_in_training_alone_and_the_gradient_goes_through_sigma():
    layer = SpectralNorm(keras.layers.Dense(3, use_bias=False))
    layer.build((None, 4))
    w, u = layer.layer.kernel.numpy(), layer.u.numpy()
    x = np.eye(4, dtype=np.float32)
    v = w @ u / np.linalg.norm(w @ u)
    np.testing.assert_allclose(layer(x), w / (v @ w @ u), rtol=1e-5)
    np.testing.assert_array_equal(layer.u, u)
    after = w.T @ v / np.linalg.norm(w.T @ v)
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
        value = tf.reduce_sum(y * y)
    sigma = v @ w @ after
    np.testing.assert_allclose(y, w / sigma, rtol=1e-5)
    np.testing.assert_allclose(layer.u, after, rtol=1e-5)
    # |W|^2 / sigma^2: 2 W / sigma^2 - 2 |W|^2 / sigma^3 v u^T, with u and v constant.
    expected = 2 * w / sigma**2 - 2 * (w**2).sum() / sigma**3 * np.outer(v, after)
    (found,) = tape.gradient(value, layer.trainable_variables)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_sigma_is_float32_in_a_bfloat16_network():
    exact, rounded = (
        Stack((dense(8, activation="linear", spectral=True),), dtype=dtype)
        for dtype in ("float32", "mixed_bfloat16")
    )
    for network in (exact, rounded):
        network.build((None, 6))
    assert {v.dtype for v in rounded.variables} == {"float32"}
    x = np.eye(6, dtype=np.float32)
    assert rounded(x).dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(rounded(x), tf.float32), exact(x), rtol=2**-8, atol=2**-10)


def test_the_first_direction_has_length_1():
    layer = SpectralNorm(keras.layers.Dense(256))
    layer.build((None, 6))
    np.testing.assert_allclose(np.linalg.norm(layer.u.numpy()), 1.0, rtol=1e-5)


def test_minibatch_discrimination_by_hand():
    # One kernel of one dimension, T = (1, 0): M = 0, 1, 3; exp(-1) + exp(-3), ... of 2 others.
    layer = MinibatchDiscrimination(1, 1)
    x = np.array([[0.0, 5.0], [1.0, 6.0], [3.0, 7.0]], np.float32)
    layer.build((None, 2))
    layer.kernel.assign([[1.0], [0.0]])
    near = np.exp(-np.array([1.0, 1.0, 2.0])) + np.exp(-np.array([3.0, 2.0, 3.0]))
    expected = np.column_stack([x, 99 / 2 * near])
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-5)
    alone = layer(x[:1], training=True)
    np.testing.assert_allclose(alone, [[0.0, 5.0, 0.0]], atol=1e-5)  # it has no others


def test_minibatch_discrimination_means_the_same_in_batches_of_any_size():
    # Of the same distribution 100 and 500 rows have the same mean nearness; 100 have the paper's.
    layer = MinibatchDiscrimination(2, 2)
    x = np.random.default_rng(0).standard_normal((1500, 3)).astype(np.float32)
    layer.build((None, 3))
    near_of = lambda part: layer(part, training=True)[:, 3:]
    small, large = near_of(x[:100]), [near_of(part) for part in np.split(x, 3)]
    m = (x[:100] @ layer.kernel.numpy()).reshape(100, 2, 2)
    near = np.exp(-np.abs(m[:, None] - m[None]).sum(axis=-1)).sum(axis=1) - 1
    np.testing.assert_allclose(small, near, rtol=1e-4)
    # A mean over rows with a deviation of at most 99 / 2, of 100 and of 1,500 that are not
    # independent but in pairs: within 10 %; a sum would be five times as large.
    np.testing.assert_allclose(np.mean(large), np.mean(small), rtol=0.1)


def test_minibatch_stddev():
    x = np.random.default_rng(0).standard_normal((6, 2, 3, 2)).astype(np.float32)
    y = MinibatchStddev()(x, training=True).numpy()
    np.testing.assert_array_equal(y[..., :2], x)
    np.testing.assert_allclose(y[..., 2], x.std(axis=0).mean(), rtol=1e-5)
    same = tf.Variable(np.repeat(x[:1], 6, axis=0))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(MinibatchStddev()(same, training=True))
    assert np.isfinite(tape.gradient(value, same)).all()


@pytest.mark.parametrize("make", [MinibatchStddev, lambda: MinibatchDiscrimination(2, 2)])
def test_where_nothing_trains_the_mean_of_the_batches_stands_in(make):
    x = np.random.default_rng(0).standard_normal((2, 50, 3)).astype(np.float32)
    layer = make()
    means = [layer(part, training=True).numpy()[:, 3:].mean(axis=0) for part in x]
    expected = 0.99 * 0.01 * means[0] + 0.01 * means[1]  # from 0
    assert (expected > 0).all()
    for rows in x[0], x[0][:1], x[0][::-1]:
        y = layer(rows)
        np.testing.assert_array_equal(y[:, :3], rows)
        np.testing.assert_allclose(y[:, 3:], np.tile(expected, [len(rows), 1]), rtol=1e-5)


def test_a_frozen_layer_keeps_its_mean():
    layer = MinibatchStddev()
    layer.trainable = False
    x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    np.testing.assert_array_equal(layer(x, training=True)[:, 3:], 0.0)
    np.testing.assert_array_equal(layer.moving_mean, 0.0)


def test_rows_of_a_table_have_them():
    rows = (
        conv(4, 3, spectral=True, minibatch_stddev=True),
        dense(5, minibatch=7),
        dense(None, activation="linear", spectral=True),
    )
    network = Stack(rows, ())
    network.build((None, 5, 5, 2))
    assert tuple(network.blocks[0].linear.layer.kernel.shape) == (3, 3, 3, 4)
    assert tuple(network.blocks[1].linear.kernel.shape) == (3 * 3 * 4 + 7, 5)
    assert network(np.zeros((2, 5, 5, 2), np.float32), training=True).shape == (2,)
    assert networks.couples_rows(network) and not networks.is_function(network)
    twin = own.revive(own.record({"critic": network}))["critic"]
    assert twin.rows == network.rows


def test_what_couples_rows_and_what_is_a_function():
    plain = Stack((dense(3), dense(None)), ())
    kinds = {
        (False, True): [plain, keras.layers.Dense(1)],
        (True, False): [
            BatchNorm(),
            Stack((dense(3, norm=True), dense(None)), ()),
            MinibatchStddev(),
            MinibatchDiscrimination(2),
        ],
        (False, False): [Dropout(0.1), SpectralNorm(keras.layers.Dense(1))],
    }
    for (coupled, pure), layers in kinds.items():
        for layer in layers:
            layer.build((None, 4))
            found = networks.couples_rows(layer), networks.is_function(layer)
            assert found == (coupled, pure), layer


def test_two_replicas_see_the_global_batch(two_replicas):
    x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    layer = MinibatchDiscrimination(2, 2)
    layer.build((None, 3))
    stddev = MinibatchStddev()
    stddev.build((None, 3))
    joins = {
        "near": functools.partial(layer, training=True),
        "stddev": functools.partial(stddev, training=True),
        "moments": replicas.moments,
    }
    weights = tf.constant(np.arange(1.0, 7.0), tf.float32)[:, None]

    def run(rows, weights):
        """Values of the rows, and the gradient of their weighted sum over all replicas."""
        with tf.GradientTape() as tape:
            tape.watch(rows)
            made = {name: join(rows) for name, join in joins.items()}
            value = sum(tf.reduce_sum(tf.square(weights * made[n])) for n in ("near", "stddev"))
            if two_replicas.num_replicas_in_sync == 2:
                value += tf.reduce_sum(made["moments"][1])
        return made, tape.gradient(value, rows)

    whole, slope = run(tf.constant(x), weights)
    strategy = two_replicas
    halves = [(tf.constant(x[i : i + 3]), weights[i : i + 3]) for i in (0, 3)]
    values = strategy.experimental_distribute_values_from_function(
        lambda context: halves[context.replica_id_in_sync_group]
    )
    made, moves = tf.function(lambda v: strategy.run(run, args=v))(values)
    both = lambda each: np.concatenate(strategy.experimental_local_results(each))
    for name in ("near", "stddev"):
        np.testing.assert_allclose(both(made[name]), whole[name], rtol=1e-5, atol=1e-6)
    for found, expected in zip(made["moments"], whole["moments"], strict=True):
        for each in strategy.experimental_local_results(found):
            np.testing.assert_allclose(each, expected, rtol=1e-5, atol=1e-6)
    # Each replica adds the variance of all, so its slope counts once a replica.
    variance_slope = 2 * (x - x.mean(axis=0)) / len(x)
    np.testing.assert_allclose(both(moves), slope + variance_slope, rtol=1e-4, atol=1e-5)
