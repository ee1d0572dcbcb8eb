"""VAT: the two terms by hand, whose statistics batches move, and what a weight of 0 leaves."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.methods.tiny import check_labelled_batches_leave_the_population_alone, phase
from tests.small import D, batch, hidden, same, sgd, stack, weights
from zoo.methods.catgan import CatGAN
from zoo.methods.improved_gan import ImprovedGAN
from zoo.methods.ladder import Ladder
from zoo.methods.m2 import M2
from zoo.methods.vat import VAT
from zoo.model.smoothing import Smoothing
from zoo.networks.stack import dense

CONFORMANCE = {
    "images": {"num_classes": 10, "vat_xi": 0.3},
    "vectors": None,
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

K = 3


def vat(*rows, **options):
    network = stack(K, 1, *(rows or (hidden(),)))
    return VAT(image_shape=(D,), num_classes=K, classifier=network, **options)


def few_labels(n=8):
    y = np.array([0, 2, 2, 1, 0, 1], np.int32)
    data = {"x": batch(n), "x_labelled": batch(6, seed=1), "y_labelled": y}
    return {name: tf.constant(value) for name, value in data.items()}


def log_p(model, x):
    logits = model.classifier(x).numpy().astype(np.float64)
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def test_the_two_terms_by_hand():
    data = few_labels()
    told = -log_p(vat(), data["x_labelled"])[np.arange(6), data["y_labelled"]].mean()
    logs = {}
    for weight in (0.0, 2.0):
        radius = {"vat_epsilon": 1.5} if weight else {}
        model = sgd(vat(vat_weight=weight, **radius), rate=0.0)
        logs[weight] = model.train_step(data)
        np.testing.assert_allclose(logs[weight]["label_loss"], told, rtol=1e-5)
    np.testing.assert_allclose(logs[0.0]["classifier_loss"], told, rtol=1e-5)
    assert "smoothness_loss" not in logs[0.0]
    smoothness = float(logs[2.0]["smoothness_loss"])
    np.testing.assert_allclose(logs[2.0]["classifier_loss"], told + 2.0 * smoothness, rtol=1e-5)
    # No better than the worst of many directions, no worse than their mean.
    x, model = data["x"], vat()
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    p = log_p(model, x)
    costs = [
        np.sum(np.exp(p) * (p - log_p(model, x + 1.5 * np.float32([np.cos(a), np.sin(a)]))), axis=1)
        for a in turn
    ]
    assert np.mean(costs) < smoothness < np.max(costs, axis=0).mean() * 1.001


def test_without_a_weight_it_is_the_network_on_the_labels_alone():
    model, data = sgd(vat(vat_weight=0.0)), few_labels()
    other = sgd(vat(vat_weight=0.0))
    model.train_step(data)
    other.train_step(data | {"x": data["x"] + 5.0})
    assert same(weights(model)["classifier"], weights(other)["classifier"])


def test_whose_statistics_are_the_population_s():
    rows = (dense(8, norm=True, activation="tanh"),)
    check_labelled_batches_leave_the_population_alone(
        sgd(vat(*rows), rate=0.0), few_labels(), "classifier"
    )
    model, data = sgd(vat(*rows), rate=0.0), few_labels()
    norm = model.classifier.blocks[0].norm
    pre = model.classifier.blocks[0].linear(data["x"]).numpy()
    model.train_step(data)  # once, by x alone: not by x + r
    np.testing.assert_allclose(norm.moving_mean, 0.05 * pre.mean(axis=0), atol=1e-6)
    alone = sgd(vat(*rows, vat_weight=0.0), rate=0.0)
    alone.train_step(data)
    pre = alone.classifier.blocks[0].linear(data["x_labelled"]).numpy()
    norm = alone.classifier.blocks[0].norm
    np.testing.assert_allclose(norm.moving_mean, 0.05 * pre.mean(axis=0), atol=1e-6)


def test_all_passes_have_the_same_noise():
    # A network that is nothing but noise on a constant: x + r changes no logit.
    model = sgd(vat(dense(8, noise=1.0, activation="tanh")), rate=0.0)
    model.classifier.blocks[0].linear.kernel.assign(tf.zeros([D, 8]))
    assert float(model.train_step(few_labels())["smoothness_loss"]) == 0.0
    quiet = sgd(vat(dense(8, noise=1.0, activation="tanh"), vat_epsilon=1e-3), rate=0.0)
    assert float(quiet.train_step(few_labels())["smoothness_loss"]) < 1e-5


@pytest.mark.parametrize("kind", [CatGAN, ImprovedGAN, Ladder, M2])
def test_other_classifiers_can_be_smoothed(kind):
    assert issubclass(kind, Smoothing) and kind.HYPER_PARAMETERS["vat_weight"].default == 0.0
    data = few_labels()
    network = "ladder_small_mlp" if kind is Ladder else "auto"
    options = {"image_shape": (D,), "num_classes": K, "network": network}
    options |= {"denoising_costs": (0.0,)} if kind is Ladder else {"latent_dim": D}
    plain, smooth = (kind(**options, vat_weight=weight) for weight in (0.0, 3.0))
    player = next(iter(plain.players))
    for model in (plain, smooth):
        sgd(model, rate=0.0, run_eagerly=True)
    without, with_it = (model.train_step(data) for model in (plain, smooth))
    extra = float(with_it[f"{player}_loss"] - without[f"{player}_loss"])
    assert set(with_it) - set(without) == {"smoothness_loss"}
    assert extra > 0.0
    np.testing.assert_allclose(extra, 3.0 * with_it["smoothness_loss"], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "dtype, given, taken",
    [("float32", 0.02, 0.02), ("mixed_bfloat16", 0.02, 0.1), ("mixed_bfloat16", 0.3, 0.3)],
)
def test_the_search_takes_no_smaller_steps_than_its_precision_tells(dtype, given, taken):
    model, asked = sgd(vat(vat_xi=given, dtype=dtype)), []

    def penalty(classify, target, x, noise, epsilon, xi, iterations):
        asked.append((epsilon, xi, iterations))
        return tf.zeros(8)

    with phase(model):
        model.smoothed(tf.zeros([]), penalty, tf.constant(batch(8)))
    assert asked == [(0.3, taken, 1)]


def test_verbs():
    model, x = vat(), batch(5)
    assert model.capabilities == {"classify"}
    np.testing.assert_allclose(model.classify(x), model.classifier(x), rtol=1e-5)
    np.testing.assert_allclose(model(x), model.classifier(x), rtol=1e-5)
    with helpers.refused(match="cannot sample"):
        model.sample(3)
    with phase(sgd(model)):
        assert model.class_logits(tf.constant(x)).shape == (5, K)
    with helpers.refused(ValueError, match="`num_classes`"):
        VAT(image_shape=(D,), num_classes=None)
