"""SDGM: its bound against the evidence of two levels of latents; samples draw both."""

import numpy as np
import pytest

from tests.methods import scalar
from tests.methods.scalar import K, S, W
from tests.small import batch, sgd
from zoo.methods.sdgm import SDGM

CONFORMANCE = {
    "images": {"num_classes": 10, "auxiliary_dim": 3, "class_samples": 3},
    "vectors": None,
    "data": {"labels": 20},
    "train": {"labelled_batch_size": 4},
}

X = batch(6)[:, :1]
C, T, M = 0.9, 0.5, 0.4  # a = C z + T eps, x = W a + M + S eps, whatever y
A_VARIANCE = C**2 + T**2
X_VARIANCE = W**2 * A_VARIANCE + S**2


def toy(shift=0.0, **options):
    """All posteriors are exact but for the mean of q(a|x), which is off by `shift`."""
    more = ("auxiliary_encoder", 2), ("auxiliary_decoder", 2)
    model = SDGM(**scalar.SETTINGS, **scalar.networks(*more), auxiliary_dim=1, **options)
    blank = lambda rows, units=2: np.zeros([rows, units])
    gain = W * A_VARIANCE / X_VARIANCE
    log_scale = 0.5 * np.log(A_VARIANCE * S**2 / X_VARIANCE)
    scalar.set_linear(model.auxiliary_encoder, [[gain, 0]], bias=[shift - gain * M, log_scale])
    scalar.set_linear(model.classifier, blank(2, K))
    log_scale = np.log(T / np.sqrt(A_VARIANCE))  # of z given a; x and y say no more
    scalar.set_linear(model.encoder, blank(1), blank(K), [[C / A_VARIANCE, 0]], bias=[0, log_scale])
    scalar.set_linear(model.auxiliary_decoder, blank(K), [[C, 0]], bias=[0, np.log(T)])
    scalar.set_linear(model.decoder, [[W]], blank(K + 1, 1), bias=[M])
    return sgd(model)


@pytest.mark.parametrize("samples", [1, 3])
def test_bounds_are_the_evidence_at_the_exact_posteriors(samples):
    evidence = scalar.log_normal(X[:, 0], M, X_VARIANCE)
    model = toy(kl="monte_carlo", auxiliary_samples=samples)
    found = model.test_step({"x": X, "y": np.zeros(6, np.int32)})
    np.testing.assert_allclose(found["elbo"], evidence.mean(), atol=1e-4)
    np.testing.assert_allclose(found["labelled_elbo"], evidence.mean() - np.log(K), atol=1e-4)
    np.testing.assert_allclose(model.log_prob(X, samples=samples, seed=0), evidence, atol=1e-4)


def test_a_worse_posterior_of_the_auxiliary_variable_costs_its_divergence():
    n, shift = 1000, 0.4
    kl = shift**2 / (2 * A_VARIANCE * S**2 / X_VARIANCE)
    found = toy(shift).log_prob(np.repeat(X[:1], n, axis=0), seed=0).numpy()
    expected = scalar.log_normal(X[0, 0], M, X_VARIANCE) - kl
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(n)


def test_samples_draw_both_levels_and_decode_takes_a_mean():
    n, model = 2000, toy()
    x = model.sample(n, seed=0).numpy()[:, 0]  # W a + M
    variance = W**2 * A_VARIANCE
    assert abs(x.mean() - M) < 4 * np.sqrt(variance / n)
    assert abs(x.var() - variance) < 4 * variance * np.sqrt(2 / n)
    z = np.column_stack([np.eye(K), batch(K)[:, 0]]).astype(np.float32)
    np.testing.assert_allclose(model.decode(z).mean()[:, 0], W * C * z[:, K] + M, atol=1e-5)


def test_verbs():
    model = toy()
    verbs = {"sample", "encode", "decode", "reconstruct", "log_prob", "classify"}
    assert model.capabilities == verbs and model.density == "lower_bound"
