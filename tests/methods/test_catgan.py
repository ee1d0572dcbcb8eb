"""CatGAN: entropies of the classes of data and of samples, with few labels and with none."""

import numpy as np
import tensorflow as tf

from tests import helpers
from tests.methods.tiny import (
    check_labelled_batches_leave_the_population_alone,
    check_the_population_is_data,
    pair,
    phase,
)
from tests.metrics.toys import Data
from tests.small import D, batch, gradients, nets, same, sgd, weights
from zoo import metrics
from zoo.methods.catgan import CatGAN
from zoo.networks.stack import Pair, Stack, dense

CONFORMANCE = {
    "images": {"num_classes": 10},
    "vectors": {"num_clusters": 4},
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

K = 3


def catgan(**options):
    networks = nets("decoder") | {"discriminator": pair(codes=False, outputs=(K,))}
    given = {} if "num_clusters" in options else {"num_classes": K}
    return CatGAN(image_shape=(D,), latent_dim=D, **{**networks, **given, **options})


def few_labels():
    y = np.array([0, 2, 2, 1, 0, 1], np.int32)
    return {"x": batch(8), "x_labelled": batch(6, seed=1), "y_labelled": y}


def probabilities(model, x):
    logits = model.discriminator(x).numpy().astype(np.float64)
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def entropies(p):
    """(mean entropy of each, entropy of the mean)."""
    h = lambda p: -np.sum(p * np.log(p), axis=-1)
    return h(p).mean(), h(p.mean(axis=0))


def test_both_losses_by_hand():
    for options in ({}, {"label_weight": 0.3}, {"num_clusters": K}):
        model, data = sgd(catgan(**options)), few_labels()
        x, *labelled = model.phase_inputs(model.as_batch(data))
        with phase(model, training=True):
            d = model.discriminator_phase(x, *labelled)["discriminator"].numpy().mean()
            g = model.generator_phase(x)["generator"].numpy().mean()
            x_p = model.generate(x)
        (sure, all_data), (unsure, all_model) = (
            entropies(probabilities(model, each)) for each in (x, x_p)
        )
        told = 0.0
        if labelled:
            p = probabilities(model, data["x_labelled"])[np.arange(6), data["y_labelled"]]
            told = -model.label_weight * np.log(p).mean()
        np.testing.assert_allclose(d, -all_data + sure - unsure + told, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(g, -all_model + unsure, rtol=1e-4, atol=1e-5)


def test_players_in_turn():
    model, data = sgd(catgan()), few_labels()
    x, *labelled = model.phase_inputs(model.as_batch(data))
    before = weights(model)
    model.play(model.discriminator_phase, x, *labelled)
    after = weights(model)
    assert same(after["generator"], before["generator"])
    assert not same(after["discriminator"], before["discriminator"])
    moves = gradients(model, model.generator_phase, x)["generator"]
    model.play(model.generator_phase, x)
    last = weights(model)
    assert same(last["discriminator"], after["discriminator"])
    for w, g, now in zip(after["generator"], moves, last["generator"], strict=True):
        np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-6)
    assert max(np.abs(move).max() for move in moves) > 1e-4


def test_what_is_logged():
    model, data = sgd(catgan(num_clusters=K), rate=0.0), batch()
    for variable in model.discriminator.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    logs = model.train_step(data)
    for name in ("marginal_entropy", "entropy_data", "entropy_model"):
        np.testing.assert_allclose(logs[name], np.log(K), rtol=1e-6)
    np.testing.assert_allclose(logs["discriminator_loss"], -np.log(K), rtol=1e-6)
    np.testing.assert_allclose(logs["generator_loss"], 0.0, atol=1e-6)


def normalised(**options):
    """A model whose D has a row with batch normalisation, and which does not move."""
    trunk = Stack((dense(8, activation="tanh", norm=True),))
    joint = Stack((dense(None, activation="linear"),), (K,))
    return sgd(catgan(discriminator=Pair(trunk, None, joint), **options), rate=0.0)


def test_labelled_batches_leave_the_population_alone():
    check_labelled_batches_leave_the_population_alone(normalised(), few_labels(), "discriminator")


def test_the_population_of_the_discriminator_is_data():
    model = normalised()
    check_the_population_is_data(model, few_labels(), model.discriminator.x.blocks[0])


def test_verbs():
    x = batch(5)
    model, clusters = catgan(), catgan(num_clusters=K)
    assert clusters.capabilities == {"sample", "decode", "read"}
    assert model.capabilities == clusters.capabilities | {"classify"}
    for each in (model, clusters):
        np.testing.assert_allclose(each.read(x).mean(), np.log(probabilities(each, x)), atol=1e-5)
    np.testing.assert_allclose(model.classify(x), model.discriminator(x), rtol=1e-5)
    for options in ({"num_classes": None}, {"num_classes": K, "num_clusters": K}):
        with helpers.refused(ValueError, match="`num_clusters`"):
            catgan(**options)
    with helpers.refused(ValueError, match="batches with labels"):
        sgd(model).train_step(x)


def test_clusters_are_compared_with_the_classes_of_the_data():
    names = {"clustering_error", "clustering_error_hungarian", "nmi", "ari"}
    x, found = batch(40), catgan(num_clusters=K)
    y = probabilities(found, x).argmax(axis=1).astype(np.int32)  # clusters are the classes
    data = Data(num_classes=K, validation={"x": x, "y": y}, test={"x": x[::-1], "y": y[::-1]})
    assert len(set(y)) > 1 and names <= set(metrics.applicable(found, data))
    measured = metrics.evaluate(found, data, metrics=sorted(names))
    values = {name: measured[name]["value"] for name in names}
    assert values["clustering_error"] == values["clustering_error_hungarian"] == 0.0
    np.testing.assert_allclose([values["nmi"], values["ari"]], 1.0)
    assert not names & set(metrics.applicable(catgan(), data))  # it was told the classes
