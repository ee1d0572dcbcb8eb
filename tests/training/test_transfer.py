"""Runs that begin with the weights of another run."""

import shutil
import types
import warnings

import numpy as np
import pytest
import tensorflow as tf

import zoo
import zoo.data
from tests import helpers, small
from zoo.training import loop, run, transfer


@pytest.fixture(scope="module")
def data():
    return zoo.data.load("gaussian_ring")


def trained(data, run_dir, kind, steps, init_from=None, **changes):
    own = {"decoder_output": "normal"} if kind is small.Bound else {}
    model = kind(image_shape=(2,), latent_dim=2, **own, **changes)
    settings = {"checkpoint_every": 0, "sample_every": 0, "progress": False}
    settings |= {"steps": steps, "batch_size": 20, "init_from": init_from}
    loop.train(model, data, run_dir, **settings)
    return model


@pytest.fixture(scope="module")
def original(data, tmp_path_factory):
    """The directory of a run of three steps, and its model, which averages its weights."""
    run_dir = tmp_path_factory.mktemp("original") / "source"
    return run_dir, trained(data, run_dir, small.AtOnce, 3, ema_decay=0.5)


@pytest.fixture
def source(original, tmp_path):
    """A copy of that directory, which a test may change, and the model."""
    run_dir, model = original
    return shutil.copytree(run_dir, tmp_path / "source"), model


def arrays(network):
    return [variable.value.numpy() for variable in network.variables]


def begun(init_from, model, run_dir):
    origin, weights = transfer.read(init_from, model, run_dir)
    transfer.assign(weights, model)
    return origin, set(weights)


def test_the_common_networks_begin_as_the_verbs_of_the_other_run_know_them(source, tmp_path):
    run_dir, other = source
    model = small.Bound(image_shape=(2,), latent_dim=2, decoder_output="normal", ema_decay=0.9)
    origin, roles = begun(run_dir, model, tmp_path / "new")
    assert roles == {"encoder", "decoder"} and origin["step"] == 3
    x = small.batch()
    np.testing.assert_array_equal(model.encode(x).mean(), other.encode(x).mean())
    np.testing.assert_array_equal(model.decode(x).mean(), other.decode(x).mean())
    with other.inference():
        averaged = [v.value.numpy() for v in other.decoder.variables]
    assert small.same(arrays(model.decoder), averaged)
    assert not small.same(arrays(model.decoder), arrays(other.decoder))


def test_adaptation_to_the_data_comes_before(source, data, tmp_path, monkeypatch):
    def adapt(model, x):
        for variable in model.encoder.variables + model.decoder.variables:
            variable.assign(tf.zeros_like(variable))

    monkeypatch.setattr(small.Bound, "adapt", adapt)
    model = trained(data, tmp_path / "new", small.Bound, 0, source[0])
    assert all(np.abs(array).max() > 0 for array in arrays(model.decoder)[::2])  # kernels


@pytest.mark.every
def test_the_identity_holds_the_other_run_and_its_step_but_no_path(source, data, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(source[0], moved)
    for name, init_from in (("a", source[0]), ("b", moved)):
        trained(data, tmp_path / name, small.Bound, 1, init_from)
    one, other = (run.read_identity(tmp_path / name)["init_from"] for name in "ab")
    assert one == other and one["step"] == 3 and set(one) == {"run", "step"}


@pytest.mark.parametrize("fate", helpers.first_of(["is gone", "goes on"]))
def test_a_resumed_run_needs_its_beginning_no_more(source, data, tmp_path, fate):
    init_from, _ = source
    unbroken = trained(data, tmp_path / "unbroken", small.Bound, 6, init_from)
    trained(data, tmp_path / "cut", small.Bound, 3, init_from)
    if fate == "goes on":
        trained(data, init_from, small.AtOnce, 5, ema_decay=0.5)
    else:
        shutil.rmtree(init_from)
    resumed = trained(data, tmp_path / "cut", small.Bound, 6, init_from)
    helpers.assert_same_bits(helpers.arrays(resumed), helpers.arrays(unbroken))
    assert run.read_identity(tmp_path / "cut")["init_from"]["step"] == 3


@pytest.mark.every
def test_other_weights_than_without(source, data, tmp_path):
    plain = trained(data, tmp_path / "plain", small.Bound, 1)
    begun_there = trained(data, tmp_path / "begun", small.Bound, 1, source[0])
    assert not small.same(arrays(plain.decoder), arrays(begun_there.decoder))


def test_a_run_is_not_continued_from_another_beginning(source, data, tmp_path):
    trained(data, tmp_path / "a", small.Bound, 1, source[0])
    with helpers.refused(ValueError, match="init_from: .* in the run, absent now"):
        trained(data, tmp_path / "a", small.Bound, 2)
    trained(data, tmp_path / "b", small.Bound, 1)
    with helpers.refused(ValueError, match="init_from: absent in the run, "):
        trained(data, tmp_path / "b", small.Bound, 2, source[0])


def test_networks_of_other_shapes_are_refused_by_role(source, data, tmp_path):
    with helpers.refused(ValueError, match="a run whose discriminator is this one's"):
        trained(data, tmp_path / "new", small.InTurn, 1, source[0])  # D(x) from D(x, z)
    assert not (tmp_path / "new").exists()


def test_a_decoder_of_another_likelihood_is_told(data, tmp_path):
    trained(data, tmp_path / "source", small.Bound, 1)
    same, other = (
        small.Bound(image_shape=(2,), latent_dim=2, decoder_output=family)
        for family in ("normal", "bernoulli")
    )
    with warnings.catch_warnings(action="error"):
        transfer.read(tmp_path / "source", same, tmp_path / "run")
    with pytest.warns(
        UserWarning, match="decoder_output='normal', and this model's is 'bernoulli'"
    ):
        transfer.read(tmp_path / "source", other, tmp_path / "run")


def test_no_common_network_is_refused(source, tmp_path):
    model = types.SimpleNamespace(networks={"critic": None})
    expected = r"one of the networks critic \(it has encoder, decoder, discriminator\)"
    with helpers.refused(ValueError, match=expected):
        transfer.read(source[0], model, tmp_path / "new")


@pytest.mark.parametrize("what", ["no directory", "no checkpoint"])
def test_no_run_to_begin_with_is_refused(source, data, tmp_path, what):
    init_from = tmp_path / "none" if what == "no directory" else source[0]
    shutil.rmtree(source[0] / "checkpoints")
    with helpers.refused(FileNotFoundError, match="Invalid `init_from`.*with a checkpoint"):
        trained(data, tmp_path / "new", small.Bound, 1, init_from)
    assert not (tmp_path / "new").exists()


def test_a_model_that_has_trained_begins_with_no_other_weights(source, data, tmp_path):
    model = small.Bound(image_shape=(2,), latent_dim=2, decoder_output="normal")
    model.compile()
    model.fit(data.train(8), steps_per_epoch=1, verbose=0)
    source, _ = source
    with helpers.refused(ValueError, match="`init_from`: expected None for a model that has"):
        loop.train(model, data, tmp_path / "run", steps=2, batch_size=8, init_from=source)
    assert not (tmp_path / "run").exists()
