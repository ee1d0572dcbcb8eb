"""Networks of the caller's own: how they are called, checked, and recorded in a run."""

import copy
import importlib
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import checks
from zoo.errors import refusal

_EDGE = 1e-7  # probabilities are kept this far from 0 and 1, as Keras' losses do
_SHAPING = (keras.layers.Reshape, keras.layers.Flatten)


def call(network: Any, inputs: Sequence[tf.Tensor], **options: Any) -> tf.Tensor:
    """Outputs of a network; a functional `keras.Model` takes several inputs as one list."""
    several = len(getattr(network, "inputs", None) or ()) > 1
    return network(list(inputs), **options) if several else network(*inputs, **options)


def check(
    role: str, network: Any, inputs: Sequence[Sequence[int]], outputs: Sequence[int]
) -> tuple[int, ...]:
    """Builds a network and returns the shape of one output example.

    Args:
        role: its name in messages.
        network: what the caller passed.
        inputs: shapes of one example of each input.
        outputs: the shape that an output example should have; for () also (1,).

    Raises:
        TypeError: no Keras network.
        ValueError: other inputs or outputs.
    """
    if not isinstance(network, keras.Layer):
        raise TypeError(refusal(role, "a Keras network (a model or a layer)", network))
    shapes = ", ".join(_words(shape) for shape in inputs)
    expected = f"a network of {shapes} -> {_words(outputs)}"
    try:
        if not network.built:
            call(network, [tf.zeros([1, *shape]) for shape in inputs], training=False)
        specs = [tf.TensorSpec([None, *shape], tf.float32) for shape in inputs]
        traced = tf.function(lambda *x: call(network, x, training=False), autograph=False)
        found = traced.get_concrete_function(*specs).structured_outputs
    except Exception as error:  # whatever a network of another kind raises
        reason = re.sub(r"\x1b\[\d*m", "", str(error)).strip().partition("\n")[0]
        raise ValueError(refusal(role, expected, reason)) from error
    if network.losses:
        expected = "a network without regularisers and added losses; a method adds none to its own"
        hint = "`weight_decay` is one, as is a phase that a subclass overrides."
        raise ValueError(refusal(role, expected, f"{len(network.losses)} of them", hint))
    shape = getattr(found, "shape", None)
    allowed = [tuple(outputs)] if outputs else [(), (1,)]
    if shape is None or shape.rank is None or tuple(shape[1:]) not in allowed:
        received = "no single tensor" if shape is None else _words(tuple(shape[1:]))
        raise ValueError(refusal(role, expected, received))
    return tuple(shape[1:])


def last_activation(network: Any) -> str:
    """Name of the activation that a model of layers ends in; "" for none, or for other networks."""
    layers = list(network.layers) if getattr(network, "inputs", None) else []
    while layers and isinstance(layers[-1], _SHAPING):
        layers.pop()
    if not layers:
        return ""
    if getattr(layers[-1], "inputs", None):
        return last_activation(layers[-1])
    if isinstance(layers[-1], keras.layers.Softmax):
        return "softmax"
    return getattr(getattr(layers[-1], "activation", None), "__name__", "")


def never_negative(network: Any, inputs: Sequence[Sequence[int]]) -> bool:
    """Whether a network gives no negative number for large random inputs, as logits would be."""
    noise = np.random.default_rng(0)
    drawn = [tf.constant(30 * noise.normal(size=(32, *shape)), tf.float32) for shape in inputs]
    y = np.asarray(call(network, drawn, training=False), np.float32)
    return bool(np.isfinite(y).all() and y.min() >= 0 and y.max() > y.min())


def _of_sigmoid(p: tf.Tensor) -> tf.Tensor:
    p = tf.clip_by_value(p, _EDGE, 1.0 - _EDGE)
    return tf.math.log(p) - tf.math.log1p(-p)


# The logits of what an activation made of them; of tanh those of the value moved to [0, 1].
TO_LOGITS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "sigmoid": _of_sigmoid,
    "softmax": lambda p: tf.math.log(tf.maximum(p, _EDGE)),
    "tanh": lambda t: _of_sigmoid((t + 1.0) / 2.0),
}


# --- in a run's identity --------------------------------------------------------------------------


def record(networks: Mapping[str, Any]) -> dict[str, Any]:
    """{role: configuration}, JSON-able, the same in every process.

    Names that Keras numbers as layers are made ("dense_3") are numbered anew in each network.
    """
    return {
        role: _renamed(keras.saving.serialize_keras_object(network), {})
        for role, network in networks.items()
    }


def revive(configs: Mapping[str, Any]) -> dict[str, Any]:
    """The networks that `record` described, with new weights.

    Raises:
        ValueError: a class that is neither Keras' nor registered with it, or no description.
    """
    if not isinstance(configs, dict):
        raise ValueError(refusal("networks", "an object, {role: a recorded network}", configs))
    found = {}
    for role, config in configs.items():
        _check_classes(role, config)
        try:
            # A copy, as Keras takes configurations apart.
            found[role] = keras.saving.deserialize_keras_object(
                copy.deepcopy(config), safe_mode=True
            )
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ValueError(refusal(role, "a recorded network", reason)) from error
    return found


def _renamed(tree: Any, names: dict[str, str]) -> Any:
    """A configuration with its numbered names replaced, in the order in which they appear."""
    if isinstance(tree, dict):
        own = tree.get("config")
        if isinstance(own, dict) and isinstance(own.get("name"), str):
            kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(tree.get("class_name"))).lower()
            base = re.sub(r"_\d+$", "", own["name"])
            if base.replace("_", "") == kind.replace("_", ""):
                names.setdefault(own["name"], f"{base}_{len(names)}")
        return {key: _renamed(value, names) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_renamed(value, names) for value in tree]
    return names.get(tree, tree) if isinstance(tree, str) else tree


# What a recorded network may be made of. Keras calls whatever a configuration names, functions and
# classes alike, so the names are a closed list: layers that compute and hold no function or file.
_LAYERS = frozenset(
    """
    Activation Add AlphaDropout Attention Average AveragePooling1D AveragePooling2D
    AveragePooling3D BatchNormalization Bidirectional Concatenate Conv1D Conv1DTranspose
    Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D Cropping2D Cropping3D Dense
    DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Flatten GRU GRUCell
    GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization GroupQueryAttention Identity InputLayer LSTM LSTMCell
    LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum
    Minimum MultiHeadAttention Multiply PReLU Permute RMSNormalization RNN ReLU RepeatVector
    Rescaling Reshape SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell Softmax
    SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells
    Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """.split()
)
_MODELS = {
    ("keras", "Sequential"),
    ("keras", "Functional"),
    ("keras.src.models.functional", "Functional"),
    ("keras", "DTypePolicy"),
}
_KINDS = {
    "keras.initializers": keras.initializers.Initializer,
    "keras.regularizers": keras.regularizers.Regularizer,
    "keras.constraints": keras.constraints.Constraint,
}
_OPERATIONS = ("keras.src.ops.nn", "keras.src.ops.numpy", "keras.src.ops.math")
_TOKENS = ("__keras_tensor__", "__tuple__")


def _check_classes(role: str, tree: Any) -> None:
    """Refuses, before Keras sees it, a configuration that names anything outside the lists."""
    for part in checks.classes_of(tree):
        if not _is_known(part):
            expected = "layers of Keras that hold no function, or classes registered with it before"
            name = f"{part.get('module')}.{part['class_name']} {part.get('registered_name') or ''}"
            raise ValueError(refusal(role, expected, f"{name.strip()} {part.get('config')}"))


def _is_known(tree: Mapping[str, Any]) -> bool:
    """Whether what a configuration names is on the lists, or was registered by who runs this."""
    module, name, registered = (tree.get(k) for k in ("module", "class_name", "registered_name"))
    if not isinstance(name, str) or not isinstance(module, str | None):
        return False
    if name == "function":
        return module in ("builtins", "keras.activations") and _is_activation(tree.get("config"))
    if registered is not None:
        found = keras.saving.get_registered_object(registered)
        if found is not None:
            return isinstance(found, type) and found.__module__ == module
    if name in _TOKENS or (module, name) in _MODELS:
        return True
    if module == "keras.layers":
        return name in _LAYERS
    if module in _KINDS:
        found = getattr(keras, module.partition(".")[2]).__dict__.get(name)
        return isinstance(found, type) and issubclass(found, _KINDS[module])
    if module in _OPERATIONS:
        found = vars(importlib.import_module(module)).get(name)
        return isinstance(found, type) and issubclass(found, keras.Operation)
    return False


def _is_activation(name: Any) -> bool:
    found = keras.activations.__dict__.get(name) if isinstance(name, str) else None
    return isinstance(found, types.FunctionType) and name not in ("get", "serialize", "deserialize")


def _words(shape: Sequence[int | None]) -> str:
    return f"[B{''.join(f', {axis}' for axis in shape)}]"
