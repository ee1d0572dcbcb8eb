"""M1+M2: two stages, features drawn anew, the bound of both levels against the evidence."""

import numpy as np
import tensorflow as tf

import zoo
from tests.methods import scalar
from tests.methods.scalar import K, S, W
from tests.methods.tiny import linear, moved, phase, seen_by, states
from tests.small import batch, sgd, stack
from zoo.methods.m1_m2 import M1M2
from zoo.networks.stack import dense

CONFORMANCE = {
    "images": {"num_classes": 10, "feature_dim": 4, "pretrain_steps": 2},
    "vectors": None,
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

X, Y = batch(6)[:, :1], np.array([0, 1, 2, 2, 1, 0], np.int32)
DATA = {"x": X, "x_labelled": 0.5 - X, "y_labelled": Y}
C, T, M = 0.9, 0.5, 0.4  # f = C z + T eps, x = W f + M + S eps, whatever y
F_VARIANCE = C**2 + T**2
X_VARIANCE = W**2 * F_VARIANCE + S**2


def make(**options):
    more = ("code_encoder", 2), ("code_decoder", 2)
    networks = scalar.networks(*more)
    settings = {"feature_dim": 1, "pretrain_steps": 0}
    return M1M2(**scalar.SETTINGS, **networks | settings | options)


def toy(**options):
    """All posteriors are exact."""
    model, blank = make(**options), lambda rows, units=2: np.zeros([rows, units])
    gain = W * F_VARIANCE / X_VARIANCE
    log_scale = 0.5 * np.log(F_VARIANCE * S**2 / X_VARIANCE)
    scalar.set_linear(model.encoder, [[gain, 0]], bias=[-gain * M, log_scale])
    scalar.set_linear(model.decoder, [[W]], bias=[M])
    scalar.set_linear(model.classifier, blank(1, K))
    bias = [0, np.log(T / np.sqrt(F_VARIANCE))]
    scalar.set_linear(model.code_encoder, [[C / F_VARIANCE, 0]], blank(K), bias=bias)
    scalar.set_linear(model.code_decoder, blank(K), [[C, 0]], bias=[0, np.log(T)])
    return sgd(model)


def test_bounds_are_the_evidence_at_the_exact_posteriors():
    evidence = scalar.log_normal(X[:, 0], M, X_VARIANCE)
    model = toy(kl="monte_carlo")
    with phase(model):
        loss = model.bound(*(tf.constant(DATA[name]) for name in DATA))["model"]
        told = float(np.log(K))  # q(y|f) is uniform
        labelled = scalar.log_normal(0.5 - X[:, 0], M, X_VARIANCE).mean() - np.log(K)
        np.testing.assert_allclose(loss, 0.1 * told - evidence.mean() - labelled, atol=1e-4)
    for samples in (1, 3):
        found = model.log_prob(X, samples=samples, seed=0)
        np.testing.assert_allclose(found, evidence, atol=1e-4)


def test_the_first_stage_is_a_vae():
    # The KL term in closed form: E f^2 takes the place of f^2, of which the mean remains.
    n, model = 4000, toy()
    scalar.set_linear(model.encoder, np.zeros([1, 2]), bias=[0.3, -0.5])
    with phase(model):
        losses = model.feature_bound(tf.constant(np.repeat(X[:1], n, axis=0)))["features"]
    variance = np.exp(-1.0)
    kl = (variance + 0.3**2 - 1 + 1.0) / 2
    error = (X[0, 0] - M - W * 0.3) ** 2 + W**2 * variance
    expected = kl + error / (2 * S**2) + np.log(S * np.sqrt(2 * np.pi))
    assert abs(np.mean(losses) - expected) < 4 * np.std(losses) / np.sqrt(n)


def test_each_stage_moves_its_own_networks():
    norm = dense(8, norm=True, activation="tanh")  # whose statistics must not move either
    networks = {"encoder": stack(2, 1, norm), "decoder": stack(1, 2, norm)}
    model, found = sgd(make(pretrain_steps=1, **networks)), []
    batches = {name: tf.constant(value) for name, value in DATA.items()}
    for stage in (0, 1):
        before, model.stage = states(model), stage
        model.train_step(batches)
        found.append(moved(before, states(model)))
    assert found == [{"encoder", "decoder"}, {"classifier", "code_encoder", "code_decoder"}]


def test_end_to_end_both_players_climb_one_bound():
    batches = [tf.constant(DATA[name]) for name in DATA]
    model, stages = toy(end_to_end=True), toy()
    model.encoder.set_weights([1.1 * w for w in model.encoder.get_weights()])  # off its optimum
    stages.encoder.set_weights(model.encoder.get_weights())
    with phase(model):
        joint = model.bound(*batches)
    with phase(stages):
        alone = stages.bound(*batches)
    assert set(joint) == {"features", "model"} and set(alone) == {"model"}
    for loss in joint.values():
        np.testing.assert_allclose(loss, alone["model"], rtol=1e-6)
    # A step of SGD goes down the slope of the loss, here by differences of the same noise.
    weights, rate, step = model.encoder.get_weights(), 1e-3, 1e-2

    def play(shift, rate):
        model.encoder.set_weights([weights[0] + [[shift, 0.0]], weights[1]])
        for optimizer in model.optimizers.values():
            optimizer.learning_rate = rate
        for counter in (model.step, model.play_counter):
            counter.assign(0)
        model.reset_metrics()
        return float(model.train_step(dict(zip(DATA, batches)))["features_loss"])

    slope = (play(step, 0.0) - play(-step, 0.0)) / (2 * step)
    before = states(model)
    play(0.0, rate)
    found = (weights[0] - model.encoder.get_weights()[0])[0, 0] / rate
    assert abs(slope) > 0.1 and abs(found - slope) < 0.02 * abs(slope)
    parts = {"encoder", "decoder", "classifier", "code_encoder", "code_decoder"}
    assert moved(before, states(model)) == parts


def test_features_are_drawn_anew_and_read_at_their_mean(monkeypatch):
    model = toy()
    seen = seen_by(model, "classifier", monkeypatch)
    batches = {name: tf.constant(value) for name, value in DATA.items()}
    model.train_step(batches)
    model.train_step(batches)
    mean = np.asarray(model.feature_posterior(tf.constant(X)).mean())
    assert all((f != mean).all() for (f,) in seen)
    assert (seen[0][0] != seen[2][0]).all()  # of one x, in two steps
    model.class_logits(tf.constant(X))
    np.testing.assert_array_equal(seen[-1][0], mean)


def test_the_first_stage_may_be_a_run_of_a_vae(tmp_path):
    data = zoo.data.load("digits", labels=20)
    options = {"steps": 1, "batch_size": 8, "sample_every": 0, "progress": False}
    shape = {"image_shape": data.image_shape, "network": "dgm_small_mlp"}
    vae = zoo.create("vae", latent_dim=3, **shape)
    zoo.training.train(vae, data.with_all_labels(), tmp_path / "vae", **options)
    model = zoo.create("m1_m2", feature_dim=3, num_classes=10, pretrain_steps=0, **shape)
    zoo.training.train(model, data, tmp_path / "both", init_from=tmp_path / "vae", **options)
    for role in ("encoder", "decoder"):
        for here, there in zip(model.networks[role].variables, vae.networks[role].variables):
            np.testing.assert_array_equal(here, there)


def test_samples_draw_features_and_decode_takes_their_mean():
    n, model = 2000, toy()
    x = model.sample(n, seed=0).numpy()[:, 0]  # W f + M
    variance = W**2 * F_VARIANCE
    assert abs(x.mean() - M) < 4 * np.sqrt(variance / n)
    assert abs(x.var() - variance) < 4 * variance * np.sqrt(2 / n)
    z = np.column_stack([np.eye(K), batch(K)[:, 0]]).astype(np.float32)
    np.testing.assert_allclose(model.decode(z).mean()[:, 0], W * C * z[:, K] + M, atol=1e-5)


def test_verbs():
    model = make(encoder=linear(2), decoder=linear(1))
    verbs = {"sample", "encode", "decode", "reconstruct", "log_prob", "classify"}
    assert model.capabilities == verbs and model.density == "lower_bound"
    assert model.code_dim == K + 1
