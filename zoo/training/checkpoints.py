"""Checkpoints that are whole or absent.

A checkpoint is a directory `step-00001234` with `variables.npz` (every array of `model.state`) and
`manifest.json` (sha256 sum of each file, step, identity, versions). It appears in one rename
(`files.new_folder`), so a process killed at any moment leaves either the checkpoint or nothing.
"""

import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import files
from zoo.errors import refusal
from zoo.training import stops

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

MANIFEST = "manifest.json"
VARIABLES = "variables.npz"
_TEMPORARY = ".tmp-"
_PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy")


class Damaged(ValueError):
    """A checkpoint that cannot be read."""


def save(
    model: "GenerativeModel",
    directory: str | os.PathLike,
    step: int,
    keep: int = 3,
    extra: Any = None,
    *,
    identity: Any = None,
    prefix: str = "step",
) -> pathlib.Path:
    """Writes `model.state` to `directory/<prefix>-<step>`, then drops all but the newest `keep`.

    Args:
        model: has `state`, {path: keras.Variable}.
        directory: the folder of checkpoints; made if absent.
        step: number of steps trained.
        keep: how many checkpoints of this prefix stay.
        extra: JSON-able, kept in the manifest.
        identity: JSON-able identity of the run, kept in the manifest.
        prefix: "step", or "best" for the best one so far.

    Returns:
        The checkpoint's path.

    Raises:
        stops.Diverged: a value is not finite; nothing is written.
        stops.DiskFull: no space; the older checkpoints stand.
    """
    arrays = {name: _array(variable) for name, variable in model.state.items()}
    for name, array in arrays.items():
        if array.dtype.kind in "fV" and not np.isfinite(array.astype(np.float32)).all():
            raise stops.Diverged(f"Not finite at step {step}: {name}. {what_stands(directory)}")
    directory = pathlib.Path(directory)
    temporary = directory / f"{_TEMPORARY}{prefix}-{step:08d}-{os.getpid()}"
    final = directory / f"{prefix}-{step:08d}"
    try:
        sweep(directory)
        with files.new_folder(final, temporary) as folder:
            _write(folder, arrays, {"step": step, "identity": identity, "extra": extra})
    except OSError as error:
        if error.errno not in stops.FULL:
            raise
        message = f"No space for the checkpoint of step {step} in {directory}"
        message += f" ({error.strerror}). {what_stands(directory)}"
        raise stops.DiskFull(message) from error
    for old in _all(directory, prefix)[:-keep]:
        if old != final:
            shutil.rmtree(old)
    return final


def newest(directory: str | os.PathLike, prefix: str = "step") -> pathlib.Path | None:
    """Path of the newest checkpoint, unverified, or None."""
    found = _all(directory, prefix)
    return found[-1] if found else None


def read(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(manifest, {name: array}) of a checkpoint, its sums verified; raises `Damaged`."""
    path = pathlib.Path(path)
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        for name, expected in manifest["sha256"].items():
            if _sha256(path / name) != expected:
                raise Damaged(f"{name} does not match its sha256 sum")
        if manifest["step"] != _step(path):
            raise Damaged(f"its manifest is that of step {manifest['step']}")
        with np.load(path / VARIABLES, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        for name, dtype in manifest["bit_patterns"].items():
            arrays[name] = arrays[name].view(np.dtype(dtype))
    except Damaged:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise Damaged(f"{type(error).__name__}: {_one_line(error)}") from error
    return manifest, arrays


def restore(model: "GenerativeModel", path: str | os.PathLike) -> dict[str, Any]:
    """Assigns a checkpoint to `model.state`; returns its manifest.

    Raises:
        Damaged: it cannot be read.
        ValueError: a variable is missing, left over, or of another shape; nothing is assigned.
    """
    manifest, arrays = read(path)
    _check_same_variables(model.state, arrays, path)
    for name, variable in model.state.items():
        variable.assign(arrays[name])
    return manifest


def restore_newest(
    model: "GenerativeModel", directory: str | os.PathLike, prefix: str = "step"
) -> dict[str, Any] | None:
    """Restores the newest readable checkpoint; names each damaged one on stderr.

    Returns:
        Its manifest, or None where there is no checkpoint at all.

    Raises:
        ValueError: there are checkpoints and none is readable.
    """
    found = _all(directory, prefix)
    for path in reversed(found):
        try:
            return restore(model, path)
        except Damaged as damage:
            print(f"Damaged checkpoint {path}: {damage}; trying the one before.", file=sys.stderr)
    if found:
        expected = "at least one readable checkpoint"
        raise ValueError(refusal("directory", expected, str(directory)))
    return None


def sweep(directory: str | os.PathLike) -> None:
    """Removes what writers that died left under a temporary name."""
    for path in pathlib.Path(directory).glob(_TEMPORARY + "*"):
        shutil.rmtree(path, ignore_errors=True)


def what_stands(directory: str | os.PathLike) -> str:
    """A sentence on the newest checkpoint, for the message of a run that stops."""
    last = newest(directory)
    return f"The last good checkpoint is {last}." if last else "There is no checkpoint yet."


def _write(folder: pathlib.Path, arrays: dict[str, np.ndarray], manifest: dict[str, Any]) -> None:
    # np.savez needs pickle for bfloat16: such arrays go as bit patterns, dtype in the manifest.
    patterns = {name: str(a.dtype) for name, a in arrays.items() if a.dtype.kind == "V"}
    stored = {n: a.view(np.uint16) if n in patterns else a for n, a in arrays.items()}
    with open(folder / VARIABLES, "wb") as file:
        np.savez(file, allow_pickle=False, **stored)
    manifest |= {
        "sha256": {VARIABLES: _sha256(folder / VARIABLES)},
        "bit_patterns": patterns,
        "versions": _versions(),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    with open(folder / MANIFEST, "w") as file:
        json.dump(manifest, file, indent=1)


def _array(variable: Any) -> np.ndarray:
    return np.asarray(variable.value.numpy())


def _all(directory: str | os.PathLike, prefix: str) -> list[pathlib.Path]:
    pattern = re.compile(rf"{re.escape(prefix)}-\d+")
    directory = pathlib.Path(directory)
    found = [p for p in directory.glob(f"{prefix}-*") if pattern.fullmatch(p.name)]
    return sorted(found, key=_step)


def _step(path: str | os.PathLike) -> int:
    return int(pathlib.Path(path).name.rpartition("-")[2])


def _sha256(path: str | os.PathLike) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0]}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _check_same_variables(
    state: dict[str, Any], arrays: dict[str, np.ndarray], path: str | os.PathLike
) -> None:
    missing, surplus = sorted(state.keys() - arrays.keys()), sorted(arrays.keys() - state.keys())
    if missing or surplus:
        parts = [f"lacks {missing[0]} (of {len(missing)})"] if missing else []
        parts += [f"has {surplus[0]} (of {len(surplus)}) that the model has not"] if surplus else []
        raise ValueError(f"Checkpoint {path} is of another model: it {' and '.join(parts)}.")
    for name, variable in state.items():
        if tuple(variable.shape) != arrays[name].shape:
            shapes = f"{arrays[name].shape}, the model's {tuple(variable.shape)}"
            raise ValueError(f"Checkpoint {path} is of another model: its {name} is {shapes}.")
