"""Metrics of arrays, on inputs made by hand with answers known beforehand."""

import math

import numpy as np
import pytest
from sklearn import datasets

from tests import helpers
from zoo.metrics import latents, likelihood, modes, neighbours, reconstruction, svm
from zoo.metrics.measure import Measure, agreement, confusions, mean_of

# --- reconstruction ---------------------------------------------------------------------------


def test_reconstruction_mse_averages_pixels_then_examples():
    x = np.zeros((2, 2, 1, 1))
    x_hat = np.array([[1.0, 3.0], [2.0, 0.0]]).reshape(x.shape)
    measure = reconstruction.reconstruction_mse(x, x_hat)
    assert measure.value == pytest.approx(3.5)  # ((1 + 9) / 2 + (4 + 0) / 2) / 2
    assert measure.standard_error == pytest.approx(1.5)  # of 5 and 2: s = 3 / sqrt(2), / sqrt(2)
    assert measure.n == 2 and "pixels" in measure.protocol


def test_reconstruction_ratio_of_two_examples():
    x = np.array([[0.0, 0.0], [10.0, 0.0]])
    x_hat = np.array([[0.0, 1.0], [10.0, 2.0]])
    # Norms 1 and 2. Each is the other's partner: |x_0 - x_hat_1|^2 = 104, |x_1 - x_hat_0|^2 = 101.
    expected = (1 + 2) / (math.sqrt(104) + math.sqrt(101))
    assert reconstruction.reconstruction_ratio(x, x_hat).value == pytest.approx(expected, rel=1e-5)


def test_reconstruction_ratio_is_zero_when_perfect_and_one_when_blind():
    x = np.random.default_rng(0).normal(size=(50, 4, 4, 1))
    assert reconstruction.reconstruction_ratio(x, x).value == 0.0
    # The same x_hat for all: numerator and denominator are the same sum.
    blind = np.zeros_like(x)
    assert reconstruction.reconstruction_ratio(x, blind).value == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_reconstruction_ratio_never_pairs_an_example_with_itself(seed):
    # One-hot rows, nearly perfect: another one is at distance sqrt(2), the row itself near 0.
    x = np.eye(7)
    x_hat = x + 1e-3
    value = reconstruction.reconstruction_ratio(x, x_hat, seed).value
    expected = 1e-3 * math.sqrt(7) / math.sqrt((1 - 1e-3) ** 2 + (1 + 1e-3) ** 2 + 5e-6)
    assert value == pytest.approx(expected, rel=1e-3)


def test_reconstruction_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"x_hat.*\(2, 3\).*Received: x_hat=\(2, 4\)"):
        reconstruction.reconstruction_mse(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="at least two"):
        reconstruction.reconstruction_ratio(np.zeros((1, 3)), np.zeros((1, 3)))


def test_feature_mse_is_in_units_of_the_variance_over_x():
    x = np.array([[0.0], [2.0], [4.0], [6.0]])  # features x and 10 x: variances 5 and 500
    features = lambda x: np.concatenate([x, 10 * x], axis=1)
    measure = reconstruction.feature_mse(features, x, x + [[1.0], [0.0], [-2.0], [0.0]])
    # Squared differences: (1 + 100) / 2, 0, (4 + 400) / 2, 0; the mean variance is 252.5.
    assert measure.value == pytest.approx((50.5 + 202.0) / 4 / 252.5) and measure.n == 4
    assert measure.value == pytest.approx(0.25) and "2 features" in measure.protocol
    constant = reconstruction.feature_mse(features, x, np.full_like(x, 3.0))
    assert constant.value == pytest.approx(1.0)


def test_feature_mse_does_not_depend_on_batches(monkeypatch):
    x, x_hat = np.random.default_rng(0).normal(size=(2, 11, 4)) + 3.0
    whole = reconstruction.feature_mse(np.tanh, x, x_hat).value
    monkeypatch.setattr(reconstruction, "FEATURE_ROWS", 3)
    assert reconstruction.feature_mse(np.tanh, x, x_hat).value == pytest.approx(whole, rel=1e-9)


def test_features_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="`features`: expected features that differ"):
        reconstruction.feature_mse(np.zeros_like, np.ones((3, 2)), np.ones((3, 2)))


class Positive:
    """A judge that sees the sign of the first coordinate."""

    test_error = 0.125

    def predict(self, x):
        return (np.asarray(x)[:, 0] > 0).astype(int)


def test_label_agreement_compares_two_predictions():
    x = np.array([[1.0], [2.0], [-1.0], [-3.0]])
    measure = reconstruction.label_agreement(Positive(), x, x * [[5.0], [-0.1], [1.0], [0.2]])
    assert measure.value == pytest.approx(0.75) and measure.n == 4
    assert "0.1250" in measure.protocol


@pytest.mark.parametrize("noise, scale", [(0.0, 0.5), (0.5, 0.0)])
def test_the_error_of_a_ratio_is_the_spread_over_data_sets(noise, scale):
    generator = np.random.default_rng(0)
    normal = lambda columns: generator.normal(size=(400, columns))

    def measured():
        x = np.exp(scale * normal(1)) * normal(3)
        return reconstruction.reconstruction_ratio(x, x + noise * normal(3) if noise else x / 2)

    found = [measured() for _ in range(400)]
    spread = np.std([measure.value for measure in found], ddof=1)  # known to 1 / sqrt(800) = 3.5 %
    error = np.mean([measure.standard_error for measure in found])
    assert error == pytest.approx(spread, rel=0.14)


# --- neighbours -------------------------------------------------------------------------------

TRAIN = np.array([[0.0, 0.0], [0.0, 1.0], [5.0, 5.0], [5.0, 6.0]])
TRAIN_Y = np.array([7, 7, 3, 3])


def test_one_nn_of_four_points():
    test = np.array([[0.0, 0.4], [5.0, 5.6], [2.0, 2.0], [3.0, 3.0]])  # the nearest: 0, 3, 1, 2
    assert neighbours.nearest_rows(TRAIN, test)[:, 0].tolist() == [0, 3, 1, 2]
    measure = neighbours.one_nn_accuracy(TRAIN, TRAIN_Y, test, [7, 3, 3, 3])
    assert measure.value == pytest.approx(0.75) and measure.n == 4
    assert "1-nearest" in measure.protocol and "4 training" in measure.protocol


def test_k_nn_votes_and_breaks_ties_by_the_nearest():
    train, labels = np.array([[0.0], [1.0], [1.1], [9.0]]), np.array([1, 0, 0, 1])
    # From 0.4: distances 0.4, 0.6, 0.7, 8.6, labels 1, 0, 0, 1.
    assert [neighbours.k_nn_predict(train, labels, [[0.4]], k)[0] for k in (1, 2, 3, 4)] == [
        1,  # alone
        1,  # 1 : 1, and label 1 is nearer
        0,  # 1 : 2
        1,  # 2 : 2, and label 1 is nearer
    ]


def test_nearest_equals_the_plain_computation():
    generator = np.random.default_rng(0)
    train, test = (
        generator.normal(size=(200, 2, 3)) + 50.0,
        generator.normal(size=(33, 2, 3)) + 50.0,
    )
    distances = np.linalg.norm((test[:, None] - train[None]).reshape(33, 200, 6), axis=-1)
    for k in (1, 5):
        expected = np.argsort(distances, axis=1)[:, :k]
        np.testing.assert_array_equal(neighbours.nearest_rows(train, test, k), expected)


def test_neighbours_refuse_k_and_dimensions():
    with pytest.raises(ValueError, match=r"`k`: expected an int in 1, ..., 4"):
        neighbours.k_nn_predict(TRAIN, TRAIN_Y, TRAIN, k=5)
    with pytest.raises(ValueError, match="test_features.*2 dimensions"):
        neighbours.nearest_rows(TRAIN, np.zeros((3, 5)))
    with pytest.raises(ValueError, match="`test_features`: expected finite.*1 of 2 rows"):
        neighbours.nearest_rows(TRAIN, [[0.0, np.nan], [1.0, 1.0]])


def test_nearest_finds_what_all_distances_say_of_digits():
    digits = datasets.load_digits().data / 16.0
    codes = digits @ np.random.default_rng(0).normal(size=(64, 10))
    train, test = codes[:1500], codes[1500:]
    order = np.argsort(np.linalg.norm(test[:, None] - train[None], axis=-1), axis=1)
    for k in (1, 5):
        np.testing.assert_array_equal(neighbours.nearest_rows(train, test, k), order[:, :k])


def test_shares_carry_the_error_of_a_share():
    # A share p of n has the error sqrt(p (1 - p) / (n - 1)).
    test = np.array([[0.0, 0.4], [5.0, 5.6], [2.0, 2.0], [3.0, 3.0]])
    of_neighbours = neighbours.one_nn_accuracy(TRAIN, TRAIN_Y, test, [7, 3, 3, 3])
    of_quality = modes.high_quality_share(np.array([[0.0, 1.0], *3 * [[10.0, 0.0]]]), MODES, 0.1)
    for measure in (of_neighbours, of_quality):
        assert measure.value == 0.75
        assert measure.standard_error == pytest.approx(0.25)  # sqrt(3 / 16 / 3)


# --- SVM --------------------------------------------------------------------------------------


def _blobs(n, distance, seed):
    labels = np.arange(n) % 3
    centres = distance * np.array([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])
    return centres[labels] + np.random.default_rng(seed).normal(size=(n, 2)), labels


def test_svm_separates_what_is_separable():
    train, validation, test = (_blobs(n, 100.0, seed) for seed, n in enumerate((120, 60, 90)))
    measure = svm.l2_svm_error(train, validation, test, labels_per_class=5, repeats=4)
    assert measure.value == 0.0 and measure.std == 0.0 and measure.n == 90
    assert measure.standard_error == pytest.approx(1 / 91)  # of none of 90
    assert "5 labels a class" in measure.protocol and "4 further" in measure.protocol


def test_svm_is_at_chance_without_information():
    train, validation, test = (_blobs(n, 0.0, seed) for seed, n in enumerate((600, 300, 900)))
    measure = svm.l2_svm_error(train, validation, test, labels_per_class=30, repeats=10)
    # Chance is 2/3; the mean of 10 errors on 900 examples: sd at most sqrt(2/9 / 900) = 0.016.
    assert measure.value == pytest.approx(2 / 3, abs=4 * 0.016)
    # An example is wrong in a share of the draws: at most the error of a single one.
    assert 0.0 < measure.standard_error < 0.016


def test_svm_error_is_over_examples_and_its_std_over_draws(monkeypatch):
    wrong = iter(np.array([[1, 0, 0, 0], [1, 1, 0, 0]], bool))
    monkeypatch.setattr(svm, "choose_c", lambda *arguments: 1.0)
    monkeypatch.setattr(svm, "_wrong", lambda *arguments: next(wrong))
    pair = np.zeros((4, 1)), np.array([0, 0, 1, 1])
    measure = svm.l2_svm_error(pair, pair, pair, labels_per_class=1, repeats=2)
    assert measure.value == 0.375 and measure.std == 0.125  # of 1/4 and 1/2
    # Examples are wrong in 1, 1/2, 0, 0 of the draws: s = 0.4787, / sqrt(4).
    assert measure.standard_error == pytest.approx(math.sqrt(11 / 48) / 2)


def test_svm_draws_are_balanced_distinct_and_seeded():
    features = np.arange(30.0)[:, None]
    labels = np.repeat([0, 1, 2], 10)
    drawn, y = svm.balanced_draw((features, labels), 4, np.random.default_rng(1))
    assert np.bincount(y).tolist() == [4, 4, 4] and len(np.unique(drawn)) == 12
    assert (labels[drawn[:, 0].astype(int)] == y).all()
    again, _ = svm.balanced_draw((features, labels), 4, np.random.default_rng(1))
    np.testing.assert_array_equal(drawn, again)
    with pytest.raises(ValueError, match=r"labels_per_class.*1, ..., 10"):
        svm.balanced_draw((features, labels), 11, np.random.default_rng(1))
    with helpers.refused(ValueError, match="`labels`: expected at least two classes among them"):
        svm.balanced_draw((features, 0 * labels), 4, np.random.default_rng(1))


def test_choose_c_takes_the_least_validation_error_and_the_smallest_of_equals(monkeypatch):
    monkeypatch.setattr(svm, "_fit", lambda labelled, c: c)
    monkeypatch.setattr(svm, "_error", lambda c, validation: abs(math.log(c) - validation))
    assert math.log(svm.choose_c(None, 3.0)) == pytest.approx(3.0, abs=20 / 49)  # half a step
    monkeypatch.setattr(svm, "_error", lambda c, validation: 0.5)
    assert math.log(svm.choose_c(None, None)) == pytest.approx(-20.0)


def test_svm_candidates_are_the_papers():
    assert len(svm.CANDIDATES) == 50
    assert svm.CANDIDATES[0] == pytest.approx(math.exp(-20))
    assert svm.CANDIDATES[-1] == pytest.approx(math.exp(20))
    assert svm.CANDIDATES[25] / svm.CANDIDATES[24] == pytest.approx(math.exp(40 / 49))


# --- modes ------------------------------------------------------------------------------------

MODES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])


def test_modes_covered_needs_one_sample_however_far():
    samples = np.array([[1.0, 1.0], [-90.0, -90.0], [60.0, -5.0]])  # nearest modes: 0, 0, 1
    measure = modes.modes_covered(samples, MODES)
    assert measure.value == 2.0 and measure.n == 3 and "of 3 modes" in measure.protocol


@pytest.mark.parametrize(
    "distance, good",
    [(1.5, True), (np.nextafter(1.5, 0), True), (np.nextafter(1.5, 2), False)],  # 3 x 0.5
)
def test_high_quality_at_three_standard_deviations(distance, good):
    samples = np.array([[0.0, distance], [10.0, 5.0], [8.6, 0.0], [4.0, 0.0]])
    # The second is 5 from its mode, the third 1.4, the fourth 4.
    assert modes.high_quality_share(samples, MODES, 0.5).value == (0.5 if good else 0.25)
    assert modes.modes_high_quality(samples, MODES, 0.5).value == (2.0 if good else 1.0)
    assert modes.modes_covered(samples, MODES).value == 2.0


def test_high_quality_radius_of_another_protocol():
    samples = np.array([[0.0, 4.0]])
    assert modes.high_quality_share(samples, MODES, 0.5, radius=10.0).value == 1.0


def test_high_quality_share_of_the_truth():
    generator = np.random.default_rng(0)
    samples = MODES[generator.integers(0, 3, 20_000)] + 0.1 * generator.normal(size=(20_000, 2))
    # Rayleigh: 1 - exp(-9 / 2) = 0.98889; four standard errors sqrt(p (1 - p) / n) = 0.003.
    share = modes.high_quality_share(samples, MODES, 0.1)
    assert share.value == pytest.approx(0.98889, abs=0.003)


def test_samples_that_are_not_finite_belong_to_no_mode():
    samples = np.array([[np.nan, 0.0], [np.inf, 0.0]])
    assert modes.modes_covered(samples, MODES).value == 0.0
    assert modes.modes_high_quality(samples, MODES, 1.0).value == 0.0
    assert modes.high_quality_share(np.vstack([samples, MODES[:2]]), MODES, 1.0).value == 0.5


# --- likelihood -------------------------------------------------------------------------------


def test_bits_per_dim_of_256_equal_levels_is_eight():
    log_probs = np.full(5, -12 * math.log(256))  # 12 pixels, each level with probability 1/256
    assert likelihood.bits_per_dim(log_probs, 12).value == pytest.approx(8.0, abs=1e-12)


def test_signs_and_errors_of_elbo_and_nll():
    log_probs = np.array([-3.0, -1.0])
    assert likelihood.elbo(log_probs).value == -2.0
    measure = likelihood.nll(log_probs, samples=7)
    assert measure.value == 2.0
    assert measure.standard_error == pytest.approx(1.0)  # s = sqrt(2), / sqrt(2)
    assert "upper bound from 7" in measure.protocol
    assert likelihood.nll(log_probs).protocol.endswith("exact")


# --- latents ----------------------------------------------------------------------------------


def test_latent_moments_by_hand():
    codes = np.array([[3.0, 4.0], [-3.0, 4.0]])
    values = {name: measure.value for name, measure in latents.latent_moments(codes).items()}
    assert values == {
        "latent_mean_norm": 5.0,
        "latent_max_abs_mean": 4.0,  # means 0 and 4
        "latent_min_std": 0.0,
        "latent_max_std": 3.0,
    }
    norms = latents.latent_moments(np.array([[3.0, 4.0], [0.0, 1.0]]))["latent_mean_norm"]
    assert norms.value == 3.0 and norms.standard_error == pytest.approx(
        2.0
    )  # s = sqrt(8), / sqrt(2)


def test_active_units_threshold_is_on_the_variance():
    # Values +-a have variance a^2: 0.0081, 0.0121, 1 and 0 against 0.01.
    means = np.array([[0.09, 0.11, 1.0, 5.0], [-0.09, -0.11, -1.0, 5.0]])
    measure = latents.active_units(means)
    assert measure.value == 2.0 and measure.n == 2 and "of 4 dimensions" in measure.protocol


# --- measures ---------------------------------------------------------------------------------


def test_the_most_frequent_mistakes_are_named():
    #   4 for 9 twice, 1 for 7 and 3 for 8 once: of equally frequent ones the lower class first.
    y, y_hat = [4, 3, 1, 4, 0, 9], [9, 8, 7, 9, 0, 9]
    assert confusions(y, y_hat) == [[4, 9, 2], [1, 7, 1], [3, 8, 1]]
    assert confusions(y, y_hat, most=1) == [[4, 9, 2]] and confusions([1], [1]) == []
    found = agreement(y, y_hat, "so")
    assert found.value == pytest.approx(2 / 6) and found.confused[0] == [4, 9, 2]


def test_measure_leaves_out_what_does_not_apply():
    assert Measure(0.5, 3, "so").as_dict() == {"value": 0.5, "n": 3, "protocol": "so"}
    assert mean_of([2.0], "one").standard_error is None


@pytest.mark.parametrize("value", [False, True])
def test_a_share_of_none_or_all_has_an_error(value):
    assert mean_of([value] * 24, "share").standard_error == pytest.approx(1 / 25)
    assert mean_of([float(value)] * 24, "share", share=True).standard_error == pytest.approx(1 / 25)
    assert mean_of([float(value)] * 24, "squares").standard_error == 0.0
    # 6 of 24: sqrt(1/4 * 3/4 / 23)
    assert mean_of([value] * 6 + [not value] * 18, "share").standard_error == pytest.approx(
        (3 / 16 / 23) ** 0.5
    )


def test_equal_examples_have_no_reconstruction_ratio():
    x = np.ones([4, 3], np.float32)
    with helpers.refused(ValueError, match="`x`: expected examples that differ"):
        reconstruction.reconstruction_ratio(x, x)


def test_protocols_say_what_was_inferred():
    values, inferred = np.zeros(3), "q(a|x)"
    for found in (
        likelihood.elbo(values, inferred=inferred),
        likelihood.nll(values, 5, inferred=inferred),
        likelihood.bits_per_dim(values, 2, 5, inferred=inferred),
    ):
        assert inferred in found.protocol and "q(z|x)" not in found.protocol
    assert "log p(f|y, z) at the true y" in (
        likelihood.class_gap(np.zeros([3, 2]), [0, 1, 1], "log p(f|y, z)").protocol
    )
