"""GMMN: its loss against sums over pairs, its two stages, and moments that it learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import refused
from tests.methods.tiny import linear, moved, phase, states
from tests.small import D, batch, nets, sgd
from zoo.methods.gmmn import GMMN
from zoo.networks.stack import Stack, dense

CONFORMANCE = {
    "images": {"space": "codes", "pretrain_steps": 4, "feature_dim": 5},
    "vectors": {"bandwidths": (0.5,)},
}


def gmmn(**options):
    if options.get("space") == "codes":
        hidden = dense(8, norm=True, activation="tanh")  # whose statistics must not move either
        encoder = Stack((hidden, dense(3, activation="linear")), init_seed=5, init_stddev=0.5)
        networks = {"encoder": encoder, "decoder": linear(D, 6), "generator": linear(3, 7)}
        options = {"feature_dim": 3, "pretrain_steps": 2, **networks, **options}
    return sgd(GMMN(image_shape=(D,), latent_dim=D, **nets("decoder") | options))


RBF = lambda d, b: np.exp(-d / (2 * b))
RATIONAL = lambda d, b: (1 + d / (2 * b)) ** -b


def squared_mmd(x, y, kernel, bandwidths, estimator):
    """Pair by pair, in float64."""
    k = lambda u, v: sum(kernel(np.sum((u - v) ** 2), b) for b in bandwidths)
    n = len(x)
    if estimator == "linear":
        pairs = [(x[i], x[i + 1], y[i], y[i + 1]) for i in range(0, n, 2)]
        return np.mean([k(a, b) + k(c, d) - k(a, d) - k(c, b) for a, b, c, d in pairs])
    same = estimator == "biased"
    of = lambda u: np.mean([k(u[i], u[j]) for i in range(n) for j in range(n) if same or i != j])
    return of(x) + of(y) - 2 * np.mean([k(a, b) for a in x for b in y])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"root": False, "bandwidths": (0.5, 3.0), "kernel": "rational_quadratic"},
        {"root": False, "bandwidths": (0.7,), "estimator": "unbiased"},
        {"root": False, "bandwidths": (0.7,), "estimator": "linear"},
        {"space": "codes", "bandwidths": (1.0,)},
    ],
    ids=["default", "rational", "unbiased", "linear", "codes"],
)
def test_the_loss_is_that_of_all_pairs(options):
    model, x = gmmn(**options), batch(8) + 1.0
    with phase(model):
        z = model.draw(model.prior, "z", batch_of=tf.constant(x)).numpy()
        found = model.matching(tf.constant(x))["generator"]
    codes = options.get("space") == "codes"
    y = model.generator(z) if codes else model.decode(z).mean()
    x = model.encoder(x) if codes else x
    kernel = RATIONAL if options.get("kernel") else RBF
    rows = (np.asarray(each, np.float64) for each in (x, y))
    mmd = squared_mmd(*rows, kernel, model.bandwidths, model.estimator)
    assert abs(mmd) > 1e-3
    np.testing.assert_allclose(found, np.sqrt(mmd) if model.root else mmd, rtol=1e-4, atol=1e-6)
    logged = model.losses_of(batch(8))
    if not codes:
        assert set(logged) == {"generator"}


def test_samples_that_are_the_data_cost_nothing_and_move_nothing():
    """MMD is 0 to rounding, and its root, whose slope is infinite there, has none."""
    model = gmmn(decoder=linear(D))
    x = tf.constant(batch(8))
    with phase(model), tf.GradientTape() as tape:
        model.likelihood = lambda z: _Point(x + 0.0 * model.apply("decoder", z))
        loss = model.matching(x)["generator"]
    moves = tape.gradient(loss, model.decoder.trainable_variables)
    assert 0 <= float(loss) < 2e-3  # the root of a difference of numbers of size 6 in float32
    assert all(np.isfinite(g).all() for g in moves)


class _Point:
    def __init__(self, value):
        self.mean = lambda: value


def test_each_stage_moves_its_own_networks():
    model, found = gmmn(space="codes"), []
    found.append(states(model))
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: found.append(states(model))
    )
    model.fit(batch(16), batch_size=4, verbose=0, callbacks=[record])  # 4 steps
    steps = [moved(a, b) for a, b in zip(found, found[1:])]
    assert steps == [{"encoder", "decoder"}] * 2 + [{"generator"}] * 2
    z = batch(3)
    np.testing.assert_allclose(model.decode(z).mean(), model.decoder(model.generator(z)), atol=1e-6)


def test_the_first_stage_reconstructs():
    """Of vectors half the squared error, and D/2 log(2 pi)."""
    model, x = gmmn(space="codes"), batch(5)
    with phase(model):
        found = model.autoencoding(tf.constant(x))["autoencoder"]
    error = np.sum((x - model.decoder(model.encoder(x))) ** 2, axis=1)
    np.testing.assert_allclose(found, error / 2 + D / 2 * np.log(2 * np.pi), rtol=1e-4)
    images = GMMN(image_shape=(4, 4, 1), latent_dim=2, space="codes", feature_dim=2)
    x = tf.constant(np.random.default_rng(0).uniform(size=(3, 4, 4, 1)).astype(np.float32))
    with phase(images):
        found = images.autoencoding(x)["autoencoder"].numpy()
        p = tf.sigmoid(images.apply("decoder", images.apply("encoder", x))).numpy()
    entropy = -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=(1, 2, 3))
    np.testing.assert_allclose(found, entropy, rtol=1e-4)


@pytest.mark.every
@pytest.mark.parametrize("estimator", ["biased", "unbiased"])
def test_it_learns_the_data_s_moments(estimator):
    """x = m + A u, u ~ U(-1, 1)^2, as G can be: of a class of affine maps it finds this one."""
    rng = np.random.default_rng(0)
    m, a = np.array([1.0, -2.0]), np.array([[1.5, 0.0], [0.5, 0.7]])
    x = (m + rng.uniform(-1, 1, (1000, 2)) @ a.T).astype(np.float32)
    model = GMMN(
        image_shape=(D,),
        latent_dim=D,
        decoder=linear(D),
        bandwidths=(0.2, 1.0, 5.0),
        estimator=estimator,
        root=estimator == "biased",
        learning_rate=0.03,
    )
    model.compile(steps_per_execution=40)
    model.fit(np.tile(x, [10, 1]), batch_size=250, epochs=6, verbose=0)
    found = model.sample(4000, seed=0).numpy()
    # Covariances are A A^T / 3. The batches' means are off by up to 4 / sqrt(250) deviations.
    np.testing.assert_allclose(found.mean(axis=0), m, atol=0.15)
    np.testing.assert_allclose(np.cov(found.T), a @ a.T / 3, atol=0.15)


def test_refusals():
    for argument, options in (
        ("bandwidths", {"bandwidths": ()}),
        ("bandwidths", {"bandwidths": (1.0, 0.0)}),
        ("root", {"estimator": "unbiased"}),
    ):
        with refused(ValueError, match=f"`{argument}`"):
            gmmn(**options)


def test_a_last_batch_of_one_row_is_refused_in_one_line():
    model = gmmn(estimator="unbiased", root=False)
    model.compile()
    with refused(ValueError, match=r"^Invalid `x`: expected at least two rows.*last batch\)\.$"):
        model.fit(batch(5), batch_size=2, verbose=0)


def test_verbs():
    for space in ("data", "codes"):
        model = gmmn(space=space)
        assert model.capabilities == {"sample", "decode"}
        assert np.abs(model.prior.sample(100, seed=0)).max() <= 1.0
