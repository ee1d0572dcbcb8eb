"""What the verbs accept, the same for models and their exports; the rest is refused in one line."""

import operator
import secrets

import numpy as np

from zoo.errors import refusal, unknown

# Samples of a Gaussian likelihood leave [0, 1] and may be encoded again; pixels in 0 .. 255 reach
# far beyond this.
_BRIGHTEST = 8.0


def images(x, image_shape, argument="x"):
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
    image_shape = tuple(image_shape)
    expected = _shape_words(image_shape)
    x = _numbers(x, argument, expected)
    if len(image_shape) == 3 and image_shape[-1] == 1 and x.ndim == 3:
        x = x[..., None]
    if x.shape[1:] != image_shape or x.ndim == 0:
        raise ValueError(refusal(f"{argument}.shape", expected, x.shape))
    if len(x) == 0:
        raise ValueError(refusal(f"{argument}.shape", f"{expected} with B >= 1", x.shape))
    if x.dtype == np.uint8 and len(image_shape) == 3:
        return x.astype(np.float32) / np.float32(255)
    x = _finite(x, argument)
    if len(image_shape) == 3 and x.max() > _BRIGHTEST:
        hint = "Pass uint8 pixels as they are, or divide by 255."
        raise ValueError(refusal(f"{argument}.max()", "pixels in [0, 1]", float(x.max()), hint))
    return x


def latents(z, latent_dim, argument="z"):
    """Codes, float32 [B, latent_dim], finite; raises as `images` does."""
    return images(z, (latent_dim,), argument)


def labels(y, rows, num_classes=None, num_attributes=None, conditional=True):
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
    y = _numbers(y, "y", expected)
    if y.shape == shape[1:]:
        y = np.broadcast_to(y, shape)
    if y.shape != shape:
        raise ValueError(refusal("y.shape", expected, y.shape))
    if num_attributes is not None:
        return _finite(y, "y")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(refusal("y.dtype", expected, str(y.dtype)))
    outside = y[(y < 0) | (y >= num_classes)]
    if outside.size:
        raise ValueError(refusal("y", expected, int(outside[0])))
    return y.astype(np.int32)


def count(n, argument="n"):
    """A number of things: int >= 1."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(refusal(argument, "an int >= 1", n))
    if n < 1:
        raise ValueError(refusal(argument, "an int >= 1", n))
    return int(n)


def whole(value, argument: str, least: int = 1, most: int | None = None) -> int:
    """An int in [least, most], NumPy's too; `most` None is no bound.

    Raises:
        TypeError: no int, or a bool.
        ValueError: out of range.
    """
    expected = f"an int >= {least}" if most is None else f"an int in [{least}, {most}]"
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(refusal(argument, expected, value))
    if number < least or (most is not None and number > most):
        raise ValueError(refusal(argument, expected, value))
    return number


def seed(value):
    """An int as it is; None draws one from the operating system."""
    if value is None:
        return secrets.randbits(62)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(refusal("seed", "an int or None", value))
    return int(value)


def capability(verb, capabilities, method):
    """Raises `ValueError`, naming the verbs there are, unless `verb` is one of them."""
    if verb not in capabilities:
        have = ", ".join(sorted(capabilities))
        message = f"{method} cannot {verb}: expected one of {have}. Received: verb={verb!r}."
        raise ValueError(message)


def level(value, levels, part="z", parts=("z",)):
    """The level and the part of a code: an int in [1, levels] (None for all), one of `parts`."""
    if value is None and levels > 1 and part == "z":
        return
    if isinstance(value, bool) or value not in range(1, levels + 1):
        raise ValueError(refusal("level", f"an int in [1, {levels}]", value))
    if part not in parts:
        raise unknown("part", part, parts)


def _shape_words(shape):
    return f"numbers of shape [B, {', '.join(map(str, shape))}]"


def _numbers(value, argument, expected):
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        raise TypeError(refusal(argument, expected, value)) from None
    if array.dtype.name == "bfloat16":  # NumPy knows it as a void-like extension type
        array = array.astype(np.float32)
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
        raise TypeError(refusal(argument, expected, value))
    return array


def _finite(x, argument):
    x = np.asarray(x, np.float32)
    if not np.isfinite(x).all():
        bad = f"{x.size - np.isfinite(x).sum()} of {x.size} NaN or infinite"
        raise ValueError(refusal(argument, "finite numbers", bad))
    return x
