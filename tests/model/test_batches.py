"""Batches: the forms of data that models take, and the labels in them."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers
from tests.small import AtOnce, Bound, D, batch, make, stack


def test_as_batch():
    model = make(Bound)
    x, y = batch(4), np.arange(4)
    for data in (x, (x,), (x, y), {"x": x}, {"x": x, "y": y}, tf.constant(x)):
        np.testing.assert_array_equal(model.as_batch(data)["x"], x)
    np.testing.assert_array_equal(model.as_batch((x, y))["y"], y)
    assert model.as_batch({"x": x, "other": 3})["other"] == 3
    np.testing.assert_array_equal(
        model.as_batch({"x": x, "x_labelled": x[:2]})["x_labelled"], x[:2]
    )
    assert model.as_batch(x.astype(np.float64))["x"].dtype == tf.float32
    with helpers.refused(ValueError, match="`data`: expected x, or .*a tuple of 4"):
        model.as_batch((x, y, None, None))


def test_as_batch_of_images():
    model = zoo.create("tests.small:Bound", image_shape=(4, 4, 1), latent_dim=2)
    bytes_ = np.arange(32, dtype=np.uint8).reshape(2, 4, 4) * 8
    for data in (bytes_, tf.constant(bytes_)):
        scaled = model.as_batch(data)["x"]
        assert scaled.shape == (2, 4, 4, 1)
        np.testing.assert_allclose(scaled[..., 0], bytes_ / 255, rtol=1e-6)


def test_as_batch_refuses_another_shape():
    # Four values a row are not two rows of two.
    with pytest.raises(ValueError, match=r"x.shape"):
        make(Bound).as_batch(np.zeros([6, 2 * D], np.float32))


class Labelled(AtOnce):
    """A toy that is given labels."""

    LABELS = ("num_classes", "num_attributes")


def labelled(**options):
    networks = {"encoder": stack(2 * D, 1), "decoder": stack(D, 2)}
    return Labelled(image_shape=(D,), latent_dim=D, **networks, **options)


def test_label_vectors():
    one_hot, attributes = labelled(num_classes=3), labelled(num_attributes=2)
    np.testing.assert_array_equal(one_hot.label_vector(tf.constant([2, 0])), [[0, 0, 1], [1, 0, 0]])
    found = attributes.label_vector(np.array([[0, 1], [3, -1]]))
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, [[0, 1], [3, -1]])
    widths = [model.label_width for model in (one_hot, attributes, labelled())]
    assert widths == [3, 2, 0]
    assert [m.conditional for m in (one_hot, attributes, labelled())] == [True, True, False]


def test_conditional_models_want_labels_in_their_batches():
    x, y = batch(4), np.arange(4) % 3
    model = labelled(num_classes=3)
    for data in (x, (x,), {"x": x}, {"x": x, "x_labelled": x, "y_labelled": y}):
        with helpers.refused(ValueError, match="batches with labels y, as this model"):
            model.as_batch(data)
    found = model.phase_inputs(model.as_batch((x, y)))
    np.testing.assert_array_equal(found[1], y)
    assert len(labelled().phase_inputs(labelled().as_batch((x, y)))) == 1


def test_streams_of_semi_supervised_batches():
    x, few, y = batch(4), batch(2, seed=1), np.array([2, 0])
    model = make(AtOnce)
    streams = {"x": x, "x_labelled": few, "y_labelled": y}
    for found, expected in zip(model.labelled(streams), (x, few, y), strict=True):
        np.testing.assert_array_equal(found, expected)
    found = model.labelled({"x": x, "y": np.arange(4)})  # all labels known
    assert found[0] is x and found[1] is x
    with helpers.refused(ValueError, match="x_labelled and y_labelled, or y"):
        model.labelled({"x": x})
