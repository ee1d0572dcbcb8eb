"""What verbs are given, as tensors: `zoo.checks` for arrays, and the same for tensors.

A float tensor passes the checks of its values and comes back itself, so that a `tf.GradientTape`
finds it. A tensor of a graph (in `tf.function`, in `tf.data.Dataset.map`) has no values yet: its
type and its shape alone are checked.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, seeds
from zoo.errors import refusal


def images(x: Any, image_shape: Sequence[int], argument: str = "x") -> tf.Tensor:
    """float32 [B, *image_shape] of an array or a tensor; raises as `checks.images` does."""
    if not _is_tensor(x):
        return tf.convert_to_tensor(checks.images(x, image_shape, argument))
    tensor, shape = tf.convert_to_tensor(x), tuple(image_shape)
    if not _symbolic(tensor):
        checked = checks.images(tensor.numpy(), shape, argument)
        if not tensor.dtype.is_floating:
            return tf.convert_to_tensor(checked)
        return tf.reshape(tf.cast(tensor, tf.float32), checked.shape)
    expected = f"numbers of shape [B, {', '.join(map(str, shape))}]"
    _check_numbers(tensor, argument, expected)
    scaled = tensor.dtype == tf.uint8 and len(shape) == 3
    tensor = tf.cast(tensor, tf.float32) / (255.0 if scaled else 1.0)
    if len(shape) == 3 and shape[-1] == 1 and tensor.shape.rank == 3:
        tensor = tensor[..., None]
    return _shaped(tensor, (None, *shape), f"{argument}.shape", expected)


def labels(
    y: Any,
    rows: int | tf.Tensor,
    num_classes: int | None = None,
    num_attributes: int | None = None,
    conditional: bool = True,
) -> tf.Tensor | np.ndarray | None:
    """int32 [rows], float32 [rows, num_attributes] or None; raises as `checks.labels` does.

    Args:
        y: an array, a tensor or None; a single label stands for all rows.
        rows: int, or in a graph a scalar tensor.
        num_classes, num_attributes, conditional: as in `checks.labels`.
    """
    example = () if num_attributes is None else (num_attributes,)
    symbolic = _is_tensor(y) and _symbolic(tf.convert_to_tensor(y))
    if y is None or not conditional or not symbolic:
        if isinstance(rows, int):
            return checks.labels(y, rows, num_classes, num_attributes, conditional)
        own = None if y is None else np.shape(y)
        own_rows = own[0] if own is not None and len(own) > len(example) else 1
        found = checks.labels(y, own_rows, num_classes, num_attributes, conditional)
        if found is None:
            return None
        if own == example:
            return tf.broadcast_to(found[0], [rows, *example])
        return found
    tensor = tf.convert_to_tensor(y)
    kind = f"int labels in [0, {num_classes})" if num_attributes is None else "float attributes"
    expected = f"{kind} of shape [B{''.join(f', {axis}' for axis in example)}]"
    _check_numbers(tensor, "y", expected)
    if num_attributes is None and not tensor.dtype.is_integer:
        raise TypeError(refusal("y.dtype", expected, tensor.dtype.name))
    tensor = tf.cast(tensor, tf.int32 if num_attributes is None else tf.float32)
    if tensor.shape.rank == len(example):
        tensor = tf.broadcast_to(_shaped(tensor, example, "y.shape", expected), [rows, *example])
    return _shaped(tensor, (None, *example), "y.shape", expected)


def count(x: tf.Tensor) -> int | tf.Tensor:
    """Rows of a tensor: an int where it is known, else a scalar tensor."""
    return tf.shape(x)[0] if x.shape[0] is None else x.shape[0]


def row_seeds(n: int | tf.Tensor, seed: Any) -> tf.Tensor:
    """int64 [n] of a seed as verbs take it, see `seed_of`."""
    return seeds.row_seeds(n, seed_of(seed))


def seed_of(seed: Any) -> int | tf.Tensor:
    """An int as it is; None draws one, in a graph at each of its calls, as int32 [2]."""
    if seed is None and tf.inside_function():
        return tf.random.uniform([2], maxval=tf.int32.max, dtype=tf.int32)
    return checks.seed(seed)


def _is_tensor(x: Any) -> bool:
    return isinstance(x, (tf.Tensor, tf.Variable, keras.Variable))


def _symbolic(tensor: tf.Tensor) -> bool:
    return not hasattr(tensor, "numpy")


def _check_numbers(tensor: tf.Tensor, argument: str, expected: str) -> None:
    dtype = tensor.dtype
    if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
        raise TypeError(refusal(argument, expected, dtype.name))


def _shaped(tensor: tf.Tensor, shape: tuple, argument: str, expected: str) -> tf.Tensor:
    if not tensor.shape.is_compatible_with(shape):
        raise ValueError(refusal(argument, expected, tuple(tensor.shape)))
    return tf.ensure_shape(tensor, shape)
