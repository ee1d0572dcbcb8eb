"""AlphaGAN: its terms by hand; with terms switched off, other methods' losses to the bit."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance.cases import sgd
from tests.methods.tiny import constant, logit, pair, phase, seen_by, softplus
from tests.small import D, batch, gradients, hidden, nets, stack
from zoo.methods.aae import AAE
from zoo.methods.alpha_gan import AlphaGAN
from zoo.methods.vae import VAE

BASE = {"image_shape": (D,), "latent_dim": D}
# Data of a Bernoulli likelihood.
BITS = (batch(16) > 0).astype(np.float32)


def alpha_gan(**options):
    outputs = 2 * D if options.get("encoder_output") == "normal" else D
    networks = nets("decoder") | {"encoder": stack(outputs, 1, hidden())}
    if options.get("synthetic_likelihood", True):
        networks["discriminator"] = pair(codes=False)
    if options.get("code_term", "ratio") == "ratio":
        networks["code_discriminator"] = logit()
    return AlphaGAN(**BASE, **networks | options)


def as_vae(**options):
    return alpha_gan(
        reconstruction="bernoulli",
        reconstruction_weight=1.0,
        synthetic_likelihood=False,
        code_term="kl",
        encoder_output="normal",
        **options,
    )


def as_aae(**options):
    return alpha_gan(
        reconstruction="normal",
        reconstruction_weight=1.0,
        synthetic_likelihood=False,
        code_generator_loss="non_saturating",
        **options,
    )


# --- other methods as special cases ---------------------------------------------------------------


def test_without_adversaries_it_is_the_vae():
    """Both draw z at the place "z": the same weights and noise, the same bits."""
    model, vae = sgd(as_vae()), sgd(VAE(**BASE, **nets("encoder", "decoder")))
    for role, network in vae.networks.items():
        model.networks[role].set_weights(network.get_weights())
    assert set(model.networks) == {"encoder", "decoder"}
    with phase(model):
        found = model.game(BITS)
    with phase(vae):
        expected = vae.bound(BITS)["model"]
        log_likelihood = vae.likelihood(vae.draw(vae.posterior(BITS), "z")).log_prob(BITS)
    np.testing.assert_array_equal(found["encoder"], expected)
    np.testing.assert_array_equal(found["decoder"], -log_likelihood)
    logs, logs_ = model.test_step(BITS), vae.test_step(BITS)
    for name in ("kl", "reconstruction_loss"):
        np.testing.assert_array_equal(logs[name], logs_[name])
    np.testing.assert_array_equal(logs["encoder_loss"], logs_["model_loss"])
    # The decoder need not be told of the KL term: its gradient is the bound's all the same.
    moves = gradients(model, model.game, tf.constant(BITS))
    (of_vae,) = gradients(vae, vae.bound, tf.constant(BITS)).values()
    for a, b in zip([*moves["encoder"], *moves["decoder"]], of_vae, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_without_a_synthetic_likelihood_it_is_the_aae():
    """With a deterministic encoder all noise is the prior's, which both draw at "prior"."""
    model = sgd(as_aae(decoder_stddev=0.2))
    networks = nets("decoder") | {"encoder": stack(D, 1, hidden()), "code_discriminator": logit()}
    aae = sgd(AAE(**BASE, decoder_stddev=0.2, **networks))
    for role, network in aae.networks.items():
        model.networks[role].set_weights(network.get_weights())
    x = batch()
    with phase(model):
        found = model.game(x)
    with phase(aae):
        expected = aae.reconstruction(x) | aae.regularisation(x)
    both = expected["encoder"] + expected["generator"]
    np.testing.assert_array_equal(found["encoder"], both)
    np.testing.assert_array_equal(found["decoder"], expected["decoder"])
    np.testing.assert_array_equal(found["code_discriminator"], expected["code_discriminator"])
    assert np.abs(expected["generator"]).min() > 1e-3


# --- the terms by hand ----------------------------------------------------------------------------


def test_all_terms_by_hand():
    """D = sigmoid(0.6) and C = sigmoid(-0.9) everywhere, lambda = 7."""
    model, x = sgd(alpha_gan(reconstruction_weight=7.0)), batch()
    constant(model.discriminator, 0.6)
    constant(model.code_discriminator, -0.9)
    logs = model.test_step(x)
    rec = np.abs(x - model.reconstruct(x)).mean()  # L1: the mean over pixels
    near = lambda name, value: np.testing.assert_allclose(logs[name], value, rtol=1e-5)
    near("reconstruction_loss", rec)
    near("discriminator_loss", softplus(-0.6, 0.6, 0.6))  # data; reconstructions and samples
    near("code_discriminator_loss", softplus(0.9, -0.9))
    near("encoder_loss", 7 * rec + 0.9)  # R_C = -log C + log(1 - C) = -logit
    near("decoder_loss", 7 * rec - 2 * 0.6)  # R of reconstructions and of samples
    near("kl", 0.9)


def test_the_encoder_may_descend_a_non_saturating_ratio():
    model, x = sgd(alpha_gan(code_generator_loss="non_saturating")), batch()
    constant(model.code_discriminator, -0.9)
    logs = model.test_step(x)
    expected = 40 * logs["reconstruction_loss"] + softplus(0.9)
    np.testing.assert_allclose(logs["encoder_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(logs["kl"], 0.9, rtol=1e-5)  # the estimate, whatever is descended


def test_data_reconstructions_and_samples_in_this_order(monkeypatch):
    model, x = sgd(alpha_gan(), rate=0.0), batch(2000)
    images = seen_by(model, "discriminator", monkeypatch)
    codes = seen_by(model, "code_discriminator", monkeypatch)
    model.train_step(x)
    data, rec, sample = np.split(images[0][0], 3)
    z_p, z_q = np.split(codes[0][0], 2)
    np.testing.assert_array_equal(data, x)
    np.testing.assert_allclose(rec, model.reconstruct(x), atol=1e-5)
    np.testing.assert_allclose(z_q, model.encode(x).mean(), atol=1e-5)
    assert np.abs(z_p.mean(axis=0)).max() < 4 / np.sqrt(2000)
    assert np.abs(z_p.std(axis=0) - 1).max() < 4 / np.sqrt(2 * 2000)
    # Samples have codes of their own, another draw of the prior.
    assert np.abs(sample - model.decode(z_p).mean()).max() > 1e-2
    centre = np.mean(model.sample(2000, seed=0), axis=0)
    assert np.abs(sample.mean(axis=0) - centre).max() < 6 * sample.std() / np.sqrt(2000)


def test_each_player_answers_its_own_adversary():
    x = tf.constant(batch())
    model = sgd(alpha_gan())
    moves = gradients(model, model.game, x)
    for role, deaf, moving in (
        ("discriminator", "encoder", "decoder"),
        ("code_discriminator", "decoder", "encoder"),
    ):
        kept = model.networks[role].get_weights()
        model.networks[role].set_weights([1.5 * w for w in kept])
        others = gradients(model, model.game, x)
        model.networks[role].set_weights(kept)
        for a, b in zip(moves[deaf], others[deaf], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        assert max(np.abs(a - b).max() for a, b in zip(moves[moving], others[moving])) > 1e-4


def test_all_players_move_at_once():
    model, x = sgd(alpha_gan(), rate=0.1), tf.constant(batch())
    moves = gradients(model, model.game, x)
    before = {
        player: [v.numpy() for v in found] for player, found in model.player_variables.items()
    }
    model.train_step(x)
    assert set(moves) == set(AlphaGAN.PLAYERS) and int(model.play_counter) == 1
    for player, variables in model.player_variables.items():
        for w, g, now in zip(before[player], moves[player], variables, strict=True):
            np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-5)


# --- terms switched on and off --------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, absent",
    [
        ({}, set()),
        ({"synthetic_likelihood": False}, {"discriminator"}),
        ({"code_term": "none"}, {"code_discriminator"}),
        ({"code_term": "kl", "encoder_output": "normal"}, {"code_discriminator"}),
        ({"reconstruction": "none"}, set()),
    ],
)
def test_players_without_a_term_are_absent(options, absent):
    model = sgd(alpha_gan(**options))
    assert set(model.players) == set(model.networks) == set(AlphaGAN.PLAYERS) - absent
    logs = model.train_step(tf.constant(batch()))
    assert all(np.isfinite(float(value)) for value in logs.values())
    assert {p: int(o.iterations) for p, o in model.optimizers.items()} == dict.fromkeys(
        model.players, 1
    )


@pytest.mark.parametrize(
    "options, match",
    [
        ({"code_term": "kl"}, "`encoder_output`: expected 'normal' with code_term='kl'"),
        ({"reconstruction": "none", "synthetic_likelihood": False}, "a term for the decoder"),
        ({"reconstruction": "none", "code_term": "none"}, "a term for the encoder"),
        ({"reconstruction_weight": -1.0}, "reconstruction_weight=-1.0"),
    ],
)
def test_a_player_without_any_term_is_refused(options, match):
    with helpers.refused(ValueError, match=match):
        AlphaGAN(**BASE, **options)


def test_verbs():
    model = alpha_gan()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    assert model.density is None
