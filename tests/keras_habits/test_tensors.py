"""Verbs given tensors: under a tape, inside `tf.function` and `Dataset.map`, and many draws."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.small import Bound, D, batch, make
from zoo import verbs


@pytest.fixture(scope="module")
def model():
    return make(Bound)


VERBS = {
    "encode": lambda m, x: m.encode(x).mean(),
    "decode": lambda m, x: m.decode(x).mean(),
    "reconstruct": lambda m, x: m.reconstruct(x, seed=0),
    "log_prob": lambda m, x: m.log_prob(x, seed=0),
    "inpaint": lambda m, x: m.inpaint(x, [True, False], steps=2, seed=0),
}
ROLES = {"encode": ["encoder"], "decode": ["decoder"]}


@pytest.mark.parametrize("verb", VERBS)
def test_gradients_reach_inputs_and_weights(model, verb):
    x = tf.Variable(batch(3))
    roles = ROLES.get(verb, ["encoder", "decoder"])
    learned = [v for role in roles for v in model.networks[role].trainable_variables]
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(VERBS[verb](model, x))
    of_x, *of_weights = tape.gradient(value, [x, *learned])
    assert all(g is not None for g in of_weights)
    assert np.abs(of_x).max() > 0
    if verb == "encode":  # as differences say: the outputs are smooth
        ahead, behind = batch(3), batch(3)
        ahead[1, 0] += 1e-2
        behind[1, 0] -= 1e-2
        change = [float(tf.reduce_sum(VERBS[verb](model, each))) for each in (ahead, behind)]
        np.testing.assert_allclose(of_x[1, 0], (change[0] - change[1]) / 2e-2, atol=1e-2)


@pytest.mark.parametrize("shape", [(3, 4, 4, 1), (3, 4, 4)])
def test_gradients_pass_a_call(shape):
    images = zoo.create("tests.small:Bound", image_shape=(4, 4, 1), latent_dim=1)
    x = tf.Variable(np.random.default_rng(0).random(shape, np.float32))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(images(x))
    assert np.abs(tape.gradient(value, x)).max() > 0


@pytest.mark.parametrize("verb", VERBS)
def test_the_same_in_a_graph(model, verb):
    x = batch(3)
    expected = VERBS[verb](model, x)
    graph = tf.function(lambda a: VERBS[verb](model, a), autograph=False)
    np.testing.assert_allclose(graph(tf.constant(x)), expected, atol=1e-5)
    rows = tf.data.Dataset.from_tensor_slices(x).batch(3)  # batches of unknown size
    mapped = next(iter(rows.map(lambda a: VERBS[verb](model, a))))
    np.testing.assert_allclose(mapped, expected, atol=1e-5)


def test_samples_in_a_graph_are_new_at_each_call_unless_seeded(model):
    free = tf.function(lambda: model.sample(4), autograph=False)
    held = tf.function(lambda: model.sample(4, seed=1), autograph=False)
    assert np.abs(free() - free()).max() > 0
    np.testing.assert_allclose(held(), model.sample(4, seed=1), atol=1e-6)
    np.testing.assert_array_equal(held(), held())


def test_a_graph_refuses_other_shapes_and_types(model):
    for shape, dtype, words in (
        ([3, D + 1], tf.float32, "x.shape"),
        ([3, D], tf.string, "x.dtype"),
    ):
        encode = tf.function(lambda x: model.encode(x).mean(), autograph=False)
        with pytest.raises((ValueError, TypeError), match=words):
            encode.get_concrete_function(tf.TensorSpec(shape, dtype))


def test_draws_beyond_a_call_are_joined(model, monkeypatch):
    calls = []

    def weights(x, seeds_, samples):
        """log of the mean of so many equal weights w = exp(x_0)."""
        calls.append((len(x), samples))
        return x[:, 0]

    monkeypatch.setattr(verbs, "_DRAWS", 2)
    monkeypatch.setattr(model, "row_function", lambda name, **o: functools.partial(weights, **o))
    x = batch(3)
    np.testing.assert_allclose(model.log_prob(x, samples=5), x[:, 0], rtol=1e-5)
    assert calls == [(1, 2)] * 6 + [(1, 1)] * 3  # 5 = 2 + 2 + 1 draws, row by row
