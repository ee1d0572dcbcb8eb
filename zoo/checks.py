"""What the library accepts from its callers; the rest is refused in one line."""

import operator
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from zoo import forms
from zoo.errors import refusal, unknown


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


def truth(value: Any, argument: str) -> bool:
    """True or False, of NumPy too; `TypeError` for what Python would read as one of them."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(refusal(argument, "True or False", value))
    return bool(value)


def latents(z: npt.ArrayLike, latent_dim: int, argument: str = "z") -> np.ndarray:
    """Codes, float32 [B, latent_dim], finite; raises as `forms.images` does."""
    return forms.images(z, (latent_dim,), argument)


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
    if y is None:
        expected = forms.label_words(num_classes, num_attributes, rows)
        raise ValueError(refusal("y", f"{expected}, as this model is conditional", y))
    one = () if num_attributes is None else (num_attributes,)
    if np.shape(y) == one:  # of all rows
        y = np.broadcast_to(y, (rows, *one))
    return forms.labels(y, rows, num_classes, num_attributes)


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


def classes_of(tree: Any) -> Iterator[dict[str, Any]]:
    """The parts of a Keras configuration, JSON-able, that name a class, the outermost first."""
    if isinstance(tree, dict) and "class_name" in tree:
        yield tree
    inner = tree.values() if isinstance(tree, dict) else tree
    for value in inner if isinstance(tree, (dict, list, tuple)) else ():
        yield from classes_of(value)
