"""VLAE: the prior is a density, its draws follow it, and it learns what codes do."""

import numpy as np
import tensorflow as tf

from tests.methods.tiny import phase
from zoo.methods.vlae import VLAE

CONFORMANCE = {
    "images": {"pixel_layers": 1, "pixel_maps": 4, "prior_units": 8},
    "vectors": None,
}


def vlae(**options):
    """A model with a bent prior."""
    settings = {"image_shape": (4, 4, 1), "latent_dim": 2, "pixel_maps": 4, "prior_units": 16}
    model = VLAE(**{**settings, **options})
    rng = np.random.default_rng(0)
    for i in range(model.prior_flows):
        for variable in model.networks[f"flow_{i}"].trainable_variables:
            variable.assign(rng.normal(0.0, 0.4, variable.shape))
    return model


def test_before_training_the_prior_is_normal():
    z = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    model = VLAE(image_shape=(4, 4, 1), latent_dim=2, pixel_maps=4)
    expected = -0.5 * (z**2).sum(axis=1) - np.log(2 * np.pi)
    np.testing.assert_allclose(model.prior.log_prob(z), expected, rtol=1e-5)


def test_the_prior_is_a_density_and_its_draws_follow_it():
    model = vlae()
    axis = np.linspace(-12.0, 12.0, 401, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    cell = (axis[1] - axis[0]) ** 2
    p = np.exp(model.prior.log_prob(grid).numpy().astype(np.float64)) * cell
    assert abs(p.sum() - 1.0) < 0.01
    mean, square = p @ grid, p @ grid**2
    with phase(model):
        z = model.draw(model.prior, "z_p", batch_of=tf.zeros([20_000])).numpy()
    error = 4 * np.sqrt(square / len(z))
    assert (np.abs(z.mean(axis=0) - mean) < error + 0.01).all()
    assert np.abs(mean).max() > 0.05  # bent indeed


def test_the_flow_learns_with_the_model():
    model = vlae()
    model.compile()
    x = (np.random.default_rng(0).uniform(size=(6, 4, 4, 1)) < 0.5).astype(np.float32)
    before = [v.numpy().copy() for v in model.flow_0.trainable_variables]
    history = model.fit(x, batch_size=6, verbose=0).history
    assert np.isfinite(history["model_loss"]).all()
    assert all(np.abs(b - v).max() > 0 for b, v in zip(before, model.flow_0.trainable_variables))


def test_a_code_far_out_has_a_finite_density():
    # In the bent prior's second map a log scale grows with z: e^(e^...) without a bound.
    z = np.array([[1e3, -1e3], [-1e4, 1e4], [1e6, 1e6]], np.float32)
    assert np.isfinite(vlae().prior.log_prob(z)).all()
