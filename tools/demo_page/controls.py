"""What a person may set on the page, and what the page shows. Plain data, without widgets."""

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole number."""

    name: str
    label: str
    default: int
    low: int = 0
    high: int = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Slider:
    """A number between two ends."""

    name: str
    label: str
    default: float
    low: float
    high: float
    step: float


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values, each shown by its text; with `several`, a tuple of them."""

    name: str
    label: str
    options: Mapping[int | str, str]
    default: int | str | tuple[int, ...]
    several: bool = False


Control = Whole | Slider | Choice


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture, uint8 [H, W, 1 or 3], and what it shows."""

    caption: str
    pixels: np.ndarray


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
