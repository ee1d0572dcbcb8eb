"""What is known of a model beside its verbs: its data, their licence, its card."""

import dataclasses
import pathlib
import re
from typing import TYPE_CHECKING

from zoo import pretrained, registry, training
from zoo.data.licences import licence

if TYPE_CHECKING:
    from zoo.verbs import Verbs

_CARD, _EXPORTED_CARD, _EXAMPLES = "README.md", "model_card.md", "samples.png"
# What the head of the page says already, and a picture that the page would ask the network for.
_ABOVE = re.compile(r"\A---\n(?:.*\n)*?---\n|^# .*\n|^!\[.*\]\(.*\)\n", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class About:
    """What is known of a model beside its verbs; "" and None of what is not.

    Attributes:
        name: its name on the page.
        says: what it is, in a sentence or two.
        data, reference: names of its data set, and of the one that it is compared with.
        card: Markdown.
        examples: path of a grid of real images.
    """

    name: str = ""
    says: str = ""
    data: str | None = None
    reference: str | None = None
    card: str = ""
    examples: pathlib.Path | None = None

    @property
    def learned_from(self) -> str:
        """Its data sets with their licences, in a sentence."""
        sets = [_with_licence(each) for each in (self.data, self.reference) if each]
        return f"Learned from {', compared with '.join(sets)}." if sets else "Data: not stated."


UNKNOWN = About()


def of_choice(choice: str, model: "Verbs") -> About:
    """About the model of a choice, from the files beside it.

    Args:
        choice: the path of a run or an export, or the name of a pretrained model.
        model: what was loaded from there.
    """
    path, known = pathlib.Path(choice), registry.list_methods()
    says = registry.summary(model.method) if model.method in known else ""
    if pretrained.is_name(choice):
        entry, folder = pretrained.find(choice), pretrained.fetch(choice)
        shown = None if "sample" in model.capabilities else folder / _EXAMPLES
        says = f"{entry.description} {says}"
        return About(choice, says, *_data(folder), _text(folder / _CARD), shown)
    if exported := getattr(model, "path", None):
        card = _text(exported / _EXPORTED_CARD)
        found = re.search(r"^\| trained on \| ([^,|]+),", card, re.MULTILINE)
        return About(path.name, says, found and found[1], None, card)
    return About(path.name, says, *_data(path))


def _data(folder: pathlib.Path) -> tuple[str | None, str | None]:
    """Names of the data set and of the reference that a run records."""
    flags = training.read_flags(folder)
    data, reference = (flags.get(name, "none") for name in ("dataset", "reference_dataset"))
    return None if data == "none" else data, None if reference == "none" else reference


def _text(path: pathlib.Path) -> str:
    """A card without its head, its titles made smaller; "" where there is none."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return re.sub("^## ", "#### ", _ABOVE.sub("", text), flags=re.MULTILINE).strip()


def _with_licence(data: str) -> str:
    found = licence(data)
    return f"{data} ({found.origin}; licence: {found.terms})"
