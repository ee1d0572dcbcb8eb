"""`evaluate`, on a linear-Gaussian model whose every number is known."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import distributions, metrics
from zoo.metrics import classifier, likelihood, parzen, subject

tfd = tfp.distributions


class Data:
    """Splits of given arrays with the interface of `zoo.data.Dataset`."""

    def __init__(self, num_classes=None, modes=None, binary=False, labels=None, **splits):
        self.splits, self.num_classes, self.binary = splits, num_classes, binary
        self.labels, self.modes, self.mode_stddev = labels, modes, 0.1
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
    num_attributes, dequantises = None, False
    levels, parts, has_discriminator_features = 1, ("z",), False
    code_dim, code_classes = 2, None
    prior = property(lambda self: distributions.standard_normal(2))
    capabilities = frozenset({"sample", "encode", "decode", "reconstruct", "log_prob", "classify"})

    def __init__(self, **changes):
        self.proper, self.calls = True, []
        vars(self).update(changes)

    def sample(self, n, y=None, seed=None):
        return tf.random.stateless_normal([n, 2], [seed, 0]) * math.sqrt(2)

    def encode(self, x, y=None, level=1):
        return tfd.Independent(tfd.Normal(x / 2.0, tf.fill(x.shape, math.sqrt(0.5))), 1)

    def decode(self, z, y=None):
        return distributions.normal(z, 1.0)

    def features(self, x):
        return {f"row_{i}": tf.fill([len(x), 3, i + 1], float(i)) for i in range(5)}

    def reconstruct(self, x, y=None, level=1, seed=None):
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


class Sign:
    """A judge of which side of the first axis x is on; blind to its size."""

    test_error = 0.0

    def predict(self, x):
        return (np.asarray(x)[:, 0] < 0).astype(int)


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
        "five_nn_accuracy", "svm_error", "classification_error", "elbo", "nll", "active_units",
        "latent_mean_norm", "latent_max_abs_mean", "latent_min_std", "latent_max_std",
        "code_mean_square", "code_kurtosis", "code_ks", "kl", "kl_active_dims",
        "mutual_information", "mutual_information_upper",
    }  # fmt: skip
    assert seen == [(name, i, 21) for i, name in enumerate(measured)]
    assert all(entry["split"] == "test" and entry["seed"] == 0 for entry in measured.values())
    assert json.loads(json.dumps(measured)) == measured
    values = {name: entry["value"] for name, entry in measured.items()}
    assert values["one_nn_accuracy"] == values["five_nn_accuracy"] == 1.0
    assert values["svm_error"] == values["classification_error"] == 0.0
    assert values["label_agreement"] == 1.0
    assert measured["svm_error"]["std"] == 0.0
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
    measured = metrics.evaluate(model, LABELLED, metrics=["nll"], iwae_samples=50)
    assert measured["nll"]["protocol"].endswith("exact")
    assert {samples for _, samples, _ in model.calls} == {1}


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
    assert "nll_of_train_data" not in metrics.evaluate(Linear(), LABELLED, iwae_samples=2)


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


def test_limit_counts_rows_of_both_splits():
    measured = metrics.evaluate(Linear(), LABELLED, limit=25, metrics=["one_nn_accuracy"])
    assert measured["one_nn_accuracy"]["n"] == 25
    assert "25 training examples" in measured["one_nn_accuracy"]["protocol"]


def test_batches_do_not_change_codes(monkeypatch):
    names = ["one_nn_accuracy", "active_units"]
    whole = metrics.evaluate(Linear(), LABELLED, metrics=names)
    monkeypatch.setattr(subject, "BATCH", 7)
    assert metrics.evaluate(Linear(), LABELLED, metrics=names) == whole


@pytest.mark.parametrize("limit, rows", [(None, 30), (60, 10)])  # the split's size; a sixth
def test_svm_chooses_c_on_as_many_rows_as_validation_has(limit, rows):
    data = Data(2, **LABELLED.splits, validation=_labelled(30, 2))
    entry = metrics.evaluate(Linear(), data, metrics=["svm_error"], svm_repeats=1, limit=limit)
    assert f"chosen on {rows} validation" in entry["svm_error"]["protocol"]


def test_same_seed_same_numbers():
    names = ["latent_mean_norm", "reconstruction_ratio", "svm_error"]
    run = lambda seed: metrics.evaluate(Linear(), LABELLED, seed=seed, metrics=names, svm_repeats=1)
    assert run(3) == run(3)
    assert run(3)["latent_mean_norm"]["value"] != run(4)["latent_mean_norm"]["value"]


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


class Hierarchy(Linear):
    """Level 2 knows the second coordinate alone, and reconstructs the first with the other sign."""

    levels, has_discriminator_features = 2, True
    capabilities = frozenset({"encode", "decode", "reconstruct"})

    def encode(self, x, y=None, level=1):
        return super().encode(x if level == 1 else x[:, 1:])

    def reconstruct(self, x, y=None, level=1, seed=None):
        return x if level == 1 else x * [-1.0, 1.0]

    def features(self, x):
        return {"row_0": tf.zeros([len(x), 3])}

    def discriminator_features(self, x):
        return x[:, :1] ** 3


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


def test_features_of_all_levels_join_the_hidden_ones_but_not_the_codes():
    found = subject.Subject(Hierarchy(), LABELLED, "test", 0, None, 1, "hidden", 1)
    x = LABELLED.arrays("test")["x"]
    assert found.codes("test")["mean"].shape == (40, 2)
    expected = np.concatenate([np.zeros((40, 3)), x / 2, x[:, 1:] / 2], axis=1)
    np.testing.assert_allclose(found.features("test")["mean"], expected, rtol=1e-6)
    measured = metrics.evaluate(
        Hierarchy(), LABELLED, metrics=["svm_error"], svm_features="hidden", svm_repeats=1
    )
    assert "codes of every level" in measured["svm_error"]["protocol"]


class Clusters(Linear):
    """Four clusters: the side of each axis, the surer the farther; it may not know the names."""

    parts = ("z", "y", "style")
    capabilities = Linear.capabilities - {"classify"}

    def encode(self, x, y=None, part="z"):
        if part == "z":
            return super().encode(x)
        right, up = tf.cast(x[:, 0] > 0, tf.int32), tf.cast(x[:, 1] > 0, tf.int32)
        logits = 20.0 * tf.norm(x, axis=1)[:, None] * tf.one_hot(2 * right + up, 4)
        return tfd.Categorical(logits=logits)


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
    train = _labelled(600, 0)
    train["y"][-100:] = 1 - train["y"][-100:]
    data = Data(2, train=train, test=_labelled(40, 1))
    measured = metrics.evaluate(Clusters(), data, metrics=["clustering_error"])
    assert measured["clustering_error"]["value"] == 1.0


def test_clusters_are_named_by_the_validation_split_if_there_is_one():
    validation = _labelled(30, 2)
    swapped = Data(2, **LABELLED.splits, validation=validation | {"y": 1 - validation["y"]})
    measured = metrics.evaluate(Clusters(), swapped, metrics=["clustering_error"])
    assert measured["clustering_error"]["value"] == 1.0
    assert "30 validation" in measured["clustering_error"]["protocol"]


def test_probabilities_that_float32_rounds_to_one_are_told_apart():
    x = np.array([[1.0, 0.0], [1.5, 0.0]], np.float32)  # 1 - 3 e^-20 and 1 - 3 e^-30
    found = subject.Subject(Clusters(), Data(2, test={"x": x}), "test", 0, None, 1, "codes", 1)
    near, far = found.clusters("test")["probabilities"].max(axis=1)
    assert near < far < 1.0
    assert 1.0 - near == pytest.approx(3 * math.exp(-20), rel=1e-4)


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


def test_parzen_only_when_asked_for(monkeypatch):
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


def test_a_conditional_model_is_judged_by_nothing_that_needs_no_label():
    names = set(metrics.applicable(Clusters(conditional=True), LABELLED))
    assert not names & {"label_agreement", "parzen", "nmi", "one_nn_accuracy"}
    assert "reconstruction_mse" in names


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"metrics": ["label_agreement_level_2"]}, r"`metrics`.*Did you mean 'label_agreement'\?"),
        ({"metrics": ["svm_eror"]}, r"`metrics`.*Did you mean 'svm_error'\?"),
        ({"metrics": ["modes_covered"]}, "metrics that fit.*Received: metrics='modes_covered'"),
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
