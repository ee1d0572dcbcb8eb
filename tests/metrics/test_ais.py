"""Annealed importance sampling, on a linear-Gaussian model whose evidence is known."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import refused
from tests.metrics.toys import Data
from zoo import metrics
from zoo.methods.avb import AVB
from zoo.methods.vae import VAE
from zoo.metrics import ais, likelihood
from zoo.networks.stack import Stack, dense

D, STDDEV = 4, 0.3
_W = np.random.default_rng(0).standard_normal((2, D))  # x = z W + STDDEV eps
_COVARIANCE = _W.T @ _W + STDDEV**2 * np.eye(D)


@pytest.fixture(scope="module")
def model():
    """A VAE with that decoder; its encoder is off: 0.7 of the mean and 0.2 beside it, too wide."""
    rows = lambda units: Stack((dense(units, activation="linear"),))
    made = VAE(
        image_shape=(D,),
        latent_dim=2,
        encoder=rows(4),
        decoder=rows(D),
        decoder_output="normal",
        decoder_stddev=STDDEV,
    )
    made.decoder.set_weights([_W, np.zeros(D)])
    mean = np.linalg.solve(np.eye(2) + _W @ _W.T / STDDEV**2, _W / STDDEV**2).T
    kernel = np.concatenate([0.7 * mean, np.zeros([D, 2])], axis=1)
    made.encoder.set_weights([kernel, np.array([0.2, 0.2, *np.log([0.3, 0.3])])])
    return made


def data(n, seed=1):
    draws = np.random.default_rng(seed).multivariate_normal(np.zeros(D), _COVARIANCE, n)
    return draws.astype(np.float32)


def evidence(x):
    """log N(x; 0, W'W + STDDEV^2 I), [N]."""
    squares = np.einsum("bi,ij,bj->b", x, np.linalg.inv(_COVARIANCE), x)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * _COVARIANCE)[1])


def standard_error(values):
    return values.std(ddof=1) / np.sqrt(len(values))


# --- against the truth ----------------------------------------------------------------------------


@pytest.mark.parametrize("start, steps", [("prior", 300), ("posterior", 100)])
def test_it_recovers_the_evidence(model, start, steps):
    x = data(60)
    found = ais._bounds(model, x, None, None, 8, steps, start, 0)
    differences = found["lower"] - evidence(x)
    assert abs(differences.mean()) < 3 * standard_error(differences)
    assert standard_error(differences) < 0.06
    if start == "prior":  # long enough for the step sizes to settle
        assert found["acceptance"].mean() == pytest.approx(ais.ACCEPTANCE, abs=0.05)


def test_importance_samples_recover_the_same(model):
    x = data(60)
    found = likelihood.log_prob(model, x, samples=5_000)
    assert abs((found - evidence(x)).mean()) < 3 * standard_error(found - evidence(x))


def test_the_gap_of_simulated_data_is_small_and_positive(model):
    gap = ais.ais_gap(model, 100, chains=4, steps=100, start="posterior")
    assert -3 * gap.standard_error < gap.value < 0.2
    assert gap.standard_error < 0.05
    wide = ais.ais_gap(model, 100, chains=4, steps=20, start="prior")
    assert wide.value > max(gap.value, 3 * wide.standard_error)  # too few steps: it says so


def test_the_bounds_lie_on_their_sides(model):
    x, z = ais.simulate(model, 200)
    lower, upper = ais.bounds(model, x, z, chains=1, steps=15, start="prior")
    truth = evidence(x.numpy())
    for difference in (truth - lower, upper - truth):
        assert difference.mean() > 3 * standard_error(difference)


def test_simulated_pairs_are_draws_of_the_joint(model):
    x, z = (a.numpy() for a in ais.simulate(model, 4_000, seed=2))
    # Var(x) = W'W + s^2 I, Cov(z, x) = W; 4,000 draws of numbers about 1: errors near 1/60.
    np.testing.assert_allclose(np.cov(x.T), _COVARIANCE, atol=0.25)
    np.testing.assert_allclose(z.T @ x / len(x), _W, atol=0.15)


# --- tampered with --------------------------------------------------------------------------------


def biases(model, monkeypatch, transition):
    """Mean error of the lower bound and mean gap, with another transition."""
    monkeypatch.setattr(ais, "_hmc", transition)
    x, z = ais.simulate(model, 60)
    lower, upper = ais.bounds(model, x, z, chains=4, steps=100, start="prior")
    return (lower - evidence(x.numpy())).mean(), (upper - lower).mean()


def test_without_transitions_it_is_caught(model, monkeypatch):
    # Plain importance sampling from the prior, four draws an example.
    stays = lambda path, point, beta, step, seed: (point, tf.ones_like(point.start))
    error, gap = biases(model, monkeypatch, stays)
    assert error < -1.0 and gap > 1.0


def test_transitions_to_another_density_are_caught(model, monkeypatch):
    honest = ais._hmc
    lazy = lambda path, point, beta, *more: honest(path, point, beta / 2.0, *more)
    error, gap = biases(model, monkeypatch, lazy)
    assert abs(error) > 1.0 or abs(gap) > 1.0


def test_a_transition_leaves_its_density_as_it_is(model):
    # f_1 of one x is p(z|x): precision I + W W' / s^2. Exact draws stay exact draws.
    x, n = data(1), 4_000
    covariance = np.linalg.inv(np.eye(2) + _W @ _W.T / STDDEV**2)
    mean = covariance @ _W @ x[0] / STDDEV**2
    z = np.random.default_rng(0).multivariate_normal(mean, covariance, n).astype(np.float32)
    path = ais._Path(model, tf.constant(x), None, n, "prior")
    step = tf.fill([n], 0.25)
    transit = tf.function(
        lambda z: ais._hmc(path, path.at(z), 1.0, step, tf.constant([0, 1])), autograph=False
    )
    point, chance = transit(tf.constant(z))
    assert 0.3 < float(tf.reduce_mean(chance)) < 0.99
    assert np.mean(np.any(point.z.numpy() != z, axis=1)) == pytest.approx(
        float(tf.reduce_mean(chance)), abs=0.03
    )
    stddev = np.sqrt(np.diag(covariance))
    error = (point.z.numpy().mean(axis=0) - mean) / stddev
    np.testing.assert_allclose(error, 0.0, atol=4 / np.sqrt(n))
    np.testing.assert_allclose(np.cov(point.z.numpy().T) / covariance, 1.0, atol=0.15)


# --- its parts ------------------------------------------------------------------------------------


def test_schedule_rises_from_zero_to_one_slowly_at_both_ends():
    betas = ais.schedule(10)
    assert len(betas) == 11 and betas[0] == 0.0 and betas[-1] == 1.0
    np.testing.assert_allclose(betas, 1.0 - betas[::-1], atol=1e-6)
    steps = np.diff(betas)
    assert (steps > 0).all() and steps[0] < steps[5] / 3


@pytest.mark.every
def test_same_seed_same_bits_and_chunks_measure_every_example(model, monkeypatch):
    x = data(7)
    run = lambda seed: ais.ais(model, x, chains=3, steps=20, seed=seed)
    whole = run(3)
    assert run(3) == whole and run(4).value != whole.value and whole.n == 7
    assert whole.standard_error == pytest.approx(standard_error(evidence(x)), rel=0.2)
    monkeypatch.setattr(ais, "ROWS", 9)  # three examples a call
    parts = run(3)
    assert parts.n == 7 and parts.value == pytest.approx(whole.value, abs=1.0)


def test_it_begins_at_the_posterior_where_that_is_gaussian(model):
    assert "from q(z|x)" in ais.ais(model, data(2), chains=1, steps=2).protocol
    implicit = AVB(image_shape=(D,), latent_dim=2, decoder_output="normal")
    measure = ais.ais(implicit, data(2), chains=1, steps=2)
    assert "from p(z)" in measure.protocol and "2 steps" in measure.protocol


def test_refusals(model):
    with refused(ValueError, match="`start`.*posterior.*prior.*Did you mean 'prior'"):
        ais.ais(model, data(1), start="priors")
    with refused(ValueError, match="`steps`: expected an int >= 2"):
        ais.ais(model, data(1), steps=1)
    with refused(ValueError, match="chains"):
        ais.ais(model, data(1), chains=0)


# --- as metrics -----------------------------------------------------------------------------------


def test_evaluated_only_when_asked_for(model, monkeypatch):
    monkeypatch.setattr(ais, "EXAMPLES", 5)
    held = Data(train={"x": data(8)}, test={"x": data(9, seed=3)})
    assert {"ais", "ais_gap"} <= set(metrics.applicable(model, held))
    assert not {"ais", "ais_gap"} & set(metrics.evaluate(model, held, iwae_samples=1))
    measured = metrics.evaluate(
        model, held, metrics=["ais", "ais_gap"], ais_chains=2, ais_steps=20, seed=1
    )
    truth = evidence(held.arrays("test", 5)["x"]).mean()
    assert measured["ais"]["n"] == measured["ais_gap"]["n"] == 5
    assert measured["ais"]["value"] == pytest.approx(truth, abs=2.0)
    assert "2 chains of 20 steps" in measured["ais"]["protocol"]


def test_only_where_there_is_a_likelihood():
    grey = Data(test={"x": np.zeros((3, 8, 8, 1), np.float32)})
    binary = Data(binary=True, test=grey.splits["test"])
    make = lambda kind, **options: kind(image_shape=(8, 8, 1), latent_dim=2, **options)
    asks = lambda model, held: "ais" in metrics.applicable(model, held)
    for kind in (VAE, AVB):
        assert asks(make(kind), binary) and not asks(make(kind), grey)
        assert asks(make(kind, decoder_output="normal"), grey)
    from zoo.methods.ali import ALI
    from zoo.methods.gan import GAN

    assert not asks(make(ALI), grey) and not asks(make(GAN), grey)
    assert asks(make(ALI, decoder_output="normal"), grey)
