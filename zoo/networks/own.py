"""Networks of the caller's own: how they are called, checked, and recorded in a run."""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

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


def _check_classes(role: str, tree: Any) -> None:
    """Keras imports the modules that a configuration names: only its own may be named."""
    if isinstance(tree, dict):
        module, registered = tree.get("module"), tree.get("registered_name")
        known = keras.saving.get_registered_object(registered) if registered else None
        if module is not None and known is None and str(module).partition(".")[0] != "keras":
            expected = "layers of Keras, or ones registered with it before (import their module)"
            raise ValueError(refusal(role, expected, f"{module}.{tree.get('class_name')}"))
        for value in tree.values():
            _check_classes(role, value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            _check_classes(role, value)


def _words(shape: Sequence[int | None]) -> str:
    return f"[B{''.join(f', {axis}' for axis in shape)}]"
