"""What the tools do with the labels and the splits of users' data; in this process, untrained."""

import types

import common
import numpy as np
import pytest
import train

import zoo
from tests.helpers import refused


@pytest.fixture
def archive(tmp_path):
    """Makes `npz:` data of 40 rows with given labels, or none."""

    def make(**labels):
        np.savez(tmp_path / "a.npz", x=np.zeros([40, 2]), **labels)
        return zoo.data.load(f"npz:{tmp_path / 'a.npz'}")

    return make


def flags(method, attributes=False, **hyper_parameters):
    return types.SimpleNamespace(
        method=method, attributes=attributes, hyper_parameters=hyper_parameters
    )


def test_classes_come_from_the_data_where_a_method_needs_them(archive):
    data, given = archive(y=np.arange(40) % 3), flags("cvae", num_classes=None)
    train.fill_labels(given, data)
    assert given.hyper_parameters == {"num_classes": 3}
    for kept in (flags("ali", num_classes=None), flags("cvae", num_classes=5)):
        before = dict(kept.hyper_parameters)
        train.fill_labels(kept, data)
        assert kept.hyper_parameters == before


def test_a_conditional_method_without_labels_is_refused(archive):
    with refused(ValueError, match="`dataset`: expected data with class labels, as cvae is"):
        train.fill_labels(flags("cvae", num_classes=None), archive())
    with refused(ValueError, match="Add --attributes.$"):
        train.fill_labels(flags("cvae", num_classes=None), archive(y=np.zeros([40, 2])))
    with refused(ValueError, match="`dataset`: expected data with two classes or more, as cvae"):
        train.fill_labels(flags("cvae", num_classes=None), archive(y=np.zeros(40, int)))


def test_labels_that_a_method_ignores_are_refused_before_there_is_a_directory(tmp_path):
    data, run_dir = zoo.data.load("digits", labels=100), tmp_path / "run"
    model = zoo.create("tests.small:Bound", image_shape=data.image_shape, latent_dim=2)
    with refused(ValueError, match="`labels`: expected None, as .* would not learn from them"):
        zoo.training.train(model, data, run_dir, steps=1, batch_size=10)
    assert not run_dir.exists()


def test_rows_that_were_trained_on_keep_their_name(archive, tmp_path):
    data = archive()
    blind, held_out = (types.SimpleNamespace(best_metric=m) for m in ("loss", "val_loss"))
    assert common.measured_split(None, blind, data) == "test"
    assert common.measured_split("train", blind, data) == "train"
    assert common.measured_split("validation", held_out, data) == "validation"
    with refused(ValueError, match="`split`: expected test or train, as the run was trained on"):
        common.measured_split("validation", blind, data)
    np.savez(tmp_path / "few.npz", x=np.zeros([6, 2]))
    few = zoo.data.load(f"npz:{tmp_path / 'few.npz'}")  # of which none is held out
    assert common.measured_split(None, blind, few) == "train"
    with refused(ValueError, match="`split`: expected one of train. Received: split='test'"):
        common.measured_split("test", blind, few)
    own = zoo.data.load("gaussian_grid")  # a validation split of its own
    assert common.measured_split("validation", blind, own) == "validation"
    assert common.measured_split(None, blind, own) == "test"
