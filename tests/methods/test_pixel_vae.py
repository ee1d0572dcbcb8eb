"""PixelVAE: its bound holds the PixelCNN's likelihood, and both conditionings carry z."""

import numpy as np
import pytest
import tensorflow as tf

from tests.methods.tiny import phase
from zoo.methods.pixel_cnn import PixelCNN
from zoo.methods.pixel_vae import PixelVAE

CONFORMANCE = {
    "images": {"pixel_layers": 1, "pixel_maps": 4, "pixel_kernel": 3, "conditioning": "dependent"},
    "vectors": None,
}
SMALL = {"image_shape": (4, 4, 1), "pixel_layers": 2, "pixel_maps": 4}


def images(n):
    return (np.random.default_rng(0).uniform(size=(n, 4, 4, 1)) < 0.5).astype(np.float32)


def test_without_the_code_it_is_a_pixel_cnn():
    # A decoder that ignores z and a posterior that is the prior: the bound is the exact log p(x).
    model, plain = PixelVAE(latent_dim=3, **SMALL), PixelCNN(**SMALL)
    for variable in model.encoder.trainable_variables[-2:]:
        variable.assign(tf.zeros_like(variable))
    kept = [w for w in model.pixels.weights if "c_kernel" not in w.path]
    for weight in model.pixels.weights:
        if "c_kernel" in weight.path:
            weight.assign(tf.zeros_like(weight))
    assert len(kept) == len(plain.pixels.weights)
    plain.pixels.set_weights([weight.numpy() for weight in kept])
    x = images(5)
    np.testing.assert_allclose(
        model.log_prob(x, samples=3, seed=0), plain.log_prob(x), rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize("conditioning", ["invariant", "dependent"])
def test_the_loss_is_the_bound(conditioning):
    model = PixelVAE(latent_dim=3, conditioning=conditioning, **SMALL)
    model.compile()
    x = tf.constant(images(6))
    with phase(model):
        loss = model.bound(x)["model"].numpy()
        q = model.posterior(x)
        z = model.draw(q, "z")
        kl = q.log_prob(z) - model.prior.log_prob(z)
        # The same draw: the analytic KL differs from this one, the likelihood does not.
        likelihood = model.likelihood(z).log_prob(x).numpy()
    analytic = loss + likelihood
    assert (analytic > -1e-4).all() and np.abs(analytic - kl).max() < 5.0
    other = model.decode(np.ones([6, 3])).log_prob(x) - model.decode(-np.ones([6, 3])).log_prob(x)
    assert np.abs(other).max() > 1e-3  # z tells


def test_verbs_draw_images():
    model = PixelVAE(latent_dim=3, **SMALL)
    x = images(4)
    for drawn in (model.sample(4, seed=0), model.reconstruct(x, seed=0)):
        assert drawn.shape == (4, 4, 4, 1) and np.isin(drawn, [0.0, 1.0]).all()
    with pytest.raises(NotImplementedError):
        model.decode(np.zeros([2, 3])).mean()
