"""What an export says about itself: `zoo_manifest.json`, beside `saved_model.pb`.

It stands where a person looks first; `tf.saved_model.load` and TF Serving ignore files they do not
know. The sha256 sums are against damage (a cut copy, a bad disk), not against malice: whoever can
write a file can write its sum. Against malice there is `zoo.serving.scan`.
"""

import hashlib
import json
import os
import pathlib
from typing import Any

from zoo.errors import refusal
from zoo.verbs import FACTS

FILE_NAME = "zoo_manifest.json"
FORMAT = 2  # 1 had neither levels nor parts of `encode`, nor `redraw`
_KEYS = (
    "format", *FACTS, "hyper_parameters", "dtype", "step", "signatures", "distributions",
    "versions", "warm_up", "files",
)  # fmt: skip


def write(directory: str | os.PathLike, manifest: dict[str, Any]) -> None:
    """Writes `manifest`, completed with the sums of all files of `directory`; call it last."""
    directory = pathlib.Path(directory)
    files = {name: _describe(directory / name) for name in _names(directory)}
    manifest = {"format": FORMAT, **manifest, "files": files}
    assert set(manifest) == set(_KEYS), set(manifest) ^ set(_KEYS)
    (directory / FILE_NAME).write_text(json.dumps(manifest, indent=1) + "\n")


def read(directory: str | os.PathLike) -> dict[str, Any]:
    """The manifest of a version directory, after comparing every file with it.

    Raises:
        FileNotFoundError: no manifest: not an export of this library.
        ValueError: unreadable manifest, or one of another format; a missing, changed or unlisted
            file, which is named.
    """
    directory = pathlib.Path(directory)
    path = directory / FILE_NAME
    if not path.is_file():
        hint = f"it has no {FILE_NAME}, so zoo.export did not make it"
        raise FileNotFoundError(f"Invalid export {str(directory)!r}: {hint}.")
    try:
        manifest = json.loads(path.read_text())
        missing = [key for key in _KEYS if key not in manifest]
    except (ValueError, TypeError) as error:
        raise _damaged(directory, f"{FILE_NAME} is not readable ({error})") from None
    if manifest.get("format") != FORMAT:
        expected, hint = f"{FORMAT} in {path}", "Export the model again."
        raise ValueError(refusal("format", expected, manifest.get("format"), hint))
    if missing:
        raise _damaged(directory, f"{FILE_NAME} lacks {', '.join(missing)}")
    found, listed = set(_names(directory)), set(manifest["files"])
    for name in sorted(found | listed):
        if name not in found:
            trouble = "is missing"
        elif name not in listed:
            trouble = f"is not listed in {FILE_NAME}"
        elif _describe(directory / name) != manifest["files"][name]:
            trouble = "is not what was exported (size or sha256 differ)"
        else:
            continue
        raise _damaged(directory, f"file {name!r} {trouble}")
    return manifest


def _damaged(directory: str | os.PathLike, trouble: str) -> ValueError:
    return ValueError(f"Damaged export {str(directory)!r}: {trouble}.")


def _names(directory: str | os.PathLike[str]) -> list[str]:
    """All files below `directory` but the manifest, as posix paths relative to it, sorted."""
    found = (pathlib.Path(root, name) for root, _, names in os.walk(directory) for name in names)
    return sorted({path.relative_to(directory).as_posix() for path in found} - {FILE_NAME})


def _describe(path: str | os.PathLike) -> dict[str, Any]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": os.path.getsize(path), "sha256": digest}
