"""Information and normality of codes, against closed forms."""

import math

import numpy as np
import pytest
import tensorflow_probability as tfp

from zoo.metrics import latents

tfd = tfp.distributions


# --- information ------------------------------------------------------------------------------


def test_kl_per_dimension_is_tfps():
    random = np.random.default_rng(0)
    loc, scale = random.normal(size=(5, 3)), random.uniform(0.1, 2.0, (5, 3))
    expected = tfd.kl_divergence(tfd.Normal(loc, scale), tfd.Normal(np.zeros(()), 1.0))
    np.testing.assert_allclose(latents.kl_per_dim(loc, scale), expected, rtol=1e-10)


def test_kl_by_hand():
    # KL(N(m, 1) || N(0, 1)) = m^2 / 2: 2 and 0 nats, 0.02 twice, 0 twice.
    loc, scale = np.array([[2.0, 0.2, 0.0], [0.0, -0.2, 0.0]]), np.ones((2, 3))
    assert latents.kl(loc, scale).value == pytest.approx(1.02)
    active = latents.kl_active_dims(loc, scale)
    assert active.value == 1.0 and "of 3 dimensions" in active.protocol
    assert latents.kl_active_dims(loc, scale, threshold=0.01).value == 2.0


def linear_codes(n, gains, stddev, seed=0):
    """x ~ N(0, I), q(z|x) = N(gains x, stddev^2): (loc, scale, z)."""
    random = np.random.default_rng(seed)
    loc = random.normal(size=(n, len(gains))) * gains
    return loc, np.full_like(loc, stddev), loc + stddev * random.normal(size=loc.shape)


def test_mutual_information_of_a_linear_encoder():
    # z = A x + s eps: I = 1/2 log det(I + A A' / s^2).
    gains = np.array([1.0, 0.5, 0.0])
    truth = 0.5 * np.log(1 + gains**2 / 0.5**2).sum()  # 1.15 nats
    found = latents.mutual_information(*linear_codes(3_000, gains, 0.5))
    for name, measure in found.items():
        assert abs(measure.value - truth) < 3 * measure.standard_error, name
        assert measure.standard_error < 0.03 and measure.n == 3_000
    assert found["mutual_information"].value < found["mutual_information_upper"].value


def test_mutual_information_is_between_its_bounds_where_examples_are_few():
    # 3 log 100 nats: 20 examples cannot show more than log 20.
    truth = 0.5 * 6 * math.log(1 + 1 / 0.01**2)
    found = latents.mutual_information(*linear_codes(20, np.ones(6), 0.01))
    lower, upper = (m.value for m in found.values())
    assert lower == pytest.approx(math.log(20), rel=1e-6) and lower < truth < upper
    assert "20 examples" in found["mutual_information"].protocol


def test_what_samples_tell_of_their_category():
    # Q gives the true one 1/2, 1/4 and 1: the mean of log is -log 2, and K = 4.
    log_q = np.log([[0.5, 0.5, 1e-9, 1e-9], [0.25, 0.25, 0.25, 0.25], [1e-9, 1e-9, 1e-9, 1.0]])
    found = latents.code_information(log_q, np.array([1, 2, 3]))
    assert found.value == pytest.approx(math.log(2), rel=1e-6) and found.n == 3
    assert "at most 1.3863" in found.protocol


def test_codes_that_say_nothing_have_no_information():
    loc, scale, z = linear_codes(500, np.zeros(2), 1.0)
    for measure in latents.mutual_information(loc, scale, z).values():
        assert measure.value == pytest.approx(0.0, abs=1e-9)


def test_mutual_information_equals_the_plain_sum_over_several_chunks(monkeypatch):
    loc, scale, z = linear_codes(23, np.array([2.0, 1.0]), 0.7)
    scale = scale * np.random.default_rng(1).uniform(0.5, 2.0, scale.shape)
    log_q = tfd.Independent(tfd.Normal(loc, scale), 1).log_prob(z[:, None]).numpy()  # [n, m]
    own, q = np.diag(log_q), np.exp(log_q)
    expected = np.mean(own - np.log(q.mean(axis=1)))
    without = np.mean(own - np.log((q.sum(axis=1) - np.diag(q)) / 22))
    monkeypatch.setattr(latents, "CHUNK_BYTES", 8 * 23 * 5)  # five rows a chunk
    found = [m.value for m in latents.mutual_information(loc, scale, z).values()]
    np.testing.assert_allclose(found, [expected, without], rtol=1e-9)


def test_information_needs_two_examples():
    with pytest.raises(ValueError, match="`z`: expected at least two"):
        latents.mutual_information(*linear_codes(1, np.ones(2), 1.0))


def test_categorical_information_by_hand():
    # Sure of one of two, each for half: ln 2. The same answer for all: 0.
    assert latents.categorical_information([[1, 0], [0, 1]]).value == pytest.approx(math.log(2))
    assert latents.categorical_information([[0.3, 0.7]] * 4).value == pytest.approx(0.0, abs=1e-12)
    # H(1/2, 1/2) - H(3/4, 1/4) = ln 2 - (ln 4 - 3/4 ln 3).
    expected = math.log(2) - (math.log(4) - 0.75 * math.log(3))
    found = latents.categorical_information([[0.75, 0.25], [0.25, 0.75]])
    assert found.value == pytest.approx(expected) and found.n == 2
    assert found.standard_error == pytest.approx(0.0, abs=1e-12)  # both tell the same


def test_the_error_of_categorical_information_is_the_spread_over_data_sets():
    generator = np.random.default_rng(0)
    measured = lambda: latents.categorical_information(
        generator.dirichlet([0.2, 0.5, 1.0, 3.0], 500)
    )
    found = [measured() for _ in range(400)]
    spread = np.std([measure.value for measure in found], ddof=1)  # known to 1 / sqrt(800) = 3.5 %
    assert np.mean([m.standard_error for m in found]) == pytest.approx(spread, rel=0.15)


# --- normality --------------------------------------------------------------------------------


def normality(codes):
    return {name: measure.value for name, measure in latents.code_normality(codes).items()}


def test_normality_of_the_prior():
    n, d = 10_000, 20
    found = normality(np.random.default_rng(0).normal(size=(n, d)))
    # Variances of x^2 and of a kurtosis: 2 and 24 over n; of d dimensions d times less.
    assert found["code_mean_square"] == pytest.approx(1.0, abs=4 * math.sqrt(2 / (n * d)))
    assert found["code_kurtosis"] == pytest.approx(3.0, abs=4 * math.sqrt(24 / (n * d)))
    # Kolmogorov's distribution has mean sqrt(pi / 2) ln 2 = 0.8687 and deviation 0.2603.
    expected = math.sqrt(math.pi / 2) * math.log(2) / math.sqrt(n)
    assert found["code_ks"] == pytest.approx(expected, abs=4 * 0.2603 / math.sqrt(n * d))


def test_normality_by_hand():
    # Two points +-1: square 1, kurtosis 1; at -1 the distribution function leaps from 0 to 1/2 past
    # Phi(-1) = 0.1587: the distance is 0.5 - 0.1587.
    squares = latents.code_normality(np.array([[1.0, 1.0], [1.0, 2.0]]))["code_mean_square"]
    assert squares.value == 1.75  # of 1 and 5/2 an example: s = 1.5 / sqrt(2), / sqrt(2)
    assert squares.standard_error == pytest.approx(0.75)
    found = normality(np.array([[1.0], [-1.0]]))
    assert found["code_mean_square"] == pytest.approx(1.0)
    assert found["code_kurtosis"] == pytest.approx(1.0)
    assert found["code_ks"] == pytest.approx(0.341345, abs=1e-6)


def test_what_is_not_normal_is_told():
    random = np.random.default_rng(0)
    # A uniform variable has kurtosis 9/5, Laplace's 6; N(0, 4) has mean square 4, and its distance
    # from N(0, 1) is the greatest of Phi(x) - Phi(x / 2), 0.1615 at x^2 = 8 ln 2 / 3.
    assert normality(random.uniform(-1, 1, (40_000, 4)))["code_kurtosis"] == pytest.approx(
        1.8, 0.02
    )
    assert normality(random.laplace(size=(40_000, 4)))["code_kurtosis"] == pytest.approx(6.0, 0.1)
    wide = normality(2.0 * random.normal(size=(40_000, 4)))
    assert wide["code_mean_square"] == pytest.approx(4.0, rel=0.05)
    assert wide["code_ks"] == pytest.approx(0.1615, abs=0.01)
    assert normality(np.ones((9, 2)))["code_kurtosis"] == 0.0  # a constant
