"""The judge: what it reaches, that it is kept once, and what it says of reconstructions."""

import numpy as np
import pytest

import zoo.data
from tests import helpers
from zoo.data import dataset, source, sources
from zoo.metrics import classifier


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(classifier, "LEAST_STEPS", 200)
    monkeypatch.setattr(classifier, "EPOCHS", 1)


def blobs(path, shape=(2,), **others):
    """Three classes that are far apart, in data of any shape."""
    generator, arrays = np.random.default_rng(0), {}
    for split, n in (("train", 300), ("test", 90)):
        y = np.arange(n) % 3
        x = 0.1 + 0.35 * y.reshape(-1, *[1] * len(shape)) + 0.1 * generator.random((n, *shape))
        arrays |= {f"x_{split}": x.astype(np.float32), f"y_{split}": y}
    for name in others.pop("without", ()):
        del arrays[name]
    np.savez(path / "blobs.npz", **arrays)
    return zoo.data.load(f"npz:{path / 'blobs.npz'}", cache_dir=path / "cache", **others)


@pytest.mark.parametrize("shape", helpers.first_of([(2,), (16, 20, 3), (8, 8, 1)], 2))
def test_the_judge_learns_data_of_any_shape(tmp_path, shape):
    dataset = blobs(tmp_path, shape)
    judge = classifier.judge(dataset)
    test = dataset.arrays("test")
    assert judge.test_error == 0.0
    predicted = judge.predict(test["x"])
    assert predicted.shape == (90,) and (predicted == test["y"]).all()


def test_vectors_of_any_scale_are_learned(tmp_path):
    dataset = blobs(tmp_path)
    arrays = {f"{k}_{s}": v for s in ("train", "test") for k, v in dataset.arrays(s).items()}
    arrays |= {name: 1e4 * arrays[name] + 1e3 for name in ("x_train", "x_test")}
    np.savez(tmp_path / "large.npz", **arrays)
    large = zoo.data.load(f"npz:{tmp_path / 'large.npz'}", cache_dir=tmp_path)
    assert classifier.judge(large).test_error == 0.0


def test_convolutions_halve_down_to_eight():
    shapes = lambda *shape: [
        tuple(layer.output.shape[1:])
        for layer in classifier.Classifier(shape, 4).network.layers
        if "conv" in layer.name
    ]
    assert shapes(28, 28, 1) == [(14, 14, 32), (7, 7, 64)]
    assert shapes(64, 48, 3) == [(32, 24, 32), (16, 12, 64), (8, 6, 128)]
    assert shapes(15, 90, 1) == shapes(5) == []


@pytest.mark.every
def test_digits_reach_96_per_cent_by_the_full_recipe(monkeypatch, tmp_path):
    monkeypatch.undo()
    judge = classifier.judge(zoo.data.load("digits", cache_dir=tmp_path))
    assert 0.0 < judge.test_error <= 0.04


@pytest.fixture
def trainings(monkeypatch):
    """A list that grows by one whenever a judge is trained."""
    counted, train = [], classifier._train
    monkeypatch.setattr(
        classifier, "_train", lambda *arguments: (counted.append(1), train(*arguments))[1]
    )
    return counted


def test_a_judge_is_trained_once_and_is_a_function_of_the_data(tmp_path, trainings):
    first = classifier.judge(zoo.data.load("digits", cache_dir=tmp_path / "a"))
    (path,) = (tmp_path / "a").iterdir()  # and no temporary file
    stamp = path.stat().st_mtime_ns
    kept = classifier.judge(zoo.data.load("digits", cache_dir=tmp_path / "a"))
    assert len(trainings) == 1 and path.stat().st_mtime_ns == stamp
    again = classifier.judge(zoo.data.load("digits", cache_dir=tmp_path / "b"))
    assert len(trainings) == 2
    for other in (kept, again):
        assert other.test_error == first.test_error
        for a, b in zip(first.network.get_weights(), other.network.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_labelled_subset_does_not_matter_and_the_pixels_do(tmp_path, trainings):
    load = lambda **options: zoo.data.load("digits", cache_dir=tmp_path, **options)
    for options in ({"labels": 20}, {"labels": 20, "label_seed": 1}, {}):
        classifier.judge(load(**options))
    assert len(trainings) == 1
    classifier.judge(load(binarise="threshold"))
    assert len(trainings) == 2


DAMAGES = ["pickle", "flipped", "empty", "cut", "other shapes", "no npz"]


@pytest.mark.parametrize("damage", helpers.first_of(DAMAGES))
def test_a_damaged_file_is_replaced(tmp_path, trainings, monkeypatch, damage):
    monkeypatch.setattr(classifier, "EPOCHS", 0)
    monkeypatch.setattr(classifier, "LEAST_STEPS", 100)
    dataset = zoo.data.load("digits", cache_dir=tmp_path)
    classifier.judge(dataset)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    if damage == "pickle":
        np.savez(path, weight_0=np.array([{}], object), test_error=0.5)
    elif damage == "other shapes":
        np.savez(path, weight_0=np.zeros(3), test_error=0.5)
    else:
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        texts = {"empty": b"", "cut": whole[:middle], "flipped": flipped, "no npz": b"judge"}
        path.write_bytes(texts[damage])
    with pytest.warns(UserWarning, match="damaged"):
        judge = classifier.judge(dataset)
    assert len(trainings) == 2 and judge.test_error < 0.5
    classifier.judge(dataset)
    assert len(trainings) == 2


def test_a_cache_that_cannot_be_written_costs_no_result(tmp_path):
    (tmp_path / "file").write_text("")
    dataset = zoo.data.load("digits", cache_dir=tmp_path / "file")
    with pytest.warns(UserWarning, match="could not be kept"):
        assert classifier.judge(dataset).test_error < 0.5


def test_without_a_test_split_the_validation_rows_are_held_out(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "_FEWEST", 10**9)  # too few to draw a test split from them
    dataset = blobs(tmp_path, without=("x_test", "y_test"))
    assert dataset.splits == ("train", "validation")
    seen = {}
    train = type(dataset).train
    monkeypatch.setattr(
        type(dataset),
        "train",
        lambda *a, **options: (seen.update(options), train(*a, **options))[1],
    )
    assert classifier.judge(dataset).test_error == 0.0
    assert seen == {"validation_held_out": True}


def test_what_a_judge_reads_is_what_it_names_classes_by(tmp_path):
    judge = classifier.judge(blobs(tmp_path, (8, 8, 1)))
    x = np.random.default_rng(1).uniform(size=(20, 8, 8, 1)).astype(np.float32)
    features, probabilities = judge.read(x)
    assert features.shape == (20, 256) and features.min() == 0.0  # rectified
    kernel, bias = judge.network.layers[-1].get_weights()
    odds = np.exp(features @ kernel + bias)
    np.testing.assert_allclose(probabilities, odds / odds.sum(axis=1, keepdims=True), rtol=1e-4)
    assert (probabilities.argmax(axis=1) == judge.predict(x)).all()
    digest = judge.digest
    assert len(digest) == 12 and digest == classifier.judge(blobs(tmp_path, (8, 8, 1))).digest
    judge.network.layers[-1].set_weights([kernel, bias + np.float32(1e-6)])
    assert judge.digest != digest


def test_stacked_images_are_judged_channel_by_channel(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "LEAST_STEPS", 20)
    monkeypatch.setattr(classifier, "EPOCHS", 0)
    stacked = dataset.Dataset(
        sources.stacked_mnist(sources.digits()),
        binarise=None,
        labels=None,
        label_seed=0,
        cache_dir=tmp_path,
        memory_limit=2**31,
    )
    judge, digits = (
        classifier.judge(stacked),
        classifier.judge(zoo.data.load("digits", cache_dir=tmp_path)),
    )
    test = stacked.arrays("test")
    each = [digits.predict(test["x"][..., i : i + 1]) for i in range(3)]
    assert (judge.predict(test["x"]) == 100 * each[0] + 10 * each[1] + each[2]).all()
    features, probabilities = judge.read(test["x"])
    assert features.shape == (297, 3 * 256) and probabilities.shape == (297, 1000)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    assert judge.test_error == (judge.predict(test["x"]) != test["y"]).mean()
    # One wrong channel is enough: of three equally hard ones 1 - (1 - e)^3.
    expected = 1.0 - (1.0 - digits.test_error) ** 3
    assert 0.05 < expected < 0.95 and judge.test_error == pytest.approx(expected, abs=0.12)
    assert judge.digest == digits.digest


def test_data_without_classes_have_no_judge():
    with pytest.raises(ValueError, match="`dataset`: expected data with class labels"):
        classifier.judge(zoo.data.load("gaussian_ring"))


def test_supervised_error_learns_from_the_labelled_rows_alone(tmp_path):
    dataset = blobs(tmp_path, labels=6)
    test = dataset.arrays("test")
    measure = classifier.supervised_error(dataset, test["x"], test["y"])
    assert measure.value == 0.0 and measure.n == 90
    assert "6 labelled examples alone" in measure.protocol
    # Labels that the labelled rows contradict are all wrong.
    wrong = classifier.supervised_error(dataset, test["x"], (test["y"] + 1) % 3)
    assert wrong.value == 1.0


def test_supervised_error_is_a_function_of_the_seed(monkeypatch):
    monkeypatch.setattr(classifier, "LEAST_STEPS", 10)
    dataset = zoo.data.load("digits", labels=20)
    test = dataset.arrays("test")
    run = lambda seed: classifier.supervised_error(dataset, test["x"], test["y"], seed).value
    first, *others = map(run, (0, 1, 2))
    assert run(0) == first and {first} != set(others)
