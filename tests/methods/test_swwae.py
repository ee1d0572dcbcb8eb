"""SWWAE: its three terms by hand, whose statistics it keeps, and what "where" tells alone."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.methods.tiny import phase
from tests.small import sgd
from zoo.methods.swwae import SWWAE
from zoo.networks.stack import conv, dense
from zoo.networks.switches import SwitchEncoder

CONFORMANCE = {
    "images": {"num_classes": 10},
    "vectors": None,
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

K, SHAPE = 3, (6, 6, 1)
SAME = {"padding": "same", "activation": "tanh"}


def swwae(norm=False, **options):
    rows = conv(4, 3, 2, norm=norm, **SAME), conv(5, 3, 2, norm=norm, **SAME)
    encoder = SwitchEncoder((*rows, dense(None, activation="linear")), (K,), init_seed=1)
    return SWWAE(image_shape=SHAPE, num_classes=K, encoder=encoder, **options)


def images(n, seed=0):
    """[n, 6, 6, 1]: a bright patch of 2 x 2 pixels somewhere, on noise."""
    rng = np.random.default_rng(seed)
    x = 0.1 * rng.uniform(size=(n, *SHAPE))
    for each, (i, j) in zip(x, rng.integers(0, 5, (n, 2))):
        each[i : i + 2, j : j + 2] += 0.9
    return x.astype(np.float32)


def few_labels():
    y = np.array([0, 2, 2, 1, 0, 1], np.int32)
    return {"x": images(8), "x_labelled": images(6, seed=1), "y_labelled": y}


def test_the_terms_by_hand():
    model, data = sgd(swwae(reconstruction_weight=3.0, middle_weight=0.5), rate=0.0), few_labels()
    logs = model.train_step(data)
    levels, _ = model.encoder.levels(tf.constant(data["x"]))
    found = model.decoder(levels[-1].what, [level.where for level in levels])
    of_x, of_middle = (np.mean((np.array(a) - b.what) ** 2) for a, b in zip(found, levels))
    logits = model.encoder(tf.constant(data["x_labelled"])).numpy()
    told = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(6), data["y_labelled"]]
    np.testing.assert_allclose(logs["reconstruction_loss"], of_x, rtol=1e-5)
    np.testing.assert_allclose(logs["middle_loss"], of_middle, rtol=1e-5)
    np.testing.assert_allclose(logs["label_loss"], told.mean(), rtol=1e-5)
    total = told.mean() + 3.0 * of_x + 0.5 * of_middle
    np.testing.assert_allclose(logs["classifier_loss"], total, rtol=1e-5)
    assert model.encoder.shapes == [SHAPE, (3, 3, 4), (2, 2, 5)]


def test_it_can_be_smoothed():
    plain, smooth = (
        sgd(swwae(vat_weight=w), rate=0.0).train_step(few_labels()) for w in (0.0, 3.0)
    )
    assert smooth["smoothness_loss"] > 0.0 and "smoothness_loss" not in plain
    extra = smooth["classifier_loss"] - plain["classifier_loss"]
    np.testing.assert_allclose(extra, 3.0 * smooth["smoothness_loss"], rtol=1e-3, atol=1e-5)


def test_both_halves_learn_from_the_way_back():
    model, x = sgd(swwae()), tf.constant(images(8))
    with phase(model, training=True), tf.GradientTape() as tape:
        loss = tf.add_n(model.way_back(model.passed(x)))
    *hidden, _ = model.encoder.stacks  # the last one gives the logits
    kernels = [stack.trainable_variables[0] for stack in hidden]
    variables = [*kernels, *model.decoder.trainable_variables]
    for slope in tape.gradient(loss, variables):
        assert slope is not None and np.abs(slope).max() > 0


def test_labelled_batches_leave_the_population_alone():
    """A step moves the statistics as if it had no labelled images."""
    kept, data = [], few_labels()
    for x_labelled in (data["x_labelled"], 1.0 - data["x_labelled"]):
        model = sgd(swwae(norm=True), rate=0.0)
        before = [v.numpy() for v in model.encoder.non_trainable_variables]
        model.train_step(data | {"x_labelled": x_labelled})
        kept.append([v.numpy() for v in model.encoder.non_trainable_variables])
    assert len(before) == 4
    for start, one, other in zip(before, *kept, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.abs(one - start).max() > 1e-4


@pytest.fixture(scope="module")
def trained():
    """A model that has learned to find its way back."""
    model = swwae(learning_rate=0.01)
    model.compile(steps_per_execution=40)
    data = few_labels() | {"x": images(64)}
    stream = tf.data.Dataset.from_tensors(data).repeat()
    model.fit(stream, steps_per_epoch=400, verbose=0)
    return model


def errors(model, x, where_of):
    """Mean squared error of x from its own "what" and the places of other rows."""
    levels = model.passed(tf.constant(x))
    where = [None if level.where is None else tf.gather(level.where, where_of) for level in levels]
    found = model.estimates(levels[-1].what, where)[0]
    return float(np.mean((found - x) ** 2))


def test_where_of_another_image_ruins_the_way_back(trained):
    """The leak of the switches: places alone tell much of x, so what is rebuilt is theirs."""
    x = images(64, seed=2)
    own, others = np.arange(64), np.roll(np.arange(64), 1)
    blind = float(np.mean((x - x.mean(axis=0)) ** 2))  # of the mean image
    assert errors(trained, x, own) < 0.5 * blind
    assert errors(trained, x, others) > 0.8 * blind


def test_verbs():
    model, x = swwae(), images(5)
    assert model.capabilities == {"classify", "encode"} and model.code_dim == 2 * 2 * 5
    np.testing.assert_allclose(model.classify(x), model.encoder(x), rtol=1e-5)
    np.testing.assert_allclose(model(x), model.encoder(x), rtol=1e-5)
    top = model.encoder.levels(tf.constant(x))[0][-1].what
    np.testing.assert_allclose(model.encode(x).mean(), np.reshape(top, [5, -1]), rtol=1e-5)
    with helpers.refused(match="cannot sample"):
        model.sample(3)
    with helpers.refused(ValueError, match="`num_classes`"):
        SWWAE(image_shape=SHAPE, num_classes=None)
