"""ADGM: its bounds against the evidence, the auxiliary variable's cost, its classifier."""

import numpy as np
import pytest
import tensorflow as tf

from tests.methods import scalar
from tests.methods.scalar import K
from tests.methods.tiny import phase, seen_by
from tests.small import batch, gradients
from zoo.methods.adgm import ADGM

CONFORMANCE = {
    "images": {"num_classes": 10, "auxiliary_dim": 3, "auxiliary_samples": 2, "class_samples": 3},
    "vectors": None,
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

X, Y = batch(6)[:, :1], np.array([0, 1, 2, 2, 1, 0], np.int32)
C, LOG_SCALE, SHIFT = 0.7, -0.4, 0.5  # q(a|x) = N(C x, e^(2 LOG_SCALE))


def toy(shift=0.0, of_a=0.0, **options):
    """M2's toy; p(a|x, y, z) is q(a|x) but for its mean, and q(y|a, x) hears `of_a` times a."""
    more = ("auxiliary_encoder", 2), ("auxiliary_decoder", 2)
    networks = scalar.networks(*more)
    model = ADGM(**scalar.SETTINGS, **networks, auxiliary_dim=1, **options)
    scalar.set_exact(model, of_a=of_a * np.arange(K)[None])
    scalar.set_linear(model.auxiliary_encoder, [[C, 0.0]], bias=[0.0, LOG_SCALE])
    rest = np.zeros([K + 1, 2])  # y and z say nothing of a
    scalar.set_linear(model.auxiliary_decoder, [[C, 0.0]], rest, bias=[shift, LOG_SCALE])
    return model


def test_bounds_are_the_evidence_where_nothing_is_lost():
    for samples in (1, 3):
        model = toy(kl="monte_carlo", auxiliary_samples=samples)
        data = {"x": X, "x_labelled": 0.5 - X, "y_labelled": Y}
        found = {name: float(value) for name, value in model.test_step(data).items()}
        labelled = scalar.log_joint(0.5 - X)[np.arange(6), Y]
        np.testing.assert_allclose(found["elbo"], scalar.evidence(X).mean(), atol=1e-4)
        np.testing.assert_allclose(found["labelled_elbo"], labelled.mean(), atol=1e-4)
        bound = model.log_prob(X, samples=samples, seed=0)
        np.testing.assert_allclose(bound, scalar.evidence(X), atol=1e-4)


def test_an_auxiliary_variable_that_is_not_foreseen_costs_its_divergence():
    # KL(q(a|x) || p(a|x, y, z)) = SHIFT^2 / (2 e^(2 LOG_SCALE)).
    n, kl = 1000, SHIFT**2 / (2 * np.exp(2 * LOG_SCALE))
    found = toy(SHIFT).log_prob(np.repeat(X[:1], n, axis=0), seed=0).numpy()
    assert abs(found.mean() - (scalar.evidence(X)[0] - kl)) < 4 * found.std() / np.sqrt(n)
    assert found.std() > 0.1
    many = toy(SHIFT).log_prob(X, samples=500, seed=0)
    assert abs(np.mean(many - scalar.evidence(X))) < 0.05


def test_each_draw_of_a_is_one_example_of_the_game(monkeypatch):
    model = toy(auxiliary_samples=2)
    seen = seen_by(model, "classifier", monkeypatch)
    with phase(model):
        model.bound(tf.constant(X), tf.constant(0.5 - X), tf.constant(Y))
    for (x, a), rows in zip(seen, (X, 0.5 - X), strict=True):
        np.testing.assert_array_equal(x, np.repeat(rows, 2, axis=0))
        assert (a[::2] != a[1::2]).all()
    assert (seen[0][1] - C * seen[0][0] != seen[1][1] - C * seen[1][0]).all()  # other noise


def test_classify_is_the_mean_over_the_auxiliary_variable():
    # Against quadrature; a share varies by at most 1/2, so its mean over n draws by 1 / (2 sqrt n).
    n = 4000
    model = toy(of_a=1.5, class_samples=n)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    of_x, bias = scalar.class_weights()
    a = C * X + np.exp(LOG_SCALE) * nodes  # [B, nodes]
    logits = (X @ of_x + bias)[:, None] + 1.5 * a[:, :, None] * np.arange(K)
    q = np.exp(logits - np.logaddexp.reduce(logits, axis=2)[:, :, None])
    expected = np.einsum("bnk,n->bk", q, weights / weights.sum())
    found = np.exp(model.classify(X))
    np.testing.assert_allclose(found.sum(axis=1), np.ones(6), atol=1e-5)
    np.testing.assert_allclose(found, expected, atol=4 / (2 * np.sqrt(n)))
    at_mean = np.exp(toy(of_a=1.5, class_samples=1).classify(X))
    assert np.abs(at_mean - expected).max() > 0.05
    np.testing.assert_allclose(model.classify(X[2:3]), model.classify(X)[2:3], atol=1e-5)


@pytest.mark.parametrize("shift, still", [(0.0, True), (SHIFT, False)])
def test_the_auxiliary_posterior_is_taught_by_its_cost(shift, still):
    model = toy(shift, alpha=0.0)
    arguments = tf.constant(0.5 - X), tf.constant(Y)
    found = gradients(model, lambda x: model.bound(x, *arguments), tf.constant(X))["model"]
    names = [id(v) for v in model.player_variables["model"]]
    bias = model.auxiliary_decoder.trainable_variables[-1]
    # d/db of the mean of log N(a; b, s^2): the mean error over s^2, of both streams.
    of_bias = found[names.index(id(bias))][0]
    expected = 2 * shift / np.exp(2 * LOG_SCALE)
    noise = 4 * 2 / np.exp(LOG_SCALE) / np.sqrt(6)
    assert abs(of_bias - expected) < noise
    assert still or of_bias > 0


def test_verbs():
    model = toy()
    verbs = {"sample", "encode", "decode", "reconstruct", "log_prob", "classify"}
    assert model.capabilities == verbs and model.density == "lower_bound"
    expected = scalar.W / scalar.VARIANCE * (X[:, 0] - scalar.M[np.argmax(model.classify(X), 1)])
    np.testing.assert_allclose(model.encode(X).mean()[:, K], expected, atol=1e-5)
