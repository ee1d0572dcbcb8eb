"""PixelGAN: AAE's game with a PixelCNN's likelihood, and codes that are a class alone."""

import numpy as np
import pytest
import tensorflow as tf

from tests.methods.tiny import phase
from zoo.methods.pixelgan import PixelGAN

CONFORMANCE = {
    "images": {"pixel_layers": 1, "pixel_maps": 4, "pixel_kernel": 3, "num_classes": 10},
    "vectors": None,
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}
SMALL = {"image_shape": (4, 4, 1), "pixel_layers": 1, "pixel_maps": 4}


def images(n, side=4):
    return (np.random.default_rng(0).uniform(size=(n, side, side, 1)) < 0.5).astype(np.float32)


def test_a_class_alone_has_one_adversary():
    model = PixelGAN(latent_dim=0, num_clusters=5, **SMALL)
    assert set(model.players) == {"encoder", "decoder", "class_discriminator", "generator"}
    assert model.code_dim == 5 and "code_discriminator" not in model.networks
    code = model.encode(images(3)).mean().numpy()
    np.testing.assert_allclose(code.sum(axis=1), 1.0, rtol=1e-5)
    with phase(model):
        drawn = model.draw(model.prior, "prior", batch_of=tf.zeros([50])).numpy()
    assert drawn.shape == (50, 5) and set(np.unique(drawn)) == {0.0, 1.0}
    assert (drawn.sum(axis=1) == 1).all()


def test_reconstruction_is_the_pixel_cnn_s_likelihood():
    model = PixelGAN(latent_dim=2, **SMALL)
    model.compile()
    x = tf.constant(images(3))
    with phase(model):
        loss = model.reconstruction(x)["decoder"]
    expected = -model.decode(model.encode(x).mean()).log_prob(x)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert "log_prob" not in model.capabilities


def test_the_code_changes_what_is_drawn():
    model = PixelGAN(latent_dim=2, conditioning="dependent", **SMALL)
    x, one, other = images(4), np.zeros([4, 2]), np.full([4, 2], 3.0)
    change = model.decode(one).log_prob(x) - model.decode(other).log_prob(x)
    assert np.abs(change).max() > 1e-3


def test_the_logits_of_clusters_are_normalised():
    """So each is high for some images: over a batch, mean 0 and variance v / (v + 1e-4)."""
    small = SMALL | {"image_shape": (28, 28, 1)}
    model = PixelGAN(latent_dim=0, num_clusters=5, network="pixelgan_clusters", **small)
    with phase(model, training=True):
        logits = np.array(model.apply("encoder", tf.constant(images(64, side=28))))
    np.testing.assert_allclose(logits.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(logits.std(axis=0), 1.0, atol=0.02)


def test_no_code_is_refused():
    with pytest.raises(ValueError, match="latent_dim"):
        PixelGAN(latent_dim=0, **SMALL)
