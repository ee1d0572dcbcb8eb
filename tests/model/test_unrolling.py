"""Gradients through updates, against finite differences in double precision."""

import types

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.model import unrolling
from zoo.optimizers import inner

RATE = 0.3


def updates():
    """{name: makes the update}: descent, and Adam in the middle of its way."""
    random = np.random.default_rng(3)
    shapes = [(2, 3), (3,), (3, 1)]
    m = [tf.constant(0.1 * random.standard_normal(shape)) for shape in shapes]
    v = [tf.constant(0.1 * random.random(shape)) for shape in shapes]
    step = tf.constant(4.0, tf.float64)
    return {
        "descent": lambda: unrolling.descent(RATE),
        "adam": lambda: unrolling.adam(RATE, 0.5, 0.99, 1e-8, step, m, v),
    }


def game():
    """Weights of a small discriminator, data, and f: (theta, weights) -> its loss, [B]."""
    random = np.random.default_rng(0)
    weights = [tf.constant(random.standard_normal(shape)) for shape in ((2, 3), (3,), (3, 1))]
    x, z = (tf.constant(random.standard_normal((7, 2))) for _ in range(2))

    def logits(x, w):
        return tf.squeeze(tf.tanh(x @ w[0] + w[1]) @ w[2], axis=1)

    def loss(theta, w):
        x_p = z * theta[:2] + theta[2:]
        return tf.nn.softplus(-logits(x, w)) + tf.nn.softplus(logits(x_p, w))

    return weights, loss


@pytest.mark.parametrize("kind", ["descent", "adam"])
@pytest.mark.parametrize("steps", [1, 2])
def test_the_gradient_is_that_of_finite_differences(kind, steps):
    weights, loss = game()
    make = updates()[kind]

    def generator(theta):
        ahead = unrolling.unroll(lambda w: loss(theta, w), weights, steps, make())
        return -tf.reduce_mean(loss(theta, ahead))

    theta = tf.constant([0.8, -0.5, 0.3, 0.2], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(theta)
        value = generator(theta)
    found = tape.gradient(value, theta).numpy()
    step = 1e-5  # an error of step^2 = 1e-10, and of rounding, 1e-16 / step = 1e-11
    moves = step * np.eye(4)
    expected = [float(generator(theta + d) - generator(theta - d)) / (2 * step) for d in moves]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    # Of weights that are taken for constants it would be another one.
    with tf.GradientTape() as tape:
        tape.watch(theta)
        ahead = unrolling.unroll(lambda w: loss(theta, w), weights, steps, make())
        value = -tf.reduce_mean(loss(theta, [tf.stop_gradient(w) for w in ahead]))
    assert np.abs(tape.gradient(value, theta) - found).max() > 1e-3


def test_updates_by_hand():
    # Descent: 1 - 0.3 * 2. Adam, from zero: m = 1, v = 0.04, corrected 2 and 4: 1 - 0.3 * 2 / 2.
    one, two = [tf.constant([1.0])], [tf.constant([2.0])]
    np.testing.assert_allclose(unrolling.descent(0.3)(one, two)[0], [0.4], rtol=1e-6)
    zeros = [tf.zeros(1)]
    update = unrolling.adam(0.3, 0.5, 0.99, 1e-8, tf.zeros([]), zeros, zeros)
    np.testing.assert_allclose(update(one, two)[0], [0.7], rtol=1e-5)
    # The second: m = 1 / 2 + 1 / 2 * 4 = 2.5 / 0.75, v = 0.0396 + 0.16 = 0.1996 / 0.0199.
    second = 1 - 0.3 * (2.5 / 0.75) / np.sqrt(0.1996 / 0.0199)
    np.testing.assert_allclose(update(one, [tf.constant([4.0])])[0], [second], rtol=1e-4)


def test_a_weight_without_gradient_gives_no_nan():
    weights = [tf.constant([0.0, 1.0])]
    theta = tf.constant(2.0)
    zeros = [tf.zeros(2)]
    with tf.GradientTape() as tape:
        tape.watch(theta)
        update = unrolling.adam(0.1, 0.5, 0.99, 1e-8, tf.zeros([]), zeros, zeros)
        loss = lambda w: theta * tf.square(w[0][1:]) + 0.0 * w[0][0]
        ahead = unrolling.unroll(loss, weights, 2, update)
        value = tf.reduce_sum(ahead[0] * theta)
    assert np.isfinite(tape.gradient(value, theta))


@pytest.mark.parametrize("clip_norm, scale", [(None, 1.0), (10.0, 1.0), (0.5, 0.5 / 2.6)])
def test_updates_ahead_are_decayed_and_clipped_as_real_ones(clip_norm, scale):
    """By hand: of g = (0.5, 2) and decay w = 0.5 (1, 0.8) the sum is (1, 2.4), of length 2.6."""
    model = types.SimpleNamespace(weight_decay=0.5, clip_norm=clip_norm)
    moved = unrolling.Unrolling._as_moved(model, unrolling.descent(0.1))
    weights, gradients = [tf.constant([1.0]), tf.constant([0.8])], [tf.constant([0.5])]
    found = moved(weights, [*gradients, tf.constant([2.0])])
    expected = [[1.0 - 0.1 * scale], [0.8 - 0.24 * scale]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.usefixtures("float16")
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_looking_ahead_goes_on_from_the_optimizer_s_moments(dtype):
    model = zoo.create("unrolled_gan", image_shape=(2,), latent_dim=2, dtype=dtype)
    model.compile()
    variables = model.player_variables["discriminator"]
    optimizer = inner(model.optimizers["discriminator"])
    optimizer.iterations.assign(4)
    for slots, value in ((optimizer._momentums, 0.3), (optimizer._velocities, 0.04)):
        for slot in slots:
            slot.assign(tf.fill(slot.shape, value))
    weights = [tf.zeros(v.shape) for v in variables]
    found = model._update_of("discriminator", variables)(weights, weights)
    # By hand, after a fifth gradient, of 0: m = 0.3 b1, v = 0.04 b2.
    b1, b2 = model.beta_1, model.beta_2
    rate = model.learning_rate_of("discriminator") * np.sqrt(1 - b2**5) / (1 - b1**5)
    for each in found:
        np.testing.assert_allclose(each, -rate * 0.3 * b1 / np.sqrt(0.04 * b2), rtol=1e-5)
