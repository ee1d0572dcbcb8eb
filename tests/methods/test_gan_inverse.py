"""GAN with a learned inverse: two stages, and the regression of codes."""

import numpy as np
import tensorflow as tf

from tests.methods import stages
from tests.methods.tiny import linear, phase
from tests.small import D, batch, sgd
from zoo.methods.gan_inverse import GANInverse

# Both stages within the twelve steps of the conformance tests.
CONFORMANCE = {"images": {"pretrain_steps": 2}, "vectors": {"pretrain_steps": 2}}


def make(**options):
    return GANInverse(image_shape=(D,), latent_dim=D, **stages.networks() | options)


def test_each_stage_moves_its_own_networks():
    stages.check_stages(make, play_counts=(2, 1))


def test_the_loops_agree_on_the_stage(tmp_path):
    stages.check_the_loops_agree(make, tmp_path)


def test_trained_weights_need_no_first_stage():
    stages.check_trained_weights_need_no_first_stage(make)


def known(kernel):
    """G(z) = z W and E(x) = x kernel."""
    decoder, weights = stages.known_gan()
    encoder = linear(D)
    model = sgd(make(decoder=decoder, encoder=encoder))
    encoder.set_weights([kernel(weights), np.zeros(D)])
    return model


def test_the_inverse_of_the_generator_costs_nothing():
    model = known(np.linalg.inv)
    with phase(model):
        losses = model.regression(tf.constant(batch()))["encoder"]
    assert losses.shape == (16,)
    np.testing.assert_allclose(losses, np.zeros(16), atol=1e-10)
    x = batch()
    np.testing.assert_allclose(model.reconstruct(x), x, atol=1e-5)


def test_the_cost_is_the_squared_distance_of_codes():
    # E = 0: |z|^2 of z ~ N(0, I) has mean D and variance 2 D.
    model, n = known(np.zeros_like), 4000
    with phase(model):
        losses = model.regression(tf.zeros([n, D]))["encoder"]
    assert abs(np.mean(losses) - D) < 4 * np.sqrt(2 * D / n)


def test_verbs():
    model = make()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    np.testing.assert_allclose(model.encode(batch(3)).mean(), model.encoder(batch(3)), atol=1e-6)
    assert model.density is None
