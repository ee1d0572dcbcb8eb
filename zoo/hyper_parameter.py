"""One hyper-parameter, or one flag of a tool: which values it takes, in words and by checks.

Loads no TensorFlow.
"""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

from zoo.errors import refusal, unknown

KINDS: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
_ITEMS = {"int": "ints", "float": "floats", "bool": "bools", "str": "strings"}
LOW, HIGH = ("at_least", "above"), ("at_most", "below")
_WORDS = {"int": "an int", "float": "a float", "bool": "a bool", "str": "a string"}


@dataclasses.dataclass(frozen=True)
class HyperParameter:
    """One typed argument of a method, or one flag of a tool.

    Attributes:
        name: the argument's and the flag's name.
        kind: "int", "float", "bool", "str" or "tuple".
        default: its value where the caller gives none.
        optional: whether None is accepted.
        choices: the accepted strings, or None.
        items: kind of a tuple's items, or None.
        help: its meaning, in one line.
        at_least, above, at_most, below: bounds of a number, or of each item of a tuple; `above` and
            `below` exclude the bound itself.
        needs: the setting without which it has no effect: "name" of a value that is not None, False
            or 0, or "name=one|another".
        fixed: whether the class fixes the value: then it is no argument.
    """

    name: str = ""
    kind: str = ""
    default: Any = None
    optional: bool = False
    choices: tuple[str, ...] | None = None
    items: str | None = None
    help: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    needs: str | None = None
    fixed: bool = False

    @property
    def bounds(self) -> dict[str, float]:
        """{name: value} of the bounds that a number, or each item of a tuple, has."""
        found = {name: getattr(self, name) for name in (*LOW, *HIGH)}
        return {name: bound for name, bound in found.items() if bound is not None}

    @property
    def expected(self) -> str:
        """What is accepted, in words: "an int >= 1 or None"."""
        if self.fixed:
            return f"{self.default!r}, which the method fixes"
        if self.choices:
            words = "one of " + ", ".join(map(repr, self.choices))
        elif self.kind == "tuple":
            words = f"a tuple of {_ITEMS[self.items or 'str']}{self._range}"
        else:
            words = _WORDS[self.kind] + self._range
        return words + (" or None" if self.optional else "")

    @property
    def _range(self) -> str:
        low = self.above if self.at_least is None else self.at_least
        high = self.below if self.at_most is None else self.at_most
        if low is None and high is None:
            return ""
        if high is None:
            return f" {'>' if self.at_least is None else '>='} {low}"
        if low is None:
            return f" {'<' if self.at_most is None else '<='} {high}"
        left, right = "(["[self.at_least is not None], ")]"[self.at_most is not None]
        return f" in {left}{low}, {high}{right}"

    def has_effect(self, values: Mapping[str, Any]) -> bool:
        """Whether a model of these values, {name: value}, makes use of it."""
        name, equals, texts = (self.needs or "").partition("=")
        if equals:
            return str(values[name]) in texts.split("|")
        return not name or bool(values[name])

    @property
    def annotation(self) -> Any:
        """The type that was declared."""
        kind: Any = KINDS.get(self.kind, tuple)
        if self.choices:
            kind = typing.Literal[self.choices]
        elif self.items:
            # Types that are values: no checker follows them.
            kind = tuple[KINDS[self.items], ...]  # type: ignore[valid-type, name-defined]
        return kind | None if self.optional else kind

    @property
    def description(self) -> str:
        """Meaning, what is accepted and the default, for `Args:`."""
        return f"{self.help} ({self.expected}; default {self.default!r})."

    def parse(self, text: str) -> Any:
        """The value that a flag's text stands for; raises as `check` does."""
        text = text.strip()
        if self.optional and text.lower() in ("", "none"):
            return None
        try:
            if self.kind == "bool":
                value: Any = {"true": True, "1": True, "false": False, "0": False}[text.lower()]
            elif self.kind == "tuple":
                cast = KINDS[self.items or "str"]
                items = map(str.strip, text.strip("()[] ").split(","))
                value = tuple(cast(item) for item in items if item)
            else:
                value = KINDS[self.kind](text)
        except (KeyError, ValueError):
            raise ValueError(refusal(self.name, self.expected, text)) from None
        return self.check(value)

    def check(self, value: Any) -> Any:
        """`value` as a plain Python object.

        Raises:
            TypeError: a value of another kind.
            ValueError: a value out of range, or another one than the fixed one.
        """
        if self.fixed:
            if value != self.default:
                raise ValueError(refusal(self.name, self.expected, value))
            return value
        if value is None and self.optional:
            return None
        if self.kind == "tuple":
            if not isinstance(value, (list, tuple)) and getattr(value, "ndim", 0) != 1:
                raise TypeError(refusal(self.name, self.expected, value))
            return tuple(self._item(_plain(item), self.items or "str", value) for item in value)
        return self._item(_plain(value), self.kind, value)

    def _item(self, item: Any, kind: str, received: Any) -> Any:
        """One value, or one item of a tuple; `received` is what the caller gave."""
        if kind == "float" and isinstance(item, int) and not isinstance(item, bool):
            item = float(item)
        if not isinstance(item, KINDS[kind]) or (kind != "bool" and isinstance(item, bool)):
            raise TypeError(refusal(self.name, self.expected, received))
        if self.choices and item not in self.choices:
            raise unknown(self.name, item, self.choices)
        if kind in ("int", "float") and not self._within(item):  # type: ignore[arg-type]  # kind
            raise ValueError(refusal(self.name, self.expected, received))
        return item

    def _within(self, number: float) -> bool:
        return (
            math.isfinite(number)
            and (self.at_least is None or number >= self.at_least)
            and (self.above is None or number > self.above)
            and (self.at_most is None or number <= self.at_most)
            and (self.below is None or number < self.below)
        )


def _plain(value: Any) -> Any:
    """A NumPy scalar, or an array of rank 0, as the Python number that it holds."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
