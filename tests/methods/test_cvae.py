"""CVAE: its bound of log p(x|y), and where labels and attributes go."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.methods.tiny import linear, phase
from tests.small import D, batch, nets, sgd
from zoo.methods.cvae import CVAE

CONFORMANCE = {"images": {"num_classes": 10}, "vectors": None}

K = 3


def cvae(**options):
    labels = {} if "num_attributes" in options else {"num_classes": K}
    settings = nets("encoder", "decoder") | labels | {"decoder_output": "normal"}
    return CVAE(image_shape=(D,), latent_dim=D, **settings | options)


# --- a scalar with means of its own for each class: x = W z + M_y + S eps -------------------------

_W, _S, _M = 0.8, 0.6, np.array([-1.0, 0.5, 3.0])
_VARIANCE = _W**2 + _S**2


def scalar(**options):
    """q(z|x, y) is the exact posterior N(a (x - M_y), S^2 / variance), a = W / variance."""
    encoder, decoder = linear(2), linear(1)
    model = CVAE(
        image_shape=(1,),
        latent_dim=1,
        num_classes=K,
        encoder=encoder,
        decoder=decoder,
        decoder_output="normal",
        decoder_stddev=_S,
        **options,
    )
    a = _W / _VARIANCE
    loc = np.concatenate([[a], -a * _M])[:, None]  # of (x, one-hot y)
    bias = np.array([0.0, np.log(_S / np.sqrt(_VARIANCE))])
    encoder.set_weights([np.concatenate([loc, np.zeros_like(loc)], axis=1), bias])
    decoder.set_weights([np.concatenate([[_W], _M])[:, None], np.zeros(1)])
    return sgd(model)


def evidence(x, y):
    """log N(x; M_y, W^2 + S^2), [B]."""
    return -0.5 * ((x[:, 0] - _M[y]) ** 2 / _VARIANCE + np.log(2 * np.pi * _VARIANCE))


def test_log_prob_is_the_evidence_given_y_at_the_exact_posterior():
    model, x, y = scalar(), batch(6)[:, :1], np.array([0, 1, 2, 2, 1, 0])
    for samples in (1, 4):
        found = model.log_prob(x, y, samples=samples, seed=0)
        np.testing.assert_allclose(found, evidence(x, y), atol=1e-4)
    other = np.roll(y, 1)
    np.testing.assert_allclose(model.log_prob(x, other, seed=0), evidence(x, other), atol=1e-4)


def test_the_objective_is_the_bound_given_y():
    # Every draw gives log p(x|y) exactly with the KL term by sampling; in closed form E z^2 = 1
    # takes the place of z^2, and so in mean only: beta = 0 leaves log p(x|z, y) in both.
    x, y = batch(6)[:, :1], np.array([0, 1, 2, 2, 1, 0], np.int32)
    model = scalar(kl="monte_carlo")
    with phase(model):
        loss = model.bound(*model.phase_inputs(model.as_batch({"x": x, "y": y})))["model"]
    np.testing.assert_allclose(loss, -evidence(x, y), atol=1e-5)
    losses = [scalar(kl=kl, beta=0.0).test_step((x, y)) for kl in ("analytic", "monte_carlo")]
    assert float(losses[0]["model_loss"]) == float(losses[1]["model_loss"])
    assert float(losses[0]["kl"]) != float(losses[1]["kl"])


def test_samples_are_those_of_their_class():
    n, model = 4000, scalar()
    for y in range(K):
        mean = model.sample(n, y, seed=0).numpy().mean()  # of W z + M_y
        assert abs(mean - _M[y]) < 4 * _W / np.sqrt(n)


def test_it_reaches_the_truth_of_each_class():
    # x ~ N(M_y, W^2 + S^2): no mean log-likelihood is above its negative entropy, and each class
    # has its own mean, which an unconditional model could not have.
    rng = np.random.default_rng(0)
    y = rng.integers(0, K, 4000).astype(np.int32)
    x = (_M[y] + np.sqrt(_VARIANCE) * rng.standard_normal(4000)).astype(np.float32)[:, None]
    model = scalar(learning_rate=0.02)
    model.compile(steps_per_execution=20)
    for network in model.networks.values():
        network.set_weights([0.1 * np.ones_like(w) for w in network.get_weights()])
    model.fit(x, y, batch_size=200, epochs=30, verbose=0)
    found = float(np.mean(model.log_prob(x, y, samples=5, seed=0)))
    assert abs(found - evidence(x, y).mean()) < 0.05


# --- labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, label, other",
    [
        ({}, np.int32(0), np.int32(2)),
        ({"num_attributes": 2}, np.float32([0, 1]), np.float32([0.5, -1])),
    ],
)
def test_labels_reach_encoder_and_decoder(options, label, other):
    model, x = cvae(**options), batch(4)
    y, y_ = (np.repeat(each[None], 4, axis=0) for each in (label, other))
    assert np.abs(model.encode(x, y).mean() - model.encode(x, y_).mean()).max() > 1e-3
    assert np.abs(model.decode(x, y).mean() - model.decode(x, y_).mean()).max() > 1e-3
    assert np.abs(model.log_prob(x, y, seed=0) - model.log_prob(x, y_, seed=0)).min() > 1e-3
    same = model.reconstruct(x, label)  # one label stands for all rows
    np.testing.assert_allclose(same, model.decode(model.encode(x, y).mean(), y).mean(), atol=1e-5)
    found = model.inpaint(x, [True, False], y, steps=2, seed=0)
    np.testing.assert_array_equal(found[:, 0], x[:, 0])
    logs = sgd(model).train_step({"x": tf.constant(x), "y": tf.constant(y)})
    assert np.isfinite(float(logs["model_loss"]))


def test_labels_are_needed():
    with helpers.refused(ValueError, match="`num_classes`"):
        cvae(num_classes=None)
    model = sgd(cvae())
    for data in (batch(), {"x": batch()}):
        with helpers.refused(ValueError, match="batches with labels y"):
            model.train_step(data)


def test_verbs():
    model = cvae()
    assert model.capabilities == {"sample", "encode", "decode", "reconstruct", "log_prob"}
    assert model.conditional and model.density == "lower_bound"
