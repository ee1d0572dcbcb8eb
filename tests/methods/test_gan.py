"""GAN: players in turn, their ratio of updates, and the generator's two losses."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import choose
from tests.methods.tiny import check_the_population_is_data, phase
from tests.small import D, batch, gradients, nets, same, sgd, weights
from zoo.methods.gan import GAN
from zoo.networks.stack import Pair, Stack, dense


def gan(**options):
    networks = nets("decoder", "discriminator")
    return GAN(image_shape=(D,), latent_dim=D, **networks | options)


def test_a_phase_moves_its_player_alone():
    model, x = sgd(gan()), tf.constant(batch())
    before = weights(model)
    model.play(model.discriminator_phase, x)
    after = weights(model)
    assert same(after["generator"], before["generator"])
    pairs = zip(after["discriminator"], before["discriminator"], strict=True)
    assert not any(np.array_equal(a, b) for a, b in pairs)
    model.play(model.generator_phase, x)
    last = weights(model)
    assert same(last["discriminator"], after["discriminator"])
    assert not same(last["generator"], after["generator"])


@pytest.mark.parametrize("ratio", [1, 3])
def test_the_ratio_of_updates(ratio):
    model = gan(discriminator_steps=ratio)
    model.compile()
    model.fit(batch(8), batch_size=4, epochs=2, verbose=0)  # 4 steps
    assert int(model.optimizers["discriminator"].iterations) == 4 * ratio
    assert int(model.optimizers["generator"].iterations) == 4
    assert int(model.step) == 4
    assert int(model.play_counter) == 4 * (ratio + 1)


def test_every_update_has_noise_of_its_own(monkeypatch):
    model, seen = sgd(gan(discriminator_steps=2), rate=0.0), []
    generate = model.generate
    monkeypatch.setattr(model, "generate", lambda x: seen.append(generate(x)) or seen[-1])
    model.train_step(batch())
    assert len(seen) == 3
    for i in range(3):
        assert np.abs(seen[i] - seen[i - 1]).max() > 1e-3


def normalised():
    """D = 5 times its one feature, x_0 + x_1 normalised over the batch, plus 1."""
    rows = (
        dense(1, activation="linear", norm=True, affine=False),
        dense(None, activation="linear"),
    )
    joint = Stack(rows, ())
    model = gan(discriminator=Pair(Stack(()), None, joint))
    kernels = {2: np.ones([2, 1]), 1: np.full([1, 1], 5.0)}
    for variable in joint.trainable_variables:
        shape = tuple(variable.shape)
        variable.assign(kernels[shape[0]] if len(shape) == 2 else np.ones(shape))
    return sgd(model, rate=0.0)


def test_batch_normalisation_sees_data_and_samples_apart():
    # Each batch by itself has mean logit 1, however far from the other; as one it would not.
    model, x = normalised(), tf.constant(100.0 + batch())
    seen, apply_each = [], model.apply_each
    model.apply_each = lambda *a, **k: seen.append(apply_each(*a, **k)) or seen[-1]
    model.train_step(x)
    ((of_data, of_samples),) = seen
    for logits in (of_data, of_samples):
        np.testing.assert_allclose(np.mean(logits), 1.0, atol=1e-4)
        np.testing.assert_allclose(np.std(logits), 5.0, rtol=0.05)
    with phase(model, training=True):  # samples get the same logits in the generator's phase
        samples = model.apply("discriminator", model.generate(x))
        np.testing.assert_allclose(np.mean(samples), 1.0, atol=1e-4)


@pytest.mark.parametrize("loss", ["non_saturating", "feature_matching"])
def test_the_population_of_the_discriminator_is_data(loss):
    model = normalised()
    choose(model, generator_loss=loss)
    check_the_population_is_data(model, 3.0 + 2.0 * batch(), model.discriminator.joint.blocks[0])


def test_without_batch_normalisation_one_call_gives_the_same():
    model = sgd(gan())
    x, x_p = tf.constant(batch()), tf.constant(batch(seed=1))
    with phase(model, training=True):
        together, apart = (
            model.apply_each("discriminator", (x,), (x_p,), together=t) for t in (True, False)
        )
        for a, b, each in zip(together, apart, (x, x_p), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_allclose(a, model.apply("discriminator", each), atol=1e-6)


def test_both_costs_at_logits_0():
    for loss, cost in (("minimax", -np.log(2.0)), ("non_saturating", np.log(2.0))):
        model = gan(generator_loss=loss)
        model.compile()
        for variable in model.player_variables["discriminator"]:
            variable.assign(tf.zeros_like(variable))
        logs = model.test_step(batch())
        np.testing.assert_allclose(logs["discriminator_loss"], 2 * np.log(2.0), rtol=1e-6)
        np.testing.assert_allclose(logs["generator_loss"], cost, rtol=1e-6)
        np.testing.assert_allclose(logs["discriminator_accuracy_data"], 0.0)  # a tie: "model"
        np.testing.assert_allclose(logs["discriminator_accuracy_model"], 1.0)


def test_the_generators_losses_differ_in_value_and_gradient():
    """At one logit l: -softplus(l) and softplus(-l), their slopes -s(l) and -s(-l) = -s(l) e^-l."""
    x, moves, costs = tf.constant(batch(1)), {}, {}
    for loss in ("minimax", "non_saturating"):
        model = sgd(gan(generator_loss=loss), rate=0.0)
        bias = model.discriminator.weights[-1]
        bias.assign(bias - 4.0)  # the discriminator is sure
        moves[loss] = gradients(model, model.generator_phase, x)["generator"]
        model.play(model.generator_phase, x)
        costs[loss] = float(model._logs.by_name["generator_loss"].result())
    logit = np.log(np.expm1(-costs["minimax"]))
    assert logit < -1
    np.testing.assert_allclose(costs["non_saturating"], np.log1p(np.exp(-logit)), rtol=1e-4)
    for weak, alive in zip(moves["minimax"], moves["non_saturating"], strict=True):
        assert np.abs(alive).max() > 0
        np.testing.assert_allclose(weak, alive * np.exp(logit), rtol=1e-3, atol=1e-7)


def test_verbs():
    model = gan()
    assert model.capabilities == {"sample", "decode"}
    assert model.density is None
