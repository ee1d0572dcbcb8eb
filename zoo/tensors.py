"""What verbs and phases are given, as tensors, by the rule of `zoo.forms`.

A float tensor passes the checks of its values and comes back itself, so that a `tf.GradientTape`
finds it. A tensor of a graph (in `tf.function`, `tf.data.Dataset.map`, a stream) has no values yet:
its type and its shape are checked, and its values asserted in the graph.
"""

import functools
import re
import types
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, forms, seeds
from zoo.errors import refusal

# What an assertion says before the numbers that it carries, and how its refusal is found.
_CARRIED = "values of a batch, least and largest"
_CARRYING = re.compile(
    rf"Invalid `(?P<argument>[^`]+)`: expected (?P<expected>.*)\. Received: .*'{_CARRIED}'\."
    r"\] \[(?P<low>\S+)\] \[(?P<high>\S+)\]"
)

Function = TypeVar("Function", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)


def plain(function: Function) -> Function:
    """`function`, whose refusals leave a user's `tf.function` or `Dataset.map` as they are.

    AutoGraph would rewrite what it calls, and wrap an error of it in pages of generated code.
    """

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (ValueError, TypeError, NotImplementedError) as error:
            error.ag_pass_through = True  # type: ignore[union-attr]  # which AutoGraph looks for
            raise

    return tf.autograph.experimental.do_not_convert(called)


def plain_methods(cls: Class) -> Class:
    """The class, whose public methods are `plain`."""
    for name, value in list(vars(cls).items()):
        if isinstance(value, types.FunctionType) and not name.startswith("_"):
            setattr(cls, name, plain(value))
    return cls


def images(x: Any, image_shape: Sequence[int], argument: str = "x") -> tf.Tensor:
    """float32 [B, *image_shape] of an array or a tensor; raises as `forms.images` does."""
    if not _is_tensor(x):
        return tf.convert_to_tensor(forms.images(x, image_shape, argument))
    tensor = tf.convert_to_tensor(x)
    if _symbolic(tensor):
        return graph_images(tensor, image_shape, argument)
    checked = forms.images(tensor.numpy(), image_shape, argument)
    if not tensor.dtype.is_floating:
        return tf.convert_to_tensor(checked)
    return tf.reshape(tf.cast(tensor, tf.float32), checked.shape)


def masked(x: Any, known: Any, image_shape: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """(x with 0 wherever it is hidden, bool mask of x's shape); raises as `forms.masked` does."""
    if not (_is_symbolic(x) or _is_symbolic(known)):
        shown, mask = forms.masked(np.asarray(x), np.asarray(known), image_shape)
        given = images(shown, image_shape)
        if _is_tensor(x) and tf.convert_to_tensor(x).dtype.is_floating:  # a tape may follow it
            own = tf.reshape(tf.cast(x, tf.float32), given.shape)
            given = tf.where(mask, own, 0.0)
        return given, tf.convert_to_tensor(mask)
    data = tf.convert_to_tensor(x)
    if data.shape.rank is not None and forms.lacks_channel(data.shape.rank, image_shape):
        data = data[..., None]
    try:
        mask = tf.broadcast_to(tf.cast(known, tf.bool), tf.shape(data))
    except (TypeError, ValueError):
        expected = f"booleans that broadcast to {tuple(data.shape)}"
        raise ValueError(refusal("known", expected, np.shape(known))) from None
    return images(tf.where(mask, data, tf.zeros([], data.dtype)), image_shape), mask


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
    if y is None or not conditional or not _is_symbolic(y):
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
    if tensor.shape.rank == len(example):  # of all rows
        tensor = tf.broadcast_to(tensor, [rows, *example])
    return graph_labels(tensor, num_classes, num_attributes)


# --- of streams and graphs ------------------------------------------------------------------------


def graph_images(x: Any, image_shape: Sequence[int], argument: str = "x") -> tf.Tensor:
    """float32 [B, *image_shape] by the rule of `zoo.forms`, values asserted in the graph."""
    x, image = _numbers(x, argument), len(image_shape) == 3
    forms.check_type(x.dtype.as_numpy_dtype, image, argument)
    if x.shape.rank is not None and forms.lacks_channel(x.shape.rank, image_shape):
        x = x[..., None]
    if not x.shape[1:].is_compatible_with(image_shape):
        # A reshape would make rows of [B, 4] into twice as many of [2 B, 2].
        expected = forms.shape_words(image_shape)
        raise ValueError(refusal(f"{argument}.shape", expected, tuple(x.shape)))
    if not x.shape[1:].is_fully_defined():  # a stream's batches may have any shape
        sizes, expected = tf.shape(x), forms.shape_words(image_shape)
        own = tf.concat([sizes[:1], image_shape], axis=0)
        same = tf.raw_ops.Equal(x=sizes, y=own, incompatible_shape_error=False)
        x = _asserted(same, x, f"{argument}.shape", expected, "another shape in a batch")
    x = _some_rows(x, image_shape, argument)
    x = tf.ensure_shape(x, (None, *image_shape))
    if not image:
        return _as_float(x, argument)
    given, x = x.dtype, tf.cast(x, tf.float32)
    if given == tf.uint8:
        return x / 255.0
    if given.is_floating:
        middle = (forms.LOWEST + forms.HIGHEST) / 2
        inside = tf.abs(x - middle) <= forms.HIGHEST - middle  # false of NaN
        return _asserted_range(inside, x, argument, forms.PIXELS)
    return x


def graph_labels(
    y: Any, num_classes: int | None, num_attributes: int | None, argument: str = "y"
) -> tf.Tensor:
    """int32 [B], or float32 [B, A], by the rule of `zoo.forms`, values asserted in the graph."""
    y, expected = _numbers(y, argument), forms.label_words(num_classes, num_attributes)
    if num_attributes is not None:
        y = y[:, None] if num_attributes == 1 and y.shape.rank == 1 else y
        if not y.shape.is_compatible_with((None, num_attributes)):
            raise ValueError(refusal(f"{argument}.shape", expected, tuple(y.shape)))
        return _as_float(tf.ensure_shape(y, (None, num_attributes)), argument)
    y = y[:, 0] if y.shape.rank == 2 and y.shape[1] == 1 else y
    if not y.shape.is_compatible_with((None,)):
        hint = forms.ONE_HOT if y.shape[-1] == num_classes else ""
        raise ValueError(refusal(f"{argument}.shape", expected, tuple(y.shape), hint))
    if not y.dtype.is_integer:
        hint = f"Pass {argument}.astype('int32')."
        raise TypeError(refusal(f"{argument}.dtype", expected, y.dtype.name, hint))
    y = tf.ensure_shape(tf.cast(y, tf.int32), (None,))
    return _asserted_range((y >= 0) & (y < num_classes), y, argument, expected)


def as_many(y: tf.Tensor, x: tf.Tensor, argument: str = "y") -> tf.Tensor:
    """y, of as many rows as x: seen of their shapes, else asserted in the graph."""
    expected = "as many rows as its images"
    if y.shape[0] is not None and x.shape[0] is not None:
        if y.shape[0] != x.shape[0]:
            raise ValueError(refusal(argument, expected, f"{y.shape[0]} of {x.shape[0]}"))
        return y
    same = tf.equal(tf.shape(y)[0], tf.shape(x)[0])
    return _asserted(same, y, argument, expected, "another number in a batch")


def _as_float(x: tf.Tensor, argument: str) -> tf.Tensor:
    """float32 of numbers that are asserted to be finite, and to stay so."""
    if x.dtype.is_floating:
        x = _asserted(tf.math.is_finite(x), x, argument, forms.FINITE, forms.NOT_FINITE)
    if x.dtype == tf.float64:
        within = tf.abs(x) <= forms.LARGEST
        x = _asserted(within, x, argument, forms.FLOAT32, "larger ones in a batch")
    return tf.cast(x, tf.float32)


def _numbers(value: Any, argument: str) -> tf.Tensor:
    forms.check_dense(value, argument, "numbers")
    tensor = tf.convert_to_tensor(value)
    if not (tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_bool):
        raise TypeError(refusal(f"{argument}.dtype", "numbers", tensor.dtype.name))
    return tensor


def _some_rows(x: tf.Tensor, image_shape: Sequence[int], argument: str) -> tf.Tensor:
    """x, of at least one row: seen of its shape, else asserted in the graph."""
    expected = f"{forms.shape_words(image_shape)} with B >= 1"
    if x.shape[0] == 0:
        raise ValueError(refusal(f"{argument}.shape", expected, tuple(x.shape)))
    shared = tf.distribute.get_strategy().num_replicas_in_sync > 1
    # At the end of data a replica may be given none, which is its strategy's to know.
    if x.shape[0] is not None or (shared and not tf.distribute.in_cross_replica_context()):
        return x
    return _asserted(tf.shape(x)[0] > 0, x, f"{argument}.shape", expected, "no rows in a batch")


def _asserted_range(inside: tf.Tensor, value: tf.Tensor, argument: str, expected: str) -> tf.Tensor:
    """As `_asserted`; the refusal has the least and the largest value, read only if it is due."""
    message = refusal(argument, expected, _CARRIED)

    def ends() -> tuple[tf.Tensor, tf.Tensor]:
        low, high = tf.reduce_min(value), tf.reduce_max(value)
        if not value.dtype.is_floating:
            return low, high
        number = tf.reduce_any(tf.math.is_nan(value))
        nan = tf.constant(float("nan"), value.dtype)
        return tf.where(number, nan, low), tf.where(number, nan, high)

    def refuse() -> tf.Tensor:
        carried = [message, *ends()]
        with tf.control_dependencies([tf.raw_ops.Assert(condition=False, data=carried)]):
            return tf.constant(False)

    fulfilled = tf.reduce_all(inside)
    if tf.executing_eagerly():
        if not fulfilled:
            low, high = (end.numpy() for end in ends())
            raise ValueError(told(f"{message}] [{low}] [{high}]"))
        return value
    with tf.control_dependencies([tf.cond(fulfilled, lambda: tf.constant(True), refuse)]):
        return tf.identity(value)


def told(line: str) -> str:
    """What an assertion of a graph says, the numbers that it carries in their place."""
    carrying = _CARRYING.search(line)
    if carrying is None:
        return line.removesuffix("]")
    argument, expected = carrying["argument"], carrying["expected"]
    low, high = float(carrying["low"]), float(carrying["high"])
    fault = forms.range_fault(low, high, True, argument) if expected == forms.PIXELS else None
    hint = forms.UNLABELLED if low == -1 and expected != forms.PIXELS else ""
    return refusal(argument, *(fault or (expected, f"{low:.6g} .. {high:.6g}", hint)))


def _asserted(
    condition: tf.Tensor, value: tf.Tensor, argument: str, expected: str, received: str
) -> tf.Tensor:
    """`value`; a step whose batch does not fulfil the condition everywhere ends before any work."""
    message = refusal(argument, expected, received)
    if tf.executing_eagerly():
        if not tf.reduce_all(condition):
            raise ValueError(message)
        return value
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(condition), [message])]):
        return tf.identity(value)


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


def _is_symbolic(x: Any) -> bool:
    return _is_tensor(x) and _symbolic(tf.convert_to_tensor(x))
