"""What samples are compared with: which examples, kept features, readers, and what is said."""

import hashlib
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.helpers import refused
from tests.metrics.toys import Data, Linear
from zoo import metrics
from zoo.metrics import classes, classifier, features, halves, manifolds, subject

X = np.arange(40, dtype=np.float32)[:, None] * np.ones(2, np.float32)
NUMBERED = Data(num_classes=40, train={"x": X, "y": np.arange(40)}, test={"x": X[:6]})


def of(model=None, dataset=NUMBERED, **protocol):
    return subject.Subject(model or Linear(), dataset, subject.Protocol(**protocol))


def test_rows_come_in_the_order_that_was_asked_for(monkeypatch):
    monkeypatch.setattr(halves, "BATCH", 7)
    rows = np.array([39, 0, 8, 7, 38, 8])
    found = halves.rows_of(NUMBERED, "train", rows)
    assert found["y"].tolist() == rows.tolist() and (found["x"] == X[rows]).all()


def test_the_two_parts_are_random_of_one_size_and_share_nothing(monkeypatch):
    found = of().once(halves.halves)
    reference, other = found.reference["y"].tolist(), found.other["y"].tolist()
    assert len(reference) == len(other) == 20 and not set(reference) & set(other)
    assert reference != sorted(reference)
    assert of(seed=3).once(halves.halves).reference["y"].tolist() == reference
    few = of(limit=9).once(halves.halves)
    assert len(few.other["y"]) == 4 and max(few.reference["y"]) < 9
    monkeypatch.setattr(halves, "BYTES", 3 * 2 * 4)  # three rows of two numbers
    assert len(of().once(halves.halves).reference["y"]) == 3
    pixels = Linear(capabilities=frozenset({"sample"}))
    monkeypatch.setattr(halves, "DRAWN_ROWS", 2)
    assert len(of(pixels).once(halves.halves).reference["y"]) == 2
    with refused(ValueError, match="`dataset`: expected at least four training examples"):
        halves.halves(of(limit=3))


class Told(Linear):
    """x is the label."""

    conditional, num_classes = True, 40

    def decode(self, z, y=None):
        assert y is not None
        return super().decode(z, y)

    def decode_rows(self, z, rows, y=None):
        x = tf.cast(y, tf.float32)[:, None] * tf.ones(2)
        return {"mean": x, "sample": x}


def test_a_conditional_model_is_given_the_labels_of_the_data():
    assert "sliced_wasserstein" in metrics.applicable(Told(), NUMBERED)
    s = of(Told())
    assert (s.once(halves.samples) == s.once(halves.halves).reference["x"]).all()
    assert halves.samples(s, 45).shape == (45, 2)
    found = metrics.evaluate(Told(), NUMBERED, metrics=["sliced_wasserstein"])
    assert found["sliced_wasserstein"]["value"] == 0.0 < found["sliced_wasserstein"]["floor"]
    assert "draws of p(x|z), of the labels of data" in found["sliced_wasserstein"]["protocol"]
    unlabelled = Data(train={"x": X}, test={"x": X})
    assert "sliced_wasserstein" not in metrics.applicable(Told(), unlabelled)


# --- features -------------------------------------------------------------------------------------


@pytest.fixture
def digits(tmp_path):
    """A subject of digits, whose judge and features are kept in a folder of their own."""
    data = zoo.data.load("digits", cache_dir=tmp_path)
    model = zoo.create("gan", image_shape=(8, 8, 1), latent_dim=2, network="auto")
    return of(model, data, limit=80)


class Reader:
    """A judge that counts what it reads; its two features are the mean and the first pixel."""

    test_error, digest = 0.25, "0123456789ab"

    def __init__(self):
        self.seen = 0

    def read(self, x):
        self.seen += len(x)
        flat = np.reshape(x, (len(x), -1))
        features = np.stack([flat.mean(axis=1), flat[:, 0]], axis=1)
        return features, np.full((len(x), 10), 0.1, np.float32)

    def predict(self, x):
        return np.zeros(len(x), int)


def test_features_of_data_are_kept_by_data_and_weights(digits, monkeypatch):
    reader = Reader()
    monkeypatch.setattr(classifier, "judge", lambda dataset: reader)
    names = ["fid", "coverage", "classes_covered"]
    run = lambda: metrics.evaluate(digits.model, digits.dataset, limit=80, metrics=names)
    first = run()
    assert reader.seen == 3 * 40  # samples, and two parts of data
    assert run() == first and reader.seen == 4 * 40
    (kept,) = pathlib.Path(digits.dataset.cache_dir).glob("features-*.npz")
    kept.write_bytes(b"")
    with pytest.warns(UserWarning, match="damaged"):
        assert run() == first
    assert reader.seen == 7 * 40
    reader.digest = "another"
    run()
    assert reader.seen == 10 * 40
    for name in ("fid", "coverage"):
        assert "test error 0.2500, weights 0123456789ab" in first[name]["protocol"]
        assert "floor: 40 other examples of the train split" in first[name]["protocol"]
    assert first["classes_covered"]["value"] == 1.0 and first["classes_covered"]["n"] == 260
    assert first["classes_covered"]["floor"] == 10.0


def test_samples_of_a_label_are_compared_with_it(tmp_path, monkeypatch):
    # The judge takes 3 and 5 for 8: samples of the labels of data and real images alike.
    judge = Reader()
    monkeypatch.setattr(classifier, "judge", lambda dataset: judge)
    data = zoo.data.load("digits", cache_dir=tmp_path)
    model = zoo.create("cvae", image_shape=(8, 8, 1), latent_dim=2, num_classes=10)
    s = of(model, data, limit=200)
    real = s.once(halves.halves)
    answers = iter(
        np.where(np.isin(y, (3, 5)), 8, y) for y in (real.reference["y"], real.other["y"])
    )
    judge.predict = lambda x: next(answers)
    found = classes.METRICS["class_agreement"].measure(s)
    missed = np.isin(real.reference["y"], (3, 5))
    assert found.value == pytest.approx(1 - missed.mean()) and found.n == 100
    assert found.floor == pytest.approx(1 - np.isin(real.other["y"], (3, 5)).mean())
    assert sorted(pair[:2] for pair in found.confused) == [[3, 8], [5, 8]]
    assert "of the labels of data" in found.protocol
    assert "class_agreement" in metrics.applicable(model, data)
    assert "class_agreement" not in metrics.applicable(
        zoo.create("gan", image_shape=(8, 8, 1)), data
    )


def test_every_figure_of_features_has_its_own_floor(digits, monkeypatch):
    monkeypatch.setattr(classifier, "judge", lambda dataset: Reader())
    s = of(digits.model, digits.dataset, limit=80)
    found = s.once(features.found)
    floors = manifolds.manifold_scores(found.other[0], found.reference[0])
    of_samples = manifolds.manifold_scores(found.samples[0], found.reference[0])
    for name in floors:
        measure = metrics.METRICS[name].measure(s)
        assert (measure.value, measure.floor) == (of_samples[name].value, floors[name].value)


def test_without_classes_there_are_no_features(tmp_path):
    np.savez(tmp_path / "grey.npz", x=np.zeros((40, 4, 4, 1), np.float32))
    data = zoo.data.load(f"npz:{tmp_path / 'grey.npz'}", cache_dir=tmp_path)
    with refused(ValueError, match="class labels.*--inception_weights=PATH"):
        features.reader(of(dataset=data))


# --- Inception ------------------------------------------------------------------------------------


def small(weights=None):
    """A network with the last layers of Inception v3."""
    pool = [keras.layers.Conv2D(5, 3), keras.layers.GlobalAveragePooling2D()]
    return keras.Sequential([keras.Input((299, 299, 3)), *pool, keras.layers.Dense(7, "softmax")])


def test_inception_is_read_from_a_file_whose_sum_is_said(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", small)
    path = tmp_path / "inception.weights.h5"
    network = small()
    network.save_weights(path)
    reader = features.inception(str(path))

    assert hashlib.sha256(path.read_bytes()).hexdigest() in reader.words
    x = np.random.default_rng(0).uniform(size=(3, 8, 8, 1)).astype(np.float32)
    monkeypatch.setattr(features, "INCEPTION_ROWS", 2)
    found, probabilities = reader.read(x)
    assert found.shape == (3, 5) and probabilities.shape == (3, 7)
    large = keras.ops.image.resize(x, (299, 299))
    whole = network(2.0 * np.repeat(large, 3, axis=-1) - 1.0)
    np.testing.assert_allclose(probabilities, whole, rtol=1e-4)
    with refused(ValueError, match="grey or RGB"):
        reader.read(np.zeros((2, 8, 8, 2), np.float32))
    path.write_bytes(b"no weights")
    with refused(ValueError, match="`inception_weights`: expected weights of Keras's Inception"):
        features.inception(str(path))
    asked = {"metrics": ["fid"], "inception_weights": str(path), "limit": 80}
    with refused(ValueError, match="^Invalid `inception_weights`: expected weights of Keras's"):
        metrics.evaluate(digits.model, digits.dataset, **asked)


def test_a_file_that_is_not_there_is_refused_before_any_work():
    with refused(FileNotFoundError, match="`inception_weights`: expected a file such as incep"):
        metrics.evaluate(Linear(), NUMBERED, inception_weights="nowhere.h5")


@pytest.mark.every
def test_inception_v3_itself(tmp_path):
    path = tmp_path / "inception.weights.h5"
    keras.applications.InceptionV3(weights=None).save_weights(path)
    reader = features.inception(str(path))
    x = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype(np.float32)
    found, probabilities = reader.read(x)
    assert found.shape == (2, 2048) and probabilities.shape == (2, 1000)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-4)
