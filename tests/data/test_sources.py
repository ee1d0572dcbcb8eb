"""What each source holds, and that bad ones are refused in one line."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import zoo.data
from tests import helpers


def save(path, **arrays):
    np.savez(path, **arrays)
    return f"npz:{path}"


def write_png(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(np.asarray(array, np.uint8)).numpy())


# -- built in


def test_the_module_is_light():
    code = "import sys, zoo.data; zoo.data.list_sources(); assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_listed_source_has_a_loader():
    names = zoo.data.list_sources()
    assert {"digits", "mnist", "svhn_extra", "npz:PATH"} <= set(names)
    assert len(names) == len(set(names))


def test_digits():
    dataset = zoo.data.load("digits")
    assert dataset.image_shape == (8, 8, 1) and dataset.num_classes == 10
    assert {split: dataset.size(split) for split in dataset.splits} == {
        "train": 1500,
        "validation": 300,
        "test": 297,
    }
    train, test = dataset.arrays("train"), dataset.arrays("test")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    source = {(row.tobytes(), label) for row, label in zip(bunch.images, bunch.target)}
    x, y = np.concatenate([train["x"], test["x"]]), np.concatenate([train["y"], test["y"]])
    assert x.dtype == np.float32 and y.dtype == np.int32
    ours = {((row[..., 0] * 16.0).astype(np.float64).tobytes(), label) for row, label in zip(x, y)}
    assert ours == source
    assert np.bincount(test["y"]).min() >= 15  # the permutation mixes the classes


@pytest.mark.parametrize(
    ("name", "count", "stddev"), [("gaussian_grid", 25, 0.05), ("gaussian_ring", 8, 0.01)]
)
def test_toys_are_the_stated_mixtures(name, count, stddev):
    dataset = zoo.data.load(name)
    assert dataset.image_shape == (2,) and dataset.num_classes is None
    assert dataset.modes.shape == (count, 2) and dataset.mode_stddev == stddev
    assert [dataset.size(s) for s in dataset.splits] == [100_000, 100_000, 10_000]
    assert set(helpers.first_batch(dataset)) == {"x"}
    x = dataset.arrays("train")["x"].astype(np.float64)
    if name == "gaussian_ring":
        np.testing.assert_allclose(np.linalg.norm(dataset.modes, axis=1), 1, rtol=1e-6)
    else:
        assert set(dataset.modes.ravel()) == {-4, -2, 0, 2, 4}
    distance = np.linalg.norm(x[:, None] - dataset.modes, axis=-1)
    nearest = distance.argmin(1)
    # Counts are binomial: 100,000 / M with a standard deviation below sqrt(100,000 / M).
    counts = np.bincount(nearest, minlength=count)
    assert np.abs(counts - 100_000 / count).max() < 5 * np.sqrt(100_000 / count)
    deviation = (x - dataset.modes[nearest]) / stddev
    # n = 200,000 normal deviates: mean within 5 / sqrt(n), variance within 5 sqrt(2 / n).
    assert abs(deviation.mean()) < 5 * 200_000**-0.5
    assert abs(deviation.var() - 1) < 5 * (2 / 200_000) ** 0.5
    np.testing.assert_array_equal(zoo.data.load(name).arrays("train")["x"], np.float32(x))
    assert not np.array_equal(x[:100], dataset.arrays("validation", limit=100)["x"])


# -- npz


def test_npz_of_bytes_is_scaled_and_has_a_channel(tmp_path):
    x = np.arange(20 * 3 * 2, dtype=np.uint8).reshape(20, 3, 2)
    y = np.arange(20, dtype=np.uint8) % 5
    dataset = zoo.data.load(save(tmp_path / "a.npz", x=x, y=y, x_test=x[:4], y_test=y[:4]))
    assert dataset.image_shape == (3, 2, 1) and dataset.num_classes == 5
    assert dataset.splits == ("train", "validation", "test")
    arrays = dataset.arrays("train")
    np.testing.assert_array_equal(arrays["x"], np.float32(x[..., None]) / np.float32(255))
    np.testing.assert_array_equal(arrays["y"], y)
    assert dataset.size("test") == 4


def test_npz_with_the_usual_names_compressed_and_fortran_ordered(tmp_path):
    x = np.random.default_rng(0).random((12, 4, 5, 3))
    path = tmp_path / "b.npz"
    np.savez_compressed(
        path,
        x_train=np.asfortranarray(x),
        y_train=np.arange(12)[:, None] % 3,
        x_test=x,
        y_test=np.zeros(12, int),
    )
    dataset = zoo.data.load(f"npz:{path}")
    assert dataset.image_shape == (4, 5, 3) and dataset.num_classes == 3
    np.testing.assert_array_equal(dataset.arrays("train")["x"], x.astype(np.float32))


def test_npz_of_vectors_attributes_and_booleans(tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 6)) * 9
    dataset = zoo.data.load(save(tmp_path / "v.npz", x=x, y=np.eye(30)[:, :4]))
    assert dataset.image_shape == (6,)
    assert dataset.num_attributes == 4 and dataset.num_classes is None
    assert helpers.first_batch(dataset)["y"].shape == (4, 4)
    masks = zoo.data.load(save(tmp_path / "m.npz", x=np.eye(5, dtype=bool)[None].repeat(3, 0)))
    assert masks.binary
    np.testing.assert_array_equal(masks.arrays("train")["x"][0, ..., 0], np.eye(5))


IMAGES = np.zeros((10, 4, 4, 1), np.uint8)
FLOATS = np.full((10, 4, 4, 1), 0.5, np.float32)
NAN = FLOATS.copy()
NAN[9, 3, 3, 0] = np.nan


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"z": IMAGES}, ValueError, "array x or x_train; it holds z"),
        ({"x": np.array([{}] * 10)}, TypeError, "not of Python objects"),
        ({"x": IMAGES, "y": np.array([None] * 10)}, TypeError, "not of Python objects"),
        ({"x": IMAGES, "y": np.arange(9)}, ValueError, "each of 10 examples, not 9"),
        ({"x": IMAGES, "y": np.arange(10) - 1}, ValueError, "classes from 0"),
        ({"x": IMAGES, "y": np.full(10, 2**31)}, ValueError, "from 0, not 2147483648"),
        ({"x": IMAGES, "y": np.full((10, 2), np.nan)}, ValueError, "y of finite numbers"),
        (
            {"x": IMAGES, "y": np.arange(10), "x_test": IMAGES, "y_test": np.ones((10, 2))},
            ValueError,
            "of one kind in train and test",
        ),
        ({"x": IMAGES, "y": np.linspace(0, 1, 10)}, ValueError, "integers"),
        ({"x": NAN}, ValueError, "of finite numbers"),
        ({"x": FLOATS * 255}, ValueError, "Divide by 255"),
        ({"x": FLOATS * 2 - 1.5}, ValueError, "Rescale"),
        ({"x": IMAGES.astype(np.int64)}, TypeError, "astype"),
        ({"x": np.array(["a"] * 10)}, TypeError, "uint8 or floats"),
        ({"x": np.zeros(10, np.uint8)}, ValueError, r"not \[10\]"),
        ({"x": IMAGES[..., None]}, ValueError, r"\[N, H, W, C\]"),
        ({"x": IMAGES[:0]}, ValueError, r"not \[0, 4, 4, 1\]"),
        ({"x": IMAGES, "x_test": IMAGES[:, :3]}, ValueError, "one shape and type"),
        ({"x": IMAGES, "y": np.arange(10), "x_test": IMAGES}, ValueError, "for neither"),
    ],
)
def test_bad_arrays_are_refused(tmp_path, arrays, error, words):
    name = save(tmp_path / "bad.npz", **arrays)
    with pytest.raises(error, match=words) as caught:
        zoo.data.load(name)
    assert "\n" not in str(caught.value)
    assert "Received: name='npz:" in str(caught.value)


def test_broken_archives_are_refused(tmp_path):
    path = tmp_path / "broken.npz"
    noise = np.random.default_rng(0).integers(0, 256, (50, 9, 9, 1), dtype=np.uint8)
    save(path, x=noise)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for content in (b"", b"no archive", whole[: len(whole) // 2], bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="whole npz archive") as caught:
            zoo.data.load(f"npz:{path}")
        assert "\n" not in str(caught.value)


# -- folder


def test_sub_folders_are_classes(tmp_path):
    for i in range(30):
        folder = tmp_path / ("cat", "dog", "emu")[i % 3]
        write_png(folder / f"{i}.png", np.full((5, 4, 3), i))
    dataset = zoo.data.load(f"folder:{tmp_path}")
    assert dataset.class_names == ("cat", "dog", "emu") and dataset.num_classes == 3
    assert dataset.image_shape == (5, 4, 3)
    found = [dataset.arrays(split) for split in ("train", "test")]
    arrays = {key: np.concatenate([each[key] for each in found]) for key in ("x", "y")}
    values = np.rint(arrays["x"][:, 0, 0, 0] * 255).astype(int)
    np.testing.assert_array_equal(np.sort(values), np.arange(30))
    assert not np.array_equal(values, np.sort(values))  # the file list is shuffled
    np.testing.assert_array_equal(arrays["y"], values % 3)
    assert [dataset.size(split) for split in dataset.splits] == [27, 2, 3]


def test_flat_folder_of_several_kinds_resized(tmp_path):
    tall, wide = np.zeros((12, 6, 3), np.uint8), np.zeros((6, 12, 3), np.uint8)
    tall[3:9], wide[:, 3:9] = 200, 200  # the centre square is uniform
    (tmp_path / "a.jpg").write_bytes(tf.io.encode_jpeg(tall, quality=100).numpy())
    write_png(tmp_path / "b.PNG", wide)
    dataset = zoo.data.load(f"folder:{tmp_path}", image_size=3)
    assert dataset.image_shape == (3, 3, 3) and dataset.num_classes is None
    np.testing.assert_allclose(dataset.arrays("train")["x"] * 255, 200, atol=12)


def test_bad_folders_are_refused(tmp_path):
    def refused(words, error=ValueError, **arguments):
        with pytest.raises(error, match=words) as caught:
            zoo.data.load(f"folder:{tmp_path}", **arguments)
        assert "\n" not in str(caught.value)

    refused("folder with images")
    (tmp_path / "empty").mkdir()
    refused("empty/ has none")
    (tmp_path / "empty").rmdir()
    write_png(tmp_path / "a.png", np.zeros((4, 4, 1)))
    write_png(tmp_path / "b.png", np.zeros((4, 5, 1)))
    refused("one shape; .*Give image_size")
    write_png(tmp_path / "sub" / "c.png", np.zeros((4, 4, 1)))
    refused("not both")
    (tmp_path / "a.png").unlink()
    (tmp_path / "b.png").unlink()
    write_png(tmp_path / "sub" / "below" / "d.png", np.zeros((4, 4, 1)))
    refused("not below them; sub/below/ has some")
    (tmp_path / "sub" / "below" / "d.png").rename(tmp_path / "sub" / "d.WEBP")
    refused("d.WEBP is none.*Convert it")
    (tmp_path / "sub" / "d.WEBP").rename(tmp_path / "sub" / "notes.txt")
    (tmp_path / "sub" / "c.png").write_bytes(b"no image")
    refused("c.png cannot")


# -- arguments


@pytest.mark.parametrize(
    ("name", "arguments", "error", "words"),
    [
        ("digit", {}, ValueError, "Did you mean 'digits'"),
        ("npz:", {}, ValueError, "one of"),
        ("ftp:x", {}, ValueError, "one of"),
        (7, {}, TypeError, "a str"),
        ("npz:/nowhere/x.npz", {}, FileNotFoundError, "exists"),
        ("folder:/nowhere", {}, FileNotFoundError, "exists"),
        ("digits", {"binarise": "statik"}, ValueError, "Did you mean 'static'"),
        ("gaussian_grid", {"binarise": "static"}, ValueError, "holds vectors"),
        ("gaussian_grid", {"labels": 10}, ValueError, "no class labels"),
        ("digits", {"labels": 99}, ValueError, "multiple of the 10 classes"),
        ("digits", {"labels": 2000}, ValueError, "at most the 1200"),
        ("digits", {"labels": 1200}, ValueError, "rarest has"),
        ("digits", {"labels": 0}, ValueError, ">= 1"),
        ("digits", {"labels": 10.0}, TypeError, "an int"),
        ("digits", {"label_seed": -1}, ValueError, "an int in"),
        ("digits", {"image_size": 16}, ValueError, "fixed size"),
        ("digits", {"cache_dir": 5}, TypeError, "a path"),
    ],
)
def test_bad_arguments_of_load(name, arguments, error, words):
    with pytest.raises(error, match=words) as caught:
        zoo.data.load(name, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"batch_size": 1501}, ValueError, "at most the 1500"),
        ({"batch_size": 1201, "validation_held_out": True}, ValueError, "at most the 1200"),
        ({"batch_size": 0}, ValueError, ">= 1"),
        ({"batch_size": "8"}, TypeError, "an int"),
        ({"batch_size": 10, "workers": 3}, ValueError, "multiple of workers=3"),
        ({"batch_size": 10, "workers": 2, "worker": 2}, ValueError, r"\[0, 1\]"),
        ({"batch_size": 10, "seed": 2**31}, ValueError, "an int in"),
        ({"batch_size": 10, "start_step": -1}, ValueError, ">= 0"),
        ({"batch_size": 10, "labelled_batch_size": 10}, ValueError, "`labels` was not given"),
    ],
)
def test_bad_arguments_of_train(arguments, error, words):
    with pytest.raises(error, match=words) as caught:
        zoo.data.load("digits").train(**arguments)
    assert "\n" not in str(caught.value)


def test_bad_splits_and_labelled_batches():
    dataset = zoo.data.load("digits", labels=20)
    with pytest.raises(ValueError, match="Did you mean 'test'"):
        dataset.arrays("tests")
    with pytest.raises(ValueError, match="one of test, train, validation"):
        dataset.batches("all", 5)
    with pytest.raises(ValueError, match=r"\[1, 20\]"):
        dataset.train(100, labelled_batch_size=30)
    with pytest.raises(ValueError, match="multiple of workers=2"):
        dataset.train(100, labelled_batch_size=15, workers=2)
    assert len(list(itertools.islice(dataset.train(100), 2))) == 2


def test_digits_are_found_where_scikit_learn_moved_its_file(monkeypatch):
    from zoo.data import sources

    pixels, labels = sources._digits_arrays()
    monkeypatch.setattr(sources.pathlib.Path, "is_file", lambda path: False)
    moved, moved_labels = sources._digits_arrays()
    assert np.array_equal(pixels, moved) and np.array_equal(labels, moved_labels)
    assert pixels.shape == (1797, 64)
