"""The gradient penalty against critics whose slope is known."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.losses.calculus import gradients
from zoo.losses import penalty


def test_gradient_penalty_of_a_linear_critic():
    # C(x) = w.x has the slope w everywhere: (5 - 1)^2 and, on the other side of 1, (1/2 - 1)^2.
    x = tf.random.stateless_normal([2, 6, 2, 1, 2], [0, 1])
    for w, expected in (([3.0, 4.0], 16.0), ([0.3, -0.4], 0.25)):
        critic = lambda x, w=w: tf.reduce_sum(x * w, axis=-1)[:, 0, 0]
        found = penalty.gradient_penalty(critic, *x, tf.linspace(0.0, 1.0, 6))
        np.testing.assert_allclose(found, [expected] * 6, rtol=1e-6)


def test_gradient_penalty_is_taken_between_data_and_samples():
    # C(x) = |x|^2 / 2 has the slope x: at mix 1, 0, 1/4 of (3, 4) and (0, 8): 5, 8, |(3/4, 7)|.
    data, model = tf.constant([[3.0, 4.0]] * 3), tf.constant([[0.0, 8.0]] * 3)
    critic = lambda x: tf.reduce_sum(tf.square(x), axis=1) / 2
    found = penalty.gradient_penalty(critic, data, model, tf.constant([1.0, 0.0, 0.25]))
    np.testing.assert_allclose(found, [16.0, 49.0, (math.hypot(0.75, 7.0) - 1) ** 2], rtol=1e-5)


def test_gradient_penalty_reaches_the_critic_even_where_it_is_flat():
    # d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|: (2.4, 3.2) * 2 at (3, 4); finite at 0.
    x = tf.zeros([1, 2])
    slope = lambda w: penalty.gradient_penalty(
        lambda x: tf.linalg.matvec(x, w), x, x, tf.constant([0.5])
    )
    np.testing.assert_allclose(gradients(slope, [3.0, 4.0]), [[4.8, 6.4]], rtol=1e-5)
    assert np.isfinite(gradients(slope, [0.0, 0.0])).all()


def test_gradient_penalty_refuses_scores_and_weights_of_another_rank():
    x, flat = tf.zeros([4, 2]), lambda x: x[:, 0]
    with pytest.raises(ValueError, match="rank"):
        penalty.gradient_penalty(flat, x, x, tf.zeros([4, 1]))
    with pytest.raises(ValueError, match="rank"):
        penalty.gradient_penalty(lambda x: x[:, :1], x, x, tf.zeros([4]))


def test_what_slopes_cost():
    # Of slope 5: 16, 16, 25; of slope 1/2: 1/4, 0, 1/4.
    x = tf.zeros([3, 2])
    for w, expected in (([3.0, 4.0], (16.0, 16.0, 25.0)), ([0.3, -0.4], (0.25, 0.0, 0.25))):
        critic = lambda x, w=w: tf.linalg.matvec(x, w)
        forms = penalty.two_sided, penalty.one_sided, penalty.r1
        for form, value in zip(forms, expected, strict=True):
            np.testing.assert_allclose(form(critic, x), [value] * 3, rtol=1e-6, atol=1e-12)


def test_every_form_reaches_the_critic():
    # At w = (3, 4), |w| = 5: d (|w| - 1)^2 = 8 w / 5, the same one-sided, and d |w|^2 = 2 w.
    x = tf.zeros([1, 2])
    scales = {penalty.two_sided: 1.6, penalty.one_sided: 1.6, penalty.r1: 2.0}
    for form, scale in scales.items():
        cost = lambda w, form=form: form(lambda x: tf.linalg.matvec(x, w), x)
        np.testing.assert_allclose(gradients(cost, [3.0, 4.0]), [[3 * scale, 4 * scale]], rtol=1e-5)
        assert np.isfinite(gradients(cost, [0.0, 0.0])).all()


def test_points_around_data():
    # x + mix * 1/2 stddev noise: from (1, 2), stddev 4 and noise (1, 1/2), at mix 0, 1, 1/2.
    x, noise = tf.constant([[1.0, 2.0]] * 3), tf.constant([[1.0, 0.5]] * 3)
    found = penalty.around(x, 4.0, noise, tf.constant([0.0, 1.0, 0.5]))
    np.testing.assert_allclose(found, [[1.0, 2.0], [3.0, 3.0], [2.0, 2.5]])
