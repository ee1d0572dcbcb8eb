"""InfoGAN: the code that samples are made from, and the bound by which they keep it."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import refused
from tests.methods.tiny import constant, linear, phase
from tests.metrics.toys import Data
from tests.small import D, batch, gradients, nets, same, sgd, weights
from zoo.methods.infogan import InfoGAN
from zoo.metrics import applicable, evaluate
from zoo.networks.stack import Stack, dense

CONFORMANCE = {
    "images": {"num_clusters": 4, "augmentation": (10.0, 0.2, 0.1, 0.1)},
    "vectors": {"continuous_codes": 1},
}

K, N = 3, 2
HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


def infogan(**options):
    """A model of vectors with a linear discriminator."""
    networks = {**nets("decoder"), "discriminator": linear(1 + K + N, 7)}
    settings = {"num_clusters": K, "continuous_codes": N, "latent_dim": D, **networks}
    return sgd(InfoGAN(image_shape=(D,), **settings | options))


def softplus(v):
    return np.logaddexp(0.0, v)


def transparent(sureness=50.0, **options):
    """G(c, z) = c; D has logit 0 and reads logits `sureness` c_1, and c_2 itself."""
    decoder, discriminator = linear(K + N), linear(1 + K + N)
    decoder.build((None, K + N + D))
    decoder.set_weights([np.eye(K + N + D, K + N), np.zeros(K + N)])
    discriminator.build((None, K + N))
    kernel = np.diag([sureness] * K + [1.0] * N)
    discriminator.set_weights([np.pad(kernel, ((0, 0), (1, 0))), np.zeros(1 + K + N)])
    model = InfoGAN(
        image_shape=(K + N,),
        latent_dim=D,
        num_clusters=K,
        continuous_codes=N,
        decoder=decoder,
        discriminator=discriminator,
        **options,
    )
    return sgd(model, rate=0.0)


def x_of(n=16, seed=0):
    return np.random.default_rng(seed).standard_normal((n, K + N)).astype(np.float32)


def test_the_code_is_a_category_then_uniform_codes_then_noise():
    model = infogan()
    code = model.prior.sample(3000, seed=0).numpy()
    assert code.shape == (3000, model.code_dim) == (3000, K + N + D)
    category, rest = code[:, :K], code[:, K:]
    assert set(np.unique(category)) == {0, 1} and (category.sum(axis=1) == 1).all()
    shares = category.mean(axis=0)  # within 4.5 standard errors
    assert np.abs(shares - 1 / K).max() < 4.5 * np.sqrt(1 / K * (1 - 1 / K) / 3000)
    assert np.abs(rest).max() <= 1.0
    np.testing.assert_allclose(rest.std(axis=0), 1 / np.sqrt(3), rtol=0.05)
    normal = infogan(prior_family="normal").prior.sample(3000, seed=0).numpy()[:, K + N :]
    np.testing.assert_allclose(normal.std(axis=0), 1.0, rtol=0.06)


def test_samples_that_tell_the_code_have_all_its_information():
    """log Q(k|x) + log K is log K; of n codes that Q hits, n (log 2 - log sqrt(2 pi))."""
    model, x = transparent(), x_of()
    logs = model.test_step(x)
    np.testing.assert_allclose(float(logs["information"]), math.log(K), atol=1e-6)
    np.testing.assert_allclose(float(logs["code_error"]), 0.0, atol=1e-10)
    bound = math.log(K) + N * (math.log(2.0) - HALF_LOG_2_PI)
    for weight in (1.0, 0.3):  # the logit is 0: both players have the GAN's costs there
        losses = transparent(information_weight=weight).losses_of(x)
        for player, cost in (("discriminator", 2 * math.log(2.0)), ("generator", math.log(2.0))):
            expected = np.full(16, cost - weight * bound)
            np.testing.assert_allclose(losses[player], expected, rtol=1e-5, err_msg=player)


def test_at_a_blind_q_the_bound_is_what_it_is_off():
    """Uniform logits: 0. Means b, standard deviation s: E (c - b)^2 = 1/3 + b^2 of U(-1, 1)."""
    s, b = 0.5, 0.3
    model = infogan(code_stddev=s)
    constant(model.discriminator, 0.0, *[1.7] * K, *[b] * N)
    x = tf.constant(batch(6000))
    with phase(model):
        code = model.draw(model.prior, "z", batch_of=x)
        outputs = model.apply("discriminator", x)
        found = model.information(outputs, code)
    np.testing.assert_allclose(found["category"], np.zeros(6000), atol=1e-5)
    c = code[:, K : K + N].numpy()
    each = -((c - b) ** 2) / (2 * s**2) - math.log(s) - HALF_LOG_2_PI + math.log(2.0)
    np.testing.assert_allclose(found["continuous"], each.sum(axis=1), rtol=1e-4, atol=1e-5)
    mean = N * (-(1 / 3 + b**2) / (2 * s**2) - math.log(s) - HALF_LOG_2_PI + math.log(2.0))
    np.testing.assert_allclose(np.mean(found["continuous"]), mean, atol=0.1)
    np.testing.assert_allclose(float(model.test_step(x)["code_error"]), 1 / 3 + b**2, rtol=0.05)


def test_the_bound_teaches_q_and_the_generator_each_in_its_phase():
    model, x = infogan(), tf.constant(batch())
    kernel = model.discriminator.trainable_variables[0]
    kernel.assign(kernel * [[0.0] + [1.0] * (K + N)])  # the logit tells nothing of x
    moves = gradients(model, model.generator_phase, x)
    assert set(moves) == {"generator"}
    assert max(np.abs(g).max() for g in moves["generator"]) > 1e-3
    of_q = gradients(model, model.discriminator_phase, x)["discriminator"]
    assert np.abs(of_q[0][:, 1:]).max() > 1e-3
    before = weights(model)
    model.play(model.discriminator_phase, x)
    after = weights(model)
    assert same(after["generator"], before["generator"])
    assert not same(after["discriminator"], before["discriminator"])
    # What is said of the data's codes costs nothing: they have none.
    with phase(model):
        given = model.draw(model.prior, "z", batch_of=x)
        mine, other = (
            model.discriminator_cost([tf.concat([tf.zeros([16, 1]), c * x], 1), d], None, given)
            for d in [model.apply("discriminator", x)]
            for c in (1.0, 2.0)
        )
    np.testing.assert_array_equal(mine, other)


def test_what_is_read():
    model, x = transparent(sureness=2.0), x_of()
    found = model.read(x).mean().numpy()
    logits = 2.0 * x[:, :K]
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, np.concatenate([expected, x[:, K:]], axis=1), rtol=1e-4)


def test_the_category_is_measured_as_clusters():
    model = transparent()
    rng = np.random.default_rng(0)
    y = np.arange(60, dtype=np.int32) % K
    x = np.concatenate([np.eye(K)[(y + 1) % K], rng.uniform(-1, 1, (60, N))], axis=1)
    rows = {"x": x.astype(np.float32), "y": y}
    data = Data(num_classes=K, train=rows, test=rows)
    found = evaluate(model, data, metrics=["clustering_error", "nmi"])
    assert found["clustering_error"]["value"] == 0.0
    np.testing.assert_allclose(found["nmi"]["value"], 1.0)
    data.splits["test"] = rows | {"y": np.where(np.arange(60) < 15, (y + 1) % K, y)}
    wrong = evaluate(model, data, metrics=["clustering_error_hungarian"])
    np.testing.assert_allclose(wrong["clustering_error_hungarian"]["value"], 15 / 60)


def test_the_information_of_samples_is_measured():
    data = Data(test={"x": x_of()})
    found = evaluate(transparent(), data, metrics=["code_information"])["code_information"]
    assert found["value"] == pytest.approx(math.log(K), abs=1e-6) and found["split"] == "samples"
    # Of logits c, Q gives the true category e / (e + K - 1).
    soft = evaluate(transparent(sureness=1.0), data, metrics=["code_information"])
    expected = 1.0 - math.log(math.e + K - 1) + math.log(K)
    assert soft["code_information"]["value"] == pytest.approx(expected, rel=1e-5)
    none = infogan(num_clusters=None, discriminator=linear(1 + N, 7))
    assert "code_information" not in applicable(none, data)


def test_one_kind_of_code_is_enough_and_none_is_refused():
    x = batch(4)
    for options, width, logs in (
        ({"num_clusters": None}, N, {"code_error"}),
        ({"continuous_codes": 0}, K, {"information"}),
    ):
        model = infogan(discriminator=linear(1 + width, 7), **options)
        assert {"information", "code_error"} & set(model.phase_logs) == logs
        assert model.read(x).event_shape == [width]
        assert np.isfinite(float(model.test_step(x)["discriminator_loss"]))
        assert model.code_classes == (None if "num_clusters" in options else K)
    with refused(ValueError, match="`continuous_codes`"):
        infogan(num_clusters=None, continuous_codes=0)


def test_penalties_and_unrolled_steps_go_with_the_code():
    bent = Stack((dense(8, activation="tanh"), dense(1 + K + N, activation="linear")), init_seed=3)
    model = infogan(penalty="dragan", unrolled_steps=1, discriminator=bent)
    moves = gradients(model, model.generator_phase, tf.constant(batch()))["generator"]
    assert all(np.isfinite(g).all() for g in moves)


def test_verbs():
    assert infogan().capabilities == {"sample", "decode", "read"}
