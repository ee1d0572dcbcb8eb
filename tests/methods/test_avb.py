"""AVB: the adversary's divergence against closed forms, with and without adaptive contrast."""

import numpy as np
import pytest
import tensorflow as tf

from tests.methods.tiny import assert_standard_normal, constant, moved, phase, seen_by, states
from tests.small import D, batch, gradients, hidden, nets, sgd, stack
from zoo import distributions
from zoo.losses import adversarial
from zoo.methods.avb import AVB
from zoo.networks.stack import Pair, Stack, dense


def avb(**options):
    networks = nets("encoder", "decoder", "discriminator")
    networks["encoder"] = stack(D, 1, dense(8, activation="tanh", extra=True), hidden())
    settings = {"encoder_output": "implicit", "decoder_output": "normal", "decoder_stddev": 0.5}
    return AVB(image_shape=(D,), latent_dim=D, **networks | settings | options)


_A, _S = np.array([[0.8, -0.3], [0.2, 0.6]], np.float32), np.array([0.5, 1.3], np.float32)


def gaussian(**options):
    """z = x A + S eps exactly: q(z|x) = N(x A, diag(S^2)), implicit all the same."""
    encoder = Stack((dense(D, activation="linear", extra=True),))
    model = avb(encoder=encoder, **options)
    encoder.set_weights([np.concatenate([_A, np.diag(_S)]), np.zeros(D, np.float32)])
    return model


def analytic(x):
    """KL(N(x A, S^2) || N(0, I)), [B]."""
    return np.sum(((x @ _A) ** 2 + _S**2 - 1) / 2 - np.log(_S), axis=1)


def test_the_adversary_recovers_the_kl_of_two_gaussians():
    # q = N(1, 1/4), p = N(0, 1): KL = ln 2 + (1/4 + 1) / 2 - 1/2 = 0.818. log q - log p lies in
    # the span of (1, z, z^2), where the loss is convex: a few steps of Newton reach its minimum.
    # Over 20 seeds E_q[T] had a standard deviation of 0.0066, theta one of 0.033 at most: the
    # tolerances are 4.5 of them.
    n, rng = 50_000, np.random.default_rng(0)
    z_q, z_p = (rng.standard_normal((2, n)) * [[0.5], [1.0]] + [[1.0], [0.0]]).astype(np.float64)
    on_q, on_p = (tf.constant(np.stack([z**0, z, z**2], axis=1)) for z in (z_q, z_p))
    theta = tf.Variable(tf.zeros(3, tf.float64))
    for _ in range(12):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                t_q, t_p = (tf.linalg.matvec(each, theta) for each in (on_q, on_p))
                loss = tf.reduce_mean(adversarial.discriminator(t_q, t_p))
            slope = inner.gradient(loss, theta)
        curvature = outer.jacobian(slope, theta)
        theta.assign_sub(tf.linalg.solve(curvature, slope[:, None])[:, 0])
    assert np.abs(slope).max() < 1e-9
    kl = np.log(2.0) + (0.25 + 1) / 2 - 0.5
    np.testing.assert_allclose(np.mean(on_q @ theta[:, None]), kl, atol=0.03)
    # T itself: ln 2 - 2 (z - 1)^2 + z^2 / 2 = (ln 2 - 2) + 4 z - 1.5 z^2.
    np.testing.assert_allclose(theta, [np.log(2.0) - 2, 4.0, -1.5], atol=0.15)


@pytest.mark.parametrize("t", [0.0, 0.7])
def test_with_adaptive_contrast_a_gaussian_posterior_leaves_nothing_to_the_adversary(t):
    # T = log q - log r = 0 but for the error of r's moments: E_q[log r - log q] = -KL(q || r),
    # about -(1/2 + 1/4 (2)) / k = -1 / k a dimension from k draws. A constant T adds itself.
    k, n = 100, 4000
    model, x = gaussian(contrast_samples=k), batch(n)
    model.compile()
    constant(model.discriminator, t)
    logs = model.test_step(x)
    eps = batch(n, seed=1)
    spread = np.std(np.sum((x @ _A + _S * eps) ** 2 - eps**2, axis=1) / 2)  # of log r - log p
    tolerance = 4 * spread / np.sqrt(n) + 2 * D / k
    assert tolerance < 0.2
    assert abs(float(logs["kl"]) - t - analytic(x).mean()) < tolerance
    assert analytic(x).mean() > 0.5


def test_without_contrast_the_divergence_is_the_adversary_s():
    model, x = avb(adaptive_contrast=False), batch()
    model.compile()
    constant(model.discriminator, -0.3)
    logs = model.test_step(x)
    np.testing.assert_allclose(logs["kl"], -0.3, rtol=1e-6)
    # T = -0.3 on both sides: softplus(0.3) + softplus(-0.3).
    cost = np.logaddexp(0, 0.3) + np.logaddexp(0, -0.3)
    np.testing.assert_allclose(logs["discriminator_loss"], cost, rtol=1e-6)
    np.testing.assert_allclose(
        logs["model_loss"], logs["kl"] + logs["reconstruction_loss"], rtol=1e-6
    )


def joints_of(model, x, monkeypatch):
    """What T sees in one step: x, which both sides have, codes, their contrast."""
    seen = seen_by(model, "discriminator", monkeypatch)
    model.train_step(x)
    ((twice, z),) = seen
    np.testing.assert_array_equal(twice[: len(x)], twice[len(x) :])
    return twice[: len(x)], *np.split(z, 2)


def test_without_contrast_codes_are_held_against_the_prior(monkeypatch):
    model, x = sgd(gaussian(adaptive_contrast=False), rate=0.0), batch(3000)
    seen, z_q, z_p = joints_of(model, x, monkeypatch)
    np.testing.assert_array_equal(seen, x)
    assert_standard_normal((z_q - x @ _A) / _S)
    assert_standard_normal(z_p)


def test_with_contrast_standardised_codes_are_held_against_noise(monkeypatch):
    model, x = sgd(gaussian(contrast_samples=200), rate=0.0), batch(3000)
    seen, z_q, r = joints_of(model, x, monkeypatch)
    np.testing.assert_array_equal(seen, x)
    # Moments from k draws: Student's t, of variance (1 + 1 / k) (k - 1) / (k - 3).
    assert_standard_normal(z_q / np.sqrt((1 + 1 / 200) * 199 / 197))
    assert_standard_normal(r)
    assert np.abs(z_q - r).max() > 0.1


def test_no_gradient_flows_through_the_contrast_s_moments(monkeypatch):
    # T(x, u) = W.u of u = (z - loc) / scale, p(x|z) does not tell of z. By z alone the loss
    # W.u + log r(z) - log p(z) has the slope W / scale - u / scale + z; z = x A + S e + b.
    model, x, w = sgd(gaussian(contrast_samples=9)), batch(50), np.float32([2.0, -3.0])
    model.decoder.set_weights([np.zeros_like(v) for v in model.decoder.get_weights()])
    joint = Stack((dense(None, activation="linear"),), ())
    model.networks["discriminator"] = Pair(Stack(()), Stack(()), joint)
    model.networks["discriminator"].build((None, D), (None, D))
    joint.set_weights([np.concatenate([np.zeros(D), w])[:, None], np.zeros(1)])
    kept, inferred = [], model.inferred

    def spy(x):
        q, moments = inferred(x)
        return q, lambda: kept.append(moments()) or kept[-1]

    monkeypatch.setattr(model, "inferred", spy)
    seen = seen_by(model, "discriminator", monkeypatch)
    _, bias = gradients(model, model.bound, tf.constant(x))["model"][:2]
    ((_, u),), ((loc, scale),) = seen, (map(np.array, each) for each in kept)
    u = u[:50]
    np.testing.assert_allclose(bias, np.mean((w - u) / scale + loc + scale * u, axis=0), rtol=1e-4)
    assert np.abs(np.mean(w / scale, axis=0)).min() > 1  # what moments that moved would take away


def test_moments_of_draws_are_those_of_the_posterior():
    k, x = 400, batch(300)
    model = gaussian(contrast_samples=k)
    with phase(model):
        loc, scale = model.inferred(tf.constant(x))[1]()
    assert np.abs((loc - x @ _A) / _S).max() < 5 / np.sqrt(k)
    assert np.abs(scale / _S - 1).max() < 5 / np.sqrt(2 * k)
    # Unbiased variance: the mean over 300 rows is within 4 sqrt(2 / (300 k)) of the truth.
    assert np.abs(np.mean(scale**2, axis=0) / _S**2 - 1).max() < 4 * np.sqrt(2 / (300 * k))


@pytest.mark.parametrize("contrast", [False, True])
def test_both_players_move_at_once(contrast):
    model, x = sgd(avb(adaptive_contrast=contrast)), tf.constant(batch())
    before, moves = states(model), gradients(model, model.bound, x)
    model.train_step(x)
    assert moved(before, states(model)) == {"encoder", "decoder", "discriminator"}
    assert int(model.play_counter) == 1
    found = model.discriminator.trainable_variables
    for w, g, now in zip(before["discriminator"], moves["discriminator"], found, strict=True):
        np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-6)


def test_with_a_constant_adversary_the_encoder_descends_the_exact_bound():
    """T = 0: d/dlog S of E[log r - log p] with r held fixed is E[S eps (z - (z - loc) / S^2)].

    E[S eps z] = S^2 and E[(S eps)^2] / S^2 = 1: S^2 - 1, the analytic KL's slope.
    """
    n = 20_000
    model = gaussian(contrast_samples=50, decoder_stddev=1e3)  # the likelihood says nothing
    sgd(model, rate=0.0)
    constant(model.discriminator, 0.0)
    x = tf.zeros([n, D])
    slope = gradients(model, model.bound, x)["model"][0]  # of the encoder's kernel, [2 D, D]
    found = np.diag(slope[D:]) * _S  # d/dlog S = S d/dS
    # 1 / scale^2 is larger than 1 / S^2 by k / (k - 3) on average.
    expected = _S**2 - 50 / 47
    np.testing.assert_allclose(found, expected, atol=0.12)


def test_the_posterior_is_implicit():
    model, x = avb(noise_dim=5), batch(6)
    assert model.encoder.weights[0].shape == (D + 5, 8)
    q = model.encode(x)
    assert isinstance(q, distributions.Implicit) and q.sample(seed=0).shape == (6, D)
    with pytest.raises(NotImplementedError):
        q.log_prob(q.sample(seed=0))
    assert np.abs(model.reconstruct(x, seed=0) - model.reconstruct(x, seed=1)).max() > 1e-3


def test_verbs():
    model = avb()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    assert model.density is None


def basis(**options):
    """The paper's encoder: z = b(x) + sum_i a_i(x) v_i(e_i), m = 3, noise of 4."""
    networks = nets("decoder", "discriminator")
    networks["encoder"] = stack((3 + 1) * D, 1, hidden())
    networks["basis"] = stack(D, 2, hidden())
    settings = {"decoder_output": "normal", "basis_size": 3, "noise_dim": 4}
    return AVB(image_shape=(D,), latent_dim=D, **networks | settings | options)


def test_moments_of_the_basis_are_those_of_its_posterior():
    # 20,000 draws of q(z|x) against the closed form with v_i's moments from 20,000 draws too: both
    # errors are within 5 sqrt(2 / n) of a standard deviation, a variance's with tails up to
    # kurtosis 6.
    n, model, x = 20_000, basis(contrast_samples=20_000), batch(4)
    with phase(model):
        loc, scale = model.inferred(tf.constant(x))[1]()
    z = model.encode(x).sample(n, seed=(0, 1)).numpy()  # [n, 4, D]
    error = 5 * np.sqrt(2 / n)
    assert np.abs((z.mean(axis=0) - loc) / scale).max() < error
    assert np.abs(z.std(axis=0) / scale - 1).max() < 2 * error


def test_the_functions_of_the_basis_have_noise_of_their_own():
    model = basis()
    noise = np.zeros([1, 3 * 4], np.float32)
    with phase(model):
        before = model.functions(tf.constant(noise)).numpy()  # [1, 3, D]
        noise[0, 4:8] = 1.0  # e_2
        after = model.functions(tf.constant(noise)).numpy()
    assert (before != after).any(axis=2).tolist() == [[False, True, False]]
    assert np.abs(before[0, 0] - before[0, 2]).max() > 1e-3  # other functions of the same noise


def test_the_basis_is_the_model_player_s_and_moves():
    model = sgd(basis())
    before = states(model)
    model.train_step(tf.constant(batch()))
    assert moved(before, states(model)) == {"encoder", "basis", "decoder", "discriminator"}


def test_the_mean_of_a_basis_posterior_is_in_closed_form():
    # b + sum_i a_i E v_i, E v_i of 1,000 draws, against 20,000 draws of q(z|x): errors s / 32 and
    # s / 141 of a standard deviation s.
    model, x = basis(), batch(4)
    q = model.encode(x)
    z = q.sample(20_000, seed=(0, 1)).numpy()
    assert distributions.has_exact_mean(q)
    assert np.abs((z.mean(axis=0) - q.mean()) / z.std(axis=0)).max() < 5 * (1 / 32 + 1 / 141)
    np.testing.assert_allclose(model.encode(x[:1]).mean(), q.mean()[:1], rtol=1e-4, atol=1e-6)
    assert not distributions.has_exact_mean(avb().encode(x))
