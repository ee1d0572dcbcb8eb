"""Losses of labelled examples against softmaxes written out."""

import math

import numpy as np
import tensorflow as tf

from tests.losses.calculus import LN2, gradients
from zoo.losses import supervised


def test_cross_entropy_by_hand():
    # softmax(0, ln 2, ln 5) = (1, 2, 5) / 8; a constant added to all logits changes nothing.
    logits = tf.constant([[0.0, math.log(2.0), math.log(5.0)]] * 3) + [[0.0], [7.0], [-40.0]]
    loss = supervised.cross_entropy(logits, tf.constant([0, 1, 2]))
    np.testing.assert_allclose(loss, -np.log([1 / 8, 2 / 8, 5 / 8]), rtol=1e-5)


def test_cross_entropy_gradient_is_softmax_minus_one_hot():
    logits = [[0.0, math.log(2.0), math.log(5.0)]]
    (slope,) = gradients(lambda each: supervised.cross_entropy(each, tf.constant([1])), logits)
    np.testing.assert_allclose(slope, [[1 / 8, 2 / 8 - 1, 5 / 8]], atol=1e-6)


def test_data_logit_by_hand():
    # softmax(ln 1, ln 2, ln 4 | ln 3): P(data) = 7/10 against 3/10.
    logits = np.log([[1.0, 2.0, 4.0, 3.0]]).astype(np.float32)
    logit = supervised.data_logit(tf.constant(logits))
    np.testing.assert_allclose(logit, [math.log(7 / 3)], rtol=1e-6)
    np.testing.assert_allclose(tf.sigmoid(logit), [0.7], rtol=1e-6)
    far = supervised.data_logit(tf.constant([[500.0, 0.0, -500.0], [-500.0, -500.0, 500.0]]))
    np.testing.assert_allclose(far, [1000.0, LN2 - 1000.0], rtol=1e-6)  # beyond exp
