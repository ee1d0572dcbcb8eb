"""`evaluate`, on a linear-Gaussian model: which metrics fit it, and the numbers that are known."""

import json
import math
import types

import numpy as np
import pytest

from tests.helpers import refused
from tests.metrics.toys import LABELLED, TOY, Clusters, Data, Grey, Hierarchy, Linear, Sign
from zoo import metrics
from zoo.metrics import classifier, modes, neighbours
from zoo.metrics.measure import Measure


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    monkeypatch.setattr(classifier, "judge", lambda dataset: Sign())


def test_everything_that_fits_labelled_vectors():
    seen = []
    measured = metrics.evaluate(
        Linear(), LABELLED, iwae_samples=3, svm_repeats=2, progress=lambda *call: seen.append(call)
    )
    assert set(measured) == {
        "reconstruction_mse", "reconstruction_ratio", "label_agreement", "one_nn_accuracy",
        "one_nn_accuracy_hidden", "five_nn_accuracy", "svm_error", "classification_error",
        "elbo", "nll", "active_units",
        "latent_mean_norm", "latent_max_abs_mean", "latent_min_std", "latent_max_std",
        "code_mean_square", "code_kurtosis", "code_ks", "kl", "kl_active_dims",
        "mutual_information", "mutual_information_upper", "sliced_wasserstein", "mmd",
    }  # fmt: skip
    assert seen == [(name, i, 24) for i, name in enumerate(measured)]
    assert measured["sliced_wasserstein"]["split"] == "samples"
    of_samples = {"sliced_wasserstein", "mmd"}
    others = [entry for name, entry in measured.items() if name not in of_samples]
    assert all(entry["split"] == "test" for entry in others)
    assert all(entry["seed"] == 0 for entry in measured.values())
    assert json.loads(json.dumps(measured)) == measured
    values = {name: entry["value"] for name, entry in measured.items()}
    assert values["one_nn_accuracy"] == values["five_nn_accuracy"] == 1.0
    assert values["svm_error"] == values["classification_error"] == 0.0
    assert values["label_agreement"] == 1.0
    assert measured["svm_error"]["std"] == 0.0
    # Counts have no error; all the others have.
    without = {name for name, entry in measured.items() if "standard_error" not in entry}
    assert without == {"active_units", "kl_active_dims"}
    x = LABELLED.arrays("test")["x"]
    assert values["reconstruction_mse"] == pytest.approx((x**2).mean() / 4, rel=1e-5)
    # log N(x; 0, 2 I) in two dimensions: -ln(2 pi) - ln 2 - |x|^2 / 4.
    expected = -math.log(2 * math.pi) - math.log(2) - (x**2).sum(axis=1).mean() / 4
    assert values["elbo"] == pytest.approx(expected, rel=1e-5)
    assert values["nll"] == pytest.approx(-expected, rel=1e-5)
    assert values["active_units"] == 2.0
    # KL(N(x / 2, 1/2) || N(0, 1)) = (x^2 / 4 + 1/2 - 1 + ln 2) / 2 in each of two dimensions.
    expected = (x**2).sum(axis=1).mean() / 8 - 0.5 + math.log(2)
    assert values["kl"] == pytest.approx(expected, rel=1e-5)
    assert values["kl_active_dims"] == 2.0


def test_toys_are_measured_by_their_modes():
    measured = metrics.evaluate(Linear(), TOY, iwae_samples=2)
    assert {"modes_covered", "modes_high_quality", "high_quality_share", "elbo"} <= set(measured)
    assert not {"one_nn_accuracy", "svm_error", "bits_per_dim"} & set(measured)
    assert measured["modes_covered"]["value"] == 2.0  # the third mode is out of reach
    assert measured["modes_covered"]["n"] == 10_000
    assert measured["high_quality_share"]["n"] == measured["modes_high_quality"]["n"] == 2_500
    assert measured["modes_covered"]["split"] == "samples"
    real = TOY.arrays("test")["x"]
    assert measured["modes_covered"]["floor"] == modes.modes_covered(real, TOY.modes).value
    share = modes.high_quality_share(real, TOY.modes, TOY.mode_stddev).value
    assert (
        measured["high_quality_share"]["floor"] == share != measured["high_quality_share"]["value"]
    )


def test_same_seed_same_numbers():
    names = ["latent_mean_norm", "reconstruction_ratio", "svm_error"]
    run = lambda seed: metrics.evaluate(Linear(), LABELLED, seed=seed, metrics=names, svm_repeats=1)
    assert run(3) == run(3)
    assert run(3)["latent_mean_norm"]["value"] != run(4)["latent_mean_norm"]["value"]


def test_limit_counts_rows_of_both_splits():
    measured = metrics.evaluate(Linear(), LABELLED, limit=25, metrics=["one_nn_accuracy"])
    assert measured["one_nn_accuracy"]["n"] == 25
    assert "25 training examples" in measured["one_nn_accuracy"]["protocol"]


@pytest.mark.parametrize("name", neighbours.METRICS)
def test_no_row_is_its_own_neighbour(name):
    with refused(ValueError, match="as each row of train is its own neighbour"):
        neighbours.METRICS[name].measure(types.SimpleNamespace(split="train"))


# --- which metrics fit ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, binary, present",
    [
        ({}, False, {"elbo", "nll", "bits_per_dim"}),
        ({"decode": Linear().decode}, False, {"elbo", "nll"}),  # a density has no bits
        ({}, True, {"elbo", "nll"}),
        ({"density": "exact"}, False, {"nll", "bits_per_dim"}),
        ({"density": None}, False, set()),
        ({"proper": False}, False, set()),
        ({"capabilities": frozenset({"sample"})}, False, set()),
    ],
)
def test_likelihoods_only_where_they_are_proper(changes, binary, present):
    model = Grey(**changes)
    data = Data(binary=binary, test={"x": np.zeros((3, 4, 4, 1), np.float32)})
    names = metrics.applicable(model, data)
    assert {"elbo", "nll", "bits_per_dim"} & set(names) == present


def test_bernoulli_of_real_vectors_is_no_density():
    assert "nll" in metrics.applicable(Linear(), LABELLED)
    assert "nll" not in metrics.applicable(Linear(proper=False), LABELLED)


def test_supervised_error_only_where_labels_are_few(monkeypatch):
    few = Data(2, labels=4, **LABELLED.splits)
    assert "supervised_error" not in metrics.applicable(Linear(), LABELLED)
    mute = Linear(capabilities=frozenset({"sample"}))
    assert "supervised_error" not in metrics.applicable(mute, few)
    called = []
    answer = classifier.mean_of([0.0, 1.0], "stub")
    monkeypatch.setattr(
        classifier, "supervised_error", lambda *arguments: called.append(arguments) or answer
    )
    measured = metrics.evaluate(Linear(), few, metrics=["supervised_error"], seed=3)
    assert measured["supervised_error"]["value"] == 0.5
    assert called[0][0] is few and called[0][3] == 3


def test_a_conditional_model_is_judged_by_nothing_that_needs_no_label():
    names = set(metrics.applicable(Clusters(conditional=True), LABELLED))
    assert not names & {"label_agreement", "parzen", "nmi", "one_nn_accuracy"}
    assert "reconstruction_mse" in names


# --- levels of the code -----------------------------------------------------------------------


def test_metrics_of_reconstructions_come_once_a_level():
    x = LABELLED.arrays("test")["x"]
    levelled = ("reconstruction_mse", "reconstruction_ratio", "feature_mse", "label_agreement")
    measured = metrics.evaluate(
        Hierarchy(), LABELLED, metrics=[f"{n}{tail}" for n in levelled for tail in ("", "_level_2")]
    )
    value = lambda name: measured[name]["value"]
    assert list(measured) == [f"{n}{tail}" for n in levelled for tail in ("", "_level_2")]
    assert [value(name) for name in levelled] == [0.0, 0.0, 0.0, 1.0]
    assert value("reconstruction_mse_level_2") == pytest.approx((4 * x[:, 0] ** 2).mean() / 2)
    cubes = x[:, 0].astype(np.float64) ** 3
    expected = (4 * cubes**2).mean() / cubes.var()
    assert value("feature_mse_level_2") == pytest.approx(expected, rel=1e-4)
    assert value("label_agreement_level_2") == 0.0
    assert value("reconstruction_ratio_level_2") > 0.5
    assert measured["label_agreement_level_2"]["protocol"].endswith("reconstructed from level 2")
    assert "level" not in measured["label_agreement"]["protocol"]


def test_levels_are_counted_by_the_model():
    names = metrics.applicable(Hierarchy(levels=3), LABELLED)
    assert [n for n in names if "label_agreement" in n] == [
        "label_agreement",
        "label_agreement_level_2",
        "label_agreement_level_3",
    ]
    assert not any("one_nn" in name and "level" in name for name in names)
    assert not any("level" in name for name in metrics.applicable(Linear(), LABELLED))


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"metrics": ["label_agreement_level_2"]}, r"`metrics`.*Did you mean 'label_agreement'\?"),
        ({"metrics": ["svm_eror"]}, r"`metrics`.*Did you mean 'svm_error'\?"),
        ({"metrics": ["modes_covered"]}, "metrics that fit.*Received: metrics='modes_covered'"),
        ({"svm_features": "code"}, "Did you mean 'codes'"),
        ({"iwae_samples": 0}, "iwae_samples"),
        ({"limit": 0}, "limit"),
        ({"ais_steps": 0}, "ais_steps"),
        ({"svm_repeats": 0}, "svm_repeats"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message) as refused:
        metrics.evaluate(Linear(), LABELLED, **arguments)
    assert "\n" not in str(refused.value)


def test_data_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"dataset.image_shape.*\(4,\).*\(2,\)"):
        metrics.evaluate(Linear(image_shape=(4,)), LABELLED)


def test_a_figure_that_is_no_number_is_left_out_with_a_line(monkeypatch):
    """A result may hold none, and JSON has no name for it: the others stand."""
    broken = metrics.METRICS["nll"]._replace(measure=lambda s: Measure(math.nan, 3, "a mean"))
    monkeypatch.setitem(metrics.METRICS, "nll", broken)
    monkeypatch.setattr(LABELLED, "name", "toy", raising=False)
    lines = []
    tell = lambda name, reason: lines.append(f"{name}: {reason}")
    found = metrics.evaluate(Linear(), LABELLED, left_out=tell)
    assert "nll" not in found and "one_nn_accuracy" in found
    assert lines == ["nll: its value is nan"]
    with refused(ValueError, match=r"can be had of toy \(its value is nan\)"):
        metrics.evaluate(Linear(), LABELLED, metrics=["nll"])
