"""What a person may set on the page, and what the page shows. Plain data, without widgets.

`read` of a control makes a value of what its widget says, whatever a person has typed.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.errors import refusal


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole number."""

    name: str
    label: str
    default: int
    low: int = 0
    high: int = 2**31 - 1

    def read(self, said: Any) -> int | None:
        """The nearest whole number within the bounds; None of what is no number, or not yet."""
        number = _within(said, self.low, self.high)
        return None if number is None else round(number)

    def fault(self, said: Any) -> str:
        """In one line, why `read` gives another number than was typed; else ""."""
        number, unbounded = self.read(said), _within(said, -math.inf, math.inf)
        if number is None or self.low <= unbounded <= self.high:
            return ""
        expected = f"a whole number from {self.low} to {self.high}"
        return refusal(self.name, expected, said, f"Taken is {number}.")


@dataclasses.dataclass(frozen=True)
class Slider:
    """A number between two ends."""

    name: str
    label: str
    default: float
    low: float
    high: float
    step: float

    def read(self, said: Any) -> float | None:
        """The nearest number between the ends; None of what is no number."""
        return _within(said, self.low, self.high)


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values, each shown by its text; with `several`, a tuple of them."""

    name: str
    label: str
    options: Mapping[int | str, str]
    default: int | str | tuple[int, ...]
    several: bool = False

    def read(self, said: Any) -> Any:
        """What was chosen; None of what is no choice."""
        chosen = said if self.several and isinstance(said, list | tuple) else [said]
        return said if all(each in tuple(self.options) for each in chosen) else None


Control = Whole | Slider | Choice


def _within(said: Any, low: float, high: float) -> float | None:
    """The nearest number from `low` to `high`, or None."""
    try:
        number = float(said)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if math.isnan(number) else min(max(number, low), high)


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture, uint8 [H, W, 1 or 3], and what it shows.

    Attributes:
        caption: what it shows.
        pixels: of it.
        rows, columns: texts beside the rows and above the columns of a grid, or none.
    """

    caption: str
    pixels: np.ndarray
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Shares:
    """Probabilities, by name, and of what they are."""

    caption: str
    shares: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Sentence:
    """A result in words."""

    caption: str


Shown = Picture | Shares | Sentence
