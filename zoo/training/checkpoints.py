"""Checkpoints that are whole or absent.

A checkpoint is a directory `step-00001234` with `variables.npz` (every array of `model.state`) and
`manifest.json` (sha256 sum of each file, step, identity, versions). It appears in one rename
(`files.new_folder`), so a process killed at any moment leaves either the checkpoint or nothing.
"""

import contextlib
import datetime
import hashlib
import json
import math
import os
import pathlib
import re
import shutil
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zoo import files, libraries
from zoo.errors import printable, refusal
from zoo.training import stops

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

MANIFEST = "manifest.json"
VARIABLES = "variables.npz"
_TEMPORARY = ".tmp-"
_PATTERNS = ("bfloat16",)  # dtypes that are kept as bit patterns, as np.savez would pickle them


class Damaged(ValueError):
    """A checkpoint that cannot be read."""


class OtherModel(ValueError):
    """A checkpoint of other variables than the model's."""


class Kind(NamedTuple):
    """Shape and dtype of an array."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


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
        if not _is_finite(array):
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
    whole = [path for path in _all(directory, prefix) if (path / MANIFEST).is_file()]
    for old in whole[:-keep]:
        if old != final and not old.is_symlink():
            # Killed meanwhile, this leaves no half of a checkpoint under its name.
            aside = directory / f"{_TEMPORARY}{old.name}-{os.getpid()}-old"
            old.rename(aside)
            shutil.rmtree(aside)
    return final


def newest(directory: str | os.PathLike, prefix: str = "step") -> pathlib.Path | None:
    """Path of the newest checkpoint, unverified, or None."""
    found = _all(directory, prefix)
    return found[-1] if found else None


def read_manifest(path: str | os.PathLike, state: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of a checkpoint of `state`, its sums verified; raises as `read`."""
    with _verified(pathlib.Path(path), state) as found:
        return found.manifest


def read(
    path: str | os.PathLike, state: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(manifest, {name: array}) of a checkpoint, its sums verified.

    Args:
        path: of the checkpoint.
        state: {name: variable} that the arrays are meant for, or None. Names, shapes and dtypes
            are compared by the headers of the arrays, before any of them is read.

    Raises:
        Damaged: it cannot be read, or does not hold what its headers and its manifest say, or holds
            what `save` never writes: numbers that are not finite, counters below 0.
        OtherModel: its arrays are not those of `state`.
    """
    arrays = {}
    with _verified(pathlib.Path(path), state) as found:
        for name, member in found.members.items():
            with found.archive.open(member) as content:
                array = np.lib.format.read_array(content, allow_pickle=False)
            arrays[name] = array.view(found.kinds[name].dtype)
            if not _is_finite(arrays[name]):
                raise Damaged(f"{name} is not finite")
            if _counts(name) and array.dtype.kind == "i" and (array < 0).any():
                raise Damaged(f"{name} is below 0")
        if "step" in arrays and arrays["step"] != found.manifest["step"]:
            raise Damaged(f"its arrays are those of step {arrays['step']}")
    return found.manifest, arrays


def restore(model: "GenerativeModel", path: str | os.PathLike) -> dict[str, Any]:
    """Assigns a checkpoint to `model.state`; returns its manifest.

    Raises:
        Damaged: it cannot be read.
        ValueError: a variable is missing, left over, or of another shape or dtype; nothing is
            assigned.
    """
    manifest, arrays = read(path, model.state)
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
            if not path.exists():  # a run that goes on has put a newer one in its place
                return restore_newest(model, directory, prefix)
            message = f"Damaged checkpoint {path}: {damage}; trying the one before."
            print(printable(message), file=sys.stderr)
    if found:
        expected = "at least one readable checkpoint"
        raise ValueError(refusal("directory", expected, str(directory)))
    return None


def sweep(directory: str | os.PathLike) -> None:
    """Removes what writers that died left under a temporary name."""
    for path in pathlib.Path(directory).glob(_TEMPORARY + "*"):
        if re.fullmatch(rf"{re.escape(_TEMPORARY)}\w+-\d+-\d+(-old)?", path.name):
            shutil.rmtree(path, ignore_errors=True)


def what_stands(directory: str | os.PathLike) -> str:
    """A sentence on the newest checkpoint, for the message of a run that stops."""
    last = newest(directory)
    return f"The last good checkpoint is {last}." if last else "There is no checkpoint yet."


def _write(folder: pathlib.Path, arrays: dict[str, np.ndarray], manifest: dict[str, Any]) -> None:
    patterns = {name: str(a.dtype) for name, a in arrays.items() if str(a.dtype) in _PATTERNS}
    stored = {n: a.view(np.uint16) if n in patterns else a for n, a in arrays.items()}
    with open(folder / VARIABLES, "wb") as file:
        np.savez(file, allow_pickle=False, **stored)
    manifest |= {
        "sha256": {VARIABLES: _sha256(folder / VARIABLES)},
        "bit_patterns": patterns,
        "versions": libraries.versions(("python", *libraries.PACKAGES)),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    with open(folder / MANIFEST, "w") as file:
        json.dump(manifest, file, indent=1)


def _array(variable: Any) -> np.ndarray:
    return np.asarray(variable.value.numpy())


def _is_finite(array: np.ndarray) -> bool:
    """Whether an array has no NaN and no infinity; bfloat16 is a kind "V" for NumPy."""
    return array.dtype.kind not in "fV" or bool(np.isfinite(array.astype(np.float32)).all())


def _counts(name: str) -> bool:
    """Whether a whole number of the state counts something."""
    return name in ("step", "play_counter") or name.startswith("optimizers/")


def _all(directory: str | os.PathLike, prefix: str) -> list[pathlib.Path]:
    pattern = re.compile(rf"{re.escape(prefix)}-\d+")
    directory = pathlib.Path(directory)
    found = [p for p in directory.glob(f"{prefix}-*") if pattern.fullmatch(p.name)]
    return sorted(found, key=_step)


def _step(path: str | os.PathLike) -> int:
    return int(pathlib.Path(path).name.rpartition("-")[2])


def _sha256(path: str | os.PathLike) -> str:
    with files.open_regular(path, links=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Found(NamedTuple):
    """A checkpoint whose sums, headers and sizes are right: its manifest and its archive, open."""

    manifest: dict[str, Any]
    archive: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]
    kinds: dict[str, Kind]


@contextlib.contextmanager
def _verified(path: pathlib.Path, state: Mapping[str, Any] | None) -> Iterator[_Found]:
    """Opens a checkpoint; whatever is wrong with it, in the block too, is `Damaged`.

    What is cheap comes first: a file may seem to have terabytes, and a sum is taken only of one
    that is as long as its headers say, and no longer than a checkpoint of `state`.
    """
    with (
        _damage(),
        files.open_regular(path / VARIABLES, links=False) as file,
        zipfile.ZipFile(file) as archive,
    ):
        manifest = files.read_json(path / MANIFEST)
        if type(manifest.get("step")) is not int or manifest["step"] != _step(path):
            raise Damaged(f"its manifest is that of step {manifest.get('step')!r}")
        if not isinstance(manifest.get("bit_patterns"), dict):
            raise Damaged("its manifest has no bit_patterns")
        members = {item.filename.removesuffix(".npy"): item for item in archive.infolist()}
        size = os.fstat(file.fileno()).st_size
        told = sum(member.compress_size for member in members.values())
        if not told <= size <= told + _around(members):
            raise Damaged(f"{VARIABLES} has {size} bytes, and says to hold {told}")
        kinds = {name: _kind(archive, member) for name, member in members.items()}
        for name, dtype in manifest["bit_patterns"].items():
            kinds[name] = _of_pattern(kinds[name], dtype)
        other = "" if state is None else _difference(state, kinds)
        if other and state is not None and size > _bytes(state) + _around(state):
            raise OtherModel(f"Checkpoint {path} is of another model: {other}.")
        file.seek(0)
        if manifest.get("sha256") != {VARIABLES: hashlib.file_digest(file, "sha256").hexdigest()}:
            raise Damaged(f"{VARIABLES} does not match its sha256 sum")
        if other:
            raise OtherModel(f"Checkpoint {path} is of another model: {other}.")
        yield _Found(manifest, archive, members, kinds)


def _around(names: Iterable[str]) -> int:
    """Bytes that an archive may have beside its arrays: at most so many of its entries' headers."""
    return 1024 + sum(512 + 2 * len(name.encode()) for name in names)


def _bytes(state: Mapping[str, Any]) -> int:
    """Bytes of all variables."""
    return sum(_array(variable).nbytes for variable in state.values())


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    """Within the block whatever goes wrong is `Damaged`: a file may hold anything."""
    try:
        yield
    except (Damaged, OtherModel):
        raise
    except Exception as error:
        raise Damaged(printable(f"{type(error).__name__}: {error}")) from error


def _kind(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Kind:
    """What the header of an array says, checked against the bytes that the archive has of it."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0) or member.compress_type != zipfile.ZIP_STORED:
            raise Damaged(f"{member.filename} is stored in another way")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        size = file.tell() + math.prod(shape) * dtype.itemsize
    if size != member.file_size or size != member.compress_size or min(shape, default=0) < 0:
        raise Damaged(f"{member.filename} has {member.file_size} bytes, its header says {size}")
    return Kind(shape, str(dtype))


def _of_pattern(stored: Kind, dtype: str) -> Kind:
    """The kind of an array that is stored as a bit pattern."""
    if stored.dtype != "uint16" or dtype not in _PATTERNS:
        raise Damaged(f"{stored} is no bit pattern of {dtype}")
    return Kind(stored.shape, dtype)


def _difference(state: Mapping[str, Any], kinds: Mapping[str, Kind]) -> str:
    """In which variable a checkpoint is not one of `state`, in words; "" if in none."""
    missing, surplus = sorted(state.keys() - kinds.keys()), sorted(kinds.keys() - state.keys())
    if missing or surplus:
        parts = [f"lacks {missing[0]} (of {len(missing)})"] if missing else []
        parts += [f"has {surplus[0]} (of {len(surplus)}) that the model has not"] if surplus else []
        return printable(f"it {' and '.join(parts)}")
    for name, variable in state.items():
        own = Kind(tuple(variable.shape), str(variable.dtype))
        if own != kinds[name]:
            return f"its {name} is {kinds[name]}, the model's {own}"
    return ""
