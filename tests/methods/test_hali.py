"""HALI: the two chains, their levels, ALI's game on their joints."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.methods.tiny import (
    assert_standard_normal,
    check_labelled_batches_leave_the_population_alone,
    check_supervised_on_labelled_examples,
    constant,
    linear,
    pair,
    seen_by,
    softplus,
)
from tests.small import D, batch, gradients, hidden, nets, sgd, stack
from zoo.methods.ali import ALI
from zoo.methods.hali import HALI
from zoo.networks.stack import Stack, dense

_EPSILON = 1e-4  # of the normalisation

CONFORMANCE = {"images": {"upper_dims": (4, 2)}, "vectors": {"upper_dims": (2,)}}


def standard(units, seed, *rows):
    """Rows, then a linear one whose outputs have mean 0 and variance 1 over the batch."""
    last = dense(units, activation="linear", norm=True, affine=False)
    return Stack((*rows, last), init_seed=seed, init_stddev=0.5, epsilon=_EPSILON)


def hali(upper_dims=(3,), **options):
    dims, outputs = (D, *upper_dims), ()
    networks = nets("decoder") | {"encoder": standard(D, 1, hidden())}
    for level, (below, here) in enumerate(zip(dims, dims[1:]), start=2):
        top = level == len(dims)
        upper = (2 * here, stack) if top else (here, standard)
        networks[f"encoder_{level}"] = upper[1](upper[0], 10 + level, hidden())
        networks[f"decoder_{level}"] = standard(below, 20 + level, hidden())
    if options.get("num_classes"):
        outputs = (options["num_classes"] + 1,)
    networks["discriminator"] = pair(outputs=outputs)
    return HALI(image_shape=(D,), latent_dim=D, upper_dims=upper_dims, **networks | options)


_S1 = np.array([0.6, 0.6])  # the noise of z1, beside which its mean has 0.8
_A = np.array([[0.9, -0.4], [0.3, 1.1]])  # q(z1|x) = N(x A, S1^2)
_B, _S2 = np.array([[0.7], [-1.2]]), np.array([0.4])  # q(z2|z1) = N(z1 B, S2^2)
_C = np.array([[1.5, -0.5]])  # p(z1|z2) = N(z2 C, S1^2)
_W, _SHIFT = np.array([[0.8, 0.1], [-0.6, 1.0]]), np.array([2.0, -1.0])  # x = z1 W + SHIFT


def gaussian_chains():
    """Two levels, of dimensions 2 and 1, all Gaussian: their moments are known.

    The population statistics of what is standardised are mean 0 and variance 1.
    """

    def network(made, *weights):
        made.build((None, len(weights[0])))
        made.set_weights(weights)
        return made

    def mean(weights):
        width = weights.shape[1]
        return network(
            standard(width, 0), weights / 0.8, np.zeros(width), np.ones(width) - _EPSILON
        )

    return hali(
        (1,),
        encoder=mean(_A),
        encoder_2=network(linear(2), np.append(_B, 0 * _B, axis=1), np.append([0.0], np.log(_S2))),
        decoder_2=mean(_C),
        decoder=network(linear(D), _W, _SHIFT),
        code_noise=0.6,
    )


def standardised(mean):
    """What training makes of a batch of means, [B, d]: 0.8 of standard deviation."""
    return 0.8 * (mean - mean.mean(axis=0)) / np.sqrt(mean.var(axis=0) + 0.64 * _EPSILON)


def assert_moments(found, mean, covariance):
    """Of n rows of a Gaussian, within 4.5 standard errors."""
    n, stddev = len(found), np.sqrt(np.diag(covariance))
    assert np.all(np.abs(np.mean(found, axis=0) - mean) < 4.5 * stddev / np.sqrt(n))
    error = np.sqrt((covariance**2 + np.outer(stddev, stddev) ** 2) / n)  # Isserlis
    assert np.all(np.abs(np.cov(found, rowvar=False) - covariance) < 4.5 * error)


# --- the game -------------------------------------------------------------------------------------


def test_the_joints_are_those_of_the_two_chains(monkeypatch):
    model, n = sgd(gaussian_chains(), rate=0.0), 3000
    x = batch(n)
    seen = seen_by(model, "discriminator", monkeypatch)
    model.train_step(x)
    ((images, codes),) = seen
    x_q, x_p = np.split(images, 2)
    (z1_q, z2_q), (z1_p, z2_p) = (np.split(half, [D], axis=1) for half in np.split(codes, 2))
    np.testing.assert_array_equal(x_q, x)
    noise_q, noise_p = (
        (z1 - standardised(m)) / _S1 for z1, m in ((z1_q, x @ _A), (z1_p, z2_p @ _C))
    )
    noises = noise_q, (z2_q - z1_q @ _B) / _S2, z2_p, noise_p
    assert_standard_normal(np.concatenate(noises, axis=1))  # each of its own, and independent
    np.testing.assert_allclose(x_p, z1_p @ _W + _SHIFT, atol=1e-5)


@pytest.mark.parametrize("upper_dims", helpers.first_of([(3, 1), (3,), (4, 3, 1)]))
def test_any_number_of_levels(upper_dims):
    model, x = sgd(hali(upper_dims)), tf.constant(batch())
    levels = 1 + len(upper_dims)
    assert model.levels == levels and model.dims == (D, *upper_dims)
    roles = {f"{role}_{level}" for role in ("encoder", "decoder") for level in range(2, levels + 1)}
    assert set(model.players["generator"]) == {"encoder", "decoder"} | roles
    moves = gradients(model, model.game, x)
    before = {
        player: [v.numpy() for v in found] for player, found in model.player_variables.items()
    }
    model.train_step(x)
    assert int(model.play_counter) == 1  # both players at once
    for player, variables in model.player_variables.items():
        for w, g, now in zip(before[player], moves[player], variables, strict=True):
            assert np.abs(g).max() > 0
            np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-6)
    for level in range(1, levels + 1):
        assert model.encode(x, level=level).sample(seed=0).shape == (16, model.dims[level - 1])
        assert model.reconstruct(x, level=level).shape == (16, D)
    with helpers.refused(ValueError, match="`level`"):
        model.encode(x, level=levels + 1)
    assert model.sample(3, seed=0).shape == (3, D)


def test_the_generator_pays_for_swapped_labels(monkeypatch):
    model = hali()
    model.compile()
    apply = model.apply
    logits = tf.repeat([2.0, -1.0], 16)  # of the encoders' joints, then the decoders'
    fixed = lambda role, *inputs: logits if role == "discriminator" else apply(role, *inputs)
    monkeypatch.setattr(model, "apply", fixed)
    logs = model.test_step(batch(16))
    np.testing.assert_allclose(logs["discriminator_loss"], softplus(-2, -1), rtol=1e-6)
    np.testing.assert_allclose(logs["generator_loss"], softplus(2, 1), rtol=1e-6)


# --- levels ---------------------------------------------------------------------------------------


def test_the_posterior_of_level_2_has_the_moments_of_the_chain():
    # z2 = (x A + S1 e1) B + S2 e2: N(x A B, B' S1^2 B + S2^2).
    model, x = gaussian_chains(), np.repeat(batch(1), 5000, axis=0)
    z = model.encode(x, level=2).sample(seed=(0, 1)).numpy()
    covariance = _B.T @ np.diag(_S1**2) @ _B + np.diag(_S2**2)
    assert_moments(np.tile(z, 2), np.tile(x[0] @ _A @ _B, 2), np.tile(covariance, (2, 2)))
    np.testing.assert_allclose(model.encode(x[:3], level=1).mean(), x[:3] @ _A, rtol=1e-5)
    with pytest.raises(NotImplementedError):
        model.encode(x[:3], level=2).log_prob(z[:3])


def test_the_joint_posterior_scores_the_sum_of_its_parts():
    model, x = gaussian_chains(), batch(6)
    q = model.encode(x, level=None)
    z1, z2 = q.sample(seed=(0, 1))
    assert z1.shape == (6, 2) and z2.shape == (6, 1)

    def log_normal(z, loc, scale):
        return np.sum(-0.5 * ((z - loc) / scale) ** 2 - np.log(scale * np.sqrt(2 * np.pi)), axis=1)

    expected = log_normal(z1, x @ _A, _S1) + log_normal(z2, z1 @ _B, _S2)
    np.testing.assert_allclose(q.log_prob((z1, z2)), expected, rtol=1e-4, atol=1e-4)


def test_reconstructions_go_up_and_down_along_the_means():
    model, x = gaussian_chains(), batch(6)
    np.testing.assert_allclose(model.reconstruct(x), x @ _A @ _W + _SHIFT, atol=1e-5)
    upper = x @ _A @ _B @ _C @ _W + _SHIFT
    np.testing.assert_allclose(model.reconstruct(x, level=2), upper, atol=1e-5)


@pytest.mark.parametrize("network", ["auto", "ali_digits"])
def test_codes_below_the_top_have_mean_0_and_variance_1_in_training(network, monkeypatch):
    dims = {"latent_dim": 4, "upper_dims": (3, 2)}
    model, n = sgd(HALI(image_shape=(8, 8, 1), network=network, **dims), rate=0.0), 500
    seen = seen_by(model, "discriminator", monkeypatch)
    model.train_step(np.random.default_rng(0).random((n, 8, 8, 1), np.float32))
    ((_, codes),) = seen
    for chain in np.split(codes, 2):
        below_top = chain[:, : 4 + 3].astype(np.float64)
        # The mean of the noise has a variance of s^2 / n, and 2 s m eps + s^2 eps^2 one of
        # (4 s^2 (1 - s^2) + 2 s^4) / n, 0.875 / n for s = 1/2.
        assert np.abs(below_top.mean(axis=0)).max() < 4.5 * 0.5 / np.sqrt(n)
        assert np.abs(below_top.var(axis=0) - 1).max() < 4.5 * np.sqrt(0.875 / n)


def test_level_1_without_noise_is_ali_with_the_same_weights():
    model, x = hali(code_noise=0.0), batch(7)
    same = nets("decoder", "discriminator") | {"encoder": standard(D, 1, hidden())}
    ali = ALI(image_shape=(D,), latent_dim=D, encoder_output="deterministic", **same)
    np.testing.assert_array_equal(model.reconstruct(x, level=1), ali.reconstruct(x))
    np.testing.assert_array_equal(model.encode(x).mean(), ali.encode(x).mean())
    assert np.abs(model.reconstruct(x, level=2) - ali.reconstruct(x)).max() > 1e-3


def test_samples_descend_the_chain_with_noise_at_every_level():
    # x = (z2 C + S1 e) W + SHIFT: N(SHIFT, W' (C' C + S1^2) W).
    covariance = _W.T @ (_C.T @ _C + np.diag(_S1**2)) @ _W
    assert_moments(gaussian_chains().sample(5000, seed=0).numpy(), _SHIFT, covariance)


def test_inpainting_keeps_what_is_known():
    model, x, known = gaussian_chains(), batch(5), np.array([True, False])
    for level in (1, 2):
        found = model.inpaint(x, known, steps=3, level=level, seed=0)
        np.testing.assert_array_equal(found[:, 0], x[:, 0])
        hidden_changed = x * [[1.0, 0.0]] + [[0.0, 77.0]]
        again = model.inpaint(hidden_changed, known, steps=3, level=level, seed=0)
        np.testing.assert_array_equal(found, again)  # hidden pixels are not read
        assert np.abs(found - model.inpaint(x, known, steps=3, level=level, seed=1)).max() > 1e-3


def test_features_are_of_all_levels():
    found = hali((3, 1)).features(batch(4))
    assert list(found) == [
        "row_0",  # of two rows each: the second is the output
        "level_2_row_0",
        "level_3_row_0",
    ]
    assert found["level_3_row_0"].shape[0] == 4


# --- labels ---------------------------------------------------------------------------------------


def test_semi_supervised():
    # D's outputs are (0.3, -0.2, 0.5 | 0.1) everywhere: P(data) is the softmax's first three.
    model, outputs = hali(num_classes=3), np.array([0.3, -0.2, 0.5, 0.1])
    model.compile()
    constant(model.discriminator, *outputs)
    assert "classify" in model.capabilities and not model.conditional
    y = np.array([0, 2, 2, 1], np.int32)
    data = {"x": batch(8), "x_labelled": batch(4, seed=1), "y_labelled": y}
    logs = model.test_step(data)
    log_sum = np.log(np.exp(outputs[:3]).sum())
    logit = log_sum - outputs[3]
    game = softplus(logit, -logit)
    supervised = np.mean(log_sum - outputs[y])
    np.testing.assert_allclose(logs["discriminator_loss"], game + supervised, rtol=1e-6)
    np.testing.assert_allclose(logs["generator_loss"], game, rtol=1e-6)
    np.testing.assert_allclose(model.classify(batch(5)), np.tile(outputs[:3], (5, 1)), rtol=1e-6)


def test_labels_are_learned_from_the_labelled_examples(monkeypatch):
    check_supervised_on_labelled_examples(sgd(hali(num_classes=3)), 3, monkeypatch)


def test_labelled_batches_leave_the_population_alone():
    y = np.array([0, 2, 2, 1], np.int32)
    data = {"x": batch(8), "x_labelled": batch(4, seed=1), "y_labelled": y}
    check_labelled_batches_leave_the_population_alone(sgd(hali(num_classes=3)), data, "encoder")


def test_classify_is_at_the_means_of_all_levels():
    model, x = hali(num_classes=3), batch(5)
    z1 = model.encode(x).mean()
    z2 = model.up(z1, 2).mean()
    logits = model.discriminator(tf.constant(x), tf.concat([z1, z2], axis=1))
    np.testing.assert_allclose(model.classify(x), logits[:, :3], atol=1e-5)


# --- refusals and verbs ---------------------------------------------------------------------------


@pytest.mark.parametrize("upper_dims", [(), (0,), (3, -1)])
def test_a_hierarchy_has_levels(upper_dims):
    with helpers.refused(ValueError, match="`upper_dims`"):
        HALI(image_shape=(D,), latent_dim=D, upper_dims=upper_dims)


def test_networks_of_codes_come_with_any_table():
    model = HALI(image_shape=(8, 8, 1), latent_dim=4, upper_dims=(3,), network="ali_digits")
    assert isinstance(model.encoder_2, Stack) and model.encoder_2.result_shape == (6,)
    assert model.decoder_2.result_shape == (4,)
    last = dense(None, activation="linear")  # of level L, which its prior holds
    assert model.encoder_2.rows[-1] == last
    for network in (model.encoder, model.decoder_2):
        assert network.rows[-1] == dataclasses.replace(last, norm=True, affine=False)


def test_verbs():
    model = hali()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct"}
    assert model.density is None
