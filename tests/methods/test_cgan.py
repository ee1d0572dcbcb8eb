"""CGAN: where labels and attributes go, and what its losses are of."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import refused
from tests.methods.tiny import linear, phase, seen_by
from tests.small import D, batch, nets, sgd
from zoo.methods.cgan import CGAN
from zoo.networks.stack import Pair, Stack

CONFORMANCE = {"images": {"num_classes": 10}, "vectors": None}

K = 3
Y = np.array([0, 2, 1, 2], np.int32)


def cgan(**options):
    labels = {} if "num_attributes" in options else {"num_classes": K}
    networks = nets("encoder", "decoder", "discriminator")  # a discriminator of pairs
    del networks["encoder"]
    return sgd(CGAN(image_shape=(D,), latent_dim=D, **networks | labels | options))


def softplus(v):
    return np.logaddexp(0.0, v)


def test_both_sides_are_judged_with_the_labels_of_the_batch(monkeypatch):
    model, x = cgan(), batch(4)
    seen, drawn = seen_by(model, "discriminator", monkeypatch), []
    draw = model.draw
    model.draw = lambda *a, **k: drawn.append(draw(*a, **k)) or drawn[-1]
    losses = model.losses_of((x, Y))
    one_hot = np.eye(K)[Y]
    (both, labels), (x_g, labels_g) = seen
    np.testing.assert_array_equal(labels, np.concatenate([one_hot, one_hot]))
    np.testing.assert_array_equal(labels_g, one_hot)
    np.testing.assert_array_equal(both[:4], x)
    for z, samples in zip(drawn, (both[4:], x_g), strict=True):
        np.testing.assert_allclose(samples, model.decode(z, Y).mean(), atol=1e-6)
    of_data, of_model = np.split(model.discriminator(both, labels).numpy(), 2)
    expected = softplus(-of_data) + softplus(of_model)
    np.testing.assert_allclose(losses["discriminator"], expected, rtol=1e-5)
    expected = softplus(-model.discriminator(x_g, labels_g).numpy())
    np.testing.assert_allclose(losses["generator"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "options, label, other",
    [
        ({}, np.int32(0), np.int32(2)),
        ({"num_attributes": 2}, np.float32([0, 1]), np.float32([0.5, -1])),
    ],
)
def test_labels_reach_generator_and_discriminator(options, label, other):
    model, x = cgan(**options), tf.constant(batch(4))
    y, y_ = (np.repeat(each[None], 4, axis=0) for each in (label, other))
    assert np.abs(model.decode(x, y).mean() - model.decode(x, y_).mean()).max() > 1e-3
    assert np.abs(model.sample(4, y, seed=0) - model.sample(4, y_, seed=0)).max() > 1e-3
    verdicts = [model.judge(x, x, tf.constant(each))[0] for each in (y, y_)]
    assert np.abs(verdicts[0] - verdicts[1]).max() > 1e-3


def test_penalties_unrolled_steps_and_features_take_the_labels_along():
    # D(x, y) = w.x + v.y: its slope in x is |w|, whatever v is.
    w, v = np.array([2.0, 1.0]), np.array([5.0, -7.0, 9.0])
    model = cgan(penalty="r1", penalty_weight=2.0)
    flat = Pair(Stack(()), Stack(()), linear(1, output_shape=()))
    flat.build((None, D), (None, K))
    flat.set_weights([np.concatenate([w, v])[:, None], np.zeros(1)])
    model.networks["discriminator"] = model.discriminator = flat
    x, y = tf.constant(batch(4)), tf.constant(Y)
    with phase(model):
        outputs = model.judge(x, x, y)
        found = model.discriminator_cost(outputs, x, y)
    logits = batch(4) @ w + v[Y]
    np.testing.assert_allclose(outputs[0], logits, rtol=1e-5)
    expected = softplus(-logits) + softplus(logits) + 2.0 * (w @ w)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for options in ({"unrolled_steps": 2}, {"generator_loss": "feature_matching"}):
        losses = cgan(**options).losses_of((batch(4), Y))
        assert np.isfinite(losses["generator"]).all()


def test_the_slope_is_taken_with_the_labels_of_the_images():
    # D(x, y) of a hidden row of both: its slope in x differs by the label.
    model, x = cgan(penalty="r1", penalty_weight=2.0), tf.constant(batch(4))
    slopes = []
    for y in (tf.constant(Y), tf.constant((Y + 1) % K)):
        with phase(model):
            found = model.discriminator_cost(outputs := model.judge(x, x, y), x, y)
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = tf.reduce_sum(model.judge(x, x, y)[0])
            slopes.append(tf.reduce_sum(tape.gradient(value, x) ** 2, axis=1))
        plain = softplus(-outputs[0].numpy()) + softplus(outputs[1].numpy())
        np.testing.assert_allclose(found, plain + 2.0 * slopes[-1], rtol=1e-4)
    assert np.abs(slopes[0] - slopes[1]).max() > 1e-3


def test_a_discriminator_that_adds_up_image_and_label_is_refused():
    sum_of_both = Pair(Stack(()), Stack(()), linear(1, output_shape=()))
    with refused(ValueError, match="`network`.*image and label"):
        cgan(discriminator=sum_of_both)
    with refused(ValueError, match="`network`.*image and label"):
        CGAN(image_shape=(28, 28, 1), latent_dim=2, num_classes=K, network="gan_mnist")
    CGAN(image_shape=(28, 28, 1), latent_dim=2, num_classes=K, network="cgan_mnist")


def test_labels_are_needed():
    with refused(ValueError, match="`num_classes`"):
        cgan(num_classes=None)
    for data in (batch(), {"x": batch()}):
        with refused(ValueError, match="batches with labels y"):
            cgan().train_step(data)
    with refused(ValueError, match="`y`"):
        cgan().sample(2, seed=0)


@pytest.mark.every
def test_it_learns_the_mean_of_each_class():
    """Class y is a point m_y, which the GAN's R1 game on linear-quadratic networks settles on."""
    means = np.array([[-1.0, 0.0], [1.0, 1.0], [0.5, -1.0]], np.float32)
    y = np.arange(2400, dtype=np.int32) % K
    model = cgan(penalty="r1", penalty_weight=0.5, decoder=linear(D), learning_rate=0.01)
    model.compile(steps_per_execution=40)
    model.fit(means[y], y, batch_size=60, epochs=10, verbose=0)
    found = np.stack([np.mean(model.sample(50, k, seed=0), axis=0) for k in range(K)])
    np.testing.assert_allclose(found, means, atol=0.25)  # the means are 1.5 apart at least


def test_verbs():
    model = cgan()
    assert model.capabilities == {"sample", "decode"} and model.conditional
