"""FID, KID and the Inception score, on distributions whose figures are known."""

import math

import numpy as np
import pytest
from scipy import linalg

from tests.helpers import refused
from zoo.metrics import frechet, moments


def normal(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def exact(n, mean, root, seed=0):
    """[n, d] of exactly this mean and of the covariance root' root."""
    x = normal(n, len(mean), seed)
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return x @ root + mean


# --- FID ------------------------------------------------------------------------------------------


def test_frechet_distance_of_normal_distributions():
    x = exact(50, [1.0, 0.0, 2.0], np.diag([1.0, 2.0, 3.0]))
    y = exact(40, [0.0, 0.0, 0.0], np.diag([2.0, 2.0, 1.0]), seed=1)
    # Of commuting covariances sum (s_1 - s_2)^2, here 1 + 0 + 4, beside |m|^2 = 5.
    found = frechet.frechet_distance(x, y)
    assert found.value == pytest.approx(10.0, rel=1e-9) and found.n == 50
    assert "40 examples of data, on 3 features" in found.protocol
    # Others do not commute: against SciPy's root of their product.
    x, y = x @ normal(3, 3, 2), y @ normal(3, 3, 3)
    c_x, c_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    trace = np.trace(c_x + c_y - 2.0 * linalg.sqrtm(c_x @ c_y).real)
    expected = np.square(x.mean(axis=0) - y.mean(axis=0)).sum() + trace
    assert frechet.frechet_distance(x, y).value == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_where_covariances_are_singular():
    x = normal(20, 50)  # of rank 19
    x[:, 7] = 0.25  # a unit that never answers
    assert frechet.frechet_distance(x, x).value == pytest.approx(0.0, abs=1e-6)
    shift = np.linspace(0.0, 1.0, 50)
    expected = float(shift @ shift)
    assert frechet.frechet_distance(x + shift, x).value == pytest.approx(expected, rel=1e-6)
    assert frechet.frechet_distance(2.0 * x, x).value == pytest.approx(
        np.square(x.mean(axis=0)).sum() + np.trace(np.cov(x, rowvar=False)), rel=1e-6
    )


def test_the_floor_of_the_frechet_distance():
    # 2 d / n + d (d + 1) / (2 n) = 1.184 at d = 32, n = 500; its spread is about a twentieth.
    found = [
        frechet.frechet_distance(normal(500, 32, i), normal(500, 32, 90 + i)) for i in range(4)
    ]
    assert np.mean([each.value for each in found]) == pytest.approx(1.184, rel=0.08)


def spread(measured, count=60):
    """(mean of the standard errors, deviation of the values) over data sets."""
    found = [measured(i) for i in range(count)]
    return np.mean([m.standard_error for m in found]), np.std([m.value for m in found], ddof=1)


def test_errors_of_both_distances_are_the_spread_over_sets_of_samples():
    # A deviation of 60 values is known to 1 / sqrt(120) = 9 %.
    data = normal(400, 3, 999)
    mixed = lambda i: (
        normal(300, 3, i) @ np.array([[2, 0.5, 0], [0, 1, 1], [0, 0, 0.3]]) + [1, 0, 0]
    )
    error, deviation = spread(lambda i: frechet.frechet_distance(mixed(i), data))
    assert error == pytest.approx(deviation, rel=0.35)
    error, deviation = spread(lambda i: frechet.kernel_distance(mixed(i), data, subsets=20), 40)
    assert 0.8 * deviation < error < 3.0 * deviation  # subsets of half, so it errs high


# --- KID ------------------------------------------------------------------------------------------


def test_kernel_distance_by_moments(monkeypatch):
    monkeypatch.setattr(moments, "SUBSET_ROWS", 200)
    # (x y + 1)^3 = 1 + 3 x y + 3 x^2 y^2 + x^3 y^3, so MMD^2 = 3 D_1^2 + 3 D_2^2 + D_3^2 with the
    # differences of moments: of N(a, 1) and N(0, 1) a, a^2 and a^3 + 3 a; a = 1/2.
    a = 0.5
    expected = 3 * a**2 + 3 * a**4 + (a**3 + 3 * a) ** 2
    found = frechet.kernel_distance(normal(1_000, 1) + a, normal(1_000, 1, 1))
    assert found.value == pytest.approx(expected, abs=4 * found.standard_error)
    assert 0.2 < found.standard_error < 1.5 and found.std > found.standard_error
    assert "50 subsets of 200" in found.protocol
    same = frechet.kernel_distance(normal(1_000, 8), normal(1_000, 8, 1))
    assert abs(same.value) < 4 * same.std / math.sqrt(frechet.SUBSETS)


def test_kernel_distance_leaves_pairs_of_an_example_with_itself_out():
    x, y = normal(5, 2), normal(5, 2, 1) + 1.0
    k = lambda u, v: (u @ v / 2.0 + 1.0) ** 3
    pairs = [(i, j) for i in range(5) for j in range(5)]
    within = sum(k(a[i], a[j]) / 20 for a in (x, y) for i, j in pairs if i != j)
    expected = within - 2.0 * sum(k(x[i], y[j]) / 25 for i, j in pairs)
    assert frechet._mmd(x, y) == pytest.approx(expected, rel=1e-12)


# --- Inception score ------------------------------------------------------------------------------


def test_inception_score_of_known_answers():
    one_hot = np.eye(4)[np.arange(400) % 4]
    assert frechet.inception_score(one_hot).value == pytest.approx(4.0)
    assert frechet.inception_score(np.full((40, 4), 0.25)).value == pytest.approx(1.0)
    assert frechet.inception_score(one_hot[:, [0, 0, 0, 0]] * 0 + one_hot[0]).value == 1.0
    p = np.array([[0.9, 0.1], [0.1, 0.9]])[np.arange(100) % 2]
    expected = math.exp(math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    found = frechet.inception_score(p)
    assert found.value == pytest.approx(expected) and found.std == pytest.approx(0.0, abs=1e-12)
    # Splits are contiguous: of one class each they find nothing varied.
    assert frechet.inception_score(np.sort(one_hot, axis=0)[::-1], splits=1).value > 1.0
    assert frechet.inception_score(np.repeat(np.eye(4), 10, axis=0), splits=4).value == 1.0


@pytest.mark.parametrize("x", [np.zeros((1, 2)), np.zeros((5, 3)), np.full((5, 2), np.nan)])
def test_features_that_cannot_be_compared_are_refused(x):
    for measure in (frechet.frechet_distance, frechet.kernel_distance):
        with refused(ValueError, match="`samples`"):
            measure(x, np.zeros((5, 2)))
