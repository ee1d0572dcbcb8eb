"""Weights stored as bfloat16, in half the bytes, and cast to float32 where the graph reads them.

Arithmetic stays in float32. Kernels, arrays of two or more axes, are stored so; biases, scales and
statistics of normalisation, which are vectors, cost nothing and keep all of their digits.
"""

import contextlib
from collections.abc import Iterable
from typing import Any, TypedDict

import keras
import numpy as np
import tensorflow as tf

from zoo.errors import refusal, unknown
from zoo.serving.directory import Bytes

CHOICES = ("none", "bfloat16")
_ROWS = 16  # of the inputs at which outputs are compared


class Quantised(TypedDict):
    """What an export says of it: bytes of all weights, and by how much outputs moved."""

    dtype: str
    bytes: Bytes
    float32_bytes: Bytes
    largest_differences: dict[str, float]  # {"signature/output": over 16 rows and all elements}


class Stored:
    """The weights that functions read, as variables of bfloat16.

    Args:
        model: the Keras model whose variables they are.
        functions: ConcreteFunctions, whose kernels are stored.
    """

    def __init__(self, model: Any, functions: Iterable[Any]) -> None:
        read = {id(v) for function in functions for v in function.graph.variables}
        self._kernels: list[tuple[keras.Variable, tf.Variable]] = [
            (kernel, tf.Variable(tf.cast(kernel.value, tf.bfloat16), trainable=False, name=path))
            for path, kernel in model.state.items()
            if id(kernel.value) in read and kernel.dtype == "float32" and len(kernel.shape) > 1
        ]

    def read(self) -> contextlib.AbstractContextManager:
        """Inside, the model's kernels are what is stored, cast to float32."""
        mapping = [(kernel, tf.cast(own, tf.float32)) for kernel, own in self._kernels]
        return keras.StatelessScope(state_mapping=mapping)


def check(quantise: Any) -> None:
    """Refuses, in one line, what is none of `CHOICES`."""
    if not isinstance(quantise, str) or quantise not in CHOICES:
        raise unknown("quantise", quantise, CHOICES)


def measured(
    functions: dict[str, Any], exact: dict[str, Any], inputs: dict[str, tf.TensorSpec]
) -> Quantised:
    """What the manifest says of quantised functions.

    Args:
        functions: {signature: ConcreteFunction}.
        exact: the same of weights in float32.
        inputs: {input: TensorSpec} of all signatures.

    Raises:
        ValueError: an output is not finite, so how far it moved cannot be said.
    """
    fed = _inputs(inputs)
    differences = {}
    for name, function in functions.items():
        own = [fed[each.name] for each in function.structured_input_signature[0]]
        expected = exact[name](*own)
        for output, value in function(*own).items():
            differences[f"{name}/{output}"] = _difference(
                value.numpy(), expected[output].numpy(), f"{name}/{output}"
            )
    return {
        "dtype": "bfloat16",
        "bytes": _bytes(functions),
        "float32_bytes": _bytes(exact),
        "largest_differences": differences,
    }


def _difference(found: np.ndarray, exact: np.ndarray, output: str) -> float:
    """The largest difference of two outputs; infinities of the same sign differ by 0."""
    moved = found != exact  # NaN always is
    found, exact = found[moved], exact[moved]
    known = np.isfinite(exact)
    if not (known & np.isfinite(found)).all():
        lost = not np.isfinite(found[known]).all()
        weights = "bfloat16" if lost else "float32 already"
        hint = f"{output} is not finite with weights of {weights}."
        raise ValueError(refusal("quantise", "none for this model", "bfloat16", hint))
    return float(np.abs(found - exact).max(initial=0.0))


def _inputs(specs: dict[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """{input: 16 rows}: x uniform in [0, 1), codes normal, seeds 0, 1, ..., labels 0."""
    random = np.random.default_rng(0)
    drawn: dict[str, Any] = {"x": random.random, "z": random.standard_normal}
    rows = {name: [_ROWS, *spec.shape[1:]] for name, spec in specs.items()}
    found: dict[str, np.ndarray] = {
        name: drawn[name](shape) if name in drawn else np.zeros(shape)
        for name, shape in rows.items()
    }
    found["seed"] = np.arange(_ROWS)
    return {name: tf.constant(value, specs[name].dtype) for name, value in found.items()}


def _bytes(functions: dict[str, Any]) -> int:
    """Of all variables that functions read."""
    read = {id(v): v for function in functions.values() for v in function.graph.variables}
    return sum(v.shape.num_elements() * v.dtype.size for v in read.values())
