"""What the library accepts from its callers; the rest is refused in one line."""

import operator
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from zoo.errors import refusal, unknown

# Samples of a Gaussian likelihood leave [0, 1] and may be encoded again; pixels in 0 .. 255 reach
# far beyond this.
_BRIGHTEST = 8.0


@overload
def whole(value: Any, argument: str, least: int = ..., most: int | None = ...) -> int: ...


@overload
def whole(
    value: Any, argument: str, least: int = ..., most: int | None = ..., *, optional: bool
) -> int | None: ...


def whole(
    value: Any, argument: str, least: int = 1, most: int | None = None, *, optional: bool = False
) -> int | None:
    """A whole number as a Python int: NumPy's ints are taken, and all that has `__index__`.

    Args:
        value: what the caller gave.
        argument: its name in messages.
        least, most: bounds, both inclusive; None for no upper bound.
        optional: whether None is accepted, and returned.

    Raises:
        TypeError: no whole number; True and False are none.
        ValueError: out of bounds.
    """
    if value is None and optional:
        return None
    expected = f"an int >= {least}" if most is None else f"an int in [{least}, {most}]"
    expected += " or None" if optional else ""
    number = _index(value)
    if number is None:
        raise TypeError(refusal(argument, expected, value))
    if number < least or (most is not None and number > most):
        raise ValueError(refusal(argument, expected, value))
    return number


def images(x: npt.ArrayLike, image_shape: Sequence[int], argument: str = "x") -> np.ndarray:
    """Data as the networks take them: float32 [B, *image_shape], finite.

    Args:
        x: [B, H, W, C], [B, H, W] for one channel, or [B, D] for vectors; array or eager tensor.
            uint8 is scaled by 1/255.
        image_shape: (H, W, C) or (D,).
        argument: its name in messages.

    Raises:
        TypeError: not numbers.
        ValueError: another shape, no rows, NaN or infinity, pixels in 0 .. 255.
    """
    shape = tuple(image_shape)
    expected = _shape_words(shape)
    data = _numbers(x, argument, expected)
    if len(shape) == 3 and shape[-1] == 1 and data.ndim == 3:
        data = data[..., None]
    if data.shape[1:] != shape or data.ndim == 0:
        raise ValueError(refusal(f"{argument}.shape", expected, data.shape))
    if len(data) == 0:
        raise ValueError(refusal(f"{argument}.shape", f"{expected} with B >= 1", data.shape))
    if data.dtype == np.uint8 and len(shape) == 3:
        return data.astype(np.float32) / np.float32(255)
    data = _finite(data, argument)
    if len(shape) == 3 and data.max() > _BRIGHTEST:
        hint = "Pass uint8 pixels as they are, or divide by 255."
        raise ValueError(refusal(f"{argument}.max()", "pixels in [0, 1]", float(data.max()), hint))
    return data


def latents(z: npt.ArrayLike, latent_dim: int, argument: str = "z") -> np.ndarray:
    """Codes, float32 [B, latent_dim], finite; raises as `images` does."""
    return images(z, (latent_dim,), argument)


def labels(
    y: npt.ArrayLike | None,
    rows: int,
    num_classes: int | None = None,
    num_attributes: int | None = None,
    conditional: bool = True,
) -> np.ndarray | None:
    """Labels as the networks take them: int32 [rows], float32 [rows, num_attributes], or None.

    Args:
        y: what the caller gave, or None. A single label (row of attributes) stands for all rows.
        rows: int.
        num_classes, num_attributes: of the model; at most one is not None when `conditional`.
        conditional: whether the verb needs labels; if not, they are refused.
    """
    if not conditional:
        if y is not None:
            raise ValueError(refusal("y", "None, as this model is unconditional", y))
        return None
    shape = (rows,) if num_attributes is None else (rows, num_attributes)
    kind = f"int labels in [0, {num_classes})" if num_attributes is None else "float attributes"
    expected = f"{kind} of shape {list(shape)}"
    if y is None:
        raise ValueError(refusal("y", f"{expected}, as this model is conditional", y))
    given = _numbers(y, "y", expected)
    if given.shape == shape[1:]:
        given = np.broadcast_to(given, shape)
    if given.shape != shape:
        raise ValueError(refusal("y.shape", expected, given.shape))
    if num_attributes is not None:
        return _finite(given, "y")
    if not np.issubdtype(given.dtype, np.integer):
        raise TypeError(refusal("y.dtype", expected, str(given.dtype)))
    outside = given[(given < 0) | (given >= num_classes)]
    if outside.size:
        raise ValueError(refusal("y", expected, int(outside[0])))
    return given.astype(np.int32)


def seed(value: Any) -> int:
    """An int as it is; None draws one from the operating system."""
    if value is None:
        return secrets.randbits(62)
    number = _index(value)
    if number is None:
        raise TypeError(refusal("seed", "an int or None", value))
    return number


def capability(verb: str, capabilities: Iterable[str], method: str) -> None:
    """Raises `ValueError`, naming the verbs there are, unless `verb` is one of them."""
    if verb not in capabilities:
        have = ", ".join(sorted(capabilities))
        message = f"{method} cannot {verb}: expected one of {have}. Received: verb={verb!r}."
        raise ValueError(message)


def level(
    value: Any,
    levels: int,
    part: str = "z",
    parts: Sequence[str] = ("z",),
    joint: bool = False,
) -> int | None:
    """A level, an int in [1, levels], or with `joint` None for all of several.

    `part`, of the code, is one of `parts`.
    """
    joint = joint and levels > 1 and part == "z"
    if value is None and joint:
        return None
    number = _index(value)
    if number is None or not 1 <= number <= levels:
        expected = f"an int in [1, {levels}]" + (" or None" if joint else "")
        raise ValueError(refusal("level", expected, value))
    if part not in parts:
        raise unknown("part", part, parts)
    return number


def _index(value: Any) -> int | None:
    """The Python int that a value is, or None; True and False are no numbers here."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _shape_words(shape: Sequence[int]) -> str:
    return f"numbers of shape [B, {', '.join(map(str, shape))}]"


def _numbers(value: Any, argument: str, expected: str) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        raise TypeError(refusal(argument, expected, value)) from None
    if array.dtype.name == "bfloat16":  # NumPy knows it as a void-like extension type
        array = array.astype(np.float32)
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
        raise TypeError(refusal(argument, expected, value))
    return array


def _finite(x: npt.ArrayLike, argument: str) -> np.ndarray:
    x = np.asarray(x, np.float32)
    if not np.isfinite(x).all():
        bad = f"{x.size - np.isfinite(x).sum()} of {x.size} NaN or infinite"
        raise ValueError(refusal(argument, "finite numbers", bad))
    return x
