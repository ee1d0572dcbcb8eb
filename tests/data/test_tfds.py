"""Sets of TFDS: mocked in their own format, absent ones, and the real ones where they are."""

import os

import numpy as np
import pytest
import tensorflow as tf

import zoo.data
from tests import helpers


@pytest.fixture
def mocked(monkeypatch):
    """TFDS with random examples in each set's own format, and no network."""
    import tensorflow_datasets as tfds

    monkeypatch.setattr("zoo.data.tfds._need_network", lambda: None)
    with tfds.testing.mock_data(num_examples=20):
        yield


@pytest.mark.parametrize(
    ("name", "shape", "labels"),
    [
        ("cifar10", (32, 32, 3), 10),
        ("svhn_cropped", (32, 32, 3), 10),
        ("svhn_extra", (32, 32, 3), 10),
        ("imagenet_resized", (64, 64, 3), 1000),
        ("stacked_mnist", (28, 28, 3), 1000),
        ("celeb_a", (64, 64, 3), None),
    ],
)
@pytest.mark.usefixtures("mocked")
def test_tfds_sources_in_their_own_format(tmp_path, name, shape, labels):
    dataset = zoo.data.load(name, data_dir=str(tmp_path))
    batch = helpers.first_batch(dataset, 5)
    test = dataset.arrays("test", limit=3)
    assert dataset.image_shape == shape and dataset.num_classes == labels
    assert batch["x"].shape == (5, *shape) and 0 <= batch["x"].min() <= batch["x"].max() <= 1
    assert test["x"].shape == (3, *shape)
    if name == "celeb_a":
        assert dataset.num_attributes == 40 and len(dataset.class_names) == 40
        assert batch["y"].shape == (5, 40) and batch["y"].dtype == np.float32
        assert set(np.unique(batch["y"])) <= {0, 1}
    else:
        assert batch["y"].dtype == np.int32 and 0 <= batch["y"].min() <= batch["y"].max() < labels


@pytest.mark.usefixtures("mocked")
def test_any_tfds_image_set(tmp_path, monkeypatch):
    # Mocked sets do not know their splits.
    splits = property(lambda self: {"train": None, "test": None})
    monkeypatch.setattr("tensorflow_datasets.core.DatasetInfo.splits", splits)
    dataset = zoo.data.load("tfds:cifar100", data_dir=str(tmp_path), image_size=16)
    assert dataset.image_shape == (16, 16, 3) and dataset.num_classes == 100
    assert helpers.first_batch(dataset, 5)["x"].shape == (5, 16, 16, 3)
    assert dataset.splits == ("train", "validation", "test") and dataset.size("validation") == 2
    with pytest.raises(ValueError, match="uint8 `image`"):
        zoo.data.load("tfds:imdb_reviews", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="Invalid `image_size`"):
        zoo.data.load("tfds:cats_vs_dogs", data_dir=str(tmp_path))


@pytest.mark.usefixtures("mocked")
def test_a_set_without_some_labels_is_refused(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def rows(self, *arguments, **options):
        examples = {"image": np.zeros([4, 32, 32, 3], np.uint8), "label": [3, 0, -1, 1]}
        return tf.data.Dataset.from_tensor_slices(examples)

    with tfds.testing.mock_data(num_examples=4, as_dataset_fn=rows):
        dataset = zoo.data.load("cifar10", data_dir=str(tmp_path))
        with helpers.refused(ValueError, match=r"`name`.*rows of t\w+: \[0, 10\).*cifar10 with -1"):
            dataset.arrays("test", limit=2)


def test_tfds_sets_that_are_not_there(tmp_path, monkeypatch):
    def no_network():
        raise OSError("Name or service not known")

    monkeypatch.setattr("zoo.data.tfds._need_network", no_network)
    with pytest.raises(FileNotFoundError, match="TFDS_DATA_DIR or data_dir") as caught:
        zoo.data.load("mnist", data_dir=str(tmp_path))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="Did you mean 'tfds:mnist'"):
        zoo.data.load("tfds:mnistt", data_dir=str(tmp_path))


@pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get("TFDS_DATA_DIR", ""), "mnist")),
    reason="no MNIST: TFDS_DATA_DIR does not name a directory that holds it",
)
def test_the_real_mnist():
    dataset = zoo.data.load("mnist")
    assert {split: dataset.size(split) for split in dataset.splits} == {
        "train": 60_000,
        "validation": 10_000,
        "test": 10_000,
    }
    train = dataset.arrays("train")
    # The counts of digits in MNIST's train set, and its mean pixel, as everyone quotes them.
    expected = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_array_equal(np.bincount(train["y"]), expected)
    assert abs(train["x"].mean(dtype=np.float64) - 0.1307) < 5e-5
    batch = helpers.first_batch(dataset, 100)
    assert batch["x"].shape == (100, 28, 28, 1) and batch["y"].dtype == np.int32


@pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get("TFDS_DATA_DIR", ""), "binarized_mnist")),
    reason="no binarised MNIST: TFDS_DATA_DIR does not name a directory that holds it",
)
def test_the_real_binarised_mnist():
    dataset = zoo.data.load("binarized_mnist")
    assert [dataset.size(s) for s in ("train", "validation", "test")] == [50_000, 10_000, 10_000]
    assert dataset.binary and dataset.num_classes is None
    x = dataset.arrays("test")["x"]
    assert set(np.unique(x)) == {0, 1} and 0.1 < x.mean() < 0.15
