"""XLA and mixed precision: the same losses, to what rounding allows."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance import cases, cover

UNIT = 2.0**-8  # bfloat16 has 8 bits of mantissa: what it rounds is off by at most this, relatively
PERTURBATIONS = 8


@pytest.mark.costly
def test_xla_takes_the_same_step(method, family, helper):
    folder = helper.ask("compile", method, family)
    with np.load(folder / "eager.npz") as eager, np.load(folder / "xla.npz") as xla:
        helpers.assert_close(dict(xla), dict(eager), 1e-4)


def losses_at(model, method, family):
    """Callable `(weights) -> {loss: value}` of the same batch and noise, for given weights."""
    cases.sgd(model, rate=0.0)
    (batch,) = cases.batches(method, family)
    run = tf.function(model.train_step)
    variables = [v for network in model.networks.values() for v in network.trainable_variables]

    def losses(weights=None):
        for variable, value in zip(variables, weights or ()):
            variable.assign(value)
        for counter in (model.step, model.play_counter):
            counter.assign(0)  # the same noise
        model.reset_metrics()
        logs = run(batch)
        return {name: float(value) for name, value in logs.items() if name.endswith("_loss")}

    return losses, [v.numpy() for v in variables]


@pytest.mark.costly(*cover.ROUNDED)
def test_bfloat16_trains_with_float32_variables_and_outputs(method, family):
    exact, weights = losses_at(cases.make(method, family), method, family)
    model = cases.make(method, family, dtype="mixed_bfloat16")
    rounded, _ = losses_at(model, method, family)
    found, expected = rounded(), exact()
    # How far rounding moves a loss depends on the loss. A row rounds its inputs, its weights and
    # its outputs; what the first and the last do has the size of what rounding the weights does. So
    # float32's losses are taken at weights moved by one unit, up or down at random, and the three
    # roundings together may be off by the sum of three such moves, each of at most three standard
    # deviations: less than once in ten thousand losses by chance.
    random = np.random.default_rng(0)
    moves = [
        exact([w * (1.0 + UNIT * random.choice([-1.0, 1.0], w.shape)) for w in weights])
        for _ in range(PERTURBATIONS)
    ]
    for name, value in expected.items():
        spread = np.sqrt(np.mean([(moved[name] - value) ** 2 for moved in moves]))
        bound = 9.0 * spread + UNIT * abs(value)  # the loss is itself a mean of rounded terms
        assert abs(found[name] - value) <= bound, (name, found[name], value, bound)
    before = helpers.arrays(model)
    for optimizer in model.optimizers.values():
        optimizer.learning_rate = 0.05
    rounded()
    after = helpers.arrays(model)
    assert all(np.isfinite(array).all() for array in after.values())
    assert any((after[path] != before[path]).any() for path in after if "networks" in path)
    assert {v.dtype for network in model.networks.values() for v in network.weights} == {"float32"}
    fed = cases.inputs(model)
    y = {"y": fed["y"]} if "y" in fed else {}
    if "sample" in model.capabilities:
        samples = model.sample(2, seed=0, **{k: v[:2] for k, v in y.items()})
        assert samples.dtype == tf.float32
    if "classify" in model.capabilities:
        assert model.classify(fed["x"]).dtype == tf.float32
    if "log_prob" in model.capabilities:
        assert model.log_prob(fed["x"], **y).dtype == tf.float32
