"""The rivals of few labels: known answers, scikit-learn's digits, one measurement a draw."""

import types

import numpy as np
import pytest

import zoo
from zoo.metrics import rivals
from zoo.metrics.subject import Protocol, Subject


def moons(n=200):
    """Two half circles of 100 rows each, one inside the other's arm, and their classes."""
    angle = np.pi * np.arange(n // 2) / (n // 2 - 1)
    outer = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inner = np.stack([1 - np.cos(angle), 0.4 - np.sin(angle)], axis=1)
    return np.concatenate([outer, inner]).astype(np.float32), np.repeat([0, 1], n // 2)


def test_only_a_graph_follows_the_shape_of_classes():
    # One label an arm, at its left end: by distance alone the arms are cut through.
    x, y = moons()
    first = [0, 100]
    wrong = {
        name: float(np.mean(rivals.predictions(name, x[first], y[first], x, x) != y))
        for name in rivals.METRICS
    }
    nearest = np.linalg.norm(x[:, None] - x[first], axis=2).argmin(axis=1)
    assert wrong["knn_error"] == np.mean(nearest != y) > 0.1
    assert wrong["label_spreading_error"] == 0.0
    assert wrong["rbf_svm_error"] > 0.1 and wrong["self_training_error"] > 0.1


def test_self_training_takes_its_own_labels_for_given():
    # On a line: the labels put the border at -1.5, the gap between the classes is at 0.
    right = np.linspace(0.3, 6, 100)[:, None]
    x, y = np.concatenate([-right, right]), np.repeat([0, 1], 100)
    labelled = np.array([[-6.0], [3.0]]), np.array([0, 1])
    wrong = {
        name: np.mean(rivals.predictions(name, *labelled, x, x) != y)
        for name in ("knn_error", "self_training_error")
    }
    assert wrong["knn_error"] == np.mean((x[:, 0] > -1.5) & (y == 0))
    assert 0 < wrong["self_training_error"] < wrong["knn_error"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return zoo.data.load(
        "digits", labels=50, label_seed=1, cache_dir=tmp_path_factory.mktemp("cache")
    )


def subject(dataset):
    model = types.SimpleNamespace(
        capabilities={"classify"}, image_shape=dataset.image_shape, conditional=False
    )
    return Subject(model, dataset, Protocol(split="test"))


def test_digits_are_told_as_well_as_elsewhere(digits):
    # Means and deviations of 20 draws on another split; a share of 297 adds 0.01 to 0.02.
    known = {
        "knn_error": (0.130, 0.018),
        "rbf_svm_error": (0.108, 0.019),
        "label_spreading_error": (0.050, 0.017),
    }
    s = subject(digits)
    for name, (mean, deviation) in known.items():
        found = rivals.METRICS[name].measure(s)
        assert abs(found.value - mean) < 4 * np.hypot(deviation, 0.02), name
        assert found.n == 297 and "50 labelled" in found.protocol


def test_a_draw_is_measured_once(digits, monkeypatch):
    before = rivals.METRICS["knn_error"].measure(subject(digits))
    monkeypatch.setattr(rivals, "predictions", None)
    assert rivals.METRICS["knn_error"].measure(subject(digits)) == before
    other = zoo.data.load("digits", labels=50, label_seed=2, cache_dir=digits.cache_dir)
    with pytest.raises(TypeError):
        rivals.METRICS["knn_error"].measure(subject(other))


def test_they_belong_to_models_that_learn_few_labels(digits):
    model = subject(digits).model
    metric = rivals.METRICS["label_spreading_error"]
    assert metric.applies(model, digits)
    assert not metric.applies(model, digits.with_all_labels())
    model.capabilities = {"sample"}
    assert not metric.applies(model, digits)
