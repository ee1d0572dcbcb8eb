"""Encoders and decoders as TFLite models, `tflite/<signature>.tflite`, beside the SavedModel.

TFLite runs on phones and small computers. It has no random numbers and no loops of TensorFlow's, so
only networks are converted that a code or an image runs through once: `encode` and its like without
`seed`, where q(z|x) has parameters; `classify` and `log_ratio`; and `decode_parameters`, from whose
outputs p(x|z) is made. Each is compared with the Keras model before it is kept.
"""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.errors import refusal
from zoo.serving import signatures

FOLDER = "tflite"
_PLAIN = ("classify", "log_ratio")  # verbs that are networks of x alone
_ROWS = 3  # at which the two are compared
_TOLERANCE = 1e-3  # absolute and relative: sums of float32 in another order, and fused kernels


def check(model: Any) -> None:
    """Refuses, in one line and before any work, a model of which nothing converts.

    Raises:
        ValueError: it computes in another type than float32, or has neither an encoder with
            parameters nor a decoder that is one network.
    """
    if model.dtype_policy.name != "float32":
        expected = "False for a model that computes in another type than float32"
        raise ValueError(refusal("tflite", expected, True, f"Its type: {model.dtype_policy.name}."))
    if not _names(model, signatures.families(model)):
        expected = "False for a model without parameters of q(z|x) and of p(x|z)"
        hint = f"All that {model.method} encodes or decodes is known by draws, which TFLite lacks."
        raise ValueError(refusal("tflite", expected, True, hint))


def write(model: Any, directory: pathlib.Path, families: dict[str, str]) -> dict[str, float]:
    """Converts what can be, and writes it below `directory`.

    Args:
        model: the Keras model; its own weights are converted.
        directory: the version directory.
        families: what `signatures.families` says of the model.

    Returns:
        {signature: largest difference between its outputs and the Keras model's}.

    Raises:
        ValueError: TFLite cannot run a network, or gives other numbers.
    """
    names = _names(model, families)
    exact = signatures.seedless(model, families, names)
    read = {id(v) for function in exact.values() for v in function.graph.variables}
    weights = [(v, v.value.numpy()) for v in model.state.values() if id(v.value) in read]

    def constant() -> contextlib.AbstractContextManager:
        """Inside, weights are constants: the converter would leave variables without values."""
        return keras.StatelessScope([(v, tf.constant(value)) for v, value in weights])

    functions = signatures.seedless(model, families, names, constant)
    folder = directory / FOLDER
    folder.mkdir()
    found = {}
    for name, function in functions.items():
        content = _converted(name, function, model)
        found[name] = _difference(name, content, exact[name])
        (folder / f"{name}.tflite").write_bytes(content)
    return found


def _names(model: Any, families: dict[str, str]) -> list[str]:
    """The signatures that are networks alone."""
    drawn = (signatures.IMPLICIT, signatures.AUTOREGRESSIVE)
    encoders = [n for n, family in families.items() if n != "decode" and family not in drawn]
    decoders = ["decode_parameters"] if families.get("decode", drawn[0]) not in drawn else []
    return encoders + decoders + [verb for verb in _PLAIN if verb in model.capabilities]


def _converted(name: str, function: Any, model: Any) -> bytes:
    try:
        with _silent():
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
            return bytes(converter.convert())
    except Exception as error:  # ConverterError has no public home
        lacking = [line for line in str(error).splitlines() if line.startswith("TF Select ops:")]
        hint = f"{name} needs operations that TFLite lacks ({' '.join(lacking) or type(error)})."
        raise ValueError(refusal("tflite", "False for this model", True, hint)) from None


def _difference(name: str, content: bytes, function: Any) -> float:
    """The largest difference of the outputs at a few rows; refused if it is one."""
    random = np.random.default_rng(0)
    fed = {
        spec.name: random.random([_ROWS, *spec.shape[1:]]).astype(spec.dtype.as_numpy_dtype)
        for spec in function.structured_input_signature[0]
    }
    with _silent():
        interpreter = tf.lite.Interpreter(model_content=content)
        runner = interpreter.get_signature_runner()
        outputs = runner(**fed)
    largest = 0.0
    for output, value in function(*map(tf.constant, fed.values())).items():
        expected = value.numpy()
        apart = np.abs(outputs[output] - expected)
        if not np.all(apart <= _TOLERANCE * (1 + np.abs(expected))):  # NaN is refused, too
            hint = f"{name}/{output} differs from the Keras model's by {apart.max():.2g}."
            raise ValueError(refusal("tflite", "False for this model", True, hint))
        largest = max(largest, float(apart.max()))
    return largest


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What the converter prints, a line an operation, goes nowhere."""
    kept = os.dup(2)
    try:
        with tempfile.TemporaryFile() as noise:
            os.dup2(noise.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
