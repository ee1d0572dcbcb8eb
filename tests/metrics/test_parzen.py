"""The Parzen window, against densities in closed form."""

import math

import numpy as np
import pytest

from tests.metrics.toys import Data, Linear
from zoo import metrics
from zoo.metrics import parzen


def test_one_sample_is_a_gaussian():
    x = np.array([[1.0, 2.0, 2.0]])  # |x|^2 = 9
    found = parzen.log_density(x, np.zeros((1, 3)), [0.5, 2.0])
    expected = [[-4.5 / s**2 - 1.5 * math.log(2 * math.pi * s**2)] for s in (0.5, 2.0)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_two_samples_mix_with_equal_weights():
    normal = lambda d: math.exp(-(d**2) / 2) / math.sqrt(2 * math.pi)
    found = parzen.log_density([[1.0]], [[0.0], [3.0]], [1.0])
    assert found[0, 0] == pytest.approx(math.log((normal(1) + normal(2)) / 2))


def test_a_far_example_is_no_minus_infinity():
    assert parzen.log_density([[1e3]], [[0.0]], [0.1])[0, 0] == pytest.approx(-5e7, rel=1e-6)


def test_chunks_do_not_matter(monkeypatch):
    generator = np.random.default_rng(0)
    x, samples = generator.random((23, 4, 4, 1)), generator.random((11, 4, 4, 1))
    whole = parzen.log_density(x, samples, [0.1, 0.3])
    monkeypatch.setattr(parzen, "CHUNK_BYTES", 8 * 11 * 5)  # 5 rows a chunk
    np.testing.assert_allclose(parzen.log_density(x, samples, [0.1, 0.3]), whole, rtol=1e-12)


def test_sigma_is_chosen_on_validation_alone():
    # One sample: the likeliest sigma^2 is the mean of squares, 4 on validation, 100 on test.
    measure = parzen.parzen([[0.0]], [[2.0], [-2.0]], [[10.0], [0.0]], sigmas=[1.0, 2.0, 10.0])
    each = [-(d**2) / 8 - math.log(2 * math.sqrt(2 * math.pi)) for d in (10.0, 0.0)]
    assert measure.value == pytest.approx(np.mean(each)) and measure.n == 2
    assert measure.standard_error == pytest.approx(6.25)  # 12.5 apart: s = 12.5 / sqrt(2)
    assert "sigma = 2 " in measure.protocol and "1 samples" in measure.protocol


def test_it_tends_to_the_density_of_a_known_model():
    samples, validation, test = (
        np.random.default_rng(seed).normal(size=(n, 1))
        for seed, n in enumerate((3_000, 200, 2_000))
    )
    measure = parzen.parzen(samples, validation, test)
    entropy = 0.5 * math.log(2 * math.pi * math.e)
    assert measure.value == pytest.approx(-entropy, abs=4 * measure.standard_error + 0.01)


def test_other_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"`x`.*3 dimensions.*\(2, 4\)"):
        parzen.log_density(np.zeros((2, 4)), np.zeros((2, 3)), [1.0])


def test_evaluated_only_when_asked_for(monkeypatch):
    monkeypatch.setattr(parzen, "SAMPLES", 2_000)
    x = np.random.default_rng(3).normal(0, math.sqrt(2), (500, 2)).astype(np.float32)
    data = Data(train={"x": x}, test={"x": x})
    assert "parzen" in metrics.applicable(Linear(), data)
    assert "parzen" not in metrics.evaluate(Linear(), data, iwae_samples=1)
    measured = metrics.evaluate(Linear(), data, metrics=["parzen"])["parzen"]
    # x ~ N(0, 2 I) in two dimensions: minus the entropy is -ln(2 pi e) - ln 2.
    expected = -math.log(2 * math.pi * math.e) - math.log(2)
    assert measured["value"] == pytest.approx(expected, abs=4 * measured["standard_error"] + 0.02)
    assert measured["split"] == "test" and measured["n"] == 500
    assert "2000 samples" in measured["protocol"] and "83 validation" in measured["protocol"]
