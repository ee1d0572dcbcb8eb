"""Classes, diversity, sliced distances and copies, on samples of which they are known."""

import math

import numpy as np
import pytest
from scipy import signal
from sklearn.neighbors import NearestNeighbors

import zoo
from tests.helpers import refused
from zoo.metrics import classes, copies, diversity, modes, moments, sliced


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# --- classes --------------------------------------------------------------------------------------


def test_classes_that_were_reached():
    found = classes.class_scores([0] * 6 + [1] * 4 + [3] * 10, 5)
    assert found["classes_covered"].value == 3.0 and found["classes_covered_five"].value == 2.0
    shares = np.array([0.3, 0.2, 0.5])
    expected = math.log(5) + (shares * np.log(shares)).sum()
    assert found["class_kl"].value == pytest.approx(expected)
    # The error of the mean of log p_k.
    logs = np.log(shares)
    deviation = math.sqrt((shares * logs**2).sum() - (shares * logs).sum() ** 2)
    assert found["class_kl"].standard_error == pytest.approx(deviation / math.sqrt(20))
    with refused(ValueError, match=r"`y`: expected at least one label, all in \[0, 5\)"):
        classes.class_scores([5], 5)


def test_the_ceiling_of_stacked_mnist():
    # 26,000 uniform samples reach all 1,000 classes; (K - 1) / (2 n) = .0192, spread .0009.
    y = np.random.default_rng(0).integers(1000, size=26_000)
    found = classes.class_scores(y, 1000)
    assert found["classes_covered"].value == found["classes_covered_five"].value == 1000.0
    assert found["class_kl"].value == pytest.approx(0.0192, abs=0.003)


@pytest.mark.parametrize("name, count", [("gaussian_ring", 8), ("gaussian_grid", 25)])
def test_the_modes_of_both_mixtures(name, count):
    data = zoo.data.load(name)
    x = data.arrays("test", modes.QUALITY_SAMPLES)["x"]
    assert modes.modes_covered(x, data.modes).value == count
    assert modes.modes_high_quality(x, data.modes, data.mode_stddev).value == count
    # 1 - exp(-9 / 2) of the data; 2,500 know it to .002.
    share = modes.high_quality_share(x, data.modes, data.mode_stddev)
    assert share.value == pytest.approx(1 - math.exp(-4.5), abs=0.008)


# --- diversity ------------------------------------------------------------------------------------


def ms_ssim(x, y, window, weights):
    """By convolutions of SciPy, one pair of images [H, W]."""
    axis = np.exp(-0.5 * ((np.arange(window) - (window - 1) / 2) / 1.5) ** 2)
    kernel = np.outer(axis, axis) / axis.sum() ** 2
    mean = lambda a: signal.convolve2d(a, kernel, mode="valid")
    value = 1.0
    for scale, weight in enumerate(weights):
        if scale:
            x, y = (a.reshape(len(a) // 2, 2, -1, 2).mean(axis=(1, 3)) for a in (x, y))
        m_x, m_y = mean(x), mean(y)
        covariance = 2 * (mean(x * y) - m_x * m_y) + 0.03**2
        similar = covariance / (mean(x * x + y * y) - m_x**2 - m_y**2 + 0.03**2)
        if scale == len(weights) - 1:
            similar = similar * (2 * m_x * m_y + 0.01**2) / (m_x**2 + m_y**2 + 0.01**2)
        value *= similar.mean() ** weight
    return value


@pytest.mark.parametrize("side, window", [(28, 11), (8, 4)])
def test_diversity_is_one_less_the_similarity_of_disjoint_pairs(side, window):
    x = np.random.default_rng(side).uniform(size=(3, side, side, 1)).astype(np.float32)
    x[1] = 0.8 * x[0] + 0.2 * x[1]
    weights = np.array([0.0448, 0.2856]) / 0.3304
    expected = 1.0 - ms_ssim(*x[:2, ..., 0].astype(np.float64), window, weights)
    found = diversity.ms_ssim_diversity(x)
    assert 0.01 < expected < 0.5 and found.value == pytest.approx(expected, rel=1e-3)
    assert found.n == 2  # the third has no partner
    assert f"2 scales, window {window} x {window}" in found.protocol
    twins = np.repeat(x, 2, axis=0)
    assert diversity.ms_ssim_diversity(twins).value == pytest.approx(0.0, abs=1e-6)


def test_the_variant_of_every_size():
    variants = {4: (2, 2), 8: (4, 2), 28: (11, 2), 32: (11, 2), 64: (11, 3), 176: (11, 5)}
    assert {side: diversity.variant(side) for side in variants} == variants
    assert diversity.variant(1024) == (11, 5)
    with refused(ValueError, match="`x`: expected at least two images"):
        diversity.ms_ssim_diversity(np.zeros((1, 8, 8, 1)))


# --- the sliced Wasserstein distance --------------------------------------------------------------


def test_sliced_distance_of_shifted_and_scaled_data(monkeypatch):
    x = normal(500, 1)
    assert sliced.sliced_wasserstein(x + 3, x).value == pytest.approx(3.0, rel=1e-5)
    # Sorted, 2 x and x differ by x.
    expected = math.sqrt(np.square(x).mean())
    assert sliced.sliced_wasserstein(2 * x, x).value == pytest.approx(expected, rel=1e-5)
    # |m| / sqrt(d) on average; 2,000 directions know a mean square to sqrt(2 / 2,000) = 3 %.
    x = normal(50, 4, 2, 1)
    m = np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2, 1)
    found = sliced.sliced_wasserstein(x + m, x, directions=2_000)
    assert found.value == pytest.approx(np.linalg.norm(m) / math.sqrt(8), rel=0.06)
    monkeypatch.setattr(sliced, "BLOCK", 7)
    again = sliced.sliced_wasserstein(x + m, x, directions=2_000)
    assert again.value == pytest.approx(found.value, rel=1e-9)
    assert sliced.sliced_wasserstein(x, x).value == 0.0
    with refused(ValueError, match="`samples`: expected as many samples"):
        sliced.sliced_wasserstein(x[1:], x)


def test_the_error_of_the_sliced_distance_is_the_spread_over_samples():
    # A deviation of 50 values is known to 1 / sqrt(100) = 10 %.
    data = normal(500, 2, seed=99)
    found = [
        sliced.sliced_wasserstein(
            normal(500, 2, seed=i) * [1.0, 2.5] + [1.0, 0.0], data, directions=32
        )
        for i in range(50)
    ]
    deviation = np.std([m.value for m in found], ddof=1)
    # Samples alone are drawn anew.
    assert np.mean([m.standard_error for m in found]) == pytest.approx(deviation, rel=0.35)


# --- the maximum mean discrepancy -----------------------------------------------------------------


def test_discrepancy_of_two_gaussians():
    """N(0, I), N(m, I): E exp(-|x - y|^2 / 2s) = (s / (s + 2))^(d/2) exp(-|m|^2 / 2(s + 2))."""
    m = np.array([1.0, 0.5, -1.0], np.float32)
    data, samples = normal(4_000, 3), normal(4_000, 3, seed=1)
    scales = np.array(moments.variances(data))
    alike = (scales / (scales + 2.0)) ** 1.5
    expected = (2.0 * alike * (1.0 - np.exp(-(m @ m) / (2.0 * (scales + 2.0))))).sum()
    found = moments.mean_discrepancy(samples + m, data)
    assert found.value == pytest.approx(expected, abs=5 * found.standard_error)
    assert found.standard_error < 0.05 * expected
    same = moments.mean_discrepancy(samples, data)
    assert abs(same.value) < 5 * same.standard_error < 0.02 * expected
    # |x - y|^2 / 2 is chi-square of three degrees of freedom, whose median is 2.366.
    assert scales == pytest.approx(np.array(moments.SCALES) * 2 * 2.366, rel=0.05)


def test_the_error_of_the_discrepancy_is_its_spread_over_samples():
    found = [
        moments.mean_discrepancy(normal(200, 3, seed=i) + 0.5, normal(200, 3, seed=1_000 + i))
        for i in range(50)
    ]
    # A deviation of 50 values is known to 1 / sqrt(100) = 10 %, its estimate by 20 subsets to 16 %.
    deviation = np.std([m.value for m in found], ddof=1)
    assert np.mean([m.standard_error for m in found]) == pytest.approx(deviation, rel=0.4)


def test_discrepancies_that_are_not_defined():
    with refused(ValueError, match="`samples`: expected at least four, of the shape of the data"):
        moments.mean_discrepancy(normal(3, 2), normal(9, 2))
    with refused(ValueError, match="`samples`: expected at least four, of the shape of the data"):
        moments.mean_discrepancy(normal(9, 2), normal(9, 3))
    with refused(ValueError, match="`reference`: expected examples that differ"):
        moments.mean_discrepancy(normal(9, 2), np.ones((9, 2)))


# --- copies ---------------------------------------------------------------------------------------


def test_nearest_examples_block_by_block(monkeypatch):
    monkeypatch.setattr(copies, "ROWS", 7)
    x, data = normal(20, 2, 3), normal(50, 2, 3, seed=1)
    batches = [{"x": data[start : start + 9]} for start in range(0, 50, 9)]  # of 9, and of 5
    found = copies.nearest(x, batches, k=3)
    search = NearestNeighbors(n_neighbors=3).fit(data.reshape(50, -1))
    distances, rows = search.kneighbors(x.reshape(20, -1))
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)
    assert (found.rows == rows).all()


def test_small_distances_of_long_vectors_are_exact():
    data = 100.0 * np.ones((3, 1000), np.float32)
    data[1, 0] += 0.25
    found = copies.nearest(data[:1] + np.float32(0.0), [{"x": data[1:2]}])
    assert found.distances[0, 0] == 0.25


def test_copies_of_training_examples_are_told_from_other_samples():
    random = np.random.default_rng(0)
    held_out = random.uniform(1.0, 2.0, 8_000)
    found = copies.copy_scores(np.r_[np.zeros(30), np.full(70, 1.5)], held_out)
    assert found["copied_share"].value == 0.3
    assert found["train_distance_ratio"].value == pytest.approx(1.0, abs=0.02)
    # The threshold is the fifth of 4,000 distances, of the others 5 are expected, each with a
    # spread of sqrt(5): .0013 with a spread of .0008.
    assert 0.0 < found["copied_share"].floor < 0.0045
    assert found["train_distance_ratio"].floor == pytest.approx(1.0, abs=0.02)
    # Rows in turn: what is near is not decided by those whose share is said.
    apart = copies.copy_scores(np.full(9, 1.5), np.stack([held_out, 0 * held_out], 1).ravel())
    assert apart["copied_share"].value == 0.0 and apart["copied_share"].floor == 1.0
    assert apart["train_distance_ratio"].floor == 0.0
    threshold = float(np.quantile(held_out[0::2], 0.001))
    assert f"{threshold:.4g}" in found["copied_share"].protocol
    assert copies.copy_scores(np.zeros(9), held_out)["train_distance_ratio"].value == 0.0


def test_the_support_of_a_generator_that_knows_a_thousand_codes(monkeypatch):
    monkeypatch.setattr(copies, "ROWS", 300)
    random = np.random.default_rng(3)
    codes = random.uniform(size=(1_000, 6, 6, 1)).astype(np.float32)
    code = random.integers(1_000, size=1_500)
    x = codes[code] + random.normal(scale=1e-4, size=(1_500, 6, 6, 1)).astype(np.float32)
    found = copies.birthday_support(x, threshold=0.01)
    # c = s (s - 1) / 2 N = 1,124 pairs, which are known to sqrt(1,124), 3 %.
    assert found.value == pytest.approx(1_000, abs=120)
    times = np.bincount(code)
    pairs = int((times * (times - 1) // 2).sum())
    assert found.value == 1_500 * 1_499 / 2 / pairs
    assert found.standard_error == pytest.approx(found.value / math.sqrt(pairs))
    alone = copies.birthday_support(codes, threshold=0.01)
    assert alone.value == 1_000 * 999 / 2 and alone.standard_error is None
    same = copies.birthday_support(np.repeat(codes[:1], 700, axis=0), threshold=0.01)
    assert same.value == 1.0


def test_pairs_at_the_threshold_are_counted_by_their_exact_distance():
    far = np.zeros((4, 1000), np.float32) + np.float32(50.0)
    far[1, 0] += 0.25
    far[2, 0] += 0.53125
    far[3, 0] += 100.0
    # 0 - 1 at 0.25, 1 - 2 at 0.28125, 0 - 2 at 0.53125.
    for threshold, pairs in ((0.25, 1), (0.28, 1), (0.2813, 2), (0.54, 3)):
        assert copies.birthday_support(far, threshold).value == 6 / pairs, threshold


def test_held_out_copies_of_the_training_data_tell_nothing():
    with refused(ValueError, match="`of_held_out`"):
        copies.copy_scores(np.ones(10), np.zeros(8))
