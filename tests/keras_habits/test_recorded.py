"""Networks that a run records: of Keras' layers, never of what could act when it is called."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from tests.helpers import refused
from zoo.networks import own


def layer(name, module="keras.layers", registered=None, **config):
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
    }


def function(name, module="builtins"):
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


CANARY = "canary.png"
HOSTILE = {
    "a layer that calls a function": layer(
        "Lambda",
        function=function("plot_image_gallery", "keras.visualization"),
        arguments={"path": CANARY, "value_range": [0, 1]},
        output_shape=[8, 8, 1],
    ),
    "a class as a function": layer(
        "Lambda", function={**function("TFSMLayer", "keras.layers"), "registered_name": "TFSMLayer"}
    ),
    "another graph": layer("TFSMLayer", filepath="somewhere"),
    "a vocabulary of a file": layer("StringLookup", vocabulary="/etc/hostname"),
    "a function of no activation": layer("Dense", units=1, activation=function("load_model")),
    "the reader of activations": layer("Dense", units=1, activation=function("deserialize")),
    "a download": layer("Dense", units=1, activation=function("load_data", "keras.datasets.mnist")),
    "a switch of functions": layer("Switch", "keras.src.ops.core"),
    "a setting": layer("Dense", units=1, activation=function("set_floatx", "keras.config")),
    "a foreign module": layer("system", "os"),
    "a borrowed name": layer("system", "os", registered="zoo>BatchNorm"),
    "no module": layer("Lambda", None),
    "an odd name": layer(["Dense"]),
    "no initializer": layer("get", "keras.initializers"),
    "bytes": {"class_name": "__lambda__", "config": {"value": "x"}},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_could_act_is_refused_before_keras_sees_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        own.keras.saving, "deserialize_keras_object", lambda *a, **k: pytest.fail("was called")
    )
    inside = layer("Sequential", "keras", registered="Sequential", layers=[HOSTILE[name]])
    for config in (HOSTILE[name], inside, json.loads(json.dumps(inside))):
        with refused(ValueError, match="`encoder`: expected layers of Keras"):
            own.revive({"encoder": config})
    assert not list(tmp_path.iterdir())


def functional():
    x = keras.Input((8, 8, 1))
    y = layers.Flatten()(x)
    y = layers.Dense(
        4, keras.activations.silu, kernel_regularizer="l2", kernel_initializer="he_normal"
    )(y)
    y = layers.Concatenate()([y, keras.ops.sigmoid(layers.Dense(4)(y))])
    return keras.Model(x, layers.Dense(3)(layers.BatchNormalization()(y)))


def sequential():
    inner = keras.Sequential([layers.Dense(5, "relu"), layers.LeakyReLU(0.1)])
    return keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(3, 3), layers.Flatten(), inner, layers.Dense(3)]
    )


@pytest.mark.parametrize("made", [functional, sequential])
def test_networks_of_layers_come_back(made):
    network = made()
    twin = own.revive(json.loads(json.dumps(own.record({"encoder": network}))))["encoder"]
    twin.build((None, 8, 8, 1))
    twin.set_weights(network.get_weights())
    x = np.random.default_rng(0).uniform(size=(2, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(twin(x), network(x))


@pytest.mark.parametrize("configs", ["x", ["encoder"], 3, None])
def test_recorded_networks_are_named_by_their_roles(configs):
    with refused(ValueError, match="`networks`: expected an object, {role: a recorded"):
        own.revive(configs)
