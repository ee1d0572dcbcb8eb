"""XLA and mixed precision, on convolutional networks and on dense ones."""

import math

import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance import cases
from zoo import distributions


def step(model, method, family, jit_compile=False):
    """{log: value} of one training step."""
    (batch,) = cases.batches(method, family)
    run = tf.function(model.train_step, jit_compile=True) if jit_compile else model.train_step
    return {name: float(value) for name, value in run(batch).items()}


@pytest.fixture(scope="session")
def eager(method, family):
    """(model, logs) after one step, operation by operation."""
    model = cases.sgd(cases.make(method, family))
    return model, step(model, method, family)


def wave(shape, seed):
    """Stands for noise: XLA makes other normals than the kernels do from the same random bits."""
    size = tf.reduce_prod(tf.stack(shape))
    return tf.reshape(0.5 + 0.5 * tf.sin(1.7 * tf.range(tf.cast(size, tf.float32))), shape)


def test_xla_takes_the_same_step(method, family, monkeypatch):
    for kind in distributions.randomness.NOISE:
        monkeypatch.setitem(distributions.randomness.NOISE, kind, wave)
    models = [cases.sgd(cases.make(method, family)) for _ in range(2)]
    logs = [step(model, method, family, jit) for model, jit in zip(models, (False, True))]
    helpers.assert_close(logs[1], logs[0], 1e-4)
    helpers.assert_close(helpers.arrays(models[1]), helpers.arrays(models[0]), 1e-4)


def test_bfloat16_trains_with_float32_variables_and_outputs(method, family, eager):
    model = cases.sgd(cases.make(method, family, dtype="mixed_bfloat16"))
    logs = step(model, method, family)
    assert all(math.isfinite(value) for value in logs.values())
    for name in (name for name in logs if name.endswith("_loss")):
        assert logs[name] == pytest.approx(eager[1][name], rel=0.1, abs=0.1), name
    weights = {v.dtype for network in model.networks.values() for v in network.weights}
    assert weights == {"float32"}
    fed = cases.inputs(model)
    y = {"y": fed["y"]} if "y" in fed else {}
    samples = model.sample(2, seed=0, **{k: v[:2] for k, v in y.items()})
    assert samples.dtype == tf.float32
    if "log_prob" in model.capabilities:
        assert model.log_prob(fed["x"], **y).dtype == tf.float32
