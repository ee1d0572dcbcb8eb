"""Virtual adversarial training against linear softmax classifiers, whose divergence is known."""

import numpy as np
import pytest
import tensorflow as tf

from tests.losses.calculus import gradients
from zoo.losses import smoothness

RANDOM = np.random.default_rng(0)
W, B = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=3)  # of logits x W + b
X, NOISE = RANDOM.normal(size=(2, 5, 4))


def classify(x, w=W, b=B):
    return tf.matmul(tf.cast(x, tf.float32), tf.cast(w, tf.float32)) + tf.cast(b, tf.float32)


def softmax(logits):
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def hessians():
    """Of KL(p(y|x) || p(y|x + r)) in r at 0: W (diag p - p p') W', [5, 4, 4]."""
    p = softmax(X @ W + B)
    return np.stack([W @ (np.diag(each) - np.outer(each, each)) @ W.T for each in p])


def direction(iterations, xi=0.01):
    x, noise = tf.constant(X, tf.float32), tf.constant(NOISE, tf.float32)
    found = smoothness.adversarial_direction(classify, classify(x), x, noise, xi, iterations)
    return found.numpy().astype(np.float64)


def test_one_step_is_that_of_the_power_iteration():
    # H d / |H d|; the slope at xi d differs from xi H d by its third derivatives, of order xi.
    moved = np.einsum("bij,bj->bi", hessians(), NOISE)
    expected = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(direction(1), expected, atol=0.02)


def test_many_steps_find_the_dominant_direction():
    values, vectors = np.linalg.eigh(hessians())
    # The second eigenvalue is far below the first: (l2 / l1)^20 of another start is left.
    assert np.max((values[:, -2] / values[:, -1]) ** 20) < 1e-3
    found = direction(20)
    along = np.abs(np.sum(found * vectors[:, :, -1], axis=1))
    np.testing.assert_allclose(along, 1.0, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-5)


def test_of_two_classes_it_is_known():
    # p = sigmoid(w.x): H = p (1 - p) w w', so that d = w / |w| up to its sign from any start.
    w = np.array([[3.0, 0.0], [4.0, 0.0]])  # logits w.x and 0
    two = lambda x: classify(x, w, np.zeros(2))
    x, noise = tf.constant([[0.0, 0.0]]), tf.constant([[1.0, 0.2]])
    d = smoothness.adversarial_direction(two, two(x), x, noise).numpy()[0]
    np.testing.assert_allclose(d, [0.6, 0.8], atol=1e-4)
    # At x = 0, p = 1/2; |w| epsilon = 1: KL = ln 1/2 - (ln q + ln (1 - q)) / 2, q = sigmoid(1).
    q = 1.0 / (1.0 + np.exp(-1.0))
    found = smoothness.virtual_adversarial(two, two(x), x, noise, epsilon=0.2)
    expected = np.log(0.5) - 0.5 * (np.log(q) + np.log(1.0 - q))
    np.testing.assert_allclose(found, [expected], rtol=1e-4)


def test_small_steps_cost_half_the_largest_eigenvalue():
    values = np.linalg.eigvalsh(hessians())[:, -1]
    x, noise = tf.constant(X, tf.float32), tf.constant(NOISE, tf.float32)
    found = smoothness.virtual_adversarial(classify, classify(x), x, noise, 0.05, 0.01, 20)
    np.testing.assert_allclose(found, 0.05**2 * values / 2, rtol=0.06)  # and terms of order 0.05


def test_gradients_reach_the_step_and_neither_the_target_nor_its_direction():
    x, noise = tf.constant(X, tf.float32), tf.constant(NOISE, tf.float32)
    r = 0.7 * direction(1)

    def cost(w, b):
        own = lambda x: classify(x, w, b)
        return smoothness.virtual_adversarial(own, own(x), x, noise, 0.7)

    # d KL(p || q) / d logits of q = q - p, with p and r as constants.
    p, q = softmax(X @ W + B), softmax((X + r) @ W + B)
    of_w, of_b = gradients(cost, W, B)
    np.testing.assert_allclose(of_b, (q - p).sum(axis=0), atol=1e-4)
    np.testing.assert_allclose(of_w, (X + r).T @ (q - p), atol=1e-4)


def test_flat_classifiers_cost_nothing_and_images_are_taken_whole():
    x = tf.constant(RANDOM.normal(size=(3, 2, 2, 1)), tf.float32)
    noise = tf.constant(RANDOM.normal(size=(3, 2, 2, 1)), tf.float32)
    flat = lambda x: tf.zeros([tf.shape(x)[0], 3]) * tf.reduce_sum(x)
    np.testing.assert_array_equal(
        smoothness.virtual_adversarial(flat, flat(x), x, noise, 1.0), np.zeros(3)
    )
    of_images = lambda x: classify(tf.reshape(x, [-1, 4]))
    d = smoothness.adversarial_direction(of_images, of_images(x), x, noise).numpy()
    assert d.shape == (3, 2, 2, 1)
    np.testing.assert_allclose(np.sum(d**2, axis=(1, 2, 3)), 1.0, rtol=1e-5)


def test_wrong_ranks_are_refused():
    x = tf.zeros([4, 2])
    with pytest.raises(ValueError, match="rank"):
        smoothness.virtual_adversarial(classify, tf.zeros([4]), x, x, 1.0)
    with pytest.raises(ValueError, match="rank"):
        smoothness.virtual_adversarial(lambda x: x[:, 0], tf.zeros([4, 3]), x, x, 1.0)


@pytest.mark.usefixtures("float16")
def test_the_direction_of_a_sure_class_does_not_vanish_in_float16():
    # p(1 - p) = 1.5e-8 at logits (18, 0): a slope of the divergence that float16 has no number for.
    w = np.array([0.6, -0.8], np.float32)

    def classify(x):
        logit = tf.linalg.matvec(tf.cast(x, tf.float16), tf.constant(w, tf.float16))
        return tf.stack([tf.fill(tf.shape(x)[:1], 18.0), tf.cast(logit, tf.float32)], axis=1)

    x, noise = tf.zeros([1, 2]), tf.constant([[1.0, 0.0]])
    found = smoothness.adversarial_direction(classify, classify(x), x, noise, xi=0.1)
    np.testing.assert_allclose(found, [w], rtol=2e-2)
