"""What can be picked on the page, and how it is opened."""

import functools
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import zoo
from zoo.errors import refusal

if TYPE_CHECKING:
    from zoo.verbs import Verbs

_RUN, _VERSION = "flags.cfg", "saved_model.pb"


def found(folders: Iterable[str]) -> dict[str, str]:
    """{path or name: text of the choice}: exports and runs in the folders, then pretrained models.

    Args:
        folders: each an export, a run, or a folder of them; one that does not exist holds none. Or
            the name of a pretrained model, which then stands where it was named.

    Raises:
        ValueError: there is none at all.
    """
    folders = list(folders)
    choices = {}
    for folder in map(pathlib.Path, folders):
        if str(folder) in pretrained() and not folder.exists():
            choices[str(folder)] = f"{folder} (pretrained)"
        below = sorted(folder.iterdir()) if folder.is_dir() and not kind(folder) else []
        for path in (folder, *below):
            if kind(path):
                choices[str(path)] = f"{path.name} ({kind(path)})"
    choices |= {name: f"{name} (pretrained)" for name in pretrained()}
    if not choices:
        expected = "folders that hold exports or runs"
        hint = "tools/export.py makes an export of a run; `make train` makes both."
        raise ValueError(refusal("models", expected, folders, hint))
    return choices


def kind(path: pathlib.Path) -> str | None:
    """Whether a folder is a "run", an "export" (of one version or of several) or neither, None."""
    if (path / _RUN).is_file():
        return "run"
    if (path / _VERSION).is_file() or any(path.glob(f"*/{_VERSION}")):
        return "export"
    return None


def pretrained() -> list[str]:
    """Names of the pretrained models."""
    return list(zoo.list_pretrained())


@functools.lru_cache(maxsize=4)
def opened(choice: str) -> "Verbs":
    """The model of a choice: of a run its Keras model, else what `zoo.load` gives."""
    if kind(pathlib.Path(choice)) == "run":
        return zoo.restore(choice)
    return zoo.load(choice)
