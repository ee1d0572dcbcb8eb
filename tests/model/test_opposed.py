"""One backward pass for two players: their gradients are those of two passes."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import small
from zoo.losses import adversarial
from zoo.model.opposed import Opposition
from zoo.model.phases import Phase, SteeredLosses, entered
from zoo.networks.stack import Stack, dense

X, Y = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32) * 2.0


def network(*rows):
    made = Stack([*rows, dense(None, activation="linear")], (), init_seed=1)
    made.build((None, 3))
    return made


def slopes(discriminator, scale, wanted):
    """(losses, gradients of the discriminator's weights by its loss, of X and Y by the other's)."""
    x, y = tf.constant(X), tf.constant(Y)
    with entered(Phase(tf.zeros([2], tf.int32), True, steered=wanted)):
        both = Opposition(discriminator)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        inside = both.enter(x, side=0), both.enter(y, side=1)
        logits = [scale * discriminator(each) for each in inside]
        losses = both.losses(adversarial.discriminator, adversarial.swapped_generator, *logits)
        one = getattr(losses, "steering", None)
        d, g = (losses[p] if one is None else one for p in ("discriminator", "generator"))
        d, g = tf.reduce_mean(d), tf.reduce_mean(g)
    weights = discriminator.trainable_variables
    return losses, one is not None, tape.gradient(d, weights), tape.gradient(g, [x, y])


@pytest.mark.parametrize("scale", [1.0, 20.0, 1000.0])
def test_gradients_are_those_of_two_passes(scale):
    """At 20 the discriminator is sure of itself, at 1000 its slopes are 0 in float32."""
    found = {wanted: slopes(network(dense(8), dense(8)), scale, wanted) for wanted in (True, False)}
    assert found[True][1] and not found[False][1]
    for player, loss in found[False][0].items():
        np.testing.assert_array_equal(found[True][0][player], loss)
    for one, two in zip(found[True][2] + found[True][3], found[False][2] + found[False][3]):
        # Some ten roundings of 2^-24 a term, of terms as large as the largest gradient.
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6 * np.abs(two).max() + 1e-12)
        assert scale > 1 or np.abs(two).max() > 1e-3


@pytest.mark.parametrize("rows", [[dense(8, norm=True)], [dense(8, minibatch_stddev=True)]])
def test_rows_that_depend_on_each_other_get_two_passes(rows):
    _, one, *_ = slopes(network(*rows), 1.0, wanted=True)
    assert not one


def test_float16_whose_range_is_small_gets_two_passes():
    made = Stack([dense(8), dense(None, activation="linear")], (), dtype="mixed_float16")
    made.build((None, 3))
    _, one, *_ = slopes(made, 1.0, wanted=True)
    assert not one


@pytest.mark.parametrize("method", ["ali", "hali"])
def test_methods_move_by_the_gradients_of_their_losses(method):
    model = small.sgd(zoo.create(method, image_shape=(3,), latent_dim=2))
    expected, before = small.gradients(model, model.game, X), small.weights(model)
    passes = []
    model.play(lambda x: passes.append(model.game(x)) or passes[0], X)
    assert isinstance(passes[0], SteeredLosses)
    for player, gradients in expected.items():
        for was, slope, now in zip(before[player], gradients, small.weights(model)[player]):
            np.testing.assert_allclose(now, was - 0.1 * slope, atol=2e-6)
