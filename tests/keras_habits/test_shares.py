"""Data that several replicas cannot share evenly, and validation data of more than x and y."""

import types

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers
from zoo.model import streams

X = np.random.default_rng(0).random((12, 4), np.float32)


def a_model(monkeypatch=None, replicas=2, **options):
    model = zoo.create("vae", image_shape=(4,), latent_dim=2, **options)
    model.compile()
    if monkeypatch is not None:
        two = types.SimpleNamespace(num_replicas_in_sync=replicas)
        monkeypatch.setattr(type(model), "distribute_strategy", two)
    return model


@pytest.mark.parametrize(
    "entry, options, argument",
    [
        ("fit", {"batch_size": 3}, "batch_size"),
        ("fit", {"x": X[:11], "batch_size": 4}, "x"),
        ("fit", {"batch_size": 5, "validation_split": 0.25}, "batch_size"),
        ("fit", {"x": X[:11], "batch_size": 4, "validation_split": 0.2}, "validation_split"),
        ("fit", {"batch_size": 4, "validation_data": (X[:3],)}, "validation_data"),
        ("evaluate", {"x": X[:11], "batch_size": 4}, "x"),
    ],
)
def test_arrays_that_replicas_cannot_share_are_refused(monkeypatch, entry, options, argument):
    model = a_model(monkeypatch)
    with helpers.refused(ValueError, match=f"`{argument}`: .*rows 2 replicas share evenly"):
        getattr(model, entry)(**{"x": X, "verbose": 0} | options)


def test_a_stream_is_refused_at_its_uneven_batch():
    batches = tf.data.Dataset.from_tensor_slices({"x": X}).batch(8)
    read = iter(batches.map(lambda batch: streams.asserting_share(batch, 2)))
    assert next(read)["x"].shape == (8, 4) and next(read)["x"].shape == (4, 4)
    read = iter(batches.map(lambda batch: streams.asserting_share(batch, 3)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="rows 3 replicas share evenly"):
        next(read)


def test_a_generator_is_refused_at_its_uneven_batch(monkeypatch):
    model = a_model(monkeypatch)
    read = model._checked_stream(iter([X[:4], X[:3]]))
    assert next(read)[0]["x"].shape == (4, 4)
    with helpers.refused(ValueError, match="`x`: .*rows 2 replicas .*3 rows in a batch"):
        next(read)


def test_held_out_rows_that_replicas_cannot_share_are_left_out():
    batches = tf.data.Dataset.from_tensor_slices({"x": X}).batch(5)  # of 5, 5 and 2
    sizes = lambda replicas: [len(batch["x"]) for batch in streams.trimmed(batches, replicas)]
    assert sizes(2) == [4, 4, 2]
    assert sizes(4) == [4, 4]


def test_validation_data_keep_all_their_names():
    model = zoo.create("density_ratio", image_shape=(4,))
    model.compile()
    batch = {"x": X, "x_reference": X[::-1].copy()}
    history = model.fit(batch, verbose=0, validation_data=(batch,)).history
    assert np.isfinite(history["val_loss"]).all()
