"""Entropies of classes, against closed forms and their slopes."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.losses import entropy


def test_closed_forms():
    # Uniform over K: log K. Two of three classes at odds 1 : 3, the third impossible:
    # -(1/4) log (1/4) - (3/4) log (3/4) = 2 log 2 - (3/4) log 3. Sure: 0.
    logits = tf.constant([[7.0, 7.0, 7.0], [0.0, np.log(3.0), -1e4], [1e4, 0.0, 0.0]])
    expected = [np.log(3.0), 2 * np.log(2.0) - 0.75 * np.log(3.0), 0.0]
    np.testing.assert_allclose(entropy.conditional(logits), expected, atol=1e-6)
    for row, value in zip(tf.nn.softmax(logits), expected):
        np.testing.assert_allclose(entropy.marginal(row), value, atol=1e-6)


def test_slopes():
    # d/dl_j of H = -p_j (log p_j + H); of the marginal of one example it is the same.
    logits = np.float32([[0.3, -1.0, 2.0]])
    p = np.exp(logits) / np.exp(logits).sum()
    h = -np.sum(p * np.log(p))
    expected = -p * (np.log(p) + h)
    for value in (
        entropy.conditional,
        lambda x: entropy.marginal(tf.reduce_mean(tf.nn.softmax(x), axis=0)),
    ):
        x = tf.Variable(logits)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(value(x))
        np.testing.assert_allclose(tape.gradient(total, x), expected, rtol=1e-4, atol=1e-6)


def test_slopes_are_finite_where_a_class_is_impossible():
    x = tf.Variable([[200.0, 0.0, -200.0]])
    with tf.GradientTape(persistent=True) as tape:
        each = tf.reduce_sum(entropy.conditional(x))
        together = entropy.marginal(tf.reduce_mean(tf.nn.softmax(x), axis=0))
    for value in (each, together):
        assert np.isfinite(value) and np.isfinite(tape.gradient(value, x)).all()


@pytest.mark.parametrize("function, shape", [("conditional", [3]), ("marginal", [2, 3])])
def test_ranks(function, shape):
    with pytest.raises(ValueError, match="rank"):
        getattr(entropy, function)(tf.zeros(shape))
