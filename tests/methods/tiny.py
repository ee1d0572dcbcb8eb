"""What tests of several methods share: discriminators of codes, spies, who moved."""

import contextlib

import numpy as np
import tensorflow as tf

from tests.small import batch, hidden
from zoo import seeds
from zoo.model.game import Phase, entered
from zoo.networks.stack import Pair, Stack, dense


def linear(units, seed=0, **options):
    """One linear row."""
    return Stack((dense(units, activation="linear"),), init_seed=seed, init_stddev=0.5, **options)


def logit(seed=4, *rows):
    """A discriminator of codes: rows (one hidden by default), then one logit."""
    rows = rows or (hidden(),)
    return Stack((*rows, dense(None, activation="linear")), (), init_seed=seed, init_stddev=0.5)


def pair(seed=3, codes=True, outputs=()):
    """A discriminator of (x, z), or of x alone, with one hidden row."""
    rows = (hidden(), dense(None, activation="linear"))
    joint = Stack(rows, outputs, init_seed=seed, init_stddev=0.5)
    return Pair(Stack(()), Stack(()) if codes else None, joint)


def constant(network, *logits):
    """Makes the network's outputs these, whatever its inputs."""
    network.set_weights([np.zeros_like(w) for w in network.get_weights()])
    network.trainable_variables[-1].assign(np.array(logits, np.float32))


@contextlib.contextmanager
def phase(model, training=False):
    """Inside, phases of a compiled model can be called; each time with the same noise."""
    with entered(Phase(seeds.fold(model.seed, "a test"), training, places=_Forgetful())):
        yield


class _Forgetful(set):
    """Places of draws that may be drawn again, as each call of a phase is one by itself."""

    def add(self, place):
        pass


def seen_by(model, role, monkeypatch):
    """The list of inputs that the network of a role is given from now on, one tuple a call."""
    seen, apply = [], model.apply

    def spy(name, *inputs):
        if name == role:
            seen.append(tuple(np.array(each) for each in inputs))
        return apply(name, *inputs)

    monkeypatch.setattr(model, "apply", spy)
    return seen


def check_supervised_on_labelled_examples(model, k, monkeypatch):
    """Labels are learned from x_labelled, row by row: from D's logits of x_labelled and its codes.

    The streams are as long as each other, so that one could be taken for the other.
    """
    y = np.array([0, 2, 2, 1, 0, 1], np.int32)
    data = {"x": batch(6), "x_labelled": batch(6, seed=1), "y_labelled": y}
    encoded, seen = (seen_by(model, role, monkeypatch) for role in ("encoder", "discriminator"))
    losses = model.losses_of(data)
    (pairs, _), (x, z) = seen
    np.testing.assert_array_equal(pairs[:6], data["x"])
    for labelled in (x, encoded[-1][0]):
        np.testing.assert_array_equal(labelled, data["x_labelled"])
    logits = model.discriminator(x, z).numpy()[:, :k]
    told = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(6), y]
    assert np.ptp(told) > 0.1  # it matters which label a row has
    outputs = model.discriminator(*seen[0]).numpy()
    logit = np.log(np.exp(outputs[:, :k]).sum(axis=1)) - outputs[:, k]
    game = np.logaddexp(0, -logit[:6]).mean() + np.logaddexp(0, logit[6:]).mean()
    np.testing.assert_allclose(losses["discriminator"], game + told.mean(), rtol=1e-5)


def check_labelled_batches_leave_the_population_alone(model, data, *roles):
    """A step moves the statistics of these networks as if it had no labelled examples.

    Args:
        data: a semi-supervised batch; another with other labelled images gives the same.
    """
    variables = [v for role in roles for v in model.networks[role].variables if not v.trainable]
    moving, kept = [v.numpy() for v in variables], []
    start = {name: v.numpy() for name, v in model.state.items()}
    for each in (data, data | {"x_labelled": 5.0 + 3.0 * data["x_labelled"]}):
        for name, variable in model.state.items():
            variable.assign(start[name])
        model.train_step(each)
        kept.append([v.numpy() for v in variables])
    assert moving
    for before, one, other in zip(moving, *kept, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.abs(one - before).max() > 1e-4


def check_the_population_is_data(model, data, block):
    """A step of a still model moves the statistics of this row of D once, by data alone.

    Args:
        data: what `train_step` takes.
        block: D's first row that sees x, with batch normalisation of momentum 0.95.
    """
    x = data["x"] if isinstance(data, dict) else data
    values = block.linear(tf.reshape(x, [len(x), -1])).numpy()
    model.train_step(data)
    np.testing.assert_allclose(block.norm.moving_mean, 0.05 * values.mean(axis=0), atol=1e-6)
    expected = 0.95 + 0.05 * values.var(axis=0)
    np.testing.assert_allclose(block.norm.moving_variance, expected, rtol=1e-5)


def states(model):
    """{role: all variables of its network}, moving statistics included."""
    return {r: [v.numpy() for v in network.variables] for r, network in model.networks.items()}


def moved(before, after):
    """Roles whose variables differ."""
    pairs = {role: zip(before[role], after[role], strict=True) for role in before}
    return {role for role, both in pairs.items() if any((a != b).any() for a, b in both)}


def softplus(*values):
    """Sum of log(1 + e^v)."""
    return float(np.sum(np.logaddexp(0.0, values)))


def assert_standard_normal(noise, error=4.5):
    """Moments of [n, d] independent normal numbers, within `error` standard errors."""
    n, noise = len(noise), np.asarray(noise, np.float64)
    assert np.abs(noise.mean(axis=0)).max() < error / np.sqrt(n)
    assert np.abs(noise.T @ noise / n - np.eye(noise.shape[1])).max() < error * np.sqrt(2 / n)
