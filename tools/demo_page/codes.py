"""What a model can show of its codes."""

from typing import TYPE_CHECKING

import drawing
import numpy as np

from demo_page import own_images
from demo_page.ability import (
    DRAWS,
    LARGE,
    SEED,
    SIDE,
    Ability,
    Values,
    as_label,
    code,
    dimension,
    grid,
    is_uniform,
    known_part,
    label_controls,
)
from demo_page.controls import Choice, Control, Picture, Sentence, Shown, Slider, Whole
from zoo import pictures

if TYPE_CHECKING:
    from zoo.verbs import Verbs

SLIDERS = 8  # dimensions of the code that have a slider at a time
_STEPS = 9  # images of a row along one dimension
_HIDDEN = {
    "right": "right half",
    "left": "left half",
    "top": "upper half",
    "bottom": "lower half",
    "middle": "middle",
}


class Latents(Ability):
    """Sliders for some dimensions of the code, and a row of images for each."""

    title = "Latent sliders"
    says = "Moves a code along single dimensions, and shows what the decoder makes of it."
    verbs = {"decode"}

    @property
    def images(self) -> int:
        return int("encode" in self.model.capabilities)

    @classmethod
    def fits(cls, model: "Verbs") -> bool:
        return super().fits(model) and bool(drawing.style(model))

    @property
    def width(self) -> int:
        """How many dimensions have a slider at a time."""
        return min(SLIDERS, len(drawing.style(self.model)))

    @property
    def controls(self) -> tuple[Control, ...]:
        first, last = drawing.style(self.model).start, drawing.style(self.model).stop - self.width
        start = Whole("first", f"First dimension, of {self.model.code_dim}", first, first, last)
        seed = () if self.images else (SEED,)
        chosen = (start,) if first < last else ()
        sliders = [
            Slider(f"move_{j}", dimension(self.model, first + j), 0.0, -3.0, 3.0, 0.1)
            for j in range(self.width)
        ]
        return (*chosen, *seed, *label_controls(self.model), *sliders)

    def label(self, control: Control, values: Values) -> str:
        """Of a slider the dimension that it moves now."""
        if not isinstance(control, Slider):
            return control.label
        return dimension(self.model, self.first(values) + int(control.name.removeprefix("move_")))

    def first(self, values: Values) -> int:
        """The first dimension that has a slider."""
        return values.get("first", drawing.style(self.model).start)

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        first, k = self.first(values), drawing.style(self.model).start
        y = self.labels(values, 1)
        z = code(self.model, x, y, values.get("seed", 0))
        moved = z.copy()
        moved[:, first : first + self.width] += [values[f"move_{j}"] for j in range(self.width)]
        pair = drawing.decode_mean(self.model, np.concatenate([z, moved]), self.labels(values, 2))
        reach = 1 if is_uniform(self.model) else 2  # where the prior has its mass
        ends = np.linspace(-reach, reach, _STEPS)
        dimensions = range(first, first + self.width)
        lines = [pictures.traverse(moved, [j], moved[0, j] + ends) for j in dimensions]
        y = self.labels(values, self.width * _STEPS)
        rows = drawing.decode_mean(self.model, np.concatenate(lines), y)
        stays = f"; its category, dimensions 0 to {k - 1}, stays" if k else ""
        return [
            Picture(
                f"the code as it was, and moved{stays}",
                grid(pair, 2, LARGE),
                columns=("as it was", "moved"),
            ),
            Picture(
                f"then each dimension by -{reach} to {reach}, a row for each",
                grid(rows, _STEPS),
                rows=tuple(dimension(self.model, j) for j in dimensions),
                columns=tuple(f"{end:+g}" if end else "0" for end in ends),
            ),
        ]


class Reconstruct(Ability):
    """An image beside its reconstruction."""

    title = "Reconstruct"
    says = "Finds the code of image A, and decodes it again."
    verbs = {"reconstruct"}
    images = 1

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        y, seed = self.labels(values, 1), values["seed"]
        x_hat = np.asarray(self.model.reconstruct(x, y=y, seed=seed))
        error = float(np.mean((x - x_hat) ** 2))
        caption = f"image A, its reconstruction; mean squared error {error:.4f}"
        return [Picture(caption, grid(np.concatenate([x, x_hat]), 2, LARGE))]


class Inpaint(Ability):
    """Several ways to fill the hidden part of an image."""

    title = "Inpaint"
    says = "Hides a part of image A, and fills it in several ways."
    verbs = {"reconstruct"}
    images = 1

    @property
    def controls(self) -> tuple[Control, ...]:
        steps = Whole("steps", "Steps of the chain", 20, 1, 200)
        hidden = Choice("hidden", "Hidden part", _HIDDEN, "right")
        return (hidden, steps, SEED, *label_controls(self.model))

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        known = known_part(self.model.image_shape, values["hidden"])
        hidden = np.where(known, x, np.float32(0.5))
        rows = np.repeat(hidden, DRAWS, axis=0)
        y, chosen = self.labels(values, DRAWS), {name: values[name] for name in ("steps", "seed")}
        filled = self.model.inpaint(rows, known, y=y, **chosen)
        pair = grid(np.concatenate([x, hidden]), 2, LARGE)
        return [
            Picture("image A, and what the model sees", pair),
            Picture(f"filled {DRAWS} times", grid(np.asarray(filled), DRAWS, 2 * SIDE)),
        ]


class Interpolate(Ability):
    """A line between the codes of two images."""

    title = "Interpolate"
    says = "Goes from the code of image A to that of image B in a straight line."
    verbs = {"encode", "decode"}
    images = 2

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
        columns = ("A", *[""] * _STEPS, "B")
        caption = "image A, the decoded line, image B"
        return [Picture(caption, grid(shown, len(shown), 1.5 * SIDE), columns=columns)]


class Levels(Ability):
    """Reconstructions from each level of a hierarchy."""

    title = "Levels"
    says = "Reconstructs image A, and samples, from each level: a higher one keeps less of them."
    verbs = {"reconstruct", "sample"}
    images = 1

    @classmethod
    def fits(cls, model: "Verbs") -> bool:
        return super().fits(model) and model.levels > 1

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        y, seed = self.labels(values, DRAWS), values["seed"]
        drawn = np.asarray(self.model.sample(DRAWS, y=y, seed=seed))
        images = np.concatenate([x, drawn[1:]])
        levels = range(1, self.model.levels + 1)
        lines = [images] + [
            np.asarray(self.model.reconstruct(images, y=y, level=level, seed=seed))
            for level in levels
        ]
        caption = "image A and samples; below them their reconstructions from each level"
        rows = ("image", *(f"level {level}" for level in levels))
        columns = ("A", *["sample"] * (DRAWS - 1))
        pixels = grid(np.concatenate(lines), DRAWS, 1.5 * SIDE)
        return [Picture(caption, pixels, rows, columns)]


class Draws(Ability):
    """Several draws of p(x|z) at one code, where it has no mean."""

    title = "Draws of one code"
    says = "What the code leaves open: several images from the one code of image A."
    verbs = {"encode", "decode"}
    images = 1

    @classmethod
    def fits(cls, model: "Verbs") -> bool:
        if not super().fits(model):
            return False
        x = np.full((1, *model.image_shape), 0.5, np.float32)
        y = as_label(model, None)[None] if model.conditional else None
        return not drawing.has_mean(model, x, y, 0)

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        n = 3 * DRAWS
        y = self.labels(values, n)
        z = drawing.start_codes(self.model, x, self.labels(values, 1), values["seed"])
        likelihood = self.model.decode(np.repeat(z, n, axis=0), y=y)
        drawn = np.asarray(likelihood.sample(seed=(values["seed"], 1)))
        return [
            Picture("image A", grid(x, 1, LARGE)),
            Picture(f"{n} draws of p(x|z) at its code", grid(drawn, DRAWS, 1.5 * SIDE)),
        ]


class Code(Ability):
    """The code itself, of a model that cannot decode it, and images with codes like it."""

    title = "Code"
    says = "The numbers that the model makes of image A, and the images with the nearest ones."
    verbs = {"encode"}
    images = 1

    @classmethod
    def fits(cls, model: "Verbs") -> bool:
        return super().fits(model) and "decode" not in model.capabilities

    @property
    def controls(self) -> tuple[Control, ...]:
        return label_controls(self.model)

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        others = own_images.examples(self.about.examples, self.model.image_shape)
        images = np.concatenate([x, others])
        y = self.labels(values, len(images))
        z = np.asarray(self.model.encode(images, y=y).mean())
        low, high = float(z[0].min()), float(z[0].max())
        cells = (z[0, :, None, None, None] - low) / max(high - low, 1e-6)  # images of one pixel
        found: list[Shown] = [
            Sentence(f"The code has {z.shape[1]} numbers, from {low:.2f} to {high:.2f}."),
            Picture("line by line, the least black, the largest white", grid(cells, side=16)),
        ]
        if len(others):
            nearest = np.argsort(np.linalg.norm(z[1:] - z[0], axis=1))[:_STEPS]
            row = grid(np.concatenate([x, others[nearest]]), 1 + len(nearest))
            columns = ("A", *map(str, range(1, len(nearest) + 1)))
            found.append(Picture("image A, and the examples nearest to it", row, columns=columns))
        return found


ABILITIES: tuple[type[Ability], ...] = (
    Latents,
    Reconstruct,
    Inpaint,
    Interpolate,
    Levels,
    Draws,
    Code,
)
