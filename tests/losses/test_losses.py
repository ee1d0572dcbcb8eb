"""Losses against closed forms, derived beside each number."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import distributions
from zoo.losses import adversarial, divergence, likelihood, penalty, supervised

tfd = tfp.distributions

LN2 = math.log(2.0)


def gradients(loss, *values):
    """Value of the summed loss's gradient at each of the inputs."""
    variables = [tf.constant(value, tf.float32) for value in values]
    with tf.GradientTape() as tape:
        for variable in variables:
            tape.watch(variable)
        total = tf.reduce_sum(loss(*variables))
    return [g.numpy() for g in tape.gradient(total, variables)]


def sigmoid(logits):
    return 1.0 / (1.0 + np.exp(-np.asarray(logits, np.float64)))


# --- adversarial ----------------------------------------------------------------------------------


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


# --- Wasserstein and its penalty ------------------------------------------------------------------


def test_wasserstein_losses_by_hand():
    # Scores 3 of data and -1 of samples are 4 apart; the critic descends minus that.
    data, model = tf.constant([3.0, 0.5]), tf.constant([-1.0, 2.5])
    np.testing.assert_allclose(adversarial.wasserstein_critic(data, model), [-4.0, 2.0])
    np.testing.assert_allclose(adversarial.wasserstein_generator(model), [1.0, -2.5])
    of_data, of_model = gradients(adversarial.wasserstein_critic, data, model)
    np.testing.assert_array_equal([of_data, of_model], [[-1.0, -1.0], [1.0, 1.0]])
    (slope,) = gradients(adversarial.wasserstein_generator, model)
    np.testing.assert_array_equal(slope, [-1.0, -1.0])


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


# --- supervised -----------------------------------------------------------------------------------


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


# --- likelihood -----------------------------------------------------------------------------------


def test_negative_elbo_by_hand():
    # -(log p - beta KL): -(-3 - 2) = 5 and -(-1 - 0.5) = 1.5; with beta = 4: 3 + 8 and 1 + 2.
    log_likelihood, kl = tf.constant([-3.0, -1.0]), tf.constant([2.0, 0.5])
    np.testing.assert_allclose(likelihood.negative_elbo(log_likelihood, kl), [5.0, 1.5])
    np.testing.assert_allclose(likelihood.negative_elbo(log_likelihood, kl, 4.0), [11.0, 3.0])


def test_iwae_by_hand():
    # ln((1 + 3) / 2) = ln 2; equal weights w give ln w; beyond exp: ln((e^-999 + e^-1000) / 2).
    weights = tf.constant([[0.0, math.log(3.0)], [-1.5, -1.5], [-999.0, -1000.0]])
    expected = [LN2, -1.5, -999.0 + math.log1p(math.exp(-1.0)) - LN2]
    np.testing.assert_allclose(likelihood.iwae_bound(weights), expected, rtol=1e-6)


@pytest.mark.parametrize("beta", [1.0, 0.3, 0.0])
def test_doubly_reparameterised_by_hand(beta):
    # log w = c z: d bound / dz_k = v_k c, v = softmax(c z) of each example's draws, and once more
    # beta v_k + 1 - beta; any factor of the bound is one of its gradient.
    z, c = np.float32([[1.0], [2.0], [0.5], [-1.0]]), 0.7
    v = np.exp(c * z).reshape(2, 2)
    v = (v / v.sum(axis=1, keepdims=True)).reshape(4, 1)
    variable = tf.Variable(z)
    with tf.GradientTape() as tape:
        draws, zeros = likelihood.doubly_reparameterised(tf.identity(variable), 2, beta)
        log_weights = tf.reshape(c * draws[:, 0] + zeros, [2, 2])
        bound = likelihood.iwae_bound(log_weights)
        loss = tf.reduce_sum(bound * [-0.5, 3.0])
    np.testing.assert_array_equal(draws, z)
    np.testing.assert_array_equal(zeros, np.zeros(4))
    expected = np.float32([-0.5, -0.5, 3.0, 3.0])[:, None] * v * c * (beta * v + 1 - beta)
    np.testing.assert_allclose(tape.gradient(loss, variable), expected, rtol=1e-5)


def test_bits_per_dim_of_uniform_levels():
    # Uniform on 256 levels: log p = -D ln 256, ln 256 / ln 2 = 8 bits.
    dimensions = 28 * 28
    log_prob = tf.constant([-dimensions * math.log(256.0)])
    np.testing.assert_allclose(likelihood.bits_per_dim(log_prob, dimensions), [8.0], rtol=1e-6)


def test_squared_and_absolute_error_by_hand():
    # Differences 1, -2, 0, 2: half of 1 + 4 + 4 summed; 5 / 4 averaged.
    x = np.float32([[[1.0, 0.0], [3.0, 2.0]]])
    x_hat = np.float32([[[0.0, 2.0], [3.0, 0.0]]])
    np.testing.assert_allclose(likelihood.squared_error(x, x_hat), [4.5])
    np.testing.assert_allclose(likelihood.absolute_error(x, x_hat), [1.25])
    of_x, of_hat = gradients(likelihood.squared_error, x, x_hat)
    np.testing.assert_allclose(of_x, x - x_hat)
    np.testing.assert_allclose(of_hat, x_hat - x)
    (slope,) = gradients(lambda each: likelihood.absolute_error(x, each), x_hat - 0.5)
    np.testing.assert_allclose(slope, -np.sign(x - x_hat + 0.5) / 4)


def test_squared_error_is_a_normal_log_likelihood_and_a_constant():
    features, features_hat = np.random.default_rng(0).standard_normal((2, 5, 7)).astype(np.float32)
    log_prob = distributions.normal(tf.constant(features_hat), 1.0).log_prob(features)
    expected = -log_prob - 3.5 * math.log(2 * math.pi)
    found = likelihood.squared_error(features, features_hat)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


class LinearGaussian:
    """z ~ N(0, I), x|z ~ N(w z + b, s^2 I), w diagonal: x ~ N(b, w^2 + s^2).

    Posterior precision 1 + w^2 / s^2, mean (w / s^2) (x - b) / precision.
    """

    w, b, s = np.array([1.5, -0.4]), np.array([0.2, -1.0]), 0.6

    def __init__(self):
        self.x = np.array([[0.3, -0.8], [2.5, 0.4], [-3.0, -1.0]], np.float32)
        precision = 1 + self.w**2 / self.s**2
        self.loc = (self.w / self.s**2) * (self.x - self.b) / precision
        self.log_scale = np.broadcast_to(-0.5 * np.log(precision), self.loc.shape)
        variance = self.w**2 + self.s**2
        terms = -0.5 * (self.x - self.b) ** 2 / variance - 0.5 * np.log(2 * math.pi * variance)
        self.evidence = terms.sum(axis=1)
        self.prior = distributions.standard_normal(2)

    def posterior(self, widen=0.0, shift=0.0):
        outputs = np.concatenate([self.loc + shift, self.log_scale + widen], axis=1)
        return distributions.diagonal_normal(tf.constant(outputs, tf.float32))

    def log_likelihood(self, z):
        """log p(x|z) of z [B, 2], or [K, B, 2], whose draws stand for more rows."""
        x = np.broadcast_to(self.x, z.shape).reshape(-1, 2)
        loc = tf.reshape(tf.cast(z * self.w + self.b, tf.float32), [-1, 2])
        return tf.reshape(distributions.normal(loc, self.s).log_prob(x), z.shape[:-1])

    def log_weights(self, q, z):
        """log p(x, z) - log q(z|x) for z [K, B, 2], as [B, K]."""
        return tf.transpose(self.log_likelihood(z) + self.prior.log_prob(z) - q.log_prob(z))


def test_elbo_is_the_evidence_at_the_exact_posterior():
    model = LinearGaussian()
    q = model.posterior()
    for z in q.sample(3, seed=[0, 1]):
        # log p(x|z) + log p(z) - log q(z|x) = log p(x) for *every* z, as q is the exact posterior.
        kl = divergence.monte_carlo_kl(q, model.prior, z)
        loss = likelihood.negative_elbo(model.log_likelihood(z), kl)
        np.testing.assert_allclose(-loss, model.evidence, atol=2e-5)


def test_elbo_with_analytic_kl_at_the_exact_posterior():
    # E_q log p(x|z) = sum -((x - b - w loc)^2 + w^2 scale^2) / (2 s^2) - ln(s sqrt(2 pi)).
    model = LinearGaussian()
    scale = np.exp(model.log_scale)
    squares = (model.x - model.b - model.w * model.loc) ** 2 + model.w**2 * scale**2
    expected = (-squares / (2 * model.s**2) - math.log(model.s * math.sqrt(2 * math.pi))).sum(
        axis=1
    )
    kl = divergence.analytic_kl(model.posterior(), model.prior)
    loss = likelihood.negative_elbo(tf.constant(expected, tf.float32), kl)
    np.testing.assert_allclose(-loss, model.evidence, atol=2e-5)


def test_iwae_rises_from_the_elbo_to_the_evidence():
    model = LinearGaussian()
    q = model.posterior(
        widen=0.5, shift=0.2
    )  # a wrong posterior: the ELBO is loose, the weights are bounded
    draws = 16_384
    weights = model.log_weights(q, q.sample(draws, seed=[3, 4])).numpy()  # [B, draws]

    def bounds(k):
        """[B, draws / k] independent estimates."""
        flat = tf.constant(weights.reshape(-1, k))
        return likelihood.iwae_bound(flat).numpy().reshape(len(weights), -1)

    np.testing.assert_allclose(bounds(1), weights, atol=1e-6)  # K = 1 is the ELBO, draw by draw
    means = [bounds(k).mean(axis=1) for k in (1, 4, 16, 64)]
    gap = np.array(
        [0.5 * 2 * (math.exp(1.0) - 1 - 1.0) + 0.5 * 0.04 * np.exp(-2 * model.log_scale[0]).sum()]
    )
    # The ELBO's gap: KL(q || exact) = sum (e^(2 widen) - 1 - 2 widen) / 2 + (shift / scale)^2 / 2.
    error = 4 * bounds(1).std(axis=1) / math.sqrt(draws)
    assert np.all(np.abs(model.evidence - means[0] - gap) < error)
    for lower, higher in zip(means, means[1:]):
        assert np.all(lower < higher)
    exact = bounds(draws)[:, 0]
    ratios = np.exp(weights - weights.max(axis=1, keepdims=True))
    error = 4 * ratios.std(axis=1) / ratios.mean(axis=1) / math.sqrt(draws)  # delta method
    assert np.all(np.abs(exact - model.evidence) < error)
    assert np.all(error < 0.1)


# --- divergence -----------------------------------------------------------------------------------


def test_analytic_kl_of_shifted_normals():
    # KL(N(m, 1) || N(0, 1)) = m^2 / 2, summed over dimensions: (9 + 1) / 2 and 0.
    outputs = tf.constant([[3.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    kl = divergence.analytic_kl(
        distributions.diagonal_normal(outputs), distributions.standard_normal(2)
    )
    np.testing.assert_allclose(kl, [5.0, 0.0], atol=1e-6)


def test_analytic_kl_is_not_symmetric():
    # KL(N(0, 2^2) || N(0, 1)) = (4 - 1) / 2 - ln 2; the other way 1/8 - 1/2 + ln 2.
    q = distributions.diagonal_normal(tf.constant([[0.0, LN2]]))
    kl = divergence.analytic_kl(q, distributions.standard_normal(1))
    np.testing.assert_allclose(kl, [1.5 - LN2], atol=1e-6)


def test_monte_carlo_kl_is_unbiased():
    q = distributions.diagonal_normal(tf.constant([[0.7, -0.2, 0.3, -0.5]]))
    p = distributions.standard_normal(2)
    # Sum over dimensions of (m^2 + s^2 - 1) / 2 - ln s, with ln s = 0.3 and -0.5.
    exact = sum((m**2 + math.exp(2 * t) - 1) / 2 - t for m, t in ((0.7, 0.3), (-0.2, -0.5)))
    z = q.sample(20_000, seed=[5, 6])[:, 0]
    many = distributions.diagonal_normal(
        tf.tile(tf.constant([[0.7, -0.2, 0.3, -0.5]]), [len(z), 1])
    )
    estimates = divergence.monte_carlo_kl(many, p, z).numpy()
    error = estimates.std() / math.sqrt(len(estimates))
    assert abs(estimates.mean() - exact) < 4 * error
    assert error < 0.02 < exact


# --- a [B] against [B, 1] slip cannot pass --------------------------------------------------------


@pytest.mark.parametrize(
    "loss, ranks",
    [
        (adversarial.discriminator, (1, 2)),
        (adversarial.discriminator, (2, 1)),
        (adversarial.minimax_generator, (2,)),
        (adversarial.non_saturating_generator, (2,)),
        (adversarial.swapped_generator, (1, 2)),
        (adversarial.swapped_generator, (2, 1)),
        (likelihood.negative_elbo, (1, 2)),
        (likelihood.negative_elbo, (2, 1)),
        (likelihood.iwae_bound, (1,)),
        (lambda z: likelihood.doubly_reparameterised(z, 2), (1,)),
        (adversarial.log_ratio_generator, (2,)),
        (adversarial.wasserstein_critic, (1, 2)),
        (adversarial.wasserstein_critic, (2, 1)),
        (adversarial.wasserstein_generator, (2,)),
        (supervised.data_logit, (1,)),
    ],
)
def test_wrong_ranks_are_refused(loss, ranks):
    with pytest.raises(ValueError, match="rank"):
        loss(*(tf.zeros([4, 1][:rank]) for rank in ranks))


def test_wrong_ranks_of_labels_are_refused():
    for logits, y in (([4], [4]), ([4, 3], [4, 1])):
        with pytest.raises(ValueError, match="rank"):
            supervised.cross_entropy(tf.zeros(logits), tf.zeros(y, tf.int32))


def test_divergences_of_unsummed_distributions_are_refused():
    q = tfd.Normal(tf.zeros([4, 1]), 1.0)  # one KL a dimension, not one an example
    with pytest.raises(ValueError, match="rank"):
        divergence.analytic_kl(q, tfd.Normal(0.0, 1.0))
    with pytest.raises(ValueError, match="rank"):
        divergence.monte_carlo_kl(q, tfd.Normal(0.0, 1.0), tf.zeros([4, 1]))


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
