"""Ladder: two passes of the encoder, what the decoder makes of them, whose statistics they have."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers
from tests.methods.tiny import phase, states
from tests.small import D, batch, sgd
from zoo.losses import supervised
from zoo.methods.ladder import Ladder
from zoo.networks.ladder import LadderDecoder, LadderEncoder, combine, normalised
from zoo.networks.stack import GlobalMean, MaxPool, conv, deconv, dense

CONFORMANCE = {
    "images": {"num_classes": 10},
    "vectors": None,
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

K = 3
ROWS = (dense(6, activation="tanh"), dense(None, activation="linear"))


def ladder(rows=ROWS, **options):
    encoder = LadderEncoder(rows, (K,), init_stddev=0.5, init_seed=1, momentum=0.9)
    settings = {"denoising_costs": (10.0, 1.0), "num_classes": K, "image_shape": (D,)}
    return Ladder(encoder=encoder, **{**settings, **options})


def few_labels(n=8):
    y = np.array([0, 2, 2, 1, 0, 1], np.int32)
    return {"x": batch(n), "x_labelled": 5.0 + 3.0 * batch(6, seed=1), "y_labelled": y}


def by_hand(model, x, noise=None):
    """[(z, h, mean, variance)] of a pass of `ROWS`, in NumPy."""
    noise = noise or [0.0] * 3
    first, second = (linear.weights[0].numpy() for linear in model.encoder.maps)
    h = x + noise[0]
    found = [(h, h, 0.0, 1.0)]
    for kernel, added, bend in ((first, noise[1], np.tanh), (second, noise[2], lambda v: v)):
        pre = h @ kernel
        loc, variance = pre.mean(axis=0), pre.var(axis=0)
        z = (pre - loc) / np.sqrt(variance + 1e-4) + added
        h = bend(z)  # biases are 0 and the scale of logits is 1 at the start
        found.append((z, h, loc, variance))
    return found


def test_at_the_start_every_estimate_is_0_and_the_costs_follow():
    model, x = sgd(ladder()), batch(40)
    with phase(model, training=True):
        noisy = model.noisy_levels(tf.constant(x), "unlabelled")
        for estimate in model.decoder([level.z for level in noisy], noisy[-1].h):
            np.testing.assert_array_equal(estimate, np.zeros_like(estimate))
        clean = model.encoder.levels(tf.constant(x), training=True)
        costs = model.denoising(clean, noisy)
    assert list(costs) == [0, 1, 2]
    # (0 - mean) / std - z; of x, which is not normalised, -x.
    for level, (z, _, loc, variance) in enumerate(by_hand(model, x)):
        aim = z + (loc / np.sqrt(variance + 1e-4) if level else 0.0)
        np.testing.assert_allclose(costs[level], np.mean(np.square(aim)), rtol=1e-4)


def test_a_pass_by_hand():
    model, x = sgd(ladder(noise_stddev=0.7)), tf.constant(batch(40))
    with phase(model, training=True):
        noisy, again = (model.noisy_levels(x, place) for place in ("labelled", "labelled"))
        other = model.noisy_levels(x, "unlabelled")
        clean = model.encoder.levels(x, training=True)
    for a, b in zip(noisy, again, strict=True):
        np.testing.assert_array_equal(a.z, b.z)
    for level, (z, h, loc, _) in zip(clean, by_hand(model, x.numpy()), strict=True):
        np.testing.assert_allclose(level.z, z, atol=1e-4)
        np.testing.assert_allclose(level.h, h, atol=1e-4)
        np.testing.assert_allclose(level.loc, loc, atol=1e-5)
    # The noise of each level is what its z has beyond what the row's inputs give.
    noise, added = [], [noisy[0].z - x]
    for i, linear in enumerate(model.encoder.maps):
        pre = linear(noisy[i].h).numpy()
        added.append(noisy[i + 1].z - (pre - pre.mean(0)) / np.sqrt(pre.var(0) + 1e-4))
    noise = np.concatenate(added, axis=1)  # [40, 2 + 6 + 3], N(0, 0.7^2)
    assert abs(noise.std() - 0.7) < 4 * 0.7 / np.sqrt(2 * noise.size)
    np.testing.assert_allclose(noise.mean(), 0.0, atol=4 * 0.7 / np.sqrt(noise.size))
    assert np.abs(other[0].z - noisy[0].z).max() > 0.1
    reference = by_hand(model, x.numpy(), [np.array(each) for each in added])
    np.testing.assert_allclose(noisy[-1].h, reference[-1][1], atol=1e-4)


@pytest.mark.parametrize("a", [np.random.default_rng(0).normal(size=(10, 4))])
def test_the_combinator(a):
    random = np.random.default_rng(1)
    z, u = random.normal(size=(2, 5, 4))
    s = lambda v: 1.0 / (1.0 + np.exp(-v))
    mu = a[0] * s(a[1] * u + a[2]) + a[3] * u + a[4]
    v = a[5] * s(a[6] * u + a[7]) + a[8] * u + a[9]
    found = combine(*(tf.constant(each) for each in (z, u, a)))
    np.testing.assert_allclose(found, (z - mu) * v + mu, rtol=1e-6)


def test_without_noise_and_costs_it_is_the_plain_classifier_to_the_bit():
    model = ladder(noise_stddev=0.0, denoising_costs=(0.0,))
    assert "decoder" not in model.networks and model.players == {"classifier": ("encoder",)}
    model.compile({"classifier": keras.optimizers.Adam(0.01)})
    twin, data = ladder(denoising_costs=(0.0,)).encoder, few_labels()
    adam = keras.optimizers.Adam(0.01)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            logits = twin(tf.constant(data["x_labelled"]), training=True)
            loss = tf.reduce_mean(supervised.cross_entropy(logits, data["y_labelled"]))
        adam.apply(tape.gradient(loss, twin.trainable_variables), twin.trainable_variables)

    adam.build(twin.trainable_variables)
    run = tf.function(model.train_step, autograph=False)
    for _ in range(3):
        run({name: tf.constant(value) for name, value in data.items()})
        step()
    for one, other in zip(model.encoder.trainable_variables, twin.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_half_has_its_own_statistics_and_the_population_those_of_the_unlabelled():
    model, data = sgd(ladder(), rate=0.0), few_labels()
    kept = []
    for change in (0.0, 9.0):  # other labelled images: the same population and denoising cost
        fresh = sgd(ladder(), rate=0.0)
        logs = fresh.train_step(data | {"x_labelled": data["x_labelled"] * (1.0 - change)})
        kept.append((float(logs["denoising_loss"]), states(fresh)["encoder"]))
    assert kept[0][0] == kept[1][0]
    for one, other in zip(kept[0][1], kept[1][1], strict=True):
        np.testing.assert_array_equal(one, other)
    _, (_, _, loc, variance), _ = by_hand(model, data["x"])
    model.train_step(data)
    np.testing.assert_allclose(model.encoder.locs[0], 0.1 * loc, atol=1e-6)
    np.testing.assert_allclose(model.encoder.variances[0], 0.9 + 0.1 * variance, rtol=1e-5)
    # Moved and scaled, labelled images give the same loss but for the noise on x.
    still = sgd(ladder(noise_stddev=0.0), rate=0.0)
    one, other = (
        still.train_step(data | {"x_labelled": x})["label_loss"]
        for x in (data["x_labelled"], data["x_labelled"] + 7.0)
    )
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_at_the_end_weights_rest_and_the_population_is_estimated_anew():
    model, x = sgd(ladder(settle_from=2), rate=0.5), [batch(8, seed) for seed in range(4)]
    for step in range(4):
        model.stage = model.stage_at(step)
        if step == 2:
            before = states(model)
        model.train_step(few_labels() | {"x": x[step]})
    after = states(model)
    weights = len(model.encoder.trainable_variables)
    moves = [np.abs(a - b).max() for a, b in zip(before["encoder"], after["encoder"])]
    assert sum(move > 0 for move in moves) == 4 == len(moves) - weights  # the statistics alone
    for a, b in zip(before["decoder"], after["decoder"], strict=True):
        np.testing.assert_array_equal(a, b)
    first = model.encoder.maps[0].weights[0].numpy()
    means = np.mean([(each @ first).mean(axis=0) for each in x[2:]], axis=0)
    variances = np.mean([(each @ first).var(axis=0) for each in x[2:]], axis=0)
    np.testing.assert_allclose(model.encoder.locs[0], means, atol=1e-5)
    np.testing.assert_allclose(model.encoder.variances[0], variances, rtol=1e-4)
    assert int(model.optimizers["classifier"].iterations) == 2


def test_both_passes_of_the_unlabelled_get_gradients():
    """Denoising teaches the encoder; its target is no constant."""
    model, x = sgd(ladder(noise_stddev=0.0, denoising_costs=(0.0, 0.0, 1.0))), batch(8)
    model.decoder.combinators["2"].assign(0.1 * np.ones([10, K]))
    kernel = model.encoder.maps[1].trainable_variables[0]
    with phase(model, training=True):

        def cost(target):
            noisy = model.encoder.levels(tf.constant(x), training=True)
            clean = [level._replace(z=target(level.z)) for level in noisy]
            return model.denoising(clean, noisy)[2]

        slopes = []
        for target in (tf.identity, tf.stop_gradient):
            with tf.GradientTape() as tape:
                value = cost(target)
            slopes.append(tape.gradient(value, kernel).numpy())
        with tf.GradientTape() as tape:
            y = np.array([0, 1] * 4, np.int32)
            value = model.game(tf.constant(x), tf.constant(x), tf.constant(y))["classifier"]
            value -= model.label_cost(tf.constant(x), tf.constant(y))
        found = tape.gradient(value, kernel).numpy()
    assert np.abs(slopes[0] - slopes[1]).max() > 1e-3
    np.testing.assert_allclose(found, slopes[0], atol=1e-5)


def test_labels_are_told_from_the_pass_with_noise(monkeypatch):
    model, data, random = sgd(ladder(noise_stddev=0.5)), few_labels(), np.random.default_rng(0)
    drawn = [random.standard_normal((6, width)).astype(np.float32) for width in (D, 6, K)]
    noise = iter(drawn)
    with phase(model, training=True):
        monkeypatch.setattr(model, "draw", lambda *_, **__: tf.constant(next(noise)))
        found = model.label_cost(tf.constant(data["x_labelled"]), tf.constant(data["y_labelled"]))
    logits = by_hand(model, data["x_labelled"], [0.5 * each for each in drawn])[-1][1]
    told = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(6), data["y_labelled"]]
    np.testing.assert_allclose(found, told.mean(), rtol=1e-4)


@pytest.mark.every
def test_every_level_is_denoised_if_its_cost_counts():
    """Errors fall below the variance of z; by the authors' costs x is served, and others wait."""
    data, found = zoo.data.load("digits", labels=50), {}
    x = tf.constant(data.arrays("train")["x"])
    for costs in ((1.0,), (1000.0, 10.0, 0.1)):
        settings = {"network": "ladder_small_mlp", "num_classes": 10, "denoising_costs": costs}
        model = Ladder(image_shape=data.image_shape, **settings)
        model.compile(steps_per_execution=50)
        stream = data.train(batch_size=100, seed=0, labelled_batch_size=50)
        model.fit(stream, steps_per_epoch=600, verbose=0)
        with phase(model, training=True):
            clean = model.encoder.levels(x, training=True)
            errors = model.denoising(clean, model.noisy_levels(x, "unlabelled"))
        variances = [np.var(level.z, axis=0).mean() for level in clean]
        found[costs] = [float(errors[level]) / v for level, v in enumerate(variances)]
    equal, authors = found.values()
    assert max(equal) < 0.5
    assert authors[0] < 0.5 and authors[1] < 0.5 and max(authors[2:]) > 2.0 * max(equal)


def test_gamma_has_a_decoder_of_the_top_alone():
    model = sgd(ladder(denoising_costs=(0.0, 0.0, 2.0)))
    assert model.decoder.lowest == 2 and len(model.decoder.trainable_variables) == 1
    logs = model.train_step(few_labels())
    assert logs["denoising_loss"] > 0
    assert ladder(denoising_costs=(3.0, 2.0)).costs == (3.0, 2.0, 2.0)


@pytest.mark.parametrize("row, side", [(conv(4, 3, 2, padding="same"), 3), (deconv(4, 3), 7)])
def test_convolutions_are_mirrored(row, side):
    encoder = LadderEncoder((row, dense(None, activation="linear")), (K,))
    model = sgd(Ladder(encoder=encoder, image_shape=(5, 5, 1), num_classes=K))
    assert encoder.shapes == [(5, 5, 1), (side, side, 4), (K,)]
    x = np.random.default_rng(0).uniform(size=(6, 5, 5, 1)).astype(np.float32)
    data = {"x": x, "x_labelled": x[:3], "y_labelled": np.arange(3, dtype=np.int32)}
    assert np.isfinite(model.train_step(data)["denoising_loss"])
    shapes = [tuple(v.shape) for v in model.decoder.trainable_variables]
    assert {(10, 1), (10, 4), (10, K)} <= set(shapes)  # one a map, not one a pixel
    level = encoder.levels(tf.constant(x), training=True)[1]
    np.testing.assert_allclose(tf.reduce_mean(level.z, [0, 1, 2]), 0.0, atol=1e-5)


def test_pools_are_linear_levels_without_a_mirror():
    rows = deconv(4, 3), MaxPool(2), conv(None, 1), GlobalMean()
    settings = {"image_shape": (5, 5, 1), "num_classes": K, "noise_stddev": 0.1}
    costs = (0.0, 0.0, 0.0, 0.0, 2.0)
    made = LadderEncoder(rows, (K,))
    model = sgd(Ladder(encoder=made, denoising_costs=costs, **settings))
    assert made.shapes == [(5, 5, 1), (7, 7, 4), (4, 4, 4), (4, 4, K), (K,)]
    assert list(made.biases) == ["0", "2", "3"]
    x = np.random.default_rng(0).uniform(size=(6, 5, 5, 1)).astype(np.float32)
    _, first, pool, last, top = made.levels(tf.constant(x), training=True)
    np.testing.assert_array_equal(pool.h, pool.z)
    wide = np.pad(first.h, [(0, 0), (0, 1), (0, 1), (0, 0)], constant_values=-np.inf)
    largest = wide.reshape(6, 4, 2, 4, 2, 4).max(axis=(2, 4))
    means = np.mean(last.h, axis=(1, 2))
    for level, pre in ((pool, largest), (top, means)):
        axes = tuple(range(pre.ndim - 1))
        expected = (pre - pre.mean(axes)) / np.sqrt(pre.var(axes) + 1e-4)
        np.testing.assert_allclose(level.z, expected, atol=1e-4)
    y = np.arange(3, dtype=np.int32)
    assert np.isfinite(model.train_step({"x": x, "x_labelled": x[:3], "y_labelled": y})["loss"])
    for network, kind in ((made, LadderEncoder), (model.decoder, LadderDecoder)):
        config = network.get_config()
        assert kind.from_config(config).get_config() == config
    with helpers.refused(ValueError, match="`denoising_costs`: expected 0 of every level below a"):
        Ladder(encoder=LadderEncoder(rows, (K,)), denoising_costs=(1.0,), **settings)


def test_verbs_are_those_of_the_clean_pass():
    model, data = sgd(ladder()), few_labels()
    assert model.capabilities == {"classify", "encode"} and model.code_dim == 6
    x = batch(5)
    np.testing.assert_array_equal(model.classify(x), model.classify(x))
    pre = x @ model.encoder.maps[0].weights[0].numpy()  # the population's: mean 0, variance 1
    h = np.tanh(normalised(tf.constant(pre), 0.0, 1.0, 1e-4))
    np.testing.assert_allclose(model.encode(x).mean(), h, atol=1e-5)
    np.testing.assert_allclose(model(x), model.classify(x), atol=1e-6)
    with helpers.refused(match="cannot sample"):
        model.sample(3)
    losses = model.evaluate(data["x"], np.zeros(8, np.int32), verbose=0)
    assert np.isfinite(losses).all()


@pytest.mark.parametrize(
    "options, match",
    [
        ({"num_classes": None}, "`num_classes`"),
        ({"denoising_costs": (1.0, 1.0, 1.0, 1.0)}, "`denoising_costs`: expected 1 to 3 numbers"),
        ({"denoising_costs": ()}, "`denoising_costs`"),
        ({"denoising_costs": (-1.0,)}, "denoising_costs"),
        ({"rows": (dense(6, noise=0.1), *ROWS)}, "`rows`"),
        ({"rows": (dense(6, activation="maxout"), *ROWS)}, "`rows`"),
        ({"rows": (deconv(6, 3, 2), *ROWS)}, "`rows`"),
    ],
)
def test_what_does_not_fit_is_refused(options, match):
    with helpers.refused(ValueError, match=match):
        ladder(**options)
