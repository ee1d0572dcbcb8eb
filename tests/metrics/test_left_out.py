"""One metric that cannot be had of the data is left out; the others stand."""

import numpy as np
import pytest

import zoo
from tests.helpers import refused
from tests.small import Bound, make
from zoo.metrics import evaluation


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """(model, data, names) of two metrics, of which the second refuses."""

    def refuses(subject):
        raise ValueError("needs samples of at least 2 classes,\nbut got 1")

    np.savez(tmp_path / "a.npz", x=np.zeros([40, 2]))
    name, good = next(
        (name, metric)
        for name, metric in evaluation.METRICS.items()
        if name.startswith("reconstruction_mse")
    )
    bad = good._replace(measure=refuses)
    monkeypatch.setattr(evaluation, "METRICS", {name: good, "bad": bad})
    return make(Bound), zoo.data.load(f"npz:{tmp_path / 'a.npz'}"), name


def test_the_others_stand(measured):
    model, data, name = measured
    said = {}
    found = evaluation.evaluate(model, data, left_out=said.__setitem__)
    assert list(found) == [name] and found[name]["split"] == "test"
    assert said == {"bad": "needs samples of at least 2 classes, but got 1"}
    with pytest.warns(UserWarning, match="bad is left out: needs"):
        evaluation.evaluate(model, data)


def test_a_metric_that_was_asked_for_is_refused(measured):
    model, data, _ = measured
    with refused(ValueError, match=r"`metrics`: .*at least 2 classes.*'bad'"):
        evaluation.evaluate(model, data, metrics=["bad"])
