"""BiGAN: ALI's game with a deterministic encoder and a uniform prior, and its discriminator."""

import numpy as np
import pytest
import tensorflow_probability as tfp

import zoo
from tests.methods.tiny import seen_by
from tests.small import D, batch, nets, sgd, stack
from zoo.methods.ali import ALI
from zoo.methods.bigan import BiGAN
from zoo.networks.stack import Stack


def bigan(**options):
    networks = nets("decoder") | {"encoder": stack(D, 1)}
    networks["discriminator"] = nets("encoder", "decoder", "discriminator")["discriminator"]
    return BiGAN(image_shape=(D,), latent_dim=D, **networks | options)


def test_the_pairs_are_data_with_their_codes_and_uniform_codes_with_their_samples(monkeypatch):
    model, x = sgd(bigan(), rate=0.0), batch(4000)
    seen = seen_by(model, "discriminator", monkeypatch)
    model.train_step(x)
    ((images, codes),) = seen
    np.testing.assert_array_equal(images[:4000], x)
    np.testing.assert_allclose(codes[:4000], model.encode(x).mean(), atol=1e-6)
    z_p = codes[4000:]
    np.testing.assert_allclose(images[4000:], model.decode(z_p).mean(), atol=1e-6)
    # U(-1, 1): mean 0, variance 2^2 / 12 = 1/3, fourth moment 1/5.
    assert -1 <= z_p.min() < -0.99 and 0.99 < z_p.max() <= 1
    assert np.abs(z_p.mean(axis=0)).max() < 4 * np.sqrt(1 / 3 / 4000)
    error = np.sqrt((1 / 5 - 1 / 9) / 4000)
    assert np.abs((z_p**2).mean(axis=0) - 1 / 3).max() < 4 * error


def test_the_encoder_is_a_function_and_the_decoder_answers_it():
    model, x = bigan(), batch(5)
    q = model.encode(x)
    assert isinstance(q, tfp.distributions.VectorDeterministic)
    np.testing.assert_allclose(q.mean(), model.encoder(x), atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(x), model.decode(q.mean()).mean(), atol=1e-6)
    assert np.abs(model.sample(200, seed=0) - model.decode(np.zeros([1, D])).mean()).max() > 1e-2


def test_it_is_ali_with_other_defaults():
    assert issubclass(BiGAN, ALI) and BiGAN.game is ALI.game
    found, ali = zoo.registry.hyper_parameters("bigan"), zoo.registry.hyper_parameters("ali")
    changed = {name for name in found if found[name] != ali[name]}
    assert set(found) == set(ali) and changed <= {"encoder_output", "prior_family"}
    defaults = found["encoder_output"].default, found["prior_family"].default
    assert defaults == ("deterministic", "uniform")


@pytest.mark.parametrize("joined", [0, 1, 2])
def test_a_linear_map_of_z_is_added_before_every_non_linearity(joined):
    """Only row `joined` reads z: the rows before it do not feel z, it and those after it do."""
    model = zoo.create("bigan", image_shape=(2, 2, 1), latent_dim=3, network="bigan_mlp")
    assert isinstance(model.discriminator, Stack)
    blocks = model.discriminator.blocks
    assert [block.linear.kernel.shape for block in blocks] == [
        (4 + 3, 1024),
        (1024 + 3, 1024),
        (1024 + 3, 1),
    ]
    for i, block in enumerate(blocks):
        kernel = block.linear.kernel.numpy()
        kernel[-3:] = np.random.default_rng(i).standard_normal(kernel[-3:].shape) * (i == joined)
        block.linear.kernel.assign(kernel)
    x, z = np.ones([1, 2, 2, 1], np.float32), np.zeros([1, 3], np.float32)
    other = z + [[1.0, -2.0, 0.5]]
    rows, rows_ = (model.trace("discriminator", x, each) for each in (z, other))
    for i, (row, row_) in enumerate(zip(rows, rows_, strict=True)):
        assert (np.abs(row - row_).max() > 1e-6) == (i >= joined)
    if joined == 2:  # the logit itself: the map is linear
        np.testing.assert_allclose(rows_[2] - rows[2], (other @ kernel[-3:])[:, 0], rtol=1e-4)


def test_verbs():
    model = bigan()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    assert model.density is None
