"""Parts of flows: exact inverses, exact determinants, one pass of each network."""

import math

import numpy as np
import pytest
import tensorflow as tf

from zoo.distributions import flows

SHAPE = (2, 2, 2)
MASK = np.float32([[[1, 0], [0, 1]], [[0, 1], [1, 1]]])


def data(shape, rows=4, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=(rows, *shape)), tf.float32)


class Conditioner:
    """(s, t) = (tanh, 1) of a fixed mixture of all it sees; counts its calls."""

    def __init__(self, shape, seed=1):
        size = math.prod(shape)
        random = np.random.default_rng(seed)
        self.matrix, self.shape, self.calls = random.normal(size=(size, 2 * size)), shape, 0

    def __call__(self, kept):
        self.calls += 1
        mixed = tf.reshape(kept, [-1, len(self.matrix)]) @ tf.constant(self.matrix, tf.float32)
        mixed = tf.reshape(mixed, [-1, *self.shape[:-1], 2 * self.shape[-1]])
        log_scale, shift = tf.split(mixed, 2, axis=-1)
        return tf.concat([tf.tanh(log_scale), shift], axis=-1)


def log_det(bijector, x):
    """log |det| of the Jacobian by differentiation, [B]."""
    size = math.prod(x.shape[1:])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reshape(bijector.forward(x), [-1, size])
    jacobian = tf.reshape(tape.batch_jacobian(y, x), [-1, size, size])
    return np.linalg.slogdet(jacobian.numpy().astype(np.float64))[1]


def check(make, x, tolerance=1e-5):
    """A new bijector from `make` inverts, and knows its determinant."""
    bijector, rank = make(), x.shape.rank - 1
    y = bijector.forward(x)
    found = bijector.forward_log_det_jacobian(x, rank)
    np.testing.assert_allclose(make().inverse(y), x, atol=tolerance)
    expected = log_det(make(), tf.identity(x))
    np.testing.assert_allclose(np.broadcast_to(found, [len(x)]), expected, rtol=1e-3, atol=1e-4)
    return y


def test_coupling_keeps_what_its_mask_says():
    x = data(SHAPE)
    y = check(lambda: flows.coupling(Conditioner(SHAPE), MASK), x).numpy()
    kept = np.broadcast_to(MASK, x.shape) == 1
    np.testing.assert_array_equal(y[kept], x.numpy()[kept])
    assert np.abs(y - x)[~kept].min() > 1e-4
    # By hand: x exp(s) + t of what is kept.
    s, t = np.split(Conditioner(SHAPE)(MASK * x).numpy(), 2, axis=-1)
    np.testing.assert_allclose(y[~kept], (x * np.exp(s) + t).numpy()[~kept], rtol=1e-5)


def test_forward_and_determinant_share_one_pass():
    conditioner, x = Conditioner(SHAPE), data(SHAPE)
    steps = [flows.coupling(conditioner, mask) for mask in (MASK, 1 - MASK)]
    inner = flows.chain([*steps, flows.flatten(SHAPE)])
    flow = flows.chain([flows.logit(0.05), flows.factor_out(inner, (2, 2, 4))])

    @tf.function(autograph=False)
    def both(u):
        return flow.forward(u), flow.forward_log_det_jacobian(u, 3)

    both(tf.sigmoid(tf.concat([x, x], axis=-1)))
    assert conditioner.calls == 2


def test_squeeze_puts_each_block_s_rows_one_after_the_other():
    x = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    y = check(flows.squeeze, x)
    np.testing.assert_array_equal(y[0, 0, 1], [2, 3, 6, 7])
    assert y.shape == (1, 2, 2, 4)


def test_factor_out_leaves_the_first_half_alone():
    shape = (2, 2, 4)
    x = data(shape)
    rest = lambda: flows.chain([flows.coupling(Conditioner(SHAPE), MASK), flows.flatten(SHAPE)])
    y = check(lambda: flows.factor_out(rest(), shape), x)
    np.testing.assert_array_equal(y[:, :8], tf.reshape(x[..., :2], [4, 8]))
    np.testing.assert_allclose(y[:, 8:], rest().forward(x[..., 2:]), atol=1e-6)


def test_chain_starts_with_the_first():
    steps = [flows.squeeze(), flows.flatten((1, 1, 4))]
    y = flows.chain(steps).forward(tf.reshape(tf.range(8.0), [2, 2, 2, 1]))
    np.testing.assert_array_equal(y, [[0, 1, 2, 3], [4, 5, 6, 7]])


def test_logit_by_hand():
    # p = 0.05 + 0.9 u: 0.05, 1/2 and 0.95; ln 19 apart from the middle.
    u = tf.constant([[0.0, 0.5, 1.0]])
    np.testing.assert_allclose(
        flows.logit(0.05).forward(u), [[-math.log(19), 0.0, math.log(19)]], atol=1e-6
    )
    check(lambda: flows.logit(0.05), tf.constant([[0.0, 0.3], [0.999, 0.5]]))


def test_logit_passes_gradients_on_every_tape():
    # TFP caches: the second tape must not find the first one's result.
    u = tf.constant([[0.2, 0.7]])
    for _ in range(2):
        assert np.isfinite(log_det(flows.logit(0.05), u)).all()


def test_levels_are_spread_over_bins_of_one_256th():
    x = np.float32([[0, 1 / 255, 128 / 255, 1]])
    np.testing.assert_allclose(flows.dequantised(x, 0.0), [[0, 1 / 256, 0.5, 255 / 256]])
    np.testing.assert_allclose(flows.dequantised(x, 1.0)[0, -1], 1.0)
    middles = flows.dequantised(x, 0.5)
    np.testing.assert_allclose(flows.quantised(middles), x, atol=1e-7)
    beyond = flows.dequantised(np.float32([[-0.4, 1.4]]), 0.5)
    np.testing.assert_allclose(flows.quantised(beyond), [[0, 1]], atol=1e-7)
    np.testing.assert_array_equal(flows.quantised(tf.constant([-1.0, 2.0])), [0, 1])


@pytest.mark.parametrize("mask", [np.float32([1, 0, 0]), np.float32([0, 0, 0])])
def test_coupling_of_vectors(mask):
    check(lambda: flows.coupling(Conditioner((3,)), mask), data((3,)))
