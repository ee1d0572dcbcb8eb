"""Precision, recall, density and coverage, against loops and against what is known of them."""

import types

import numpy as np
import pytest

from tests.helpers import refused
from zoo.metrics import features, manifolds
from zoo.metrics.measure import Measure

NAMES = ("precision", "recall", "density", "coverage")


def normal(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def values(samples, reference, **options):
    found = manifolds.manifold_scores(samples, reference, **options)
    return [found[name].value for name in NAMES]


def by_loops(samples, reference, k, k_coverage):
    """The definitions, pair by pair."""
    distance = lambda a, b: float(np.linalg.norm(np.float64(a) - np.float64(b)))
    ball = lambda x, k: [sorted(distance(a, b) for b in x)[k] for a in x]  # itself is at 0
    r, r_coverage, r_samples = ball(reference, k), ball(reference, k_coverage), ball(samples, k)
    d = [[distance(s, x) for x in reference] for s in samples]
    rows, columns = range(len(samples)), range(len(reference))
    return [
        np.mean([any(d[i][j] <= r[j] for j in columns) for i in rows]),
        np.mean([any(d[i][j] <= r_samples[i] for i in rows) for j in columns]),
        np.mean([sum(d[i][j] < r_coverage[j] for j in columns) / k_coverage for i in rows]),
        np.mean([any(d[i][j] < r_coverage[j] for i in rows) for j in columns]),
    ]


def test_the_definitions(monkeypatch):
    samples, reference = normal(37, 2) + np.float32(0.7), normal(45, 2, 1)
    expected = by_loops(samples, reference, 2, 4)
    assert 0.3 < min(expected) and max(expected) < 1.0  # that each says something
    options = {"precision_neighbours": 2, "coverage_neighbours": 4}
    assert values(samples, reference, **options) == pytest.approx(expected)
    monkeypatch.setattr(manifolds, "BLOCK_BYTES", 5 * 8 * len(reference))  # five rows
    assert values(samples, reference, **options) == pytest.approx(expected)
    # Who is whose changes the first two.
    swapped = values(reference, samples, **options)
    assert swapped[:2] == pytest.approx(expected[1::-1])
    errors = [m.standard_error for m in manifolds.manifold_scores(samples, reference).values()]
    assert all(0.0 < error < 0.2 for error in errors)


def test_of_the_same_distribution():
    n, k = 1_000, 5
    found = dict(zip(NAMES, values(normal(n, 16), normal(n, 16, 1))))
    i = np.arange(1, k + 1)
    expected = 1.0 - np.prod((n - i) / (2 * n - i))  # .969, whatever the dimension
    # The spread of a share of 1,000 near it is .006, and density's is about .03.
    assert found["coverage"] == pytest.approx(expected, abs=0.02)
    assert found["density"] == pytest.approx(1.0, abs=0.12)
    # In 16 dimensions 1,000 balls to the third neighbour hold four fifths of others: .79.
    assert found["precision"] == pytest.approx(0.79, abs=0.05)
    assert found["recall"] == pytest.approx(0.79, abs=0.05)


def test_edges_count_for_precision_alone_and_far_samples_for_nothing():
    line = np.arange(10.0)[:, None]
    assert values(line, line, precision_neighbours=1, coverage_neighbours=1)[:2] == [1.0, 1.0]
    half = np.array([[10.0], [11.5]])  # on the edge of the ball of 9, and outside
    found = values(half, line, precision_neighbours=1, coverage_neighbours=1)
    # Both balls of samples have radius 1.5: that of 10 holds 9 alone.
    assert found == [0.5, 0.1, 0.0, 0.0]
    assert values(line + 100.0, line) == [0.0] * 4


def test_too_few_examples_are_refused():
    with refused(ValueError, match="`k`: expected an int in 1, ..., 2"):
        values(normal(9, 2), normal(3, 2))


def test_the_floor_has_real_data_in_the_samples_place(monkeypatch):
    # Sums of samples and of data tell them apart: the reference is the data of both.
    pairs = [(np.full([1], value), None) for value in (1.0, 20.0, 300.0)]
    of = features.Found(*pairs, "f")  # samples, reference, other
    assert of.samples[0] == 1.0 and of.reference[0] == 20.0
    monkeypatch.setattr(features, "described", lambda s: "s")
    subject = types.SimpleNamespace(once=lambda compute: of)
    measure = lambda x, data: Measure(float(x[0] - 2.0 * data[0]), 1, "p")
    found = features.of_features(measure)(subject)
    assert (found.value, found.floor) == (1.0 - 40.0, 300.0 - 40.0)
    assert found.protocol == "p; features: f; s"
