"""Codes as vectors: by hand, of samples, of conditional models."""

import types

import code_arithmetic
import numpy as np

from tests.metrics.toys import Data
from tests.tools.painter import Painter, cells, close, images
from zoo.metrics import classifier


def test_the_difference_of_two_classes_mean_codes_is_added_to_an_image_of_one():
    """Class k's codes are (k - 1, 0, 0), and a little of their own, whose mean is not 0."""
    y = np.array([2, 0, 1, 0, 2, 1])
    z = np.random.default_rng(0).uniform(-0.4, 0.4, (6, 3))
    z[:, 0] += y - 1.0
    x = Painter().decode(z).mean()
    data = Data(num_classes=3, test={"x": x, "y": y})
    assert code_arithmetic.fits(Painter(), data)
    shown = cells(code_arithmetic.picture(Painter(), data, "test", 0), 1 + 3)
    means = np.stack([z[y == k].mean(axis=0) for k in range(3)])
    for row, first in enumerate((1, 2, 0)):  # of classes 0, 1, 2
        close(shown[row, 0], x[first].reshape(-1))
        expected = z[first] + means - means[row]
        close(shown[row, 1:, :3], np.clip((expected + 2.0) / 4.0, 0, 1))


def test_without_encoder_classes_of_samples_are_those_of_the_judge(monkeypatch):
    """Samples whose first code is negative are of class 0, others of class 1."""
    judge = types.SimpleNamespace(predict=lambda x: (x[:, 0, 0, 0] >= 0.5).astype(int))
    monkeypatch.setattr(classifier, "judge", lambda dataset: judge)
    model, data = Painter(encodes=False), Data(num_classes=3, test={"x": images(3)})
    assert code_arithmetic.fits(model, data)
    shown = cells(code_arithmetic.picture(model, data, "test", 3), 1 + 2)
    z = model.draw(2_000, (3, 0))
    classes = (z[:, 0] >= 0).astype(int)
    means = np.stack([z[classes == k].mean(axis=0) for k in (0, 1)])
    for row, first in enumerate(np.argmax(classes == k) for k in (0, 1)):
        close(shown[row, 0, :3], np.clip((z[first] + 2.0) / 4.0, 0, 1))
        close(shown[row, 1:, :3], np.clip((z[first] + means - means[row] + 2.0) / 4.0, 0, 1))


def test_a_conditional_model_is_told_the_class_of_the_row():
    y = np.array([1, 0, 1])
    z = np.random.default_rng(0).uniform(-1, 1, (3, 3))
    model = Painter(conditional=True, num_classes=2)
    x = model.decode(z, y).mean()
    shown = cells(
        code_arithmetic.picture(model, Data(num_classes=2, test={"x": x, "y": y}), "test", 0), 3
    )
    means = np.stack([z[y == k].mean(axis=0) for k in range(2)])
    for row, first in enumerate((1, 0)):
        expected = z[first] + means - means[row]
        close(shown[row, 1:, :3], np.clip((expected + 2.0) / 4.0, 0, 1))
        close(shown[row, 1:, -1], row / 10)


def test_codes_are_added_where_they_tell_the_class():
    labelled = Data(num_classes=3, test={"x": images(3), "y": np.arange(3)})
    conditional = {"conditional": True, "num_classes": 3}
    assert code_arithmetic.fits(Painter(**conditional), labelled)
    assert not code_arithmetic.fits(Painter(encodes=False, **conditional), labelled)
    assert not code_arithmetic.fits(Painter(), Data(test={"x": images(3)}))
