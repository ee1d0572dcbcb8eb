"""Losses of two-player games against closed forms, derived beside each number."""

import math

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tests.losses.calculus import LN2, gradients
from zoo.losses import adversarial


def sigmoid(logits):
    return 1.0 / (1.0 + np.exp(-np.asarray(logits, np.float64)))


def test_discriminator_by_hand():
    # D = 1/2 for both: -ln 1/2 - ln 1/2 = 2 ln 2. D(data) = 3/4 (ln 3), D(model) = 1/5 (-ln 4):
    # -ln 3/4 - ln 4/5 = ln 5/3; swapped roles cost -ln 1/5 - ln 1/4 = ln 20.
    data = tf.constant([0.0, math.log(3.0), -math.log(4.0)])
    model = tf.constant([0.0, -math.log(4.0), math.log(3.0)])
    expected = [2 * LN2, math.log(5 / 3), math.log(20.0)]
    loss = adversarial.discriminator(data, model)
    assert loss.shape == (3,)
    np.testing.assert_allclose(loss, expected, atol=1e-6)


def test_discriminator_gradients():
    # d/dl softplus(-l) = -(1 - D(data)); d/dl softplus(l) = D(model).
    data, model = [0.3, -2.0], [1.0, -0.5]
    of_data, of_model = gradients(adversarial.discriminator, data, model)
    np.testing.assert_allclose(of_data, sigmoid(data) - 1.0, atol=1e-6)
    np.testing.assert_allclose(of_model, sigmoid(model), atol=1e-6)


def test_minimax_and_non_saturating_differ():
    # At D(model) = 1/5: ln(1 - 1/5) = ln 4/5 against -ln 1/5 = ln 5.
    logits = tf.constant([-math.log(4.0)])
    np.testing.assert_allclose(adversarial.minimax_generator(logits), [math.log(4 / 5)], atol=1e-6)
    np.testing.assert_allclose(
        adversarial.non_saturating_generator(logits), [math.log(5.0)], atol=1e-6
    )


def test_non_saturating_lives_where_minimax_dies():
    # d/dl ln(1 - D) = -D, dead as D wins (l = -15: 3e-7); d/dl -ln D = -(1 - D), there -1.
    (minimax,) = gradients(adversarial.minimax_generator, [-15.0, 0.7])
    (alive,) = gradients(adversarial.non_saturating_generator, [-15.0, 0.7])
    np.testing.assert_allclose(minimax, -sigmoid([-15.0, 0.7]), rtol=1e-4)
    np.testing.assert_allclose(alive, sigmoid([-15.0, 0.7]) - 1.0, rtol=1e-5)
    assert abs(minimax[0]) < 1e-6
    assert alive[0] < -0.99


def test_swapped_generator_is_the_discriminator_with_labels_swapped():
    # The encoder's joint gets "model", the decoder's "data": softplus(l_q) + softplus(-l_p).
    q, p = [0.4, -3.0, 2.0], [-1.0, 0.1, 5.0]
    loss = adversarial.swapped_generator(tf.constant(q), tf.constant(p))
    np.testing.assert_allclose(
        loss, adversarial.discriminator(tf.constant(p), tf.constant(q)), atol=1e-7
    )
    np.testing.assert_allclose(loss, -np.log(1 - sigmoid(q)) - np.log(sigmoid(p)), atol=1e-5)
    of_q, of_p = gradients(adversarial.swapped_generator, q, p)
    np.testing.assert_allclose(of_q, sigmoid(q), atol=1e-6)
    np.testing.assert_allclose(of_p, sigmoid(p) - 1.0, atol=1e-6)


def test_accuracy():
    # Both right, data wrong, model wrong, both wrong; logit 0 decides for "model".
    data, model = tf.constant([2.0, -2.0, 2.0, -2.0, 0.0]), tf.constant([-1.0, -1.0, 1.0, 1.0, 0.0])
    found = adversarial.accuracies(data, model)
    np.testing.assert_array_equal(found["discriminator_accuracy_data"], [1, 0, 1, 0, 0])
    np.testing.assert_array_equal(found["discriminator_accuracy_model"], [1, 1, 0, 0, 1])


def test_log_ratio_generator_by_hand():
    # D(model) = 3/4 at ln 3: -ln 3/4 + ln 1/4 = -ln 3. Its slope is -1 everywhere.
    logits = [math.log(3.0), 0.0, -20.0]
    loss = adversarial.log_ratio_generator(tf.constant(logits))
    np.testing.assert_allclose(loss, [-math.log(3.0), 0.0, 20.0], rtol=1e-6)
    data, model = adversarial.non_saturating_generator, adversarial.minimax_generator
    both = data(tf.constant(logits)) + model(tf.constant(logits))
    np.testing.assert_allclose(loss, both, rtol=1e-5, atol=1e-6)
    (slope,) = gradients(adversarial.log_ratio_generator, logits)
    np.testing.assert_array_equal(slope, [-1.0, -1.0, -1.0])


def test_log_ratio_at_the_optimal_discriminator_is_the_kl():
    # data N(0, 1), model N(1, 1/4): KL(model || data) = ln 2 + (1/4 + 1) / 2 - 1/2.
    n = 100_000
    data, model = tfd.Normal(0.0, 1.0), tfd.Normal(1.0, 0.5)
    x = model.sample(n, seed=[0, 1])
    ratios = adversarial.log_ratio_generator(data.log_prob(x) - model.log_prob(x)).numpy()
    kl = LN2 + (0.25 + 1) / 2 - 0.5
    assert abs(ratios.mean() - kl) < 4 * ratios.std() / math.sqrt(n) < 0.02


def test_wasserstein_losses_by_hand():
    # Scores 3 of data and -1 of samples are 4 apart; the critic descends minus that.
    data, model = tf.constant([3.0, 0.5]), tf.constant([-1.0, 2.5])
    np.testing.assert_allclose(adversarial.wasserstein_critic(data, model), [-4.0, 2.0])
    np.testing.assert_allclose(adversarial.wasserstein_generator(model), [1.0, -2.5])
    of_data, of_model = gradients(adversarial.wasserstein_critic, data, model)
    np.testing.assert_array_equal([of_data, of_model], [[-1.0, -1.0], [1.0, 1.0]])
    (slope,) = gradients(adversarial.wasserstein_generator, model)
    np.testing.assert_array_equal(slope, [-1.0, -1.0])


# --- ALI: the optimal discriminator of two known joints -------------------------------------------


class TwoJoints:
    """q(x, z) = N(x; 0, 1) N(z; 0.8 x, 0.5^2) and p(x, z) = N(z; 0, 1) N(x; 0.5 z + 0.3, 0.9^2)."""

    @staticmethod
    def log_q(x, z):
        return tfd.Normal(0.0, 1.0).log_prob(x) + tfd.Normal(0.8 * x, 0.5).log_prob(z)

    @staticmethod
    def log_p(x, z):
        return tfd.Normal(0.0, 1.0).log_prob(z) + tfd.Normal(0.5 * z + 0.3, 0.9).log_prob(x)

    def logits(self, x, z):
        return self.log_q(x, z) - self.log_p(x, z)

    def draws(self, n, seed=7):
        noise = np.random.default_rng(seed).standard_normal((4, n)).astype(np.float32)
        x_q = noise[0]
        z_q = 0.8 * x_q + 0.5 * noise[1]
        z_p = noise[2]
        x_p = 0.5 * z_p + 0.3 + 0.9 * noise[3]
        return x_q, z_q, x_p, z_p


def _directions(x, z):
    """Perturbations h(x, z) of the logit function, [5, n]."""
    return tf.stack([tf.ones_like(x), x, z, x * z, tf.tanh(x - z)])


def _derivatives(loss, logits, n=200_000):
    """Mean and standard error of d loss(logits + theta h) / d theta at theta = 0, for each h."""
    x_q, z_q, x_p, z_p = TwoJoints().draws(n)
    logits_q, logits_p = logits(x_q, z_q), logits(x_p, z_p)
    with tf.GradientTape() as tape:
        tape.watch([logits_q, logits_p])
        total = tf.reduce_sum(loss(logits_q, logits_p))
    of_q, of_p = tape.gradient(total, [logits_q, logits_p])
    samples = (of_q * _directions(x_q, z_q) + of_p * _directions(x_p, z_p)).numpy()
    return samples.mean(axis=1), samples.std(axis=1) / math.sqrt(n)


def test_log_density_ratio_is_stationary_for_the_discriminator():
    # d/dtheta along h = integral of (-q (1 - D) + p D) h, which is 0 at D = q / (p + q).
    mean, error = _derivatives(adversarial.discriminator, TwoJoints().logits)
    assert np.all(np.abs(mean) < 4 * error)
    assert np.all(error < 3e-3)
    for factor in (-1.0, 0.5, 1.5):  # other logits are not
        mean, error = _derivatives(
            adversarial.discriminator, lambda x, z, f=factor: f * TwoJoints().logits(x, z)
        )
        assert np.max(np.abs(mean) / error) > 8


def test_value_at_the_optimal_discriminator_is_2_ln_2_minus_2_js():
    # JS = (KL(q || m) + KL(p || m)) / 2 with m = (p + q) / 2, integrated on a grid over [-8, 8]^2.
    joints = TwoJoints()
    axis = np.linspace(-8.0, 8.0, 801)
    x, z = (a.astype(np.float32) for a in np.meshgrid(axis, axis))
    log_q, log_p = (np.float64(f(x, z)) for f in (joints.log_q, joints.log_p))
    log_m = np.logaddexp(log_q, log_p) - LN2
    cell = (axis[1] - axis[0]) ** 2
    js = 0.5 * cell * np.sum(np.exp(log_q) * (log_q - log_m) + np.exp(log_p) * (log_p - log_m))
    assert 0.05 < js < LN2
    x_q, z_q, x_p, z_p = joints.draws(200_000)
    costs = adversarial.discriminator(joints.logits(x_q, z_q), joints.logits(x_p, z_p)).numpy()
    error = costs.std() / math.sqrt(len(costs))
    assert abs(costs.mean() - (2 * LN2 - 2 * js)) < 4 * error
    assert error < 5e-3
