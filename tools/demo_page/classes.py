"""What a model can show of classes, clusters and other codes that it reads from an image."""

from typing import TYPE_CHECKING

import drawing
import numpy as np

from demo_page.ability import (
    SEED,
    Ability,
    Values,
    continuous_codes,
    dimension,
    grid,
    label_controls,
    of_images,
    prior_codes,
)
from demo_page.controls import Control, Picture, Sentence, Shares, Shown

if TYPE_CHECKING:
    from zoo.verbs import Verbs

_ROWS = 4  # styles, one a row, of the picture of all classes


class Classes(Ability):
    """A column a class or a cluster, a row a style."""

    title = "Classes"
    says = "The same style in every class: a column is a class, a cluster or a category."
    verbs = {"decode"}

    @classmethod
    def fits(cls, model: "Verbs") -> bool:
        needed = {"sample"} if model.conditional else cls.verbs
        classes = of_images(model) and drawing.number_of_classes(model)
        return bool(classes) and needed <= model.capabilities

    @property
    def controls(self) -> tuple[Control, ...]:
        return (SEED,)

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        count, seed = drawing.number_of_classes(self.model), values["seed"]
        if self.model.conditional:  # the same seed gives a row the same noise in every class
            columns = [
                np.asarray(self.model.sample(_ROWS, y=np.full(_ROWS, label, np.int32), seed=seed))
                for label in range(count)
            ]
        else:
            style, noise = self.styles(seed)[:, count:], np.arange(_ROWS)
            columns = [
                drawing.decode_mean(self.model, np.concatenate([of_class, style], 1), noise=noise)
                for of_class in np.eye(count, dtype=np.float32)[:, None].repeat(_ROWS, axis=1)
            ]
        shown = np.stack(columns, axis=1).reshape(-1, *self.model.image_shape)
        return [
            Picture(
                f"{count} classes, {_ROWS} styles",
                grid(shown, count),
                rows=tuple(f"style {row + 1}" for row in range(_ROWS)),
                columns=tuple(map(str, range(count))),
            )
        ]

    def styles(self, seed: int) -> np.ndarray:
        """Codes, of samples where the model encodes, [_ROWS, code_dim]."""
        if "encode" not in self.model.capabilities:
            return prior_codes(self.model, _ROWS, seed)
        return drawing.start_codes(self.model, self.model.sample(_ROWS, seed=seed), None, seed)


class Classify(Ability):
    """Probabilities of the classes, or of the clusters."""

    title = "Classify"
    says = "Tells the class or the cluster of image A."
    verbs = {"classify"}
    images = 1

    @classmethod
    def fits(cls, model: "Verbs") -> bool:
        return super().fits(model) or (of_images(model) and "y" in model.parts)

    @property
    def controls(self) -> tuple[Control, ...]:
        return ()

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        if "classify" in self.model.capabilities:
            logits = np.asarray(self.model.classify(x), np.float64)[0]
            return [shares("p(class | image A)", logits)]
        q = self.model.encode(x, part="y")
        return [shares("q(cluster | image A)", np.log(np.asarray(q.probs_parameter())[0]))]


class Read(Ability):
    """What a network of the method's own reads from an image: categories, then numbers."""

    title = "Read"
    says = "What the model reads from image A: its category, and continuous codes if there are any."
    verbs = {"read"}
    images = 1

    @property
    def controls(self) -> tuple[Control, ...]:
        return label_controls(self.model)

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        read = np.asarray(self.model.read(x, y=self.labels(values, 1)).mean(), np.float64)[0]
        n = len(read) - continuous_codes(self.model)
        kind = "class" if "classify" in self.model.capabilities else "category"
        found: list[Shown] = [shares(f"q({kind} | image A)", read[:n])] if n else []
        numbers = [f"{dimension(self.model, n + j)}: {z:+.2f}" for j, z in enumerate(read[n:])]
        return found + ([Sentence(", ".join(numbers))] if numbers else [])


def shares(caption: str, logits: np.ndarray) -> Shares:
    """Probabilities of logits [K], by number."""
    p = np.exp(logits - logits.max())
    return Shares(caption, {str(k): float(share) for k, share in enumerate(p / p.sum())})


ABILITIES: tuple[type[Ability], ...] = (Classes, Classify, Read)
