"""ACGAN: what its discriminator says beside its logit, and what that costs each player."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.helpers import refused
from tests.methods.tiny import constant, linear, phase, seen_by
from tests.small import D, batch, gradients, nets, same, sgd, stack, weights
from zoo.methods.acgan import ACGAN
from zoo.networks.stack import dense

CONFORMANCE = {"images": {"num_classes": 10}, "vectors": None}

K = 3
Y = np.array([0, 2, 1, 2], np.int32)


def acgan(**options):
    discriminator = linear(1 + K, 7)
    settings = {**nets("decoder"), "discriminator": discriminator, "num_classes": K}
    return sgd(ACGAN(image_shape=(D,), latent_dim=D, **settings | options))


def softplus(v):
    return np.logaddexp(0.0, v)


def surprise(logits, y):
    """-log softmax(logits)[y]."""
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]


def test_both_players_pay_for_the_class_beside_the_logit(monkeypatch):
    x = batch(4)
    for weight in (1.0, 0.3):
        model = acgan(class_weight=weight)
        seen = seen_by(model, "discriminator", monkeypatch)
        losses = model.losses_of((x, Y))
        (both,), (x_g,) = seen  # D is told no label
        of_data, of_model = np.split(model.discriminator(both).numpy(), 2)
        classes = [surprise(each[:, 1:], Y) for each in (of_data, of_model)]
        assert min(map(np.ptp, classes)) > 0.05  # it matters which label a row has
        expected = softplus(-of_data[:, 0]) + softplus(of_model[:, 0]) + weight * sum(classes)
        np.testing.assert_allclose(losses["discriminator"], expected, rtol=1e-5)
        outputs = model.discriminator(x_g).numpy()
        expected = softplus(-outputs[:, 0]) + weight * surprise(outputs[:, 1:], Y)
        np.testing.assert_allclose(losses["generator"], expected, rtol=1e-5)


def test_minimax_is_the_paper_s_game():
    """max over G of L_C - L_S: at a constant D, - softplus(l) and the class's cost."""
    model = acgan(generator_loss="minimax")
    constant(model.discriminator, 0.7, 0.0, 1.0, -1.0)
    with phase(model):
        found = model.generator_phase(tf.constant(batch(4)), tf.constant(Y))["generator"]
    expected = -softplus(0.7) + surprise(np.array([[0.0, 1.0, -1.0]] * 4), Y)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_class_teaches_the_generator_and_only_in_its_phase():
    model, x = acgan(), tf.constant(batch(4))
    kernel = model.discriminator.trainable_variables[0]
    kernel.assign(kernel * [[0.0] + [1.0] * K])  # the logit tells nothing of x
    run = lambda x: model.generator_phase(x, tf.constant(Y))
    moves = gradients(model, run, x)["generator"]
    assert max(np.abs(g).max() for g in moves) > 1e-3
    before = weights(model)
    model.play(model.discriminator_phase, x, tf.constant(Y))
    assert same(weights(model)["generator"], before["generator"])


def test_penalties_are_on_the_slope_of_the_logit():
    model, x, y = acgan(penalty="r1", penalty_weight=3.0), tf.constant(batch(4)), tf.constant(Y)
    w = model.discriminator.trainable_variables[0].numpy()[:, 0]
    with phase(model):
        outputs = model.judge(x, x, y)
        found, plain = (model.discriminator_cost(outputs, p, y).numpy() for p in (x, None))
    np.testing.assert_allclose(found - plain, 3.0 * (w @ w), rtol=1e-4)


def test_a_bounded_critic_needs_no_warning():
    spectral = stack(1 + K, 7, dense(8, activation="tanh", spectral=True))
    with warnings.catch_warnings(action="error"):
        for bound in ({"clip_value": 0.01}, {"penalty": "r1"}, {"discriminator": spectral}):
            acgan(discriminator_loss="wasserstein", **bound)


def test_logs_and_verbs():
    model, x = acgan(), batch(4)
    assert model.capabilities == {"sample", "decode", "classify"} and model.conditional
    outputs = model.discriminator(x).numpy()
    np.testing.assert_allclose(model.classify(x), outputs[:, 1:], rtol=1e-5)
    logs = model.test_step((x, Y))
    right = np.mean(outputs[:, 1:].argmax(axis=1) == Y)
    np.testing.assert_allclose(float(logs["class_accuracy_data"]), right)
    np.testing.assert_allclose(
        float(logs["discriminator_accuracy_data"]), np.mean(outputs[:, 0] > 0)
    )
    with pytest.warns(UserWarning, match="Nothing bounds the critic's slope"):
        critic = acgan(discriminator_loss="wasserstein")
    assert critic.phase_logs == ("wasserstein", "class_accuracy_data", "class_accuracy_model")
    assert np.isfinite(float(critic.test_step((x, Y))["wasserstein"]))


def test_refusals():
    with refused(ValueError, match="`num_classes`"):
        acgan(num_classes=None)
    with refused(ValueError, match="`num_attributes`"):
        acgan(num_classes=None, num_attributes=2)
    with refused(ValueError, match="`generator_loss`"):
        acgan(generator_loss="feature_matching")
    few = zoo.data.load("digits", labels=20)
    model = ACGAN(image_shape=few.image_shape, latent_dim=2, num_classes=10)
    with refused(ValueError, match="`labels`.*would not learn from them.*=20.$"):
        model.check_data(few)
