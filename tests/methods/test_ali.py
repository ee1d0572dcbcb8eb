"""ALI: both players from one minibatch, swapped labels, stochastic encoders and decoders."""

import numpy as np
import pytest
import tensorflow as tf

from tests.small import D, batch, gradients, hidden, nets, sgd, stack, weights
from zoo.methods.ali import ALI
from zoo.networks.stack import Stack, dense


def ali(**options):
    networks = nets("encoder", "decoder", "discriminator")
    return ALI(image_shape=(D,), latent_dim=D, **networks | options)


def test_both_players_move_at_once():
    x = tf.constant(batch())
    model, in_turn = sgd(ali()), sgd(ali())
    before, moves = weights(model), gradients(model, model.game, x)
    model.train_step(x)
    after = weights(model)
    assert int(model.play_counter) == 1
    for player in before:  # w - 0.1 g, both gradients taken before either update
        for w, g, now in zip(before[player], moves[player], after[player], strict=True):
            np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-6)
    # In turn, the generator would answer the discriminator's new weights: another step.
    for variable, value in zip(in_turn.players["discriminator"], after["discriminator"]):
        variable.assign(value)
    others = gradients(in_turn, in_turn.game, x)["generator"]
    assert max(np.abs(a - b).max() for a, b in zip(others, moves["generator"])) > 1e-4


def test_both_players_pay_2_ln_2_at_logits_0():
    model = ali()
    model.compile()
    for variable in model.players["discriminator"]:
        variable.assign(tf.zeros_like(variable))
    logs = model.test_step(batch())
    np.testing.assert_allclose(logs["discriminator_loss"], 2 * np.log(2.0), rtol=1e-6)
    np.testing.assert_allclose(logs["generator_loss"], 2 * np.log(2.0), rtol=1e-6)
    np.testing.assert_allclose(logs["discriminator_accuracy_data"], 0.0)  # a tie is for "model"
    np.testing.assert_allclose(logs["discriminator_accuracy_model"], 1.0)


def test_the_generator_pays_for_swapped_labels(monkeypatch):
    model = ali()
    model.compile()
    logits = lambda x, *_: (tf.fill([len(x)], 2.0), tf.fill([len(x)], -1.0))
    monkeypatch.setattr(model, "discriminate", logits)
    logs = model.test_step(batch())
    cost = lambda *rights: sum(np.log1p(np.exp(-right)) for right in rights)
    np.testing.assert_allclose(logs["discriminator_loss"], cost(2.0, 1.0), rtol=1e-6)
    np.testing.assert_allclose(logs["generator_loss"], cost(-2.0, -1.0), rtol=1e-6)


def pairs_of(model, x, monkeypatch):
    """The two joints that the discriminator sees in one step: x_q, z_q, x_p, z_p."""
    seen, discriminate = [], model.discriminate

    def spy(*joints):
        seen.extend(np.array(each) for each in joints)
        return discriminate(*joints)

    monkeypatch.setattr(model, "discriminate", spy)
    model.train_step(x)
    return seen


def test_the_joints_are_those_of_encoder_and_decoder(monkeypatch):
    model, x = sgd(ali(), rate=0.0), batch(2000)
    x_q, z_q, x_p, z_p = pairs_of(model, x, monkeypatch)
    np.testing.assert_array_equal(x_q, x)
    q = model.encode(x)
    noise = (z_q - q.mean()) / q.stddev()  # z ~ q(z|x), not its mean
    assert np.abs(np.mean(noise, axis=0)).max() < 0.1 and np.abs(np.std(noise) - 1) < 0.1
    assert np.abs(z_p.mean(axis=0)).max() < 0.1 and np.abs(z_p.std() - 1) < 0.1
    np.testing.assert_allclose(x_p, model.decode(z_p).mean(), atol=1e-6)  # deterministic


def test_a_stochastic_decoder_draws_its_samples(monkeypatch):
    model, x = sgd(ali(decoder_output="normal", decoder_stddev=0.5), rate=0.0), batch(2000)
    _, _, x_p, z_p = pairs_of(model, x, monkeypatch)
    p = model.decode(z_p)
    np.testing.assert_allclose(p.stddev(), np.full([2000, D], 0.5))
    noise = (x_p - p.mean()) / 0.5
    assert np.abs(np.mean(noise, axis=0)).max() < 0.1 and np.abs(np.std(noise) - 1) < 0.1
    # The noise of x is not that of z, whose place is another.
    assert abs(np.corrcoef(noise[:, 0], z_p[:, 0])[0, 1]) < 0.1
    moves = gradients(model, model.game, tf.constant(x))["generator"]  # the sample passes gradients
    assert all(np.abs(move).max() > 0 for move in moves)


def test_an_implicit_encoder_takes_noise():
    # z = x + 3 noise exactly: the noise joins the inputs of the encoder's only row.
    encoder = Stack((dense(D, activation="linear", extra=True),))
    model = ali(encoder=encoder, encoder_output="implicit", noise_dim=D)
    eye = np.eye(D, dtype=np.float32)
    encoder.set_weights([np.concatenate([eye, 3 * eye]), np.zeros(D, np.float32)])
    x = np.repeat(batch(1), 1000, axis=0)
    q = model.encode(x)
    z = q.sample(seed=(0, 1)).numpy()
    assert z.shape == (1000, D) and np.abs(q.sample(seed=(0, 1)) - z).max() == 0
    assert np.abs(z.mean(axis=0) - x[0]).max() < 0.5 and abs(z.std(axis=0).mean() - 3) < 0.3
    with pytest.raises(NotImplementedError):
        q.log_prob(z)
    np.testing.assert_array_equal(model.reconstruct(x, seed=0), model.reconstruct(x, seed=0))
    assert np.abs(model.reconstruct(x, seed=1) - model.reconstruct(x, seed=0)).max() > 1e-3


def test_an_implicit_encoder_learns_and_its_noise_has_its_own_size():
    encoder = stack(D, 1, dense(8, activation="tanh", extra=True), hidden())
    model = sgd(ali(encoder=encoder, encoder_output="implicit", noise_dim=5))
    assert encoder.weights[0].shape == (D + 5, 8)
    moves = gradients(model, model.game, tf.constant(batch()))["generator"]
    assert all(np.abs(move).max() > 0 for move in moves)


def test_the_decoder_starts_at_the_mean_of_the_data():
    model = ali()
    before = model.decode(batch()).mean()
    model.adapt(batch() + 7)
    moved = model.decode(batch()).mean() - before
    np.testing.assert_allclose(moved, np.tile(batch().mean(axis=0) + 7, (16, 1)), rtol=1e-4)


def test_verbs():
    model = ali()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    assert model.density is None
