"""Which arrays are taken as data, and how they are read: one rule for every door.

`fit`, `evaluate`, `predict`, `model(x)`, the verbs, exports and `npz:` files all read by it.

| | images [N, H, W, C]; [N, H, W] is one channel | vectors [N, D] |
|---|---|---|
| uint8 | value / 255 | as they are |
| bool | 0 and 1 | 0 and 1 |
| floats | in [0, 1] | finite, within float32 |
| other integers | refused: what is white? | as they are |

Labels are integers in [0, K), [N] or [N, 1]; attributes are finite numbers within float32, [N, A],
or [N] of one. Long doubles are read as float64.
Arrays are checked here, on the host. `zoo.model.batches` checks streams in the graph, in the same
words.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo.errors import refusal

# Rounding may leave [0, 1]: a quarter of a grey level is allowed.
LOWEST, HIGHEST = -1e-3, 1 + 1e-3
PIXELS = "pixels in [0, 1], or uint8 in 0 .. 255"
FINITE = "finite numbers"
NOT_FINITE = "NaN or infinity among them"
LARGEST = float(np.finfo(np.float32).max)
FLOAT32 = f"numbers within float32, at most {LARGEST:.3g} in size"
ONE_HOT = "Pass y.argmax(axis=1)."
UNLABELLED = (
    "Rows without a label belong in x alone: in a tf.data.Dataset, batches {'x': all, "
    "'x_labelled': some, 'y_labelled': theirs}."
)


def shape_words(shape: Sequence[int]) -> str:
    """What an array of such examples is called in messages: "numbers of shape [B, 8, 8, 1]"."""
    return f"numbers of shape [B, {', '.join(map(str, shape))}]"


def label_words(num_classes: int | None, num_attributes: int | None, rows: str | int = "B") -> str:
    """What labels are called in messages: "int labels in [0, 10) of shape [B]"."""
    if num_attributes is None:
        return f"int labels in [0, {num_classes}) of shape [{rows}]"
    return f"float attributes of shape [{rows}, {num_attributes}]"


def lacks_channel(rank: int, image_shape: Sequence[int]) -> bool:
    """Whether data of a rank are images [N, H, W] of one channel, which is to be added."""
    return rank == 3 and len(image_shape) == 3 and image_shape[-1] == 1


def check_type(dtype: Any, image: bool, argument: str, high: float | None = None) -> None:
    """Refuses integers but uint8 as pixels.

    Args:
        dtype: of NumPy.
        image: whether the data are images.
        argument: its name in messages.
        high: the largest value, where it is known.

    Raises:
        TypeError: naming the conversion that loses nothing.
    """
    dtype = np.dtype(dtype)
    if image and dtype.kind in "iu" and dtype != np.uint8:
        hint = white_hint(argument, high)
        raise TypeError(refusal(f"{argument}.dtype", PIXELS, dtype.name, hint))


def white_hint(argument: str, high: float | None) -> str:
    """What to do with integers whose largest is `high`, safe to follow to the letter."""
    if high is None or high > 65535:
        return f"Divide by the value of white, as ({argument} / white).astype('float32')."
    white = 255 if high <= 255 else 65535
    return f"If {white} is white, pass ({argument} / {white}).astype('float32')."


def range_fault(low: float, high: float, image: bool, argument: str) -> tuple[str, str, str] | None:
    """(what was expected, what was received, a hint) of values out of range; None of good ones.

    Those are NaN and infinity, pixels outside [0, 1], and what would be infinity in float32.

    Args:
        low, high: the smallest and the largest value; NaN if any value is.
        image: whether the data are images.
        argument: its name in the hint.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return FINITE, NOT_FINITE, ""
    if not image:
        most = low if -low > high else high
        return (FLOAT32, f"{most:.4g} among them", "") if abs(most) > LARGEST else None
    if low >= LOWEST and high <= HIGHEST:
        return None
    hint = "Rescale it, or clip draws of a normal p(x|z)."
    if low >= 0 and high > 2:
        hint = "Divide by 255." if high <= 255 else "Divide by the value of white."
    elif low >= -1 and low < -0.5 and high <= 1:
        hint = f"Pass ({argument} + 1) / 2."
    return PIXELS, f"{low:.4g} .. {high:.4g}", hint


def check_range(low: float, high: float, image: bool, argument: str) -> None:
    """Refuses what `range_fault` finds."""
    if fault := range_fault(low, high, image, argument):
        raise ValueError(refusal(argument, *fault))


def narrowed(value: Any) -> Any:
    """A value as it is, but an array of long doubles, which TensorFlow lacks, as float64.

    What float64 does not hold becomes its largest number, which `range_fault` finds.
    """
    plain = isinstance(value, np.ndarray) and not np.ma.isMaskedArray(value)
    if not plain or value.dtype.kind != "f" or value.dtype.itemsize <= 8:
        return value
    largest = np.finfo(np.float64).max
    return np.where(np.isinf(value), value, value.clip(-largest, largest)).astype(np.float64)


def check_images(x: npt.ArrayLike, image_shape: Sequence[int], argument: str = "x") -> np.ndarray:
    """The array [N, *image_shape], checked but not converted.

    Args:
        x: [N, *image_shape], or [N, H, W] of one channel.
        image_shape: (H, W, C), or (D,) of vectors.
        argument: its name in messages.

    Raises:
        TypeError: not numbers, or integers whose white is not known.
        ValueError: another shape, no rows, NaN or infinity, pixels outside [0, 1], numbers beyond
            float32.
    """
    data, image = _shaped(x, tuple(image_shape), argument), len(image_shape) == 3
    if data.dtype == np.uint8 or data.dtype == bool:
        return data
    low, high = float(data.min()), float(data.max())
    check_type(data.dtype, image, argument, high)
    check_range(low, high, image, argument)
    return data


def images(x: npt.ArrayLike, image_shape: Sequence[int], argument: str = "x") -> np.ndarray:
    """Data as the networks take them, float32 [N, *image_shape]; see `check_images`."""
    return as_float(check_images(x, image_shape, argument), image_shape)


def as_float(data: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """What `check_images` returned as float32, bytes of images divided by 255."""
    scaled = data.dtype == np.uint8 and len(image_shape) == 3
    return data.astype(np.float32) / np.float32(255) if scaled else data.astype(np.float32)


def masked(
    x: npt.ArrayLike, known: npt.ArrayLike, image_shape: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """(x with 0 wherever it is hidden, the mask as bool [N, *image_shape]).

    Hidden values may be NaN, or anything else.

    Args:
        x: as `images` takes it.
        known: bool, or 0 and 1, true where x is shown; of a shape that broadcasts to x's.
        image_shape: (H, W, C) or (D,).
    """
    data = _shaped(x, tuple(image_shape), "x")
    expected = f"booleans that broadcast to {data.shape}"
    mask = numbers(known, "known", expected)
    if not np.isin(mask, (0, 1)).all():
        other = mask[~np.isin(mask, (0, 1))]
        raise ValueError(refusal("known", expected, other[0], "Pass a comparison, known > 0.5."))
    if data.ndim == 4 and mask.shape == data.shape[:-1]:  # of all channels
        mask = mask[..., None]
    try:
        mask = np.broadcast_to(mask.astype(bool), data.shape)
    except ValueError:
        raise ValueError(refusal("known", expected, mask.shape)) from None
    return np.where(mask, data, np.zeros([], data.dtype)), mask


def labels(
    y: npt.ArrayLike,
    rows: int,
    num_classes: int | None = None,
    num_attributes: int | None = None,
    argument: str = "y",
) -> np.ndarray:
    """Labels as the networks take them: int32 [rows], or float32 [rows, num_attributes].

    Args:
        y: [rows] or [rows, 1]; attributes [rows, A], or [rows] where A = 1.
        rows: N.
        num_classes, num_attributes: K or A, the other one None.
        argument: its name in messages.

    Raises:
        TypeError: not numbers, or classes that are no integers.
        ValueError: another shape, classes outside [0, K), attributes that are not finite or beyond
            float32.
    """
    expected = label_words(num_classes, num_attributes, rows)
    given = numbers(y, argument, expected)
    if num_attributes is not None:
        if num_attributes == 1 and given.ndim == 1:
            given = given[:, None]
        if given.shape != (rows, num_attributes):
            raise ValueError(refusal(f"{argument}.shape", expected, given.shape))
        if given.size:
            check_range(float(given.min()), float(given.max()), False, argument)
        return given.astype(np.float32)
    if given.shape == (rows, 1):
        given = given[:, 0]
    if given.shape != (rows,):
        hint = ONE_HOT if given.shape == (rows, num_classes) else ""
        raise ValueError(refusal(f"{argument}.shape", expected, given.shape, hint))
    if given.dtype.kind not in "iu":
        hint = f"Pass {argument}.astype('int32')."
        raise TypeError(refusal(f"{argument}.dtype", expected, str(given.dtype), hint))
    outside = given[(given < 0) | (given >= num_classes)]
    if outside.size:
        hint = UNLABELLED if outside[0] == -1 else ""
        raise ValueError(refusal(argument, expected, int(outside[0]), hint))
    return given.astype(np.int32)


def beside(value: npt.ArrayLike, rows: int, argument: str, sizes: bool = False) -> np.ndarray:
    """What lies beside x in a batch, as an array [rows, ...]: Keras takes no lists.

    Args:
        value: any numbers, such as labels of which a method does not learn.
        rows: of x.
        argument: its name in messages.
        sizes: whether a stream may have another number of it.

    Raises:
        TypeError: not numbers.
        ValueError: another number of rows.
    """
    hint = "; other sizes go in a tf.data.Dataset" if sizes else ""
    expected = f"arrays of {rows} rows, as x{hint}"
    array = numbers(value, argument, expected)
    if array.shape[:1] != (rows,):
        raise ValueError(refusal(argument, expected, len(array) if array.ndim else value))
    return array


def _shaped(x: npt.ArrayLike, shape: tuple[int, ...], argument: str) -> np.ndarray:
    """An array of real numbers [N, *shape], N >= 1, its values unread."""
    expected = shape_words(shape)
    data = numbers(x, argument, expected)
    if lacks_channel(data.ndim, shape):
        data = data[..., None]
    if data.ndim == 0 or data.shape[1:] != shape:
        raise ValueError(refusal(f"{argument}.shape", expected, data.shape))
    if len(data) == 0:
        raise ValueError(refusal(f"{argument}.shape", f"{expected} with B >= 1", data.shape))
    return data


def sparse_hint(value: Any, argument: str) -> str:
    """How a sparse or a ragged matrix becomes an array; "" for all other values."""
    if hasattr(value, "dense_shape"):  # TensorFlow's
        return f"Pass tf.sparse.to_dense({argument})."
    for method in ("to_tensor", "toarray"):  # TensorFlow's ragged ones; SciPy's
        if hasattr(value, method):
            return f"Pass {argument}.{method}()."
    return ""


def check_dense(value: Any, argument: str, expected: str) -> None:
    """Refuses sparse and ragged matrices, which have no array's shape."""
    if hint := sparse_hint(value, argument):
        raise TypeError(refusal(argument, f"{expected}, dense", type(value).__name__, hint))


def numbers(value: Any, argument: str, expected: str) -> np.ndarray:
    """A value as an array of real numbers; `TypeError` if it is none."""
    check_dense(value, argument, expected)
    if np.ma.is_masked(value):  # what is hidden is not meant
        hint = f"Pass {argument}.filled(0)."
        raise TypeError(refusal(argument, f"{expected}, none masked", "a masked array", hint))
    try:
        array = narrowed(np.asarray(value))
    except ValueError:  # rows of different lengths
        hint = "Arrays of different things are a tuple, (x, y)." if _of_arrays(value) else ""
        raise TypeError(refusal(argument, expected, value, hint)) from None
    if array.dtype.name == "bfloat16":  # NumPy knows it as a void-like extension type
        array = array.astype(np.float32)
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
        raise TypeError(refusal(argument, expected, value))
    return array


def _of_arrays(value: Any) -> bool:
    return isinstance(value, list) and all(hasattr(item, "shape") for item in value)
