"""ALI: both players from one minibatch, swapped labels, stochastic encoders and decoders; the
discriminator's optimum; labels, given or to be told.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.methods.tiny import (
    check_labelled_batches_leave_the_population_alone,
    check_supervised_on_labelled_examples,
    constant,
    linear,
    pair,
    phase,
    seen_by,
)
from tests.small import D, batch, check_moved_at_once, gradients, hidden, nets, sgd, stack, weights
from zoo.methods.ali import ALI
from zoo.networks.stack import Pair, Stack, dense


def ali(**options):
    networks = nets("encoder", "decoder", "discriminator")
    return ALI(image_shape=(D,), latent_dim=D, **networks | options)


def test_both_players_move_at_once():
    x = tf.constant(batch())
    model, in_turn = sgd(ali()), sgd(ali())
    before, moves = weights(model), gradients(model, model.game, x)
    model.train_step(x)
    after = weights(model)
    assert int(model.play_counter) == 1
    check_moved_at_once(in_turn, x, before, moves, after)


def test_both_players_pay_2_ln_2_at_logits_0():
    model = ali()
    model.compile()
    for variable in model.player_variables["discriminator"]:
        variable.assign(tf.zeros_like(variable))
    logs = model.test_step(batch())
    np.testing.assert_allclose(logs["discriminator_loss"], 2 * np.log(2.0), rtol=1e-6)
    np.testing.assert_allclose(logs["generator_loss"], 2 * np.log(2.0), rtol=1e-6)
    np.testing.assert_allclose(logs["discriminator_accuracy_data"], 0.0)  # a tie is for "model"
    np.testing.assert_allclose(logs["discriminator_accuracy_model"], 1.0)


def test_the_generator_pays_for_swapped_labels(monkeypatch):
    model = ali()
    model.compile()
    logits = lambda x, *_: (tf.fill([len(x)], 2.0), tf.fill([len(x)], -1.0))
    monkeypatch.setattr(model, "discriminate", logits)
    logs = model.test_step(batch())
    cost = lambda *rights: sum(np.log1p(np.exp(-right)) for right in rights)
    np.testing.assert_allclose(logs["discriminator_loss"], cost(2.0, 1.0), rtol=1e-6)
    np.testing.assert_allclose(logs["generator_loss"], cost(-2.0, -1.0), rtol=1e-6)


def pairs_of(model, x, monkeypatch):
    """The two joints that the discriminator sees in one step: x_q, z_q, x_p, z_p."""
    seen, discriminate = [], model.discriminate

    def spy(*joints):
        seen.extend(np.array(each) for each in joints)
        return discriminate(*joints)

    monkeypatch.setattr(model, "discriminate", spy)
    model.train_step(x)
    return seen


def test_the_joints_are_those_of_encoder_and_decoder(monkeypatch):
    model, x = sgd(ali(), rate=0.0), batch(2000)
    x_q, z_q, x_p, z_p = pairs_of(model, x, monkeypatch)
    np.testing.assert_array_equal(x_q, x)
    q = model.encode(x)
    noise = (z_q - q.mean()) / q.stddev()  # z ~ q(z|x), not its mean
    assert np.abs(np.mean(noise, axis=0)).max() < 0.1 and np.abs(np.std(noise) - 1) < 0.1
    assert np.abs(z_p.mean(axis=0)).max() < 0.1 and np.abs(z_p.std() - 1) < 0.1
    np.testing.assert_allclose(x_p, model.decode(z_p).mean(), atol=1e-6)  # deterministic


def test_a_stochastic_decoder_draws_its_samples(monkeypatch):
    model, x = sgd(ali(decoder_output="normal", decoder_stddev=0.5), rate=0.0), batch(2000)
    _, _, x_p, z_p = pairs_of(model, x, monkeypatch)
    p = model.decode(z_p)
    np.testing.assert_allclose(p.stddev(), np.full([2000, D], 0.5))
    noise = (x_p - p.mean()) / 0.5
    assert np.abs(np.mean(noise, axis=0)).max() < 0.1 and np.abs(np.std(noise) - 1) < 0.1
    # The noise of x is not that of z, whose place is another.
    assert abs(np.corrcoef(noise[:, 0], z_p[:, 0])[0, 1]) < 0.1
    moves = gradients(model, model.game, tf.constant(x))["generator"]  # the sample passes gradients
    assert all(np.abs(move).max() > 0 for move in moves)


def test_an_implicit_encoder_takes_noise():
    # z = x + 3 noise exactly: the noise joins the inputs of the encoder's only row.
    encoder = Stack((dense(D, activation="linear", extra=True),))
    model = ali(encoder=encoder, encoder_output="implicit", noise_dim=D)
    eye = np.eye(D, dtype=np.float32)
    encoder.set_weights([np.concatenate([eye, 3 * eye]), np.zeros(D, np.float32)])
    x = np.repeat(batch(1), 1000, axis=0)
    q = model.encode(x)
    z = q.sample(seed=(0, 1)).numpy()
    assert z.shape == (1000, D) and np.abs(q.sample(seed=(0, 1)) - z).max() == 0
    assert np.abs(z.mean(axis=0) - x[0]).max() < 0.5 and abs(z.std(axis=0).mean() - 3) < 0.3
    with pytest.raises(NotImplementedError):
        q.log_prob(z)
    np.testing.assert_array_equal(model.reconstruct(x, seed=0), model.reconstruct(x, seed=0))
    assert np.abs(model.reconstruct(x, seed=1) - model.reconstruct(x, seed=0)).max() > 1e-3


def test_an_implicit_encoder_learns_and_its_noise_has_its_own_size():
    encoder = stack(D, 1, dense(8, activation="tanh", extra=True), hidden())
    model = sgd(ali(encoder=encoder, encoder_output="implicit", noise_dim=5))
    assert encoder.weights[0].shape == (D + 5, 8)
    moves = gradients(model, model.game, tf.constant(batch()))["generator"]
    assert all(np.abs(move).max() > 0 for move in moves)


def test_the_decoder_starts_at_the_mean_of_the_data():
    model = ali()
    before = model.decode(batch()).mean()
    model.adapt(batch() + 7)
    moved = model.decode(batch()).mean() - before
    np.testing.assert_allclose(moved, np.tile(batch().mean(axis=0) + 7, (16, 1)), rtol=1e-4)


def test_verbs():
    model = ali()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    assert model.density is None


# --- the optimal discriminator --------------------------------------------------------------------


class Quadratic(keras.layers.Layer):
    """Logits theta . (1, x, z, x^2, x z, z^2) of one-dimensional pairs."""

    def build(self, *shapes):
        self.theta = self.add_weight(shape=(6,), initializer="zeros", name="theta")

    @staticmethod
    def terms(x, z):
        return tf.concat([tf.ones_like(x), x, z, x**2, x * z, z**2], axis=1)

    def call(self, x, z, training=False):
        return tf.linalg.matvec(self.terms(x, z), tf.convert_to_tensor(self.theta))


def log_ratio(a, s, w, b, t):
    """theta of log q(x) q(z|x) - log p(z) p(x|z), where q(x) = p(z) = N(0, 1).

    q(z|x) = N(a x, s^2) and p(x|z) = N(w z + b, t^2): minus x^2 / 2 + (z - a x)^2 / 2 s^2 + log s,
    plus z^2 / 2 + (x - w z - b)^2 / 2 t^2 + log t, multiplied out.
    """
    return np.array(
        [
            np.log(t / s) + b**2 / (2 * t**2),
            -b / t**2,
            w * b / t**2,
            -1 / 2 - a**2 / (2 * s**2) + 1 / (2 * t**2),
            a / s**2 - w / t**2,
            -1 / (2 * s**2) + 1 / 2 + w**2 / (2 * t**2),
        ]
    )


def test_at_the_optimum_the_logit_is_the_log_density_ratio(monkeypatch):
    """There the discriminator's gradient vanishes, within 4 standard errors; elsewhere not."""
    a, s, w, b, t = 0.8, 0.5, 0.5, 0.3, 0.9
    encoder, decoder, n = linear(2), linear(1), 50_000
    model = ALI(
        image_shape=(1,),
        latent_dim=1,
        encoder=encoder,
        decoder=decoder,
        discriminator=Quadratic(),
        decoder_output="normal",
        decoder_stddev=t,
    )
    sgd(model, rate=0.0)
    encoder.set_weights([np.array([[a, 0.0]]), np.array([0.0, np.log(s)])])
    decoder.set_weights([np.array([[w]]), np.array([b])])
    x = np.random.default_rng(3).standard_normal((n, 1)).astype(np.float32)
    for factor in (1.0, 0.5, 1.5, -1.0):
        theta = factor * log_ratio(a, s, w, b, t)
        model.discriminator.theta.assign(theta)
        (slope,) = gradients(model, model.game, tf.constant(x))["discriminator"]
        with monkeypatch.context() as spied:
            x_q, z_q, x_p, z_p = pairs_of(model, tf.constant(x), spied)
        on_q, on_p = (np.array(Quadratic.terms(*xz)) for xz in ((x_q, z_q), (x_p, z_p)))
        # d/dtheta of softplus(-l_q) + softplus(l_p).
        share = lambda logits: 1 / (1 + np.exp(-logits))[:, None]
        each = share(on_p @ theta) * on_p - (1 - share(on_q @ theta)) * on_q
        error = each.std(axis=0) / np.sqrt(n)
        if factor == 1.0:
            assert np.all(np.abs(slope) < 4 * error) and np.all(error < 0.02)
        else:
            assert np.max(np.abs(slope) / error) > 8


# --- labels that are given ------------------------------------------------------------------------

K = 3


@pytest.mark.parametrize(
    "options, label, other",
    [
        ({"num_classes": K}, np.int32(0), np.int32(2)),
        ({"num_attributes": 2}, np.float32([0, 1]), np.float32([0.5, -1])),
    ],
)
def test_labels_reach_encoder_decoder_and_discriminator(options, label, other):
    model, x = ali(**options), batch(4)
    assert model.conditional and model.label_width == (K if "num_classes" in options else 2)
    y, y_ = (np.repeat(each[None], 4, axis=0) for each in (label, other))
    assert np.abs(model.encode(x, y).mean() - model.encode(x, y_).mean()).max() > 1e-3
    assert np.abs(model.decode(x, y).mean() - model.decode(x, y_).mean()).max() > 1e-3
    logits, logits_ = (model.discriminate(x, x, -x, -x, each) for each in (y, y_))
    for side, side_ in zip(logits, logits_, strict=True):
        assert side.shape == (4,) and np.abs(side - side_).min() > 1e-4
    same = model.reconstruct(x, label)  # one label stands for all rows
    np.testing.assert_allclose(same, model.decode(model.encode(x, y).mean(), y).mean(), atol=1e-5)
    assert np.abs(model.sample(4, y, seed=0) - model.sample(4, y_, seed=0)).max() > 1e-3
    found = model.inpaint(x, [True, False], y, steps=2, seed=0)
    np.testing.assert_array_equal(found[:, 0], x[:, 0])
    sgd(model).train_step({"x": x, "y": y})
    assert np.isfinite(float(model.test_step({"x": x, "y": y})["generator_loss"]))


def test_in_one_play_a_row_has_the_same_label_in_all_networks(monkeypatch):
    model, y = sgd(ali(num_classes=K)), np.array([2, 0, 1, 1], np.int32)
    roles = ("encoder", "decoder", "discriminator")
    encoded, decoded, judged = (seen_by(model, role, monkeypatch) for role in roles)
    model.train_step({"x": batch(4), "y": y})
    ((x, of_x),), ((of_z,),), ((_, z, of_pairs),) = encoded, decoded, judged
    told = np.eye(K)[y]
    np.testing.assert_array_equal(x, batch(4))
    np.testing.assert_array_equal(of_x, told)
    np.testing.assert_array_equal(of_z, np.concatenate([z[4:], told], axis=1))
    np.testing.assert_array_equal(of_pairs, np.concatenate([told, told]))


def test_the_map_of_a_label_is_linear_and_its_own_in_each_network():
    encoder, decoder = linear(2 * D), linear(D)
    model, y = ali(encoder=encoder, decoder=decoder, num_classes=K), np.array([2, 0, 1])
    joined = [network.weights[0].numpy() for network in (encoder, decoder)]
    assert [kernel.shape for kernel in joined] == [(D + K, 2 * D), (D + K, D)]
    x = batch(3)
    expected = x @ joined[0][:D, :D] + joined[0][D + y, :D]
    np.testing.assert_allclose(model.encode(x, y).mean(), expected, atol=1e-5)
    expected = x @ joined[1][:D] + joined[1][D + y]
    np.testing.assert_allclose(model.decode(x, y).mean(), expected, atol=1e-5)


def test_both_joints_have_the_labels_of_their_rows():
    joint = Stack((dense(None, activation="linear"),), ())
    model = ali(discriminator=Pair(Stack(()), Stack(()), joint), num_classes=K)
    kernel = np.concatenate([np.zeros([2 * D, 1]), [[1.0], [10.0], [100.0]]])  # reads y alone
    joint.set_weights([kernel, np.zeros(1)])
    x, y = batch(4), np.array([2, 0, 1, 1])
    for logits in model.discriminate(x, x, x, x, y):
        np.testing.assert_allclose(logits, [100.0, 1.0, 10.0, 10.0])


def test_conditional_models_refuse_data_without_labels_and_others_labels():
    model = sgd(ali(num_classes=K))
    for data in (batch(), {"x": batch()}):
        with helpers.refused(ValueError, match="batches with labels y"):
            model.train_step(data)
    with helpers.refused(ValueError, match="`y`: expected None"):
        ali().encode(batch(2), y=[0, 1])


# --- labels that are to be told -------------------------------------------------------------------


def classifier(**options):
    networks = {"discriminator": pair(outputs=(K + 1,))}
    return sgd(ali(num_classes=K, label_use="classify", **networks | options))


def semi_supervised_batch(y=(0, 2, 2, 1)):
    y = np.array(y, np.int32)
    return {"x": batch(8), "x_labelled": batch(len(y), seed=1), "y_labelled": y}


def test_costs_of_k_plus_1_classes_by_hand():
    """D's outputs are (0.3, -0.2, 0.5 | 0.1) everywhere: P(data) is the softmax's first three."""
    model, data = classifier(), semi_supervised_batch()
    outputs = np.array([0.3, -0.2, 0.5, 0.1])
    constant(model.discriminator, *outputs)
    probs = np.exp(outputs) / np.exp(outputs).sum()
    game = -np.log(probs[:K].sum()) - np.log(probs[K])
    told = -np.log(probs[data["y_labelled"]] / probs[:K].sum()).mean()  # among the K classes
    logs = model.test_step(data)
    np.testing.assert_allclose(logs["discriminator_loss"], game + told, rtol=1e-6)
    np.testing.assert_allclose(logs["generator_loss"], game, rtol=1e-6)


def test_labels_teach_the_discriminator_alone():
    model, moves = classifier(), []
    for y in ((0, 2, 2, 1), (1, 1, 0, 0)):
        arguments = model.phase_inputs(model.as_batch(semi_supervised_batch(y)))
        moves.append(gradients(model, lambda _, a=arguments: model.game(*a), None))
    for a, b in zip(moves[0]["generator"], moves[1]["generator"], strict=True):
        np.testing.assert_array_equal(a, b)
    pairs = zip(moves[0]["discriminator"], moves[1]["discriminator"])
    assert max(np.abs(a - b).max() for a, b in pairs) > 1e-4


def test_labels_are_learned_from_the_labelled_examples(monkeypatch):
    check_supervised_on_labelled_examples(classifier(), K, monkeypatch)


def test_labelled_batches_leave_the_population_alone():
    row = dense(8, activation="tanh", norm=True)
    joint = Stack((row, dense(None, activation="linear")), (K + 1,), init_stddev=0.5)
    discriminator = Pair(Stack(()), Stack(()), joint)
    model = classifier(encoder=stack(2 * D, 1, row), discriminator=discriminator)
    data = semi_supervised_batch()
    check_labelled_batches_leave_the_population_alone(model, data, "encoder", "discriminator")


def test_classify_is_the_discriminator_at_the_mean_code():
    model, x = classifier(), batch(5)
    assert "classify" in model.capabilities and not model.conditional
    logits = model.discriminator(tf.constant(x), model.encode(x).mean())
    assert logits.shape == (5, K + 1)
    np.testing.assert_allclose(model.classify(x), logits[:, :K], atol=1e-5)


def test_labels_of_all_data_are_their_own_labelled_stream():
    model, x, y = classifier(), batch(6), np.array([0, 1, 2, 0, 1, 2], np.int32)
    one, two = ({"x": x, "y": y}, {"x": x, "x_labelled": x, "y_labelled": y})
    with phase(model):
        losses = [model.game(*model.phase_inputs(model.as_batch(data))) for data in (one, two)]
    for player in ("discriminator", "generator"):
        np.testing.assert_array_equal(losses[0][player], losses[1][player])
    with helpers.refused(ValueError, match="batches with labels"):
        model.train_step(x)


def test_an_implicit_encoder_does_not_classify():
    with helpers.refused(ValueError, match="`encoder_output`"):
        ALI(
            image_shape=(D,),
            latent_dim=D,
            num_classes=K,
            label_use="classify",
            encoder_output="implicit",
        )
