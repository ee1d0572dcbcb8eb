"""Choices of the GAN family: the papers' values, what goes together, and where each choice acts.

The discriminator is D(x) = w.x + b, whose slope is |w| everywhere.
"""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.helpers import choose, refused
from tests.methods.gans import FAMILY, make, played, softplus
from tests.methods.tiny import phase
from tests.small import batch
from zoo import augmentation, registry

# What each paper says, where the GAN's default is another.
CHOICES = {
    # Radford et al., section 4: U(-1, 1)^100, weights N(0, .02).
    "dcgan": {"latent_dim": 100, "init_stddev": 0.02, "prior_family": "uniform"},
    # Kodali et al., the authors' code: Adam of 1e-4 (.5, .9), uniform noise.
    "dragan": {
        "learning_rate": 1e-4,
        "beta_2": 0.9,
        "prior_family": "uniform",
        "penalty": "dragan",
    },
    "f_gan": {"discriminator_loss": "kl", "generator_loss": "minimax"},
    # Gulrajani et al., algorithm 1 and section 5: Adam of 1e-4 with beta_2 = .9.
    "gan_gp": {"learning_rate": 1e-4, "beta_2": 0.9, "penalty": "two_sided"},
    "lsgan": {"discriminator_loss": "least_squares"},
    "unrolled_gan": {"learning_rate": 1e-4, "unrolled_steps": 5, "generator_loss": "minimax"},
    # Arjovsky et al., algorithm 1: RMSProp of 5e-5, which is Adam without momentum.
    "wgan": {
        "learning_rate": 5e-5,
        "beta_1": 0.0,
        "beta_2": 0.99,
        "discriminator_loss": "wasserstein",
        "discriminator_steps": 5,
        "clip_value": 0.01,
    },
    "wgan_gp": {
        "learning_rate": 1e-4,
        "beta_2": 0.9,
        "discriminator_loss": "wasserstein",
        "discriminator_steps": 5,
        "penalty": "two_sided",
    },
}


@pytest.mark.parametrize("method", FAMILY)
def test_choices_are_the_paper_s(method):
    own, defaults = (
        {name: item.default for name, item in registry.hyper_parameters(each).items()}
        for each in (method, "gan")
    )
    others = {name: value for name, value in own.items() if value != defaults[name]}
    assert others == CHOICES[method]
    shared = {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999, "penalty_weight": 10.0}
    assert {name: defaults[name] for name in shared} == shared


def test_choices_that_would_have_no_effect_or_a_biased_one_are_refused():
    for loss in ("minimax", "ratio", "kl", "feature_matching"):
        with refused(ValueError, match="`targets`.*second and third"):
            make("lsgan", generator_loss=loss, targets=(-1.0, 1.0, 0.0))
        make("lsgan", generator_loss=loss, targets=(-1.0, 1.0, 1.0))
    make("lsgan", targets=(-1.0, 1.0, 0.0))
    for loss in ("ratio", "kl", "bernoulli"):
        with refused(ValueError, match="`label_smoothing`"):
            make(generator_loss=loss, label_smoothing=0.1)
        make(generator_loss=loss)


def test_the_discriminator_is_asked_about_noisy_images_in_both_phases():
    # Data and samples are moved by +1 and +2 in the place of noise: what D then says is known.
    model, x = make(instance_noise=0.5), batch(12)
    model.as_seen = lambda x, x_p: (x + 1.0, x_p + 2.0)
    found = played(model, x)
    d = (x + 1.0) @ found.w + found.b
    m = (found.x_p + 2.0) @ found.w + found.b
    expected = (softplus(-d) + softplus(m)).mean()
    np.testing.assert_allclose(found.losses["discriminator"], expected, rtol=1e-4)
    np.testing.assert_allclose(found.losses["generator"], softplus(-m).mean(), rtol=1e-4)


def test_augmentation_changes_data_and_samples_by_maps_of_their_own(monkeypatch):
    sizes = (90.0, 0.7, 0.5, 0.2)
    model = zoo.create("gan", image_shape=(4, 4, 1), latent_dim=2, augmentation=sizes)
    x, drawn, maps = tf.zeros([500, 4, 4, 1]), [], []
    affine_maps = augmentation.affine_maps

    def kept(u, *args):
        assert args == sizes
        drawn.append(u.numpy())
        return affine_maps(u, *args)

    monkeypatch.setattr(augmentation, "affine_maps", kept)
    monkeypatch.setattr(augmentation, "affine", lambda x, m: maps.append(m.numpy()) or x)
    with phase(model):
        seen = model.as_seen(x, x + 1.0)
    assert [float(each[0, 0, 0, 0]) for each in seen] == [0.0, 1.0]
    for u, found in zip(drawn, maps, strict=True):
        assert u.shape == (500, 6) and found.shape == (500, 2, 3)
        # U(-1, 1) has the deviation 1/sqrt(3), which 3,000 numbers show to .8 %, and the mean 0.
        np.testing.assert_allclose(np.std(u), 1 / np.sqrt(3), rtol=0.04)
        assert 0.99 < np.abs(u).max() < 1 and abs(np.mean(u)) < 4 / np.sqrt(9000)
    assert abs(np.corrcoef(*(np.ravel(u) for u in drawn))[0, 1]) < 4 / np.sqrt(3000)
    for shape in ((4,), (1, 4, 1)):
        expected = "`augmentation`: expected zeros for data that are no images"
        with refused(ValueError, match=expected):
            zoo.create("gan", image_shape=shape, augmentation=sizes)
    large = [tuple(1.5 * (place == i) for i in range(4)) for place in (1, 2, 3)]
    for wrong in ((), (0.3,), (0.7, 15.0, 0.1, 0.1), (15.0, 0.7, 0.1, 0.1, 0.1), *large):
        with refused(ValueError, match="`augmentation`: expected four numbers: degrees, then"):
            zoo.create("gan", image_shape=(4, 4, 1), augmentation=wrong)


def test_noise_comes_on_top_of_changed_images(monkeypatch):
    choices = {"augmentation": (1.0, 0.1, 0.1, 0.1), "instance_noise": 0.5}
    model = zoo.create("gan", image_shape=(8, 8, 1), latent_dim=2, **choices)
    monkeypatch.setattr(augmentation, "affine", lambda x, maps: x + 3.0)
    x = tf.zeros([200, 8, 8, 1])
    with phase(model):
        seen = model.as_seen(x, x + 1.0)
    for each, mean in zip(seen, (3.0, 4.0), strict=True):  # of 12,800 pixels
        assert abs(np.mean(each) - mean) < 5 * 0.5 / np.sqrt(12800)
        np.testing.assert_allclose(np.std(each), 0.5, rtol=0.03)


@pytest.mark.parametrize("clip", [None, 0.3])
def test_a_generator_that_looks_ahead_sees_the_penalty_and_the_clipping(clip):
    """One step of descent of D on f + 2 |w|^2, by hand; then every weight in [-clip, clip]."""
    rate, x = 0.1, batch()
    model = make("unrolled_gan", unrolled_steps=1, unrolled_update="descent")
    choose(model, penalty="r1", penalty_weight=2.0, clip_value=clip)
    found = played(model, x)
    sigmoid = lambda u: 1 / (1 + np.exp(-u))
    rows, rows_p = (np.column_stack([each, np.ones(len(each))]) for each in (x, found.x_p))
    values = np.append(found.w, found.b)
    slopes = sigmoid(rows @ values) - 1, sigmoid(rows_p @ values)
    moves = slopes[0] @ rows / len(rows) + slopes[1] @ rows_p / len(rows_p)
    values = values - rate * (moves + 2 * 2.0 * np.append(found.w, 0.0))
    if clip:
        assert np.abs(values).max() > 1.1 * clip
        values = np.clip(values, -clip, clip)
    expected = -(softplus(-rows @ values) + softplus(rows_p @ values)).mean()
    np.testing.assert_allclose(found.losses["generator"], expected, rtol=1e-4)
    choose(model, penalty=None, clip_value=None)
    assert abs(played(model, x).losses["generator"] / expected - 1) > 1e-3
