"""RealNVP: an exact density, masks that alternate, four objectives."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.small import batch, gradients, same, sgd, weights
from zoo import metrics, seeds
from zoo.data import load
from zoo.distributions import flows
from zoo.methods.real_nvp import RealNVP
from zoo.networks.coupling import layout
from zoo.networks.stack import Stack, dense

CONFORMANCE = {
    "images": {
        "latent_dim": None,
        "objective": "sum",
        "critic_steps": 1,
        "scales": 2,
        "couplings": 1,
        "hidden_units": 8,
    },
    "vectors": {"latent_dim": None, "scales": 1, "hidden_units": 8},
}
SHAPES = [(2,), (4, 4, 1), (6, 4, 2), (5,), (2, 2, 1)]


def nvp(shape=(2,), moved=0.1, **options):
    """A small flow; `moved` is the stddev of noise on its weights, which start at the identity."""
    small = {"scales": 2, "couplings": 2, "hidden_units": 8, "blocks": 1}
    model = RealNVP(image_shape=shape, **{**small, **options})
    random = np.random.default_rng(0)
    for v in model.flow.trainable_variables:
        v.assign(v + random.normal(0.0, moved, v.shape))
    return model


def images(shape, rows=3, seed=0):
    return np.random.default_rng(seed).random((rows, *shape)).astype(np.float32)


def levels(x):
    """Images at the nearest of 256 levels."""
    return np.round(255 * x) / 255


# --- the flow -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", helpers.first_of(SHAPES, 3))
def test_it_inverts(shape):
    model, u = nvp(shape), images(shape)
    z = model.bijector().forward(u)
    assert z.shape == (3, math.prod(shape))
    np.testing.assert_allclose(model.bijector().inverse(z), u, atol=1e-5)
    found = model.reconstruct(u)
    np.testing.assert_allclose(found, levels(u) if len(shape) == 3 else u, atol=1e-5)
    z = batch(3 * model.latent_dim // 2 + 2).reshape(-1)[: 3 * model.latent_dim]
    z = z.reshape(3, -1) / 2
    back = model.bijector().forward(model.bijector().inverse(z))
    np.testing.assert_allclose(back, z, atol=1e-3)


@pytest.mark.parametrize("shape", helpers.first_of(SHAPES, 2))
def test_log_determinant_is_that_of_the_jacobian(shape):
    model, u = nvp(shape), tf.constant(images(shape))
    flow = model.bijector()
    with tf.GradientTape() as tape:
        tape.watch(u)
        z = flow.forward(u)
    d = model.latent_dim
    jacobian = tf.reshape(tape.batch_jacobian(z, u), [-1, d, d]).numpy().astype(np.float64)
    found = flow.forward_log_det_jacobian(u, len(shape))
    np.testing.assert_allclose(found, np.linalg.slogdet(jacobian)[1], rtol=1e-3, atol=1e-4)
    # log p(u) = log N(z; 0, I) + log |det|; images count in grey levels of 1/256.
    unit = math.log(256) if len(shape) == 3 else 0.0
    expected = model.prior.log_prob(z) + found - d * unit
    np.testing.assert_allclose(model.log_density(tf.identity(u)), expected, rtol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_coupling_keeps_its_masked_half_and_the_masks_alternate(shape):
    model = nvp(shape)
    masks = [mask for scale in model.layout for masks in scale for mask in masks]
    assert len(masks) == len(model.flow.members)
    for index, mask in enumerate(masks):
        x = tf.constant(images(mask.shape, seed=index))
        y = flows.coupling(model.conditioner(index), mask).forward(x)
        kept = np.broadcast_to(mask, x.shape) == 1
        np.testing.assert_array_equal(y.numpy()[kept], x.numpy()[kept])
        assert np.abs(y - x)[~kept].min() > 1e-6
    for before, after in model.layout:
        for turn in (before, after):
            for one, other in zip(turn, turn[1:]):
                np.testing.assert_array_equal(one + other, np.ones_like(one))


def test_layout_of_images():
    # 28 -> 14 -> 7, which is odd: two squeezes, whatever the scales. Half the channels go on.
    made = layout((28, 28, 1), 5, 3)
    shapes = [[{mask.shape for mask in masks} for masks in scale] for scale in made]
    assert shapes == [
        [{(28, 28, 1)}, {(14, 14, 4)}],
        [{(14, 14, 2)}, {(7, 7, 8)}],
        [{(7, 7, 4)}, set()],
    ]
    assert [[len(masks) for masks in scale] for scale in made] == [[3, 3], [3, 3], [4, 0]]
    assert len(layout((28, 28, 1), 1, 3)) == 1 and len(layout((6, 7, 3), 3, 3)) == 1
    board, halves = made[0][0][0][..., 0], made[0][1][0]
    np.testing.assert_array_equal(board[:2, :3], [[0, 1, 0], [1, 0, 1]])
    np.testing.assert_array_equal(halves[0, 0], [1, 1, 0, 0])


def test_layout_of_vectors_and_single_pixels():
    ((masks, after),) = layout((5,), 2, 3)
    assert len(masks) == 12 and not after
    np.testing.assert_array_equal(masks[0], [1, 1, 0, 0, 0])
    ((masks, _),) = layout((1, 1, 4), 3, 1)  # no neighbours: channels
    np.testing.assert_array_equal(masks[0], [[[1, 1, 0, 0]]])


def test_half_of_the_channels_is_done_after_each_scale():
    model, u = nvp((4, 4, 1), scales=2, couplings=1), images((4, 4, 1))
    before = model.bijector().forward(u).numpy()
    for v in model.flow.members[-1].trainable_variables:  # of the second scale
        v.assign(v + 0.5)
    after = model.bijector().forward(u).numpy()
    np.testing.assert_array_equal(after[:, :8], before[:, :8])
    assert np.abs(after - before)[:, 8:].max() > 0.01


def test_it_starts_as_the_identity_up_to_the_logit():
    model, x = nvp((1, 1, 1), moved=0.0), np.arange(256, dtype=np.float32) / 255
    z = model.encode(x.reshape(-1, 1, 1, 1)).mean()[:, 0]
    p = 0.05 + 0.9 * (np.arange(256) + 0.5) / 256  # of the bins' middles
    np.testing.assert_allclose(z, np.log(p / (1 - p)), atol=1e-5)


# --- the density ----------------------------------------------------------------------------------


def test_mass_of_the_levels_of_a_pixel():
    # u = 0, 1 are z = -+ ln 19 at the start: N(0, 1) has erf(ln 19 / sqrt 2) of its mass between.
    model, x = nvp((1, 1, 1), moved=0.0), np.arange(256, dtype=np.float32) / 255
    log_prob = model.log_prob(x.reshape(-1, 1, 1, 1), samples=50, seed=0).numpy()
    expected = math.erf(math.log(19) / math.sqrt(2))
    assert abs(np.exp(log_prob.astype(np.float64)).sum() - expected) < 1e-3 < 1 - expected


def test_log_prob_averages_the_density_over_noise_of_each_row_s_own():
    model, x = nvp((4, 4, 1)), images((4, 4, 1), 2)
    rows = seeds.row_seeds(2, 0)
    noise = tf.map_fn(
        lambda seed: tf.random.stateless_uniform(
            [3, 4, 4, 1], seeds.split_row(seed, "dequantise"), alg="philox"
        ),
        rows,
        fn_output_signature=tf.float32,
    )
    u = (np.round(255 * x)[:, None] + noise) / 256
    each = model.log_density(tf.reshape(u, [-1, 4, 4, 1])).numpy().reshape(2, 3)
    largest = each.max(axis=1)
    expected = np.log(np.mean(np.exp(each - largest[:, None]), axis=1)) + largest
    np.testing.assert_allclose(model.log_prob_rows(x, rows, samples=3), expected, rtol=1e-4)
    assert each.std(axis=1).min() > 1e-4


def test_codes_of_levels_and_noise():
    model, x = nvp((4, 4, 1)), images((4, 4, 1), 3)
    x = np.round(255 * x) / 255
    codes, again = (model.dequantised_codes(x, seed=2).numpy() for _ in range(2))
    np.testing.assert_array_equal(codes, again)
    np.testing.assert_allclose(model.decode(codes).mean(), x, atol=0.51 / 255)  # in the same bins
    other = model.dequantised_codes(x, seed=3).numpy()
    assert np.abs(codes - other).max() > 1e-3
    each = model.dequantised_codes(np.repeat(x, 200, axis=0), seed=4)  # a row's noise is its own
    spread = np.reshape(each, [3, 200, -1]).mean(axis=1)
    # Noise of 1/256 about the middle of a bin: its mean is the middle's code, but for curvature.
    np.testing.assert_allclose(spread, model.encode(x).mean(), atol=0.15)


def test_normality_is_that_of_levels_and_noise():
    data, model = load("digits"), nvp((8, 8, 1))
    measured = metrics.evaluate(model, data, metrics=["code_mean_square"], limit=20)
    assert measured["code_mean_square"]["protocol"].endswith("grey levels plus uniform noise")


def test_it_integrates_to_one_and_likelihood_raises_it():
    data = load("gaussian_ring")
    model = nvp(moved=0.0, couplings=3, hidden_units=32, learning_rate=5e-3)
    x = data.arrays("train", limit=2000)["x"]
    before = np.mean(model.log_prob(x))
    model.compile(steps_per_execution=10)
    model.fit(data.train(batch_size=100, seed=0), steps_per_epoch=100, epochs=1, verbose=0)
    assert np.mean(model.log_prob(x)) > before + 0.3
    line = np.arange(-6, 6, 0.08, np.float32) + 0.04
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    density = np.exp(
        tf.function(model.log_density, autograph=False)(grid).numpy(), dtype=np.float64
    )
    assert abs(density.sum() * 0.08**2 - 1) < 0.01
    # What it draws is of that density: the mean of log p agrees within four standard errors.
    drawn = model.log_prob(model.sample(4000, seed=0)).numpy()
    keep = density > 0
    entropy = -np.sum(density[keep] * np.log(density[keep])) * 0.08**2
    assert abs(drawn.mean() + entropy) < 4 * drawn.std() / math.sqrt(4000) + 0.01


def test_it_reaches_the_truth_on_a_gaussian():
    # Minus the entropy of N(0, C): no mean log-likelihood is above it.
    root = np.float32([[1.5, 0.0], [0.8, 0.4]])
    x = batch(4000) @ root.T + np.float32([1.0, -2.0])
    truth = -0.5 * np.log(np.linalg.det(2 * np.pi * np.e * root @ root.T))
    model = nvp(moved=0.0, scales=1, learning_rate=1e-2)
    model.compile(steps_per_execution=20)
    model.fit(x, batch_size=200, epochs=10, verbose=0)
    assert abs(np.mean(model.log_prob(x)) - truth) < 0.1


# --- the objectives -------------------------------------------------------------------------------


def adversarial(objective, w=(3.0, 4.0), **options):
    """A flow at the identity against the critic w.x, so that x_p = z and the slope is w."""
    critic = Stack((dense(None, activation="linear"),), ())
    options = {"moved": 0.0, "scales": 1, "couplings": 1, **options}
    model = nvp(critic=critic, objective=objective, **options)
    critic.set_weights([np.float32(w)[:, None], np.zeros(1, np.float32)])
    return sgd(model, rate=0.0)


@pytest.mark.parametrize("objective, slope", [("wgan", 0.0), ("wgan_gp", 16.0), ("sum", 16.0)])
def test_losses_by_hand(objective, slope):
    weights = {"penalty_weight": 2.0} if objective != "wgan" else {}
    weights |= {"likelihood_weight": 0.3} if objective == "sum" else {}
    model = adversarial(objective, **weights)
    x = np.tile(batch(500), (40, 1))
    logs = {name: float(value) for name, value in model.test_step(x).items()}
    w, error = np.array([3.0, 4.0]), 4 * 5 / math.sqrt(len(x))  # z ~ N(0, I): w.z ~ N(0, 25)
    distance = np.mean(x @ w)
    assert abs(logs["wasserstein"] - distance) < error < 0.2
    expected = -logs["wasserstein"] + 2.0 * slope  # (5 - 1)^2
    np.testing.assert_allclose(logs["critic_loss"], expected, rtol=1e-4, atol=1e-4)
    nll = np.mean(np.sum(x**2, axis=1) / 2 + math.log(2 * math.pi))
    if objective == "sum":
        np.testing.assert_allclose(logs["nll"], nll, rtol=1e-5)
    weight = 0.3 if objective == "sum" else 0.0
    assert abs(logs["generator_loss"] - weight * nll) < error


def test_likelihood_has_no_critic_and_its_loss_is_the_nll():
    model = sgd(nvp())
    assert list(model.networks) == ["flow"] and list(model.player_variables) == ["generator"]
    logs = model.train_step(tf.constant(batch()))
    assert float(logs["generator_loss"]) == float(logs["nll"])
    assert set(logs) == {"loss", "generator_loss", "nll", "generator_gradient_norm"}


@pytest.mark.parametrize("objective", ["wgan", "wgan_gp", "sum"])
def test_the_critic_moves_first_and_more_often(objective):
    model = sgd(nvp(objective=objective, critic_steps=3), rate=1e-3)
    model.train_step(tf.constant(batch()))
    assert int(model.optimizers["critic"].iterations) == 3
    assert int(model.optimizers["generator"].iterations) == 1
    before = weights(model)
    model.play(model.critic_phase, tf.constant(batch()))
    after = weights(model)
    assert same(before["generator"], after["generator"])
    assert not same(before["critic"], after["critic"])
    model.play(model.generator_phase, tf.constant(batch()))
    assert same(after["critic"], weights(model)["critic"])


@pytest.mark.parametrize("objective, clipped", [("wgan", True), ("wgan_gp", False)])
def test_only_the_critic_without_penalty_is_clipped(objective, clipped):
    bound = {"clip_value": 0.02} if objective == "wgan" else {}
    model = sgd(nvp(objective=objective, **bound, init_stddev=0.1), rate=1e-3)
    flow = max(np.abs(v).max() for v in model.flow.get_weights())
    model.train_step(tf.constant(batch()))
    largest = max(np.abs(v).max() for v in model.critic.get_weights())
    assert (largest == np.float32(0.02)) if clipped else (largest > 0.1)
    assert flow > 0.1 and max(np.abs(v).max() for v in model.flow.get_weights()) > 0.1


def test_the_critic_is_clipped_after_each_of_its_updates(monkeypatch):
    model, largest = nvp(objective="wgan", clip_value=0.02, init_stddev=0.1, critic_steps=3), []
    for name in ("critic_phase", "generator_phase"):
        phase = getattr(model, name)

        def spy(x, phase=phase):
            largest.append(max(np.abs(v).max() for v in model.critic.get_weights()))
            return phase(x)

        monkeypatch.setattr(model, name, spy)
    sgd(model, rate=1e-1).train_step(tf.constant(batch()))
    first, *later = largest
    assert first > 0.1 and later == [np.float32(0.02)] * 3


def test_a_wgan_s_flow_has_no_gradient_of_the_likelihood():
    model = adversarial("wgan")
    (x, other) = (tf.constant(batch(seed=seed)) for seed in (0, 1))
    moves = [gradients(model, model.generator_phase, each)["generator"] for each in (x, other)]
    assert same(*moves) and any(np.abs(move).max() > 0 for move in moves[0])


@pytest.mark.every
def test_a_wgan_draws_its_samples_to_the_data():
    adam = {"learning_rate": 2e-3, "beta_1": 0.0, "ema_decay": 0.97}  # the game itself circles
    model = nvp(moved=0.0, objective="wgan_gp", critic_steps=3, **adam)
    x = 0.5 * batch(1000) + np.float32([3.0, -2.0])
    model.compile(steps_per_execution=25)
    model.fit(x, batch_size=100, epochs=20, verbose=0)
    drawn = model.sample(2000, seed=0).numpy()
    # From 3 away; how near it comes differs with the machine's threads.
    assert np.abs(drawn.mean(axis=0) - [3.0, -2.0]).max() < 1.0


# --- arguments ------------------------------------------------------------------------------------


def test_the_code_is_as_large_as_the_data():
    assert nvp((4, 4, 1)).latent_dim == 16 == nvp((4, 4, 1)).code_dim
    assert "latent_dim" not in nvp((4, 4, 1)).hyper_parameters
    with helpers.refused(ValueError, match="`latent_dim`.*which the method fixes"):
        nvp((4, 4, 1), latent_dim=64)


def test_a_penalty_refuses_batch_normalisation():
    critic = lambda: Stack((dense(4, norm=True), dense(None, activation="linear")), ())
    assert nvp(objective="wgan", critic=critic()).adversarial
    with helpers.refused(ValueError, match="`network`.*batch normalisation"):
        nvp(objective="wgan_gp", critic=critic())
    near = Stack((dense(4, minibatch_stddev=True), dense(None, activation="linear")), ())
    with helpers.refused(ValueError, match="`network`.*rows do not mix"):
        nvp(objective="sum", critic=near)
    spectral = Stack((dense(4, spectral=True), dense(None, activation="linear")), ())
    assert nvp(objective="wgan_gp", critic=spectral).penalised


def test_verbs():
    model = nvp()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct", "log_prob"}
    assert model.density == "exact"
    with helpers.refused(ValueError, match="`features`"):
        model.features(batch())
