"""ImprovedGAN: K logits for K + 1 classes, half of the game, and the means of features."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.methods.tiny import (
    check_labelled_batches_leave_the_population_alone,
    check_the_population_is_data,
    pair,
    phase,
)
from tests.small import D, batch, gradients, nets, same, sgd, weights
from zoo.methods.improved_gan import ImprovedGAN
from zoo.networks.stack import Pair, Stack, dense

CONFORMANCE = {
    "images": {"num_classes": 10},
    "vectors": None,
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

K = 3


def improved_gan(**options):
    networks = nets("decoder") | {"discriminator": pair(codes=False, outputs=(K,))}
    return ImprovedGAN(image_shape=(D,), latent_dim=D, **{"num_classes": K} | networks | options)


def few_labels():
    y = np.array([0, 2, 2, 1, 0, 1], np.int32)
    return {"x": batch(8), "x_labelled": batch(6, seed=1), "y_labelled": y}


def log_softmax(logits):
    return logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))


def test_the_discriminator_s_loss_is_that_of_k_plus_1_free_logits():
    """log p of K + 1 logits of which the last is any number, as the softmax knows differences."""
    model, data = sgd(improved_gan()), few_labels()
    x, *labelled = model.phase_inputs(model.as_batch(data))
    with phase(model, training=True):
        found = model.discriminator_phase(x, *labelled)["discriminator"]
        x_p = model.generate(x)
    moved = np.random.default_rng(0).normal(size=(14 + 8, 1))
    of = np.concatenate([model.discriminator(each) for each in (data["x_labelled"], x, x_p)])
    free = log_softmax(np.concatenate([of + moved, moved], axis=1))
    labels, known, unknown = free[:6], free[6:14], free[14:]
    among = labels[:, :K] - np.log(1.0 - np.exp(labels[:, K:]))  # p(y|x, data)
    told = -np.mean(among[np.arange(6), data["y_labelled"]])
    game = -np.log1p(-np.exp(known[:, K])).mean() - unknown[:, K].mean()
    np.testing.assert_allclose(found, told + 0.5 * game, rtol=1e-5)


def test_a_weight_of_the_game():
    model, data = sgd(improved_gan(unlabelled_weight=0.0)), few_labels()
    x, *labelled = model.phase_inputs(model.as_batch(data))
    with phase(model):
        found = model.discriminator_phase(x, *labelled)["discriminator"]
    logs = log_softmax(model.classify(data["x_labelled"]).numpy())
    np.testing.assert_allclose(found, -np.mean(logs[np.arange(6), data["y_labelled"]]), rtol=1e-5)


def test_features_are_matched_in_their_means():
    model, x = sgd(improved_gan()), tf.constant(batch())
    with phase(model, training=True):
        found = model.generator_phase(x)["generator"]
        x_p = model.generate(x)
    hidden = [model.discriminator.trace(each)[-2].numpy().mean(axis=0) for each in (x, x_p)]
    assert hidden[0].shape == (8,)
    np.testing.assert_allclose(found, np.mean((hidden[0] - hidden[1]) ** 2), rtol=1e-5)


def test_the_other_side_of_the_game_is_the_saturating_one():
    model, x = sgd(improved_gan(generator_loss="minimax")), tf.constant(batch())
    with phase(model, training=True):
        found = model.generator_phase(x)["generator"]
        logits = model.discriminator(model.generate(x)).numpy()
    z = np.exp(logits).sum(axis=1)
    np.testing.assert_allclose(found, np.log(1.0 - z / (z + 1.0)), rtol=1e-4)


def test_players_in_turn():
    model, data = sgd(improved_gan()), few_labels()
    x, *labelled = model.phase_inputs(model.as_batch(data))
    before = weights(model)
    model.play(model.discriminator_phase, x, *labelled)
    after = weights(model)
    assert same(after["generator"], before["generator"])
    assert not same(after["discriminator"], before["discriminator"])
    moves = gradients(model, model.generator_phase, x)["generator"]
    assert all(np.abs(move).max() > 0 for move in moves)
    model.play(model.generator_phase, x)
    last = weights(model)
    assert same(last["discriminator"], after["discriminator"])
    for w, g, now in zip(after["generator"], moves, last["generator"], strict=True):
        np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-6)


def normalised(**options):
    """A model whose D has a row with batch normalisation, and which does not move."""
    trunk = Stack((dense(8, activation="tanh", norm=True),))
    joint = Stack((dense(None, activation="linear"),), (K,))
    return sgd(improved_gan(discriminator=Pair(trunk, None, joint), **options), rate=0.0)


def test_labelled_batches_leave_the_population_alone():
    check_labelled_batches_leave_the_population_alone(normalised(), few_labels(), "discriminator")


def test_the_population_of_the_discriminator_is_data():
    model = normalised(generator_loss="minimax")
    check_the_population_is_data(model, few_labels(), model.discriminator.x.blocks[0])


def test_data_set_the_scales_before_the_first_step():
    joint = Stack((dense(None, activation="linear", weight_norm="learned"),), (K,))
    trunk = Stack((dense(8, activation="relu", weight_norm="fixed"),))
    model, x = improved_gan(discriminator=Pair(trunk, None, joint)), 4.0 + 3.0 * batch(60)
    model.adapt(tf.constant(x))
    logits = model.classify(x).numpy()
    np.testing.assert_allclose(logits.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(logits.std(axis=0), 1.0, rtol=1e-3)


def test_minibatch_discrimination_sees_data_and_samples_apart():
    joint = Stack((dense(None, activation="linear", minibatch=4),), (K,))
    model = sgd(improved_gan(discriminator=Pair(Stack(()), None, joint), generator_loss="minimax"))
    x, x_p = tf.constant(batch()), tf.constant(batch(seed=1))
    with phase(model, training=True):
        found = model.judge(x, x_p)
    for logit, each in zip(found, (x, x_p), strict=True):
        z = np.exp(model.discriminator(each, training=True)).sum(axis=1)
        np.testing.assert_allclose(logit, np.log(z), rtol=1e-4, atol=1e-5)
    model.train_step(few_labels())


def test_verbs_and_refusals():
    model, x = improved_gan(), batch(5)
    assert model.capabilities == {"sample", "decode", "classify"}
    np.testing.assert_allclose(model.classify(x), model.discriminator(x), rtol=1e-5)
    assert np.abs(np.array(model.prior.sample(500, seed=(0, 1)))).max() <= 1.0
    with helpers.refused(ValueError, match="`num_classes`"):
        improved_gan(num_classes=None)
    with helpers.refused(ValueError, match="`generator_loss`"):
        improved_gan(generator_loss="kl")
    with helpers.refused(ValueError, match="batches with labels"):
        sgd(model).train_step(batch())


@pytest.mark.parametrize("name", ["penalty", "unrolled_steps", "label_smoothing"])
def test_what_the_gan_may_choose_is_no_choice_here(name):
    with helpers.refused(ValueError, TypeError, match=name):
        improved_gan(**{name: 1})
