"""What a model can show, from its capabilities alone: the tabs of the page.

An ability says which models have it, what a person may set, and what is shown then. It is given
the values that were set and the images of the person, and returns pictures, shares and sentences.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import drawing
import numpy as np

from demo_page.ability import (
    EACH,
    SEED,
    SIDE,
    Ability,
    Values,
    as_label,
    code,
    grid,
    known_part,
    label_controls,
    of_images,
)
from demo_page.controls import Choice, Control, Picture, Sentence, Shares, Shown, Slider, Whole
from zoo import pictures, plots

if TYPE_CHECKING:
    from zoo.verbs import Verbs

SLIDERS = 8  # dimensions of the code that have a slider at a time
_LARGE = 168  # pixels of an image that stands alone, about
_SAMPLES, _POINTS = 36, 2_000
_DRAWS = 6  # of what is random, side by side
_STEPS = 9  # images of a row along one dimension
_ROWS = 4  # styles, one a row, of the picture of all classes
_HIDDEN = {
    "right": "right half",
    "left": "left half",
    "top": "upper half",
    "bottom": "lower half",
    "middle": "middle",
}


class Sample(Ability):
    """A grid of samples."""

    title = "Sample"
    says = "New images, drawn from p(x). The same seed gives the same images."

    @staticmethod
    def fits(model: "Verbs") -> bool:
        return "sample" in model.capabilities

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


class Latents(Ability):
    """Sliders for some dimensions of the code, and a row of images for each."""

    title = "Latent sliders"
    says = "Moves a code along single dimensions, and shows what the decoder makes of it."

    @property
    def images(self) -> int:
        return int("encode" in self.model.capabilities)

    @staticmethod
    def fits(model: "Verbs") -> bool:
        if not of_images(model) or "decode" not in model.capabilities:  # perhaps without a code
            return False
        return model.code_dim > drawing.first_of_style(model)

    @property
    def width(self) -> int:
        """How many dimensions have a slider at a time."""
        return min(SLIDERS, self.model.code_dim - drawing.first_of_style(self.model))

    @property
    def controls(self) -> tuple[Control, ...]:
        first, last = drawing.first_of_style(self.model), self.model.code_dim - self.width
        start = Whole("first", f"First dimension, of {self.model.code_dim}", first, first, last)
        seed = () if self.images else (SEED,)
        chosen = (start,) if first < last else ()
        name = "first + {}" if chosen else "z {}"
        sliders = [
            Slider(f"move_{j}", name.format(first * (not chosen) + j), 0.0, -3.0, 3.0, 0.1)
            for j in range(self.width)
        ]
        return (*chosen, *seed, *label_controls(self.model), *sliders)

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        first = values.get("first", drawing.first_of_style(self.model))
        y = self.labels(values, 1)
        z = code(self.model, x, y, values.get("seed", 0))
        moved = z.copy()
        moved[:, first : first + self.width] += [values[f"move_{j}"] for j in range(self.width)]
        pair = drawing.decode_mean(self.model, np.concatenate([z, moved]), self.labels(values, 2))
        ends = np.linspace(-2.0, 2.0, _STEPS)
        dimensions = range(first, first + self.width)
        lines = [pictures.traverse(moved, [j], moved[0, j] + ends) for j in dimensions]
        y = self.labels(values, self.width * _STEPS)
        rows = drawing.decode_mean(self.model, np.concatenate(lines), y)
        return [
            Picture("the code as it was, and moved", grid(pair, 2, _LARGE)),
            Picture("then each dimension by -2 to 2, a row for each", grid(rows, _STEPS)),
        ]


class Reconstruct(Ability):
    """An image beside its reconstruction."""

    title = "Reconstruct"
    says = "Finds the code of image A, and decodes it again."
    images = 1

    @staticmethod
    def fits(model: "Verbs") -> bool:
        return of_images(model) and "reconstruct" in model.capabilities

    @property
    def controls(self) -> tuple[Control, ...]:
        return (SEED, *label_controls(self.model))

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        y, seed = self.labels(values, 1), values["seed"]
        x_hat = np.asarray(self.model.reconstruct(x, y=y, seed=seed))
        error = float(np.mean((x - x_hat) ** 2))
        caption = f"image A, its reconstruction; mean squared error {error:.4f}"
        return [Picture(caption, grid(np.concatenate([x, x_hat]), 2, _LARGE))]


class Inpaint(Ability):
    """Several ways to fill the hidden part of an image."""

    title = "Inpaint"
    says = "Hides a part of image A, and fills it in several ways."
    images = 1
    fits = staticmethod(Reconstruct.fits)

    @property
    def controls(self) -> tuple[Control, ...]:
        steps = Whole("steps", "Steps of the chain", 20, 1, 200)
        hidden = Choice("hidden", "Hidden part", _HIDDEN, "right")
        return (hidden, steps, SEED, *label_controls(self.model))

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        known = known_part(self.model.image_shape, values["hidden"])
        hidden = np.where(known, x, np.float32(0.5))
        rows = np.repeat(hidden, _DRAWS, axis=0)
        y, chosen = self.labels(values, _DRAWS), {name: values[name] for name in ("steps", "seed")}
        filled = self.model.inpaint(rows, known, y=y, **chosen)
        pair = grid(np.concatenate([x, hidden]), 2, _LARGE)
        return [
            Picture("image A, and what the model sees", pair),
            Picture(f"filled {_DRAWS} times", grid(np.asarray(filled), _DRAWS, 2 * SIDE)),
        ]


class Interpolate(Ability):
    """A line between the codes of two images."""

    title = "Interpolate"
    says = "Goes from the code of image A to that of image B in a straight line."
    images = 2

    @staticmethod
    def fits(model: "Verbs") -> bool:
        return of_images(model) and {"encode", "decode"} <= model.capabilities

    @property
    def controls(self) -> tuple[Control, ...]:
        return (
            *label_controls(self.model, label="Class of A"),
            *label_controls(self.model, name="y_b", label="Class of B"),
        )

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        y = None
        if self.model.conditional:
            y = np.stack([as_label(self.model, values[name]) for name in ("y", "y_b")])
        z = drawing.start_codes(self.model, x, y, 0)
        line = pictures.interpolate(z[:1], z[1:], _STEPS)
        ends = None if y is None else y[(np.arange(_STEPS) > _STEPS // 2).astype(int)]
        decoded = drawing.decode_mean(self.model, line, ends)
        shown = np.concatenate([x[:1], decoded, x[1:]])
        return [Picture("image A, the decoded line, image B", grid(shown, len(shown), 1.5 * SIDE))]


class Levels(Ability):
    """Reconstructions from each level of a hierarchy."""

    title = "Levels"
    says = "Reconstructs image A, and samples, from each level: a higher one keeps less of them."
    images = 1

    @staticmethod
    def fits(model: "Verbs") -> bool:
        return Reconstruct.fits(model) and model.levels > 1

    @property
    def controls(self) -> tuple[Control, ...]:
        return (SEED, *label_controls(self.model))

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        y, seed = self.labels(values, _DRAWS), values["seed"]
        drawn = np.asarray(self.model.sample(_DRAWS, y=y, seed=seed))
        columns = np.concatenate([x, drawn[1:]])
        rows = [columns] + [
            np.asarray(self.model.reconstruct(columns, y=y, level=level, seed=seed))
            for level in range(1, self.model.levels + 1)
        ]
        below = ", ".join(f"level {level}" for level in range(1, self.model.levels + 1))
        caption = f"above: image A and samples; below them their reconstructions from {below}"
        return [Picture(caption, grid(np.concatenate(rows), _DRAWS, 1.5 * SIDE))]


class Draws(Ability):
    """Several draws of p(x|z) at one code, where it has no mean."""

    title = "Draws of one code"
    says = "What the code leaves open: several images from the one code of image A."
    images = 1

    @staticmethod
    def fits(model: "Verbs") -> bool:
        if not Interpolate.fits(model):
            return False
        x = np.full((1, *model.image_shape), 0.5, np.float32)
        y = as_label(model, None)[None] if model.conditional else None
        return not drawing.has_mean(model, x, y, 0)

    @property
    def controls(self) -> tuple[Control, ...]:
        return (SEED, *label_controls(self.model))

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        n = 3 * _DRAWS
        y = self.labels(values, n)
        z = drawing.start_codes(self.model, x, self.labels(values, 1), values["seed"])
        likelihood = self.model.decode(np.repeat(z, n, axis=0), y=y)
        drawn = np.asarray(likelihood.sample(seed=(values["seed"], 1)))
        return [
            Picture("image A", grid(x, 1, _LARGE)),
            Picture(f"{n} draws of p(x|z) at its code", grid(drawn, _DRAWS, 1.5 * SIDE)),
        ]


class Classes(Ability):
    """A column a class or a cluster, a row a style."""

    title = "Classes"
    says = "The same style in every class: a row is a style, a column a class or a cluster."

    @staticmethod
    def fits(model: "Verbs") -> bool:
        if not of_images(model) or not drawing.number_of_classes(model):
            return False
        needed = {"sample"} if model.conditional else {"sample", "encode", "decode"}
        return needed <= model.capabilities

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        count, seed = drawing.number_of_classes(self.model), values["seed"]
        if self.model.conditional:  # the same seed gives a row the same noise in every class
            columns = [
                np.asarray(self.model.sample(_ROWS, y=np.full(_ROWS, label, np.int32), seed=seed))
                for label in range(count)
            ]
        else:
            z = drawing.start_codes(self.model, self.model.sample(_ROWS, seed=seed), None, seed)
            style = z[:, count:]
            columns = [
                drawing.decode_mean(self.model, np.concatenate([of_class, style], axis=1))
                for of_class in np.eye(count, dtype=np.float32)[:, None].repeat(_ROWS, axis=1)
            ]
        shown = np.stack(columns, axis=1).reshape(-1, *self.model.image_shape)
        return [Picture(f"{count} classes, {_ROWS} styles", grid(shown, count))]


class Classify(Ability):
    """Probabilities of the classes, or of the clusters."""

    title = "Classify"
    says = "Tells the class or the cluster of image A."
    images = 1

    @staticmethod
    def fits(model: "Verbs") -> bool:
        return of_images(model) and ("classify" in model.capabilities or "y" in model.parts)

    @property
    def controls(self) -> tuple[Control, ...]:
        return ()

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        if "classify" in self.model.capabilities:
            logits = np.asarray(self.model.classify(x), np.float64)[0]
            caption, p = "p(class | image A)", np.exp(logits - logits.max())
            p /= p.sum()
        else:
            q = self.model.encode(x, part="y")
            caption, p = "q(cluster | image A)", np.asarray(q.probs_parameter())[0]
        return [Shares(caption, {str(index): float(share) for index, share in enumerate(p)})]


class Likelihood(Ability):
    """log p(x) of an image, beside that of a sample."""

    title = "Likelihood"
    says = "How probable the model finds image A, by its log p(x)."
    images = 1

    @staticmethod
    def fits(model: "Verbs") -> bool:
        return of_images(model) and "log_prob" in model.capabilities

    @property
    def controls(self) -> tuple[Control, ...]:
        return (SEED, *label_controls(self.model))

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        y, seed = self.labels(values, 1), values["seed"]
        nats = float(np.asarray(self.model.log_prob(x, y=y, seed=seed))[0])
        bits = -nats / (math.prod(self.model.image_shape) * math.log(2.0))
        kind = "log p(x)" if self.model.density == "exact" else "A lower bound on log p(x)"
        return [Sentence(f"{kind} is {nats:.1f} nats: {bits:.3f} bits per dimension.")]


ABILITIES: Sequence[type[Ability]] = (
    Sample,
    Latents,
    Reconstruct,
    Inpaint,
    Interpolate,
    Levels,
    Draws,
    Classes,
    Classify,
    Likelihood,
)


def abilities_of(model: "Verbs") -> list[Ability]:
    """All that the model can show, in the order of the tabs."""
    return [ability(model) for ability in ABILITIES if ability.fits(model)]


def defaults(ability: Ability) -> dict[str, Any]:
    """{name: value} of its controls before somebody touches them."""
    return {control.name: control.default for control in ability.controls}


def sampled_image(model: "Verbs", seed: int) -> np.ndarray:
    """An image to begin with, [1, *image_shape]: a sample, or a blank of a model that has none."""
    if "sample" not in model.capabilities:
        return np.zeros((1, *model.image_shape), np.float32)
    y = as_label(model, None)[None] if model.conditional else None
    return np.asarray(model.sample(1, y=y, seed=seed))
