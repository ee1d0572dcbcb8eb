"""What metrics read of a model and its data: codes, features, clusters, likelihoods, rows."""

import gc
import math
import weakref

import numpy as np
import pytest

from tests.conformance import cases
from tests.metrics.toys import LABELLED, TOY, Clusters, Data, Grey, Hierarchy, Linear, labelled
from zoo import metrics
from zoo.metrics import likelihood, subject

# --- codes ------------------------------------------------------------------------------------


def test_batches_do_not_change_codes(monkeypatch):
    names = ["one_nn_accuracy", "active_units"]
    whole = metrics.evaluate(Linear(), LABELLED, metrics=names)
    monkeypatch.setattr(subject, "BATCH", 7)
    assert metrics.evaluate(Linear(), LABELLED, metrics=names) == whole


@pytest.mark.parametrize("limit, rows", [(None, 30), (60, 10)])  # the split's size; a sixth
def test_svm_chooses_c_on_as_many_rows_as_validation_has(limit, rows):
    data = Data(2, **LABELLED.splits, validation=labelled(30, 2))
    entry = metrics.evaluate(Linear(), data, metrics=["svm_error"], svm_repeats=1, limit=limit)
    assert f"chosen on {rows} validation" in entry["svm_error"]["protocol"]


def test_latent_moments_are_of_draws_not_of_means():
    measured = metrics.evaluate(Linear(), LABELLED, split="train", metrics=["latent_min_std"])
    # The second coordinate: x ~ N(0, 2), the draw x / 2 + N(0, 1/2) has variance 1, the mean 1/2.
    # The standard error of a standard deviation is 1 / sqrt(2 n) = 0.029 at n = 600.
    assert measured["latent_min_std"]["value"] == pytest.approx(1.0, abs=0.12)


def test_hidden_features_join_the_codes():
    measured = metrics.evaluate(
        Linear(), LABELLED, metrics=["svm_error"], svm_features="hidden", svm_repeats=1
    )
    assert "hidden layers" in measured["svm_error"]["protocol"]
    assert measured["svm_error"]["value"] == 0.0


def test_features_of_all_levels_join_the_hidden_ones_but_not_the_codes():
    found = subject.Subject(Hierarchy(), LABELLED)
    x = LABELLED.arrays("test")["x"]
    assert found.codes("test")["mean"].shape == (40, 2)
    expected = np.concatenate([np.zeros((40, 3)), x, x / 2, x[:, 1:] / 2], axis=1)
    np.testing.assert_allclose(found.features("test")["mean"], expected, rtol=1e-6)
    measured = metrics.evaluate(
        Hierarchy(), LABELLED, metrics=["svm_error"], svm_features="hidden", svm_repeats=1
    )
    protocol = measured["svm_error"]["protocol"]
    assert "hidden layers of each encoder" in protocol and "level 2: means of q(z|x)" in protocol


def test_the_protocol_says_of_how_many_draws_a_mean_is_made():
    model = cases.make("avb")
    x = np.random.default_rng(0).random((4, *model.image_shape), np.float32)
    said = subject.Subject(model, Data(train={"x": x}, test={"x": x})).codes_are
    assert said.startswith("means of q(z|x), the part that noise decides from 1,000 draws")


def test_a_discriminators_features_are_classified_only_when_asked_for():
    """That layer is x_1^3, whose sign is the label."""
    name = "svm_error_discriminator"
    assert name in metrics.applicable(Hierarchy(), LABELLED)
    assert name not in metrics.applicable(Linear(), LABELLED)
    assert name not in metrics.applicable(Hierarchy(), TOY)  # its labels are modes
    found = metrics.evaluate(Hierarchy(), LABELLED, metrics=[name], svm_repeats=1)[name]
    assert found["value"] == 0.0 and "hidden layer of x alone" in found["protocol"]
    blind = Hierarchy(discriminator_features=lambda x: np.ones_like(x))
    found = metrics.evaluate(blind, LABELLED, metrics=[name], svm_repeats=1)[name]
    assert 0.2 < found["value"] < 0.8  # all examples have one label


# --- clusters ---------------------------------------------------------------------------------


def test_clusters_are_named_by_validation_examples():
    names = ["clustering_error", "clustering_error_hungarian", "nmi", "ari"]
    assert set(names) <= set(metrics.applicable(Clusters(), LABELLED))
    assert not set(names) & set(metrics.applicable(Linear(), LABELLED))
    told = Clusters(capabilities=Linear.capabilities)  # the names of the classes
    assert not set(names) & set(metrics.applicable(told, LABELLED))
    assert not set(names) & set(metrics.applicable(Clusters(), TOY))
    measured = metrics.evaluate(Clusters(), LABELLED, metrics=names)
    assert measured["clustering_error"]["value"] == 0.0  # two clusters a label
    assert "100 validation" in measured["clustering_error"]["protocol"]  # a sixth of train
    test = LABELLED.arrays("test")
    up = test["x"][:, 1] > 0
    missed = sum(
        min((up[side]).sum(), (~up[side]).sum()) for side in (test["y"] == 0, test["y"] == 1)
    )
    assert measured["clustering_error_hungarian"]["value"] == pytest.approx(missed / 40)
    assert 0.0 < measured["nmi"]["value"] < 1.0 and 0.0 < measured["ari"]["value"] < 1.0


def test_clusters_are_named_by_the_end_of_train():
    train = labelled(600, 0)
    train["y"][-100:] = 1 - train["y"][-100:]
    data = Data(2, train=train, test=labelled(40, 1))
    measured = metrics.evaluate(Clusters(), data, metrics=["clustering_error"])
    assert measured["clustering_error"]["value"] == 1.0


def test_clusters_are_named_by_the_validation_split_if_there_is_one():
    validation = labelled(30, 2)
    swapped = Data(2, **LABELLED.splits, validation=validation | {"y": 1 - validation["y"]})
    measured = metrics.evaluate(Clusters(), swapped, metrics=["clustering_error"])
    assert measured["clustering_error"]["value"] == 1.0
    assert "30 validation" in measured["clustering_error"]["protocol"]


def test_probabilities_that_float32_rounds_to_one_are_told_apart():
    x = np.array([[1.0, 0.0], [1.5, 0.0]], np.float32)  # 1 - 3 e^-20 and 1 - 3 e^-30
    found = subject.Subject(Clusters(), Data(2, test={"x": x}))
    near, far = found.clusters("test")["probabilities"].max(axis=1)
    assert near < far < 1.0
    assert 1.0 - near == pytest.approx(3 * math.exp(-20), rel=1e-4)


def test_the_surest_example_is_told_where_float64_rounds_to_one_too():
    x = np.array([[2.0, 0.0], [3.0, 0.0]], np.float32)  # odds e^40 / 3 and e^60 / 3
    odds = subject.Subject(Clusters(), Data(2, test={"x": x})).clusters("test")["log_odds"]
    np.testing.assert_allclose(odds.max(axis=1), [40 - math.log(3), 60 - math.log(3)], rtol=1e-6)
    # Of the others q = e^-40 and e^-60, and 1 - q is 1.
    np.testing.assert_allclose(odds.min(axis=1), [-40, -60], rtol=1e-6)


def test_on_validation_one_half_names_the_clusters_and_the_other_is_measured():
    validation = labelled(60, 2)
    validation["y"][1::2] = 1 - validation["y"][1::2]  # of every other example another name
    data = Data(2, **LABELLED.splits, validation=validation)
    found = metrics.evaluate(Clusters(), data, split="validation", metrics=["clustering_error"])
    assert found["clustering_error"]["value"] == 1.0 and found["clustering_error"]["n"] == 30
    assert "30 validation" in found["clustering_error"]["protocol"]
    assert "measured on the rest" in found["clustering_error"]["protocol"]


# --- likelihoods ------------------------------------------------------------------------------


def test_exact_likelihood_takes_no_samples():
    model = Linear(density="exact")
    measured = metrics.evaluate(model, LABELLED, metrics=["nll"], iwae_samples=50)
    assert measured["nll"]["protocol"].endswith("exact")
    assert {samples for _, samples, _ in model.calls} == {1}


@pytest.mark.parametrize("name, samples", [("elbo", 1), ("nll", 7), ("nll_of_train_data", 7)])
def test_bounds_take_as_many_samples_as_they_say(name, samples):
    model = Linear()
    metrics.evaluate(model, LABELLED, metrics=[name], iwae_samples=7)
    assert {drawn for _, drawn, _ in model.calls} == {samples}


def test_likelihoods_are_computed_once():
    model = Grey(image_shape=(2, 1, 1))
    rows = {"x": np.zeros((5, 2, 1, 1), np.float32)}
    model.log_prob = lambda x, **given: model.calls.append(given) or np.zeros(len(x))
    names = ["nll", "bits_per_dim", "nll_of_train_data", "bits_per_dim_of_train_data"]
    measured = metrics.evaluate(model, Data(train=rows, test=rows), metrics=names)
    assert list(measured) == names and len(model.calls) == 2


def test_likelihood_of_the_data_that_a_model_learned_from():
    names = ["nll", "nll_of_train_data"]
    measured = metrics.evaluate(Linear(density="exact"), LABELLED, metrics=names, limit=25)
    x = LABELLED.arrays("train", 25)["x"]
    # -log N(x; 0, 2 I) in two dimensions: ln(2 pi) + ln 2 + |x|^2 / 4.
    expected = math.log(4 * math.pi) + (x**2).sum(axis=1).mean() / 4
    found = measured["nll_of_train_data"]
    assert found["value"] == pytest.approx(expected, rel=1e-5)
    assert found["n"] == 25 and "train split" in found["protocol"]
    assert found["value"] != measured["nll"]["value"]
    assert "nll_of_train_data" not in metrics.evaluate(
        Linear(), Data(**LABELLED.splits), iwae_samples=2
    )


def test_dequantised_likelihoods_say_so():
    model = Linear(density="exact", dequantises=True)
    measured = metrics.evaluate(model, LABELLED, metrics=["nll"])
    assert "uniform noise" in measured["nll"]["protocol"]


def test_log_prob_bounds_its_memory_and_never_reuses_a_seed(monkeypatch):
    monkeypatch.setattr(likelihood, "ROWS", 30)
    model = Linear()
    x = LABELLED.arrays("test")["x"]
    batched = likelihood.log_prob(model, x, samples=2, seed=5)
    assert [call[:2] for call in model.calls] == [(15, 2), (15, 2), (10, 2)]
    assert len({seed for *_, seed in model.calls}) == 3
    np.testing.assert_allclose(batched, model.log_prob(x), rtol=1e-6)
    model.calls.clear()
    likelihood.log_prob(model, x[:2], samples=100)
    assert [call[:2] for call in model.calls] == [(1, 100), (1, 100)]  # more samples than ROWS


def test_what_batches_leave_in_circles_is_given_back(monkeypatch):
    class Knot:
        """Refers to itself, as a bijector does to what it computed."""

        def __init__(self):
            self.own = self

    alive, most = weakref.WeakSet(), []

    def compute(x, y, index):
        alive.add(Knot())
        most.append(len(alive))
        return {"x": x}

    monkeypatch.setattr(subject, "BATCH", 2)
    x = np.arange(200, dtype=np.float32)[:, None]
    s = subject.Subject(Linear(), Data(test={"x": x}))
    gc.collect()
    gc.disable()
    try:
        found = s.over("test", compute)
    finally:
        gc.enable()
    assert (found["x"] == x).all() and len(most) == 100
    assert max(most) == subject.COLLECTED


@pytest.mark.parametrize("limit", [None, 25])
def test_validation_rows_of_train_are_no_references_of_themselves(limit):
    train = labelled(90, 1)
    data = Data(2, train=train, test=train, validation={k: v[-30:] for k, v in train.items()})
    data.validation_in_train = True
    found = metrics.evaluate(
        Linear(), data, split="validation", limit=limit, metrics=["one_nn_accuracy"]
    )["one_nn_accuracy"]
    assert f"{limit or 60} training examples" in found["protocol"]
    assert found["n"] == (limit or 30)


def test_bounds_that_sum_over_classes_are_of_a_part_of_many_examples(monkeypatch):
    model, rows = Linear(), len(LABELLED.arrays("test")["x"])
    n = lambda **given: metrics.evaluate(model, LABELLED, metrics=["nll"], **given)["nll"]["n"]
    assert n() == rows
    model.OF_EVERY_CLASS, model.num_classes = "log p(x|y, z)", 4
    assert n() == rows < likelihood.FEWEST
    monkeypatch.setattr(likelihood, "FEWEST", 5)
    assert n() == rows // 4
    assert n(limit=rows) == rows
    monkeypatch.setattr(likelihood, "FEWEST", rows - 1)
    assert n() == rows - 1
