"""What every ability is made of: the base class, labels, codes, grids."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import drawing
import numpy as np

from demo_page.about import UNKNOWN, About
from demo_page.controls import Choice, Control, Shown, Whole
from zoo import pictures

if TYPE_CHECKING:
    from zoo.verbs import Verbs

Values = Mapping[str, Any]

SIDE = 64  # pixels on the page of an image in a grid, about
LARGE = 168  # of one that stands alone
DRAWS = 6  # of what is random, side by side
EACH = -1  # the choice of all classes in turn
SEED = Whole("seed", "Seed", 0)


class Ability:
    """Something that a model can show.

    A subclass must define `title`, `says`, `verbs` and `show`, and may override `images`, `fits`,
    `controls` and `label`.

    Args:
        model: a `zoo.verbs.Verbs`: of a run, an export or a pretrained model.
        about: what else is known of it.

    Attributes:
        title: of the tab.
        says: a sentence for somebody who sees it for the first time.
        verbs: those that it shows; a model must have them all.
        images: how many of the person's images it takes: 0, 1 or 2.
    """

    title: str
    says: str
    verbs: ClassVar[set[str]]
    images = 0

    def __init__(self, model: "Verbs", about: About = UNKNOWN) -> None:
        self.model, self.about = model, about

    @classmethod
    def fits(cls, model: "Verbs") -> bool:
        """Whether the model has the ability."""
        return of_images(model) and cls.verbs <= model.capabilities

    @property
    def controls(self) -> tuple[Control, ...]:
        """What a person may set."""
        return (SEED, *label_controls(self.model))

    def label(self, control: Control, values: Values) -> str:
        """The text beside a control at these values."""
        return control.label

    def show(self, values: Values, x: np.ndarray) -> list[Shown]:
        """What is shown for these values.

        Args:
            values: {name of a control: its value}.
            x: the person's images, float32 [images, *image_shape].
        """
        raise NotImplementedError

    def labels(self, values: Values, n: int) -> np.ndarray | None:
        """The labels that were chosen, n times; None of a model that takes none."""
        if not self.model.conditional:
            return None
        return np.repeat(as_label(self.model, values["y"])[None], n, axis=0)


def of_images(model: "Verbs") -> bool:
    """Whether its data are images."""
    return len(model.image_shape) == 3


def label_controls(
    model: "Verbs", name: str = "y", label: str = "Class", each: bool = False
) -> tuple[Control, ...]:
    """The control of the labels that a conditional model takes; none of another model.

    Args:
        model: the model.
        name, label: of the control.
        each: whether all classes in turn are a choice, and the default.
    """
    if not model.conditional:
        return ()
    if model.num_attributes is not None:
        named = {index: str(index) for index in range(model.num_attributes)}
        return (Choice(name, label.replace("Class", "Attributes"), named, (), several=True),)
    named = {EACH: "each in turn"} if each else {}
    named |= {index: str(index) for index in range(model.num_classes)}
    return (Choice(name, label, named, min(named)),)


def as_label(model: "Verbs", chosen: int | Sequence[int] | None) -> np.ndarray:
    """One label as the verbs take it: int32 [], or float32 [num_attributes] of 0 and 1.

    Args:
        model: a conditional model.
        chosen: a class, the attributes that are on, or None for class 0 or no attribute.
    """
    if model.num_attributes is None:
        return np.array(chosen or 0, np.int32)
    on = np.zeros(model.num_attributes, np.float32)
    on[list(chosen or ())] = 1.0
    return on


# --- codes ------------------------------------------------------------------------------------


def code(model: "Verbs", x: np.ndarray, y: np.ndarray | None, seed: int) -> np.ndarray:
    """The mean code of an image, [1, code_dim]; without an encoder a draw of the prior."""
    if "encode" in model.capabilities:
        return np.array(drawing.start_codes(model, x, y, seed))
    return prior_codes(model, 1, seed)


def prior_codes(model: "Verbs", n: int, seed: int) -> np.ndarray:
    """Draws of the prior, float32 [n, code_dim].

    An export does not hold its prior: there it is a class, where codes have one, then continuous
    codes, U(-1, 1), then the prior's family, N(0, I) where none is recorded.
    """
    if hasattr(model, "prior"):
        return np.array(model.prior.sample(n, seed=(0, seed)), np.float32)
    generator, k = np.random.default_rng(seed), model.code_classes or 0
    uniform = slice(k, None if is_uniform(model) else k + continuous_codes(model))
    drawn = generator.standard_normal((n, model.code_dim)).astype(np.float32)
    drawn[:, uniform] = generator.uniform(-1.0, 1.0, drawn[:, uniform].shape)
    if k:
        drawn[:, :k] = np.eye(k)[generator.integers(k, size=n)]
    return drawn


def is_uniform(model: "Verbs") -> bool:
    """Whether its prior is uniform between -1 and 1."""
    return hyper_parameters(model).get("prior_family") == "uniform"


def continuous_codes(model: "Verbs") -> int:
    """Dimensions after the category that x keeps; the others are noise."""
    return hyper_parameters(model).get("continuous_codes", 0)


def hyper_parameters(model: "Verbs") -> Mapping[str, Any]:
    """Those that the model was made with: of an export its manifest has them."""
    manifest = getattr(model, "manifest", {})
    return getattr(model, "hyper_parameters", manifest.get("hyper_parameters", {}))


def dimension(model: "Verbs", index: int) -> str:
    """The name of a dimension of the code: its number and, where the model tells, what it is."""
    k, known = model.code_classes or 0, hyper_parameters(model)
    if index < k:
        return f"z {index} (category)"
    if "continuous_codes" in known:
        kind = "continuous" if index < k + known["continuous_codes"] else "noise"
        return f"z {index} ({kind})"
    return f"z {index} (style)" if k else f"z {index}"


# --- pictures ---------------------------------------------------------------------------------


def known_part(image_shape: tuple[int, ...], hidden: str) -> np.ndarray:
    """Which pixels are kept, bool [H, W, 1], by the name of the hidden part."""
    height, width, _ = image_shape
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    inside = {
        "right": columns >= width // 2,
        "left": columns < (width + 1) // 2,
        "top": rows < (height + 1) // 2,
        "bottom": rows >= height // 2,
        "middle": (abs(2 * rows + 1 - height) < height / 2)
        & (abs(2 * columns + 1 - width) < width / 2),
    }[hidden]
    return ~np.broadcast_to(inside, (height, width))[..., None]


def grid(images: np.ndarray, columns: int | None = None, side: float = SIDE) -> np.ndarray:
    """Images in a grid, each magnified to about `side` pixels."""
    scale = max(1, round(side / images.shape[1]))
    return pictures.image_grid(images, columns=columns, scale=scale)
