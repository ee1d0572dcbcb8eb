"""The independent Wasserstein critic, on Gaussians whose distance is known."""

import numpy as np
import pytest

from tests.metrics.toys import Data, Linear
from zoo import metrics
from zoo.metrics import critic

NAMES = ["wasserstein_critic", "wasserstein_critic_train", "wasserstein_critic_of_train_data"]


def gaussian(n, seed, mean=(0.0, 0.0)):
    """N(mean, I), [n, 2]."""
    return (np.random.default_rng(seed).normal(size=(n, 2)) + mean).astype(np.float32)


def distances(mean, train_mean=None, n=4_000):
    train = gaussian(n, 8, mean if train_mean is None else train_mean)
    found = critic.wasserstein_critic(
        lambda n, seed: gaussian(n, 100 + seed), gaussian(n, 7, mean), train
    )
    return [found[name] for name in NAMES]


def test_distance_of_two_gaussians():
    # W_1(N(0, I), N(m, I)) = |m| = 2. Of a straight line of slope k the loss is
    # 10 (k - 1)^2 - k |m| / s, least at k = 1 + |m| / (20 s), with s = sqrt(2): k |m| = 2.14.
    held_out, own, train = distances((1.2, -1.6))
    for measure in (held_out, own, train):
        assert measure.value == pytest.approx(2.14, abs=4 * measure.standard_error)
        # Slopes near 1, variances near 1: sqrt(1 / n + 1 / 2,000).
        assert measure.standard_error == pytest.approx((1 / measure.n + 1 / 2_000) ** 0.5, rel=0.2)
    assert [m.n for m in (held_out, own, train)] == [2_000, 2_000, 4_000]
    # Train data, of the same Gaussian, in the samples' place.
    for measure in (held_out, own):
        assert abs(measure.floor) < 4 * (1 / measure.n + 1 / 4_000) ** 0.5
    assert train.floor is None
    assert "the other half" in held_out.protocol and "train split" in train.protocol


@pytest.mark.every
def test_no_distance_between_the_same_and_a_closer_training_set_is_seen():
    held_out, _, train = distances((0.0, 0.0))
    assert abs(held_out.value) < 4 * held_out.standard_error
    assert abs(train.value) < 4 * train.standard_error
    # The model's samples are its training data's twins, and far from the others.
    held_out, _, train = distances((2.0, 0.0), train_mean=(0.0, 0.0))
    assert held_out.value > 1.8 and abs(train.value) < 0.2
    assert held_out.floor == pytest.approx(held_out.value - train.value)


def test_units_are_those_of_x(monkeypatch):
    # A power of two changes no digit.
    monkeypatch.setattr(critic, "STEPS", 50)
    data, samples = gaussian(500, 0, (3.0, 0.0)), gaussian(500, 1)
    small, large = (critic.Critic(k * data, k * samples) for k in (1.0, 256.0))
    np.testing.assert_allclose(large(256.0 * data), 256.0 * small(data), rtol=1e-6)


def test_images_and_seeds(monkeypatch):
    monkeypatch.setattr(critic, "STEPS", 30)
    bright = np.random.default_rng(0).uniform(0.5, 1.0, (40, 9, 8, 1)).astype(np.float32)
    sample = lambda n, seed: np.random.default_rng(seed).uniform(0, 0.5, (n, 9, 8, 1))
    run = lambda seed: critic.wasserstein_critic(sample, bright, bright, seed)[NAMES[0]]
    found = run(0)
    assert run(0) == found and run(1).value != found.value
    # The means are 1/2 apart in 72 pixels: at least sqrt(72) / 2 = 4.24, after more steps.
    assert 1.0 < found.value < 6.0


def test_evaluated_only_when_asked_for(monkeypatch):
    monkeypatch.setattr(critic, "STEPS", 20)
    monkeypatch.setattr(critic, "SAMPLES", 100)
    held = Data(train={"x": gaussian(50, 0)}, test={"x": gaussian(41, 1)})
    assert set(NAMES) <= set(metrics.applicable(Linear(), held))
    assert not set(NAMES) & set(metrics.evaluate(Linear(), held, iwae_samples=1))
    assert not set(NAMES) & set(
        metrics.applicable(Linear(conditional=True, num_attributes=3), held)
    )
    measured = metrics.evaluate(Linear(), held, metrics=NAMES)
    assert [measured[name]["n"] for name in NAMES] == [20, 21, 20]


def test_too_few_examples_are_refused():
    with pytest.raises(ValueError, match="`held_out`: expected at least four"):
        critic.wasserstein_critic(None, np.zeros((3, 2)), np.zeros((3, 2)))
