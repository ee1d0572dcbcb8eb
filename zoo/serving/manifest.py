"""What an export says about itself: `zoo_manifest.json`, beside `saved_model.pb`.

It stands where a person looks first; `tf.saved_model.load` and TF Serving ignore files they do not
know. The sha256 sums are against damage (a cut copy, a bad disk), not against malice: whoever can
write a file can write its sum. Against malice there is `zoo.serving.scan`.
"""

import hashlib
import json
import os
import pathlib
import re
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any, TypedDict

from zoo.errors import refusal
from zoo.serving.directory import Bytes, content, damaged, names, opened
from zoo.serving.quantised import Quantised
from zoo.verbs import Verbs

FILE_NAME = "zoo_manifest.json"
FORMAT = 2  # 1 had neither levels nor parts of `encode`, nor `redraw`
_MOST = 2**24  # bytes of a manifest, which has some thousands
# What the exporter writes. TensorFlow would read other files too, such as saved_model.pbtxt.
_FILES = re.compile(
    r"saved_model\.pb|fingerprint\.pb|model_card\.md|assets\.extra/tf_serving_warmup_requests"
    r"|variables/variables\.(index|data-\d{5}-of-\d{5})|tflite/[a-z_0-9]+\.tflite"
)


class _Tensor(TypedDict):
    dtype: str
    shape: list[int | None]


class _Signature(TypedDict):
    inputs: dict[str, _Tensor]
    outputs: dict[str, _Tensor]


class _Recipe(TypedDict):
    family: str
    signature: str
    parameters: dict[str, str]


class _File(TypedDict):
    bytes: Bytes
    sha256: str


# {key: type of its value}; JSON knows lists alone, for tuples and sets too.
_TYPES: dict[str, Any] = {
    "format": int,
    **Verbs.__annotations__,
    **dict.fromkeys(("latent_dim", "code_dim"), int | None),  # None: a method without latents
    "hyper_parameters": dict[str, Any],
    "dtype": str,
    "step": int,
    "signatures": dict[str, _Signature],
    "distributions": dict[str, _Recipe],
    "versions": dict[str, str],
    "warm_up": str,
    "files": dict[str, _File],
    "batch_sizes": list[int],
    "quantised": Quantised | None,
    "tflite": dict[str, float],
}
# No number is negative: {type: (of Python, the largest)}. Counts are of rows, classes, steps.
_NUMBERS: dict[Any, tuple[Any, float]] = {
    int: (int, 2**31 - 1),
    Bytes: (int, 2**63 - 1),
    float: (float, sys.float_info.max),
}
# Of exports that were made before they had these keys.
_BEFORE: dict[str, Any] = {"batch_sizes": [1], "quantised": None, "tflite": {}}


def write(directory: str | os.PathLike, manifest: dict[str, Any]) -> None:
    """Writes `manifest`, completed with the sums of all files of `directory`; call it last."""
    files = {name: _describe(directory, name) for name in names(directory) if name != FILE_NAME}
    manifest = {"format": FORMAT, **manifest, "files": files}
    assert set(manifest) == set(_TYPES), set(manifest) ^ set(_TYPES)
    pathlib.Path(directory, FILE_NAME).write_text(json.dumps(manifest, indent=1) + "\n")


def read(directory: str | os.PathLike) -> dict[str, Any]:
    """The manifest of a version directory, after comparing every file with it.

    Raises:
        FileNotFoundError: no manifest: not an export of this library.
        ValueError: unreadable manifest, or one of another format; a missing, changed, unlisted or
            unknown file, or what is no regular file, which is named.
    """
    path = pathlib.Path(directory, FILE_NAME)
    if not os.path.lexists(path):
        hint = f"it has no {FILE_NAME}, so zoo.export did not make it"
        raise FileNotFoundError(f"Invalid export {str(directory)!r}: {hint}.")
    text = content(directory, FILE_NAME, _MOST)
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(directory, f"{FILE_NAME} is not readable ({error})") from None
    if not isinstance(manifest, dict):
        raise damaged(directory, f"{FILE_NAME} is not readable (no JSON object)")
    if manifest.get("format") != FORMAT:
        expected, hint = f"{FORMAT} in {path}", "Export the model again."
        raise ValueError(refusal("format", expected, manifest.get("format"), hint))
    manifest = {**_BEFORE, **manifest}
    missing = [key for key in _TYPES if key not in manifest]
    if missing:
        raise damaged(directory, f"{FILE_NAME} lacks {', '.join(missing)}")
    for key, kind in _TYPES.items():
        for place in _misfits(manifest[key], kind, key):
            trouble = f"{place!r} of {FILE_NAME} is of a wrong type, or out of range"
            raise damaged(directory, trouble)
    _check_files(directory, manifest["files"])
    return manifest


def _check_files(directory: str | os.PathLike, listed: dict[str, Any]) -> None:
    found = set(names(directory)) - {FILE_NAME}
    for name in sorted(found | set(listed)):
        if name not in found:
            trouble = "is missing"
        elif name not in listed:
            trouble = f"is not listed in {FILE_NAME}"
        elif not _FILES.fullmatch(name):
            trouble = "is none that zoo.export writes"
        elif _differs(directory, name, listed[name]):
            trouble = "is not what was exported (size or sha256 differ)"
        else:
            continue
        raise damaged(directory, f"file {name!r} {trouble}")


def _misfits(value: Any, kind: Any, place: str) -> Iterator[str]:
    """The places where what JSON gave is not of a type: a class, union, list, dict or TypedDict.

    Nor is a number that is negative, or larger than any of its kind.
    """
    origin, items = typing.get_origin(kind), typing.get_args(kind)
    fields = kind.__annotations__ if typing.is_typeddict(kind) else None
    if origin is types.UnionType:
        fits = any(not any(_misfits(value, each, place)) for each in items)
    elif origin in (list, tuple, frozenset):
        fits = isinstance(value, list)
    elif fields is not None or origin is dict:
        fits = isinstance(value, dict) and (fields is None or set(value) == set(fields))
    elif kind in _NUMBERS:
        number, most = _NUMBERS[kind]
        fits = type(value) is number and 0 <= value <= most  # NaN is no number here
    else:
        fits = kind is Any or type(value) is kind
    if not fits:
        yield place
    elif fields is not None or origin is dict:
        for key, item in value.items():
            yield from _misfits(item, fields[key] if fields else items[1], f"{place}.{key}")
    elif origin in (list, tuple, frozenset):
        for index, item in enumerate(value):
            yield from _misfits(item, items[0], f"{place}.{index}")


def _differs(directory: str | os.PathLike, name: str, listed: dict[str, Any]) -> bool:
    """Whether a file is not the one that is listed; one of another size is not read."""
    with opened(directory, name) as file:
        size = os.fstat(file.fileno()).st_size
    return size != listed["bytes"] or _describe(directory, name) != listed


def _describe(directory: str | os.PathLike, name: str) -> dict[str, Any]:
    with opened(directory, name) as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": size, "sha256": digest}
