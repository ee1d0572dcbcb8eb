"""Priors: their densities, and draws by both ways that have their moments."""

import math

import numpy as np
import pytest
import tensorflow as tf

from zoo import distributions, seeds

PROBS = np.array([0.5, 0.2, 0.3])
LOC, TRIL = (
    np.array([[2.0, 0.0], [-1.0, 1.0]], np.float32),
    np.array([[[0.5, 0.0], [0.3, 0.4]], [[0.2, 0.0], [-0.6, 1.0]]], np.float32),
)


def test_priors():
    np.testing.assert_allclose(
        distributions.standard_normal(3).log_prob(tf.zeros([3])),
        -1.5 * math.log(2 * math.pi),
        rtol=1e-6,
    )
    flat = distributions.uniform(3)
    np.testing.assert_allclose(flat.log_prob([0.9, -0.9, 0.0]), -3 * math.log(2.0), rtol=1e-6)
    assert float(flat.log_prob([1.1, 0.0, 0.0])) == -math.inf


@pytest.mark.parametrize("prior", [distributions.standard_normal, distributions.uniform])
def test_sample_rows_of_a_prior(prior):
    rows = seeds.row_seeds(2000, 1)
    draw = tf.function(lambda rows: distributions.sample_rows(prior(2), rows, "z"))
    z = draw(rows).numpy()
    assert z.shape == (2000, 2)
    np.testing.assert_array_equal(distributions.sample_rows(prior(2), rows[5:8], "z"), z[5:8])
    assert distributions.sample_rows(prior(2), rows[:3], "z", 4).shape == (3, 4, 2)
    variance = 1.0 if prior is distributions.standard_normal else 1 / 3  # of U(-1, 1): 2^2 / 12
    assert np.abs(z.mean(axis=0)).max() < 4 * math.sqrt(variance / 2000)
    fourth = 3.0 if prior is distributions.standard_normal else 1 / 5
    error = math.sqrt((fourth - variance**2) / 2000)
    assert np.abs(z.var(axis=0) - variance).max() < 4 * error
    assert abs(np.corrcoef(z.T)[0, 1]) < 4 / math.sqrt(2000)
    assert abs(np.corrcoef(z[1:, 0], z[:-1, 0])[0, 1]) < 4 / math.sqrt(2000)  # neighbours


# --- codes with several parts ---------------------------------------------------------------------


def draws(p, n=6000):
    """n samples by each of the two ways: of training, and of the verbs."""
    batch = None if p.batch_shape.rank else n
    yield distributions.draw(p, seeds.fold(3, "z"), batch).numpy()
    rows = tf.function(lambda rows: distributions.sample_rows(p, rows, "z"))
    yield rows(seeds.row_seeds(n, 4)).numpy()


def assert_moments(found, mean, covariance, tails=1.0):
    """Within 4.5 standard errors; `tails` widens those of fourth moments above a Gaussian's."""
    n, stddev = len(found), np.sqrt(np.diag(covariance))
    assert np.all(np.abs(found.mean(axis=0) - mean) < 4.5 * stddev / math.sqrt(n) + 1e-7)
    error = tails * np.sqrt((covariance**2 + np.outer(stddev, stddev) ** 2) / n)
    assert np.all(np.abs(np.cov(found.T) - covariance) < 4.5 * error + 1e-7)


def moments_of_mixture(loc, scale_tril):
    """Mean of means; mean of covariances plus covariance of means."""
    loc, scale_tril = np.float64(loc), np.float64(scale_tril)
    inner = np.mean(scale_tril @ scale_tril.transpose(0, 2, 1), axis=0)
    return loc.mean(axis=0), inner + np.cov(loc.T, bias=True)


def test_one_hot_draws_have_their_frequencies():
    p = distributions.one_hot(np.log(PROBS))
    for found in draws(p):
        assert found.shape == (6000, 3) and found.dtype == np.float32
        assert set(np.unique(found)) == {0.0, 1.0} and (found.sum(axis=1) == 1).all()
        error = np.sqrt(PROBS * (1 - PROBS) / 6000)
        assert np.all(np.abs(found.mean(axis=0) - PROBS) < 4 * error)
    np.testing.assert_allclose(p.log_prob([0.0, 1.0, 0.0]), math.log(0.2), rtol=1e-6)


def test_mixture_draws_have_its_moments():
    p = distributions.mixture(LOC, TRIL)
    mean, covariance = moments_of_mixture(LOC, TRIL)
    for found in draws(p):
        assert_moments(found, mean, covariance, tails=1.5)
        # Half of them of each component: of x_0 = 2, 1/2 apart, against -1, 1/5 apart.
        error = 0.5 / math.sqrt(6000)
        assert abs(np.mean(found[:, 0] > 0.3) - 0.5) < 4 * error
    np.testing.assert_allclose(p.mean(), mean, rtol=1e-6)


def test_petals_are_long_along_their_radius():
    """At the angles 0, 90, 180, 270 degrees; covariances diag(r^2, t^2) and diag(t^2, r^2)."""
    loc, tril = (a.numpy() for a in distributions.petals(4, radius=2.0, radial=0.7, tangential=0.2))
    np.testing.assert_allclose(loc, [[2, 0], [0, 2], [-2, 0], [0, -2]], atol=1e-6)
    out, across = np.diag([0.49, 0.04]), np.diag([0.04, 0.49])
    found = tril @ tril.transpose(0, 2, 1)
    np.testing.assert_allclose(found, [out, across, out, across], atol=1e-6)
    # Of any number k >= 3: means cancel, and all is alike in all directions:
    # (r^2 + t^2) / 2 of the petals and radius^2 / 2 of their means.
    for k in (3, 10):
        petals = distributions.petals(k)
        mean, covariance = moments_of_mixture(*petals)
        np.testing.assert_allclose(mean, [0, 0], atol=1e-6)
        expected = (0.5**2 + 0.1**2 + 1.4**2) / 2
        np.testing.assert_allclose(covariance, expected * np.eye(2), atol=1e-6)
        for drawn in draws(distributions.mixture(*petals)):
            assert_moments(drawn, mean, covariance)


def test_component_takes_each_row_s_own_gaussian():
    index = np.tile([1, 0, 1], 2000)
    p = distributions.component(LOC, TRIL, tf.constant(index))
    assert p.batch_shape == (6000,)
    for drawn in draws(p):
        for k in (0, 1):
            assert_moments(drawn[index == k], LOC[k], TRIL[k] @ TRIL[k].T)


def test_blocks_are_independent_parts_side_by_side():
    p = distributions.blocks(distributions.one_hot(np.log(PROBS)), distributions.mixture(LOC, TRIL))
    assert p.event_shape == (5,)
    mean, covariance = moments_of_mixture(LOC, TRIL)
    both = np.zeros([5, 5])
    both[:3, :3], both[3:, 3:] = np.diag(PROBS) - np.outer(PROBS, PROBS), covariance
    for found in draws(p):
        np.testing.assert_array_equal(found[:, :3].sum(axis=1), np.ones(6000))
        assert_moments(found, np.concatenate([PROBS, mean]), both, tails=1.5)


def several():
    """{name: a prior that takes other noise than one normal}."""
    mixture = distributions.mixture(LOC, TRIL)
    one_hot = distributions.one_hot(np.log(PROBS))
    return {
        "one_hot": one_hot,
        "mixture": mixture,
        "blocks": distributions.blocks(one_hot, mixture),
    }


@pytest.mark.parametrize("name", ["one_hot", "mixture", "blocks"])
def test_rows_of_such_priors_depend_on_their_own_seed(name):
    p, rows = several()[name], seeds.row_seeds(20, 5)
    whole = distributions.sample_rows(p, rows, "z")
    part = distributions.sample_rows(p, rows[10:15], "z")
    np.testing.assert_allclose(part, whole[10:15], atol=1e-6)
    assert np.abs(distributions.sample_rows(p, rows, "x") - whole).max() > 1e-3
    many = distributions.sample_rows(p, rows, "z", 4)
    assert many.shape == (20, 4, *p.event_shape)
    assert all(np.abs(many[:, 0] - many[:, k]).max() > 1e-3 for k in (1, 2, 3))


@pytest.mark.parametrize("name", ["one_hot", "mixture", "blocks"])
def test_such_a_prior_on_two_replicas_is_one_draw_of_the_whole(monkeypatch, name):
    p, seed = several()[name], seeds.fold(0, "z")
    whole = distributions.draw(p, seed, 20)
    halves = []
    for index in (0, 1):
        monkeypatch.setattr(seeds, "replica", lambda index=index: (2, index))
        halves.append(distributions.draw(p, seed, 10))
    np.testing.assert_array_equal(tf.concat(halves, axis=0), whole)
