"""GAN with an encoder learned afterwards: two stages, and ALI's game for the encoder alone."""

import numpy as np
import pytest
import tensorflow as tf

from tests.methods import stages
from tests.methods.tiny import constant, linear, pair, phase, seen_by, softplus
from tests.small import D, batch, sgd, stack
from zoo import distributions
from zoo.methods.gan_posthoc import GANPosthoc
from zoo.networks.stack import Stack, dense

# Both stages within the twelve steps of the conformance tests.
CONFORMANCE = {
    "images": {"pretrain_steps": 2, "encoder_output": "implicit", "unrolled_steps": 1},
    "vectors": {"pretrain_steps": 2},
}


def make(**options):
    hidden = dense(8, norm=True, activation="relu")
    encoder = Stack((hidden, dense(2 * D, activation="linear")), init_seed=3, init_stddev=0.5)
    networks = stages.networks() | {"encoder": encoder, "joint_discriminator": pair(4)}
    return GANPosthoc(image_shape=(D,), latent_dim=D, **networks | options)


def test_each_stage_moves_its_own_networks():
    stages.check_stages(make, play_counts=(2, 1))


def test_trained_weights_need_no_first_stage():
    stages.check_trained_weights_need_no_first_stage(make)


def test_the_joints_are_the_encoder_s_and_the_frozen_gan_s(monkeypatch):
    decoder, weights = stages.known_gan()
    encoder = linear(2 * D)
    model, x = sgd(make(decoder=decoder, encoder=encoder), rate=0.0), batch(3000)
    seen = seen_by(model, "joint_discriminator", monkeypatch)
    model.play(model.inference_game, tf.constant(x))
    (x_q, x_p), (z_q, z_p) = (np.split(each, 2) for each in seen[0])
    np.testing.assert_array_equal(x_q, x)
    q = model.encode(x)
    for noise in ((z_q - q.mean()) / q.stddev(), z_p):
        assert np.abs(np.mean(noise, axis=0)).max() < 4.5 / np.sqrt(3000)
        assert np.abs(np.std(noise, axis=0) - 1).max() < 4.5 / np.sqrt(2 * 3000)
    np.testing.assert_allclose(x_p, z_p @ weights, atol=1e-5)


def test_the_encoder_alone_pays_for_the_swapped_label():
    """D_2 = sigmoid(0.7): the encoder pays -log(1 - D_2) = softplus(0.7) of its own joint."""
    model = sgd(make())
    constant(model.joint_discriminator, 0.7)
    with phase(model):
        losses = model.inference_game(tf.constant(batch()))
    np.testing.assert_allclose(losses["encoder"], np.full(16, softplus(0.7)), rtol=1e-6)
    expected = np.full(16, softplus(-0.7, 0.7))
    np.testing.assert_allclose(losses["joint_discriminator"], expected, rtol=1e-6)


@pytest.mark.parametrize("output", ["normal", "implicit"])
def test_posteriors(output):
    encoder = stack(2 * D, 1)
    if output == "implicit":
        encoder = stack(D, 1, dense(8, activation="tanh", extra=True))
    model = sgd(make(encoder=encoder, encoder_output=output))
    q = model.encode(batch(5))
    assert isinstance(q, distributions.Implicit) == (output == "implicit")
    assert q.sample(seed=0).shape == (5, D)
    model.play(model.inference_game, tf.constant(batch()))
    assert int(model.optimizers["encoder"].iterations) == 1


def test_verbs():
    model = make()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    assert model.density is None
