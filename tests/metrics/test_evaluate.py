"""`evaluate`, on a linear-Gaussian model whose every number is known."""

import json
import math
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import metrics
from zoo.metrics import likelihood

tfd = tfp.distributions


class Data:
    """Splits of given arrays with the interface of `zoo.data.Dataset`."""

    def __init__(self, num_classes=None, modes=None, binary=False, **splits):
        self.splits, self.num_classes, self.binary = splits, num_classes, binary
        self.modes, self.mode_stddev = modes, 0.1
        self.image_shape = splits["test"]["x"].shape[1:]

    def size(self, split):
        return len(self.splits[split]["x"])

    def arrays(self, split, limit=None):
        return {key: value[:limit] for key, value in self.splits[split].items()}

    def batches(self, split, batch_size):
        return tf.data.Dataset.from_tensor_slices(self.splits[split]).batch(batch_size)


class Linear:
    """z ~ N(0, I), x = z + N(0, I); q(z|x) = N(x / 2, I / 2) is the true posterior."""

    image_shape, density, conditional = (2,), "lower_bound", False
    capabilities = frozenset({"sample", "encode", "decode", "reconstruct", "log_prob", "classify"})

    def __init__(self, **changes):
        self.proper, self.calls = True, []
        vars(self).update(changes)

    def sample(self, n, y=None, seed=None):
        return tf.random.stateless_normal([n, 2], [seed, 0]) * math.sqrt(2)

    def encode(self, x, y=None):
        return tfd.Independent(tfd.Normal(x / 2.0, tf.fill(x.shape, math.sqrt(0.5))), 1)

    def features(self, x):
        return {f"row_{i}": tf.fill([len(x), 3, i + 1], float(i)) for i in range(5)}

    def reconstruct(self, x, y=None, seed=None):
        return x / 2.0

    def classify(self, x):
        return tf.stack([x[:, 0], -x[:, 0]], axis=1)

    def log_prob(self, x, y=None, samples=1, seed=None):
        self.calls.append((len(x), samples, seed))
        return tfd.MultivariateNormalDiag(tf.zeros(2), [math.sqrt(2)] * 2).log_prob(x)

    def proper_likelihood(self, binary):
        return self.proper


def _labelled(n, seed):
    """x ~ N(0, 2 I) with the sign of the first coordinate pushed apart; label 0 right, 1 left."""
    x = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32) * np.float32(
        math.sqrt(2)
    )
    x[:, 0] += np.where(x[:, 0] > 0, 10, -10)
    return {"x": x, "y": (x[:, 0] < 0).astype(np.int32)}


LABELLED = Data(num_classes=2, train=_labelled(600, 0), test=_labelled(40, 1))
TOY = Data(
    num_classes=3,
    modes=np.array([[0.0, 0.0], [2.0, 0.0], [100.0, 0.0]]),
    test=_labelled(40, 1),
    train=_labelled(60, 0),
)


def test_everything_that_fits_labelled_vectors():
    seen = []
    measured = metrics.evaluate(
        Linear(), LABELLED, iwae_samples=3, svm_repeats=2, progress=lambda *call: seen.append(call)
    )
    assert set(measured) == {
        "reconstruction_mse", "reconstruction_ratio", "one_nn_accuracy", "five_nn_accuracy",
        "svm_error", "classification_error", "elbo", "nll", "active_units", "latent_mean_norm",
        "latent_max_abs_mean", "latent_min_std", "latent_max_std",
    }  # fmt: skip
    assert seen == [(name, i, 13) for i, name in enumerate(measured)]
    assert all(entry["split"] == "test" and entry["seed"] == 0 for entry in measured.values())
    assert json.loads(json.dumps(measured)) == measured
    values = {name: entry["value"] for name, entry in measured.items()}
    assert values["one_nn_accuracy"] == values["five_nn_accuracy"] == 1.0
    assert values["svm_error"] == values["classification_error"] == 0.0
    assert measured["svm_error"]["std"] == 0.0
    x = LABELLED.arrays("test")["x"]
    assert values["reconstruction_mse"] == pytest.approx((x**2).mean() / 4, rel=1e-5)
    # log N(x; 0, 2 I) in two dimensions: -ln(2 pi) - ln 2 - |x|^2 / 4.
    expected = -math.log(2 * math.pi) - math.log(2) - (x**2).sum(axis=1).mean() / 4
    assert values["elbo"] == pytest.approx(expected, rel=1e-5)
    assert values["nll"] == pytest.approx(-expected, rel=1e-5)
    assert values["active_units"] == 2.0


def test_toys_are_measured_by_their_modes():
    measured = metrics.evaluate(Linear(), TOY, iwae_samples=2)
    assert {"modes_covered", "modes_high_quality", "high_quality_share", "elbo"} <= set(measured)
    assert not {"one_nn_accuracy", "svm_error", "bits_per_dim"} & set(measured)
    assert measured["modes_covered"]["value"] == 2.0  # the third mode is out of reach
    assert measured["modes_covered"]["n"] == 10_000
    assert measured["high_quality_share"]["n"] == measured["modes_high_quality"]["n"] == 2_500
    assert measured["modes_covered"]["split"] == "samples"


@pytest.mark.parametrize(
    "changes, binary, present",
    [
        ({}, False, {"elbo", "nll", "bits_per_dim"}),
        ({}, True, {"elbo", "nll"}),
        ({"density": "exact"}, False, {"nll", "bits_per_dim"}),
        ({"density": None}, False, set()),
        ({"proper": False}, False, set()),
        ({"capabilities": frozenset({"sample"})}, False, set()),
    ],
)
def test_likelihoods_only_where_they_are_proper(changes, binary, present):
    model = Linear(image_shape=(4, 4, 1), **changes)
    data = Data(binary=binary, test={"x": np.zeros((3, 4, 4, 1), np.float32)})
    names = metrics.applicable(model, data)
    assert {"elbo", "nll", "bits_per_dim"} & set(names) == present


def test_bernoulli_of_real_vectors_is_no_density():
    assert "nll" in metrics.applicable(Linear(), LABELLED)
    assert "nll" not in metrics.applicable(Linear(proper=False), LABELLED)


def test_exact_likelihood_takes_no_samples():
    model = Linear(density="exact")
    measured = metrics.evaluate(model, LABELLED, select=["nll"], iwae_samples=50)
    assert measured["nll"]["protocol"].endswith("exact")
    assert {samples for _, samples, _ in model.calls} == {1}


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


def test_limit_counts_rows_of_both_splits():
    measured = metrics.evaluate(Linear(), LABELLED, limit=25, select=["one_nn_accuracy"])
    assert measured["one_nn_accuracy"]["n"] == 25
    assert "25 training examples" in measured["one_nn_accuracy"]["protocol"]


def test_batches_do_not_change_codes(monkeypatch):
    names = ["one_nn_accuracy", "active_units"]
    whole = metrics.evaluate(Linear(), LABELLED, select=names)
    monkeypatch.setattr(sys.modules["zoo.metrics.evaluate"], "BATCH", 7)  # the name is a function's
    assert metrics.evaluate(Linear(), LABELLED, select=names) == whole


@pytest.mark.parametrize("limit, rows", [(None, 30), (60, 10)])  # the split's size; a sixth
def test_svm_chooses_c_on_as_many_rows_as_validation_has(limit, rows):
    data = Data(2, **LABELLED.splits, validation=_labelled(30, 2))
    entry = metrics.evaluate(Linear(), data, select=["svm_error"], svm_repeats=1, limit=limit)
    assert f"chosen on {rows} validation" in entry["svm_error"]["protocol"]


def test_same_seed_same_numbers():
    names = ["latent_mean_norm", "reconstruction_ratio", "svm_error"]
    run = lambda seed: metrics.evaluate(Linear(), LABELLED, seed=seed, select=names, svm_repeats=1)
    assert run(3) == run(3)
    assert run(3)["latent_mean_norm"]["value"] != run(4)["latent_mean_norm"]["value"]


def test_latent_moments_are_of_draws_not_of_means():
    measured = metrics.evaluate(Linear(), LABELLED, split="train", select=["latent_min_std"])
    # The second coordinate: x ~ N(0, 2), the draw x / 2 + N(0, 1/2) has variance 1, the mean 1/2.
    # The standard error of a standard deviation is 1 / sqrt(2 n) = 0.029 at n = 600.
    assert measured["latent_min_std"]["value"] == pytest.approx(1.0, abs=0.12)


def test_hidden_features_join_the_codes():
    measured = metrics.evaluate(
        Linear(), LABELLED, select=["svm_error"], svm_features="hidden", svm_repeats=1
    )
    assert "hidden layers" in measured["svm_error"]["protocol"]
    assert measured["svm_error"]["value"] == 0.0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"select": ["svm_eror"]}, r"`select`.*Did you mean 'svm_error'\?"),
        ({"select": ["modes_covered"]}, "metrics that fit.*Received: select='modes_covered'"),
        ({"svm_features": "code"}, "Did you mean 'codes'"),
        ({"iwae_samples": 0}, "iwae_samples"),
        ({"limit": 0}, "limit"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message) as refused:
        metrics.evaluate(Linear(), LABELLED, **arguments)
    assert "\n" not in str(refused.value)


def test_data_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"dataset.image_shape.*\(4,\).*\(2,\)"):
        metrics.evaluate(Linear(image_shape=(4,)), LABELLED)
