"""VAE/GAN: likeness in the discriminator's features, and who pays for it."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.methods.tiny import moved, pair, phase, seen_by, softplus, states
from tests.small import D, batch, gradients, hidden, nets, sgd
from zoo.losses import likelihood
from zoo.methods.vae_gan import VAEGAN
from zoo.networks.stack import Pair, Stack, dense


def vae_gan(**options):
    networks = nets("encoder", "decoder") | {"discriminator": pair(codes=False)}
    return VAEGAN(image_shape=(D,), latent_dim=D, **networks | options)


def pixels(logit=0.0):
    """A discriminator whose hidden row is x itself, and whose logit is a constant."""
    rows = (dense(D, activation="linear"), dense(None, activation="linear"))
    network = Pair(Stack(()), None, Stack(rows))
    network.build((None, D))
    network.set_weights([np.eye(D), np.zeros(D), np.zeros([D, 1]), np.array([logit])])
    return network


def test_equal_images_are_alike_whatever_the_noise_in_the_discriminator():
    rows = (dense(8, noise=0.5, dropout=0.5), dense(None, activation="linear"))
    x = batch()
    for network in (pair(codes=False), Pair(Stack(()), None, Stack(rows))):
        model = sgd(vae_gan(discriminator=network))
        with phase(model, training=True):
            of_x, of_twin = model.features_of(x, x)
            _, of_other = model.features_of(x, batch(seed=1))
        np.testing.assert_array_equal(likelihood.squared_error(of_x, of_twin), np.zeros(16))
        assert np.min(likelihood.squared_error(of_x, of_other)) > 1e-4


def test_costs_by_hand(monkeypatch):
    """Features are pixels and D = sigmoid(0.7): likeness is |x - x_q|^2 / 2."""
    model, x = sgd(vae_gan(discriminator=pixels(0.7), gamma=3.0, beta=0.5)), batch()
    seen = seen_by(model, "discriminator", monkeypatch)
    logs = model.test_step(x)
    images, x_q, x_p = np.split(seen[0][0], 3)
    np.testing.assert_array_equal(images, x)
    assert x_q.shape == x_p.shape == x.shape
    likeness = np.sum((x - x_q) ** 2, axis=1).mean() / 2
    q = model.encode(x)
    kl = np.sum((q.mean() ** 2 + q.variance() - 1) / 2 - np.log(q.stddev()), axis=1).mean()
    near = lambda name, value: np.testing.assert_allclose(logs[name], value, rtol=1e-5)
    near("reconstruction_loss", likeness)
    near("kl", kl)
    near("encoder_loss", 0.5 * kl + likeness)  # no gamma, no game
    near("decoder_loss", 3.0 * likeness + 2 * softplus(-0.7))  # non-saturating, twice
    near("discriminator_loss", softplus(-0.7, 0.7, 0.7))


def test_the_images_are_data_reconstructions_and_samples(monkeypatch):
    model, x = sgd(vae_gan(), rate=0.0), batch(2000)
    # The encoder is sure, so that a reconstruction is the one from the mean.
    bias = model.encoder.weights[-1]
    bias.assign(np.concatenate([bias[:D], np.full(D, -15.0)]))
    kernel = model.encoder.weights[-2]
    kernel.assign(kernel * [[1.0] * D + [0.0] * D])
    seen = seen_by(model, "discriminator", monkeypatch)
    model.train_step(x)
    _, x_q, x_p = np.split(seen[0][0], 3)
    np.testing.assert_allclose(x_q, model.reconstruct(x), atol=1e-4)
    samples = model.sample(2000, seed=1).numpy()
    error = 5 * samples.std(axis=0) * np.sqrt(2 / 2000)
    assert np.all(np.abs(x_p.mean(axis=0) - samples.mean(axis=0)) < error)
    assert np.abs(x_p - x_q).max() > 0.1


def test_gamma_is_the_decoder_s_alone():
    x, moves = tf.constant(batch()), {}
    for gamma in (0.0, 2.0):
        model = sgd(vae_gan(gamma=gamma))
        moves[gamma] = gradients(model, model.game, x)
    for player in ("encoder", "discriminator"):
        for a, b in zip(moves[0.0][player], moves[2.0][player], strict=True):
            np.testing.assert_array_equal(a, b)
    pairs = zip(moves[0.0]["decoder"], moves[2.0]["decoder"])
    assert max(np.abs(a - b).max() for a, b in pairs) > 1e-4


def test_likeness_is_the_encoder_s_and_the_game_is_not():
    """Other logits on the same features: another game, the same likeness."""
    x, model = tf.constant(batch()), sgd(vae_gan())
    moves = gradients(model, model.game, x)
    last = model.discriminator.trainable_variables[-2]
    last.assign(-2.0 * last)
    others = gradients(model, model.game, x)
    for a, b in zip(moves["encoder"], others["encoder"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert max(np.abs(a - b).max() for a, b in zip(moves["decoder"], others["decoder"])) > 1e-4


def test_the_discriminator_does_not_learn_likeness():
    """Its gradient is the game's: without the logits' row, its hidden row learns nothing."""
    model = sgd(vae_gan())
    last = model.discriminator.trainable_variables[-2]
    last.assign(tf.zeros_like(last))
    moves = gradients(model, model.game, tf.constant(batch()))["discriminator"]
    assert [bool(np.abs(move).max() > 0) for move in moves] == [False, False, True, True]


@pytest.mark.parametrize("row, width", [(-2, 8), (-3, 5)])
def test_the_row_whose_features_are_compared(row, width):
    rows = (dense(5), hidden(), dense(None, activation="linear"))
    model = sgd(vae_gan(discriminator=Pair(Stack(()), None, Stack(rows)), feature_row=row))
    with phase(model):
        features = model.features_of(batch(4), batch(4, seed=1))
    assert [each.shape for each in features] == [(4, width)] * 2


def test_a_row_that_is_not_there_is_refused():
    with helpers.refused(ValueError, match="`feature_row`"):
        model = sgd(vae_gan(feature_row=-3))
        model.train_step(tf.constant(batch()))
    with helpers.refused(ValueError, match="feature_row=-1"):
        vae_gan(feature_row=-1)


def test_all_players_move_at_once():
    model, x = sgd(vae_gan()), tf.constant(batch())
    before, moves = states(model), gradients(model, model.game, x)
    model.train_step(x)
    assert moved(before, states(model)) == {"encoder", "decoder", "discriminator"}
    assert int(model.play_counter) == 1
    for role in before:
        variables = model.networks[role].trainable_variables
        for w, g, now in zip(before[role], moves[role], variables, strict=True):
            np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-5)


def test_verbs():
    model = vae_gan()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    assert model.density is None
