"""What a model can show, from its capabilities alone: the tabs of the page.

An ability says which models have it, what a person may set, and what is shown then. It is given
the values that were set and the images of the person, and returns pictures, shares and sentences.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from demo_page import classes, codes, own_images
from demo_page.ability import (
    EACH,
    SEED,
    Ability,
    Values,
    as_label,
    grid,
    label_controls,
)
from demo_page.about import UNKNOWN, About
from demo_page.controls import Control, Picture, Sentence, Shown
from zoo import plots

if TYPE_CHECKING:
    from zoo.verbs import Verbs

_SAMPLES, _POINTS = 36, 2_000
_BESIDE = 9  # examples beside image A
_MOST = 1e6  # how many times likelier is told


class Sample(Ability):
    """A grid of samples."""

    title = "Sample"
    says = "New images, drawn from p(x). The same seed gives the same images."
    verbs = {"sample"}

    @classmethod
    def fits(cls, model: "Verbs") -> bool:
        return cls.verbs <= model.capabilities

    @property
    def controls(self) -> tuple[Control, ...]:
        return (SEED, *label_controls(self.model, each=True))

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        vectors = len(self.model.image_shape) == 1
        n = _POINTS if vectors else _SAMPLES
        if values.get("y") == EACH:
            y = np.arange(n, dtype=np.int32) % self.model.num_classes
        else:
            y = self.labels(values, n)
        drawn = np.asarray(self.model.sample(n, y=y, seed=values["seed"]))
        if not vectors:
            return [Picture(f"{n} samples", grid(drawn))]
        if self.model.image_shape == (2,):
            panel = plots.scatter_image({"samples": drawn}, pixels=800)
            return [Picture(f"{n} samples", panel)]
        return [Sentence(f"{n} samples of {drawn.shape[1]} numbers each.")]


class Likelihood(Ability):
    """log p(x) of an image."""

    title = "Likelihood"
    says = "How probable the model finds image A, by its log p(x)."
    verbs = {"log_prob"}
    images = 1

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        y, seed = self.labels(values, 1), values["seed"]
        nats = float(np.asarray(self.model.log_prob(x, y=y, seed=seed))[0])
        bits = -nats / (math.prod(self.model.image_shape) * math.log(2.0))
        kind = "log p(x)" if self.model.density == "exact" else "A lower bound on log p(x)"
        return [Sentence(f"{kind} is {nats:.1f} nats: {bits:.3f} bits per dimension.")]


class Ratio(Ability):
    """log p(x) / q(x) of two data sets for an image, beside those of examples."""

    title = "Log ratio"
    says = "In which of two data sets image A is likelier: log p(x) / q(x)."
    verbs = {"log_ratio"}
    images = 1

    @property
    def controls(self) -> tuple[Control, ...]:
        return ()

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        others = own_images.examples(self.about.examples, self.model.image_shape)
        ratios = np.asarray(self.model.log_ratio(np.concatenate([x, others])))
        p, q = self.about.data or "the data", self.about.reference or "the reference data"
        more, less = (p, q) if ratios[0] >= 0 else (q, p)
        times = math.exp(min(abs(float(ratios[0])), 100.0))
        often = f"{times:,.1f} times" if times < _MOST else "more than a million times"
        found: list[Shown] = [
            Sentence(f"log p(x) / q(x) is {ratios[0]:+.2f} nats; p is {p}, q is {q}."),
            Sentence(f"The model finds image A {often} likelier in {more} than in {less}."),
        ]
        if len(others):
            order = np.argsort(ratios[1:])
            shown = order[np.linspace(0, len(order) - 1, min(_BESIDE, len(order))).astype(int)]
            row = grid(np.concatenate([x, others[shown]]), 1 + len(shown))
            columns = ("A", *(f"{ratios[1 + each]:+.1f}" for each in shown))
            found.append(Picture(f"image A, and the log ratios of images of {p}", row, (), columns))
        return found


ABILITIES: Sequence[type[Ability]] = (
    Sample,
    *codes.ABILITIES,
    *classes.ABILITIES,
    Likelihood,
    Ratio,
)


def abilities_of(model: "Verbs", about: About = UNKNOWN) -> list[Ability]:
    """All that the model can show, in the order of the tabs."""
    return [ability(model, about) for ability in ABILITIES if ability.fits(model)]


def defaults(ability: Ability) -> dict[str, Any]:
    """{name: value} of its controls before somebody touches them."""
    return {control.name: control.default for control in ability.controls}


def first_image(model: "Verbs", seed: int, about: About = UNKNOWN) -> np.ndarray:
    """An image to begin with, [1, *image_shape]: a sample, an example, or a written digit.

    Args:
        model: the model.
        seed: which one.
        about: names the examples, which are shown of a model that has no samples.
    """
    if "sample" in model.capabilities:
        y = as_label(model, None)[None] if model.conditional else None
        return np.asarray(model.sample(1, y=y, seed=seed))
    found = own_images.examples(about.examples, model.image_shape)
    if len(found):
        return found[seed % len(found)][None]
    return own_images.digit(seed % 10, model.image_shape)
