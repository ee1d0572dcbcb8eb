"""FusedAdam against `keras.optimizers.Adam`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.optimizers import FusedAdam


def run(kind, steps=20, gradient_dtype="float32", **settings):
    """Weights after `steps` updates on a fixed sequence of gradients."""
    rng = np.random.default_rng(0)
    variables = [
        keras.Variable(rng.standard_normal(shape), dtype="float32") for shape in ((3, 4), (5,), ())
    ]
    optimizer = kind(**settings)
    optimizer.build(variables)
    for _ in range(steps):
        gradients = [
            tf.constant(rng.standard_normal(v.shape) * 10.0 ** rng.integers(-4, 3), "float32")
            for v in variables
        ]
        optimizer.apply([tf.cast(g, gradient_dtype) for g in gradients], variables)
    assert int(optimizer.iterations) == steps
    return [v.numpy() for v in variables], [v.numpy() for v in optimizer.variables]


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": 1e-3},
        {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8},
        {"learning_rate": 0.1, "beta_1": 0.0, "beta_2": 0.9, "epsilon": 1e-3},
        {"learning_rate": 0.1, "weight_decay": 0.01},
        {"learning_rate": 0.1, "amsgrad": True},
    ],
)
def test_equals_keras_adam_over_20_steps(settings):
    weights, slots = run(FusedAdam, **settings)
    expected_weights, expected_slots = run(keras.optimizers.Adam, **settings)
    # The kernel's 1 - beta_2 is a float32, 5e-5 off at 0.999: half that in each step of about lr.
    tolerance = 5e-4 * settings["learning_rate"]
    for ours, keras_ in zip(weights, expected_weights):
        np.testing.assert_allclose(ours, keras_, rtol=1e-6, atol=tolerance)
    for ours, keras_ in zip(slots, expected_slots, strict=True):
        np.testing.assert_allclose(ours, keras_, rtol=1e-4, atol=1e-6)


def test_float32_masters_of_bfloat16_gradients():
    settings = {"learning_rate": 0.01, "beta_1": 0.5}
    weights, _ = run(FusedAdam, gradient_dtype="bfloat16", **settings)
    expected, _ = run(keras.optimizers.Adam, gradient_dtype="bfloat16", **settings)
    for ours, keras_ in zip(weights, expected):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, keras_, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", ["rows alone", "two types", "accumulated"])
def test_what_one_kernel_for_all_does_not_fit_is_updated_as_by_keras(case):
    found = []
    for kind in (FusedAdam, keras.optimizers.Adam):
        other = "float64" if case == "two types" else "float32"
        variables = [keras.Variable([[1.0], [2.0]]), keras.Variable([3.0], dtype=other)]
        optimizer = kind(0.1, gradient_accumulation_steps=2 if case == "accumulated" else None)
        optimizer.build(variables)
        for size in (1.0, -2.0, 4.0, 0.5):
            dense = tf.constant([[size], [3.0]])
            rows = tf.IndexedSlices(tf.constant([[size]]), [1], [2, 1])
            gradients = [rows if case == "rows alone" else dense, tf.constant([size], other)]
            optimizer.apply(gradients, variables)
        found.append([v.numpy() for v in variables])
    for ours, keras_ in zip(*found):
        assert ours.dtype == keras_.dtype
        np.testing.assert_allclose(ours, keras_, rtol=1e-5)


def test_first_step_by_hand():
    # t = 1: m = (1 - b1) g, v = (1 - b2) g^2: the step is lr g / (|g| + eps / sqrt(1 - b2)).
    variable = keras.Variable([1.0, 1.0, 1.0])
    optimizer = FusedAdam(0.1, beta_1=0.7, beta_2=0.99, epsilon=0.01)
    optimizer.build([variable])
    gradient = np.array([2.0, -0.5, 0.0], np.float32)
    optimizer.apply([tf.constant(gradient)], [variable])
    expected = 1.0 - 0.1 * gradient / (np.abs(gradient) + 0.01 / np.sqrt(0.01))
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)


def test_a_traced_schedule_moves_the_rate():
    variable = keras.Variable([0.0])
    optimizer = FusedAdam(1.0, beta_1=0.0, epsilon=0.0)
    optimizer.build([variable])

    @tf.function
    def step(rate):
        optimizer.learning_rate = rate
        optimizer.apply([tf.constant([3.0])], [variable])

    # Without momentum and epsilon a step of a constant gradient is the rate: -(0.5 + 0.25).
    step(tf.constant(0.5))
    step(tf.constant(0.25))
    np.testing.assert_allclose(variable.numpy(), [-0.75], rtol=1e-5)


def test_serialisation_round_trip():
    optimizer = FusedAdam(3e-4, beta_1=0.4, beta_2=0.98, epsilon=1e-5, name="critic_adam")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(again) is FusedAdam
    assert again.get_config() == optimizer.get_config()
    assert (again.beta_1, again.beta_2, again.epsilon, again.name) == (
        0.4,
        0.98,
        1e-5,
        "critic_adam",
    )
