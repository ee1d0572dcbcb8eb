"""AAE: its phases, what its discriminators see, its parts, its labels."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance.cases import sgd
from tests.methods.tiny import (
    assert_standard_normal,
    check_labelled_batches_leave_the_population_alone,
    constant,
    linear,
    logit,
    moved,
    phase,
    seen_by,
    softplus,
    states,
)
from tests.small import D, batch, gradients, hidden, nets, stack
from zoo import distributions, seeds
from zoo.methods.aae import AAE
from zoo.networks.stack import Stack, dense

CONFORMANCE = {
    "images": {"num_classes": 10},
    "vectors": {"latent_dim": 2, "prior_family": "mixture"},
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

K = 3


def aae(**options):
    informed = options.get("label_use") == "regularise"
    classes = None if informed else options.get("num_classes") or options.get("num_clusters")
    networks = nets("decoder") | {"encoder": stack((classes or 0) + D, 1, hidden())}
    networks["code_discriminator"] = logit()
    if classes:
        networks["class_discriminator"] = logit(5)
    return AAE(image_shape=(D,), latent_dim=D, **networks | options)


def informed(**options):
    """Labels choose the component of the prior's mixture."""
    settings = {"prior_family": "mixture", "prior_components": K, "num_classes": K}
    return aae(label_use="regularise", **settings | options)


def semi_supervised_batch():
    y = np.array([0, 2, 2, 1, 0, 1], np.int32)
    return {"x": batch(8), "x_labelled": batch(6, seed=1), "y_labelled": y}


# --- the phases -----------------------------------------------------------------------------------


def test_one_backward_pass_serves_the_players_of_one_loss():
    one, two, x = sgd(aae()), sgd(aae()), batch(8)

    def apart(x):
        losses = two.reconstruction(x)
        return losses | {"encoder": tf.identity(losses["encoder"])}

    one.play(one.reconstruction, x)
    two.play(apart, x)
    for name, state in states(one).items():
        for a, b in zip(state, states(two)[name]):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_the_encoder_has_a_rate_of_its_own():
    model = aae(encoder_learning_rate=1e-3, decoder_learning_rate=1e-2)
    model.compile()
    before = states(model)
    model.play(model.reconstruction, batch(8))
    after = states(model)
    # Adam's first step is the learning rate, where there is a gradient.
    for name, rate in (("encoder", 1e-3), ("decoder", 1e-2)):
        steps = [np.abs(b - a).max() for a, b in zip(before[name], after[name])]
        assert max(steps) == pytest.approx(rate, rel=0.02)


def test_three_phases_in_turn_each_with_its_players():
    model = sgd(aae(num_classes=K))
    x, *labelled = model.phase_inputs(model.as_batch(semi_supervised_batch()))
    found = [states(model)]
    for play in (
        (model.reconstruction, x),
        (model.regularisation, x, *labelled),
        (model.classification, *labelled),
    ):
        model.play(*play)
        found.append(states(model))
    assert [moved(a, b) for a, b in zip(found, found[1:])] == [
        {"encoder", "decoder"},
        {"encoder", "code_discriminator", "class_discriminator"},
        {"encoder"},
    ]


@pytest.mark.parametrize("kind", ["normal", "implicit"])
def test_the_code_s_discriminator_sees_draws_of_the_posterior(kind, monkeypatch):
    # q(z|x) = N(x, 3^2): of means alone the codes would have the variance of x.
    eye, zero = np.eye(D, dtype=np.float32), np.zeros([D, D], np.float32)
    if kind == "normal":
        encoder = linear(2 * D)
        weights = [np.concatenate([eye, zero], axis=1), np.float32([0, 0, *[np.log(3)] * 2])]
    else:
        encoder = Stack((dense(D, activation="linear", extra=True),))
        weights = [np.concatenate([eye, 3 * eye]), np.zeros(D, np.float32)]
    model, x = sgd(aae(encoder=encoder, encoder_output=kind), rate=0.0), batch(3000)
    encoder.set_weights(weights)
    seen = seen_by(model, "code_discriminator", monkeypatch)
    model.play(model.regularisation, tf.constant(x))
    ((codes,),) = seen
    assert_standard_normal(codes[:3000])
    assert_standard_normal((codes[3000:] - x) / 3)


def test_labelled_batches_leave_the_population_alone():
    row = dense(8, activation="tanh", norm=True)
    for make, units in ((aae, K + D), (informed, D)):
        model = sgd(make(encoder=stack(units, 1, row), num_classes=K), rate=0.0)
        data = semi_supervised_batch()
        check_labelled_batches_leave_the_population_alone(model, data, "encoder")


@pytest.mark.parametrize(
    "options, players",
    [
        ({}, {"encoder", "decoder", "code_discriminator", "generator"}),
        (
            {"num_clusters": K},
            {"encoder", "decoder", "code_discriminator", "class_discriminator", "generator"},
        ),
        ({"num_classes": K}, set(AAE.PLAYERS)),
    ],
)
def test_a_step_is_one_update_of_each_player(options, players):
    model = sgd(aae(**options))
    model.train_step(semi_supervised_batch())
    assert {p: int(o.iterations) for p, o in model.optimizers.items()} == dict.fromkeys(players, 1)
    assert int(model.play_counter) == 2 + ("classifier" in players)


def test_players_of_the_regularisation_move_at_once():
    model, x = sgd(aae(num_clusters=K), rate=0.1), tf.constant(batch())
    moves = gradients(model, model.regularisation, x)
    before = {
        player: [v.numpy() for v in found] for player, found in model.player_variables.items()
    }
    model.play(model.regularisation, x)
    for player, move in moves.items():
        for w, g, now in zip(before[player], move, model.player_variables[player], strict=True):
            np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-6)


def test_costs_by_hand():
    """C = sigmoid(0.4) of all codes, and sigmoid(-0.2) of all classes."""
    model, data = sgd(aae(num_classes=K, decoder_stddev=0.5)), semi_supervised_batch()
    constant(model.code_discriminator, 0.4)
    constant(model.class_discriminator, -0.2)
    logs = model.test_step(data)
    near = lambda name, value: np.testing.assert_allclose(logs[name], value, rtol=1e-5)
    near("code_discriminator_loss", softplus(0.4, -0.4))
    near("class_discriminator_loss", softplus(0.2, -0.2))
    near("generator_loss", softplus(-0.4, 0.2))  # -log of both: non-saturating
    error = np.sum((data["x"] - model.reconstruct(data["x"])) ** 2, axis=1)
    near("decoder_loss", np.mean(error) / (2 * 0.25) + D * np.log(0.5 * np.sqrt(2 * np.pi)))
    logits = model.classify(data["x_labelled"]).numpy()
    each = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(6), data["y_labelled"]]
    near("classifier_loss", each.mean())


# --- what the discriminators see ------------------------------------------------------------------


def test_draws_of_the_prior_against_codes(monkeypatch):
    model, x = sgd(aae(prior_stddev=5.0), rate=0.0), batch(3000)
    seen = seen_by(model, "code_discriminator", monkeypatch)
    model.train_step(x)
    z_p, z_q = np.split(seen[0][0], 2)
    assert_standard_normal(z_p / 5.0)
    np.testing.assert_allclose(z_q, model.encode(x).mean(), atol=1e-5)


def test_one_hot_draws_against_softmax(monkeypatch):
    model, x = sgd(aae(num_clusters=K), rate=0.0), batch(3000)
    codes, classes = (
        seen_by(model, f"{of}_discriminator", monkeypatch) for of in ("code", "class")
    )
    model.train_step(x)
    y_p, y_q = np.split(classes[0][0], 2)
    assert set(np.unique(y_p)) == {0.0, 1.0} and (y_p.sum(axis=1) == 1).all()
    error = np.sqrt((1 / K) * (1 - 1 / K) / 3000)
    assert np.abs(y_p.mean(axis=0) - 1 / K).max() < 4 * error
    np.testing.assert_allclose(y_q, model.encode(x, part="y").probs_parameter(), atol=1e-5)
    assert y_q.max() < 1  # a softmax, not its argmax
    z_p, z_q = np.split(codes[0][0], 2)
    assert_standard_normal(z_p)
    np.testing.assert_allclose(z_q, model.encode(x, part="style").mean(), atol=1e-5)


@pytest.mark.parametrize("draws", [1, 100])
def test_classes_are_averaged_over_the_encoders_noise(draws, monkeypatch):
    """Logits (40 e, -40 e, z), e ~ N(0, 1): a class is near 0 or 1, its mean near 1/2."""
    noisy = Stack((dense(None, activation="linear", noise=1.0),), (2 + D,))
    model = sgd(aae(encoder=noisy, num_clusters=2, class_draws=draws), rate=0.0)
    kernel = np.zeros((D, 2 + D), np.float32)
    kernel[0, :2] = 40.0, -40.0
    kernel[1, 2:] = 1.0
    noisy.set_weights([kernel, np.zeros(2 + D, np.float32)])
    codes, classes = (
        seen_by(model, f"{of}_discriminator", monkeypatch) for of in ("code", "class")
    )
    with phase(model, training=True):
        model.regularisation(tf.zeros([200, D]))
    y_q, z_q = np.split(classes[0][0], 2)[1], np.split(codes[0][0], 2)[1]
    np.testing.assert_allclose(y_q.sum(axis=1), 1.0, atol=1e-5)
    spread = y_q[:, 0].std()  # of means of numbers that are 0 or 1: 1/2 over the root of how many
    assert spread == pytest.approx(0.5 / np.sqrt(draws), rel=0.2)
    assert z_q[:, 0].std() == pytest.approx(1.0, rel=0.2)  # one draw, as in the reconstruction


def test_a_labelled_code_is_held_against_its_component(monkeypatch):
    model, n = sgd(informed(), rate=0.0), 900
    y = np.arange(n, dtype=np.int32) % K
    data = {"x": batch(5), "x_labelled": batch(n, seed=1), "y_labelled": y}
    seen = seen_by(model, "code_discriminator", monkeypatch)
    model.train_step(data)
    p, q = np.split(seen[0][0], 2)
    assert p.shape == q.shape == (5 + n, D + K + 1)
    known = np.eye(K + 1)[[K] * 5 + list(y)]  # the last class: no label
    for side in (p, q):
        np.testing.assert_array_equal(side[:, D:], known)
    everything = np.concatenate([data["x"], data["x_labelled"]])
    np.testing.assert_allclose(q[:, :D], model.encode(everything).mean(), atol=1e-5)
    loc, scale = (a.numpy() for a in distributions.petals(K))
    noise = np.linalg.solve(scale[y], (p[5:, :D] - loc[y])[..., None])[..., 0]
    assert_standard_normal(noise)


def test_labels_inform_the_regularisation_and_no_phase_of_their_own():
    model = sgd(informed())
    assert "classifier" not in model.players and "classify" not in model.capabilities
    assert model.parts == ("z",) and model.code_classes is None and model.code_dim == D
    model.train_step(semi_supervised_batch())
    assert int(model.play_counter) == 2
    y = np.zeros(4, np.int32)
    losses = model.losses_of((batch(4), y))  # all labels known: x is its own labelled stream
    assert losses["code_discriminator"].shape == (8,)


# --- the code and its parts -----------------------------------------------------------------------


@pytest.mark.parametrize("of", ["num_classes", "num_clusters"])
def test_parts_of_the_code(of):
    model, x = aae(**{of: K}), batch(6)
    assert model.parts == ("z", "y", "style")
    assert (model.code_classes, model.code_dim) == (K, K + D)
    assert ("classify" in model.capabilities) == (of == "num_classes")
    outputs = model.encoder(x).numpy()
    softmax = np.exp(outputs[:, :K]) / np.exp(outputs[:, :K]).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.encode(x, part="y").probs_parameter(), softmax, rtol=1e-5)
    np.testing.assert_allclose(model.encode(x, part="style").mean(), outputs[:, K:], rtol=1e-5)
    whole = np.concatenate([softmax, outputs[:, K:]], axis=1)
    np.testing.assert_allclose(model.encode(x).mean(), whole, rtol=1e-5)
    np.testing.assert_allclose(model.reconstruct(x), model.decode(whole).mean(), rtol=1e-4)
    with helpers.refused(ValueError, match="`part`"):
        model.encode(x, part="content")
    if of == "num_classes":
        np.testing.assert_allclose(model.classify(x), outputs[:, :K], rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{}, {"num_clusters": K}, {"prior_family": "mixture"}, {"prior_stddev": 3.0}]
)
def test_samples_are_decoded_draws_of_the_prior(options):
    model = aae(**options)
    z = distributions.sample_rows(model.prior, seeds.row_seeds(50, 3), "z")
    assert z.shape == (50, model.code_dim)
    np.testing.assert_allclose(model.sample(50, seed=3), model.decode(z).mean(), atol=1e-5)
    if options.get("num_clusters"):
        np.testing.assert_array_equal(np.sort(z[:, :K], axis=1), [[0, 0, 1]] * 50)


def test_a_code_without_categories_may_be_stochastic():
    model, x = aae(encoder=stack(2 * D, 1, hidden()), encoder_output="normal"), batch(4)
    loc, log_scale = np.split(model.encoder(x).numpy(), 2, axis=1)
    np.testing.assert_allclose(model.encode(x).mean(), loc, atol=1e-6)
    np.testing.assert_allclose(model.encode(x).stddev(), np.exp(log_scale), rtol=1e-5)
    encoder = stack(D, 1, dense(8, activation="tanh", extra=True))
    model = sgd(aae(encoder=encoder, encoder_output="implicit", noise_dim=4))
    assert isinstance(model.encode(x), distributions.Implicit)
    model.train_step(batch())


# --- refusals and verbs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, match",
    [
        ({"prior_family": "mixture", "latent_dim": 3}, "`latent_dim`: expected 2 with a mixture"),
        ({"num_clusters": 4, "encoder_output": "normal"}, "`encoder_output`"),
        ({"num_clusters": 4, "num_classes": 4}, "`num_clusters`"),
        ({"num_classes": 4, "label_use": "regularise"}, "`prior_family`: expected 'mixture'"),
        (
            {"num_classes": 4, "label_use": "regularise", "prior_family": "mixture"},
            "`prior_components`: expected num_classes = 4",
        ),
        ({"label_use": "regularise"}, "`num_classes`: expected an int with label_use='regularise'"),
        ({"latent_dim": 0}, "`latent_dim`: expected an int >= 1 without a categorical code"),
        ({"num_clusters": 1}, "num_clusters=1"),
        ({"class_draws": 2}, "`class_draws`: expected 1 without a categorical code"),
        ({"prior_stddev": 0.0}, "prior_stddev=0.0"),
    ],
)
def test_what_does_not_fit_is_refused(options, match):
    with helpers.refused(ValueError, match=match):
        AAE(**{"image_shape": (D,), "latent_dim": D} | options)


def test_data_without_labels_are_refused():
    for model in (sgd(aae(num_classes=K)), sgd(informed())):
        with helpers.refused(ValueError, match="batches with labels"):
            model.train_step(batch())


def test_verbs():
    model = aae()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    assert model.density is None and not model.conditional
    assert model.parts == ("z",) and model.code_dim == D
