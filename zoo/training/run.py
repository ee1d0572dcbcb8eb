"""A run directory: who it belongs to, who may write in it now. Loads no TensorFlow.

flags.cfg        resolved flags: the run can be repeated from it
identity.json    method, hyper-parameters, data, batch size, seed, precision
metrics.jsonl    one JSON object a log interval
checkpoints/  samples/  events/
"""

import fcntl
import io
import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo import files, pretrained, registry
from zoo.differences import as_json, differences
from zoo.errors import refusal
from zoo.fields import HyperParameter
from zoo.precision import CHOICES
from zoo.training import checkpoints, stops

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

IDENTITY = "identity.json"
FLAGS = "flags.cfg"
_ENTRIES = {"method": str, "hyper_parameters": dict, "data": str}
_WORDS = {str: "a string", dict: "an object"}
# What a run directory holds by these names, or nothing.
_FOLDERS = ("checkpoints", "samples", "events")
_LONGEST = 2**20  # characters of flags.cfg
_FILES = (IDENTITY, FLAGS, "metrics.jsonl", ".lock")


class Run:
    """A run directory held by this process; use as a context manager.

    Args:
        path: the directory; made if absent.
        identity: `describe(...)`; a directory of another identity is refused.
        flags_text: absl flagfile text, or None to write no flags.cfg.

    Raises:
        ValueError: not a writable directory, another run's, or one that another process trains.
    """

    def __init__(
        self, path: str | os.PathLike, identity: dict, flags_text: str | None = None
    ) -> None:
        self.path = check_run_dir(path)
        self.identity = as_json(identity)
        self._flags_text = flags_text

    @property
    def checkpoints(self) -> pathlib.Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def samples(self) -> pathlib.Path:
        """The folder of pictures."""
        return self.path / "samples"

    @property
    def events(self) -> pathlib.Path:
        """The folder that TensorBoard reads."""
        return self.path / "events"

    @property
    def metrics(self) -> pathlib.Path:
        """The file of logs."""
        return self.path / "metrics.jsonl"

    def __enter__(self) -> "Run":
        check_identity(self.path, self.identity)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.path / ".lock", "a")
        except OSError as error:
            raise _refused(self.path, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel frees it at death
        except OSError:
            self._lock.close()
            expected = "a run directory that no other process trains"
            raise ValueError(refusal("run_dir", expected, str(self.path))) from None
        try:
            check_identity(self.path, self.identity)  # again: it may have been made meanwhile
            with stops.full_disk():
                identity = json.dumps(self.identity, indent=1) + "\n"
                files.write_text(self.path / IDENTITY, identity)
                if self._flags_text is not None:
                    files.write_text(self.path / FLAGS, self._flags_text)
                elif checkpoints.newest(self.checkpoints) is None:  # of a run that never began
                    (self.path / FLAGS).unlink(missing_ok=True)
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *exception: Any) -> None:
        self._lock.close()


def describe(
    model: "GenerativeModel", data: str, batch_size: int, seed: int, **more: Any
) -> dict[str, Any]:
    """Identity of a run: what may not change when it is continued.

    Args:
        model: a `GenerativeModel`.
        data: `Dataset.description`.
        batch_size, seed: of the run.
        **more: what else decides the weights (`labelled_batch_size`, ...); None is left out.
    """
    policy = getattr(model.dtype_policy, "name", model.dtype_policy)
    more["networks"] = getattr(model, "own_networks", None) or None
    more["optimizers"] = getattr(model, "own_optimizers", None) or None
    return {
        "method": model.method,
        "hyper_parameters": dict(model.hyper_parameters),
        "data": data,
        "batch_size": batch_size,
        "seed": seed,
        "precision": str(policy),
        **{name: value for name, value in more.items() if value is not None},
    }


def check_writable(path: str | os.PathLike) -> pathlib.Path:
    """`path` as a `pathlib.Path` if it is, or can become, a directory to write in."""
    path = pathlib.Path(path)
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # it may be made, or the file on the way is named below
    except OSError as error:  # a name that is too long, links in a circle
        raise _refused(path, error) from error
    nearest = path
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        expected = "a directory" if nearest == path else f"no file on the way ({nearest} is one)"
        raise ValueError(refusal("run_dir", expected, str(path)))
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise _refused(path, error) from error
    return path


def check_run_dir(path: str | os.PathLike) -> pathlib.Path:
    """`check_writable`, and what lies in it by the names of a run is a run's.

    Raises:
        TypeError: no path.
        ValueError: it cannot be written, or has a file where a run has a folder, vice versa, or a
            link.
    """
    path = check_writable(files.checked_path(path, "run_dir"))
    for names, fits, kind in (
        (_FOLDERS, pathlib.Path.is_dir, "a folder"),
        (_FILES, pathlib.Path.is_file, "a file"),
    ):
        for name in names:
            found = path / name
            if os.path.lexists(found) and (found.is_symlink() or not fits(found)):
                expected = f"{name} in it to be {kind}, and no link"
                raise ValueError(refusal("run_dir", expected, str(path)))
    return path


def read_identity(run_dir: str | os.PathLike) -> dict[str, Any]:
    """The identity stored in a run directory.

    Returns:
        As of `describe`: method, hyper_parameters, data and precision are of the right kind.

    Raises:
        FileNotFoundError: no such directory, or no run in it.
        TypeError: no path.
        ValueError: its identity.json is not that of a run.
    """
    run_dir = files.checked_path(run_dir, "run_dir")
    try:
        found = files.read_json(run_dir / IDENTITY)
    except (FileNotFoundError, NotADirectoryError):
        expected = f"the directory of a run (it holds {IDENTITY})"
        hint = "" if os.path.exists(run_dir) else pretrained.meant(run_dir)
        raise FileNotFoundError(refusal("run_dir", expected, str(run_dir), hint)) from None
    except OSError as error:  # a name that is too long, a disk that fails
        expected = f"a directory that can be read ({error.strerror or error})"
        raise ValueError(refusal("run_dir", expected, str(run_dir))) from None
    for name, kind in _ENTRIES.items():
        if not isinstance(found.get(name), kind):
            expected = f"a run whose {IDENTITY} has {name}, {_WORDS[kind]}"
            raise ValueError(refusal("run_dir", expected, str(run_dir)))
    policy = found.get("precision")
    dtype = found["hyper_parameters"].get("dtype")
    if policy is not None and policy not in (CHOICES[1:] if dtype is None else (dtype,)):
        words = f"one of {', '.join(CHOICES[1:])}" if dtype is None else f"{dtype!r} as its dtype"
        expected = f"a run whose {IDENTITY} has precision, {words} (it is {policy!r:.40})"
        raise ValueError(refusal("run_dir", expected, str(run_dir)))
    return found


def recorded_precision(run_dir: str | os.PathLike) -> str | None:
    """The precision of the run that a directory's checkpoints belong to, None without any."""
    run_dir = pathlib.Path(run_dir)
    if checkpoints.newest(run_dir / "checkpoints") is None or not (run_dir / IDENTITY).is_file():
        return None
    return read_identity(run_dir).get("precision")


def read_flags(run_dir: str | os.PathLike) -> dict[str, str]:
    """{name: text} of the flags that a run records, empty if it records none.

    Raises:
        ValueError: its flags.cfg is not what `Run` writes: lines --name=value.
    """
    path = pathlib.Path(run_dir) / FLAGS
    if not os.path.lexists(path):
        return {}
    found = {}
    with files.open_regular(path) as file:
        lines = io.TextIOWrapper(file, "utf-8", errors="replace").read(_LONGEST).splitlines()
    for line in filter(None, map(str.strip, lines)):
        name, equals, text = line.removeprefix("--").partition("=")
        if not (line.startswith("--") and equals and name.isidentifier()) or name == "flagfile":
            expected = f"a run whose {FLAGS} has lines --name=value (one is {line[:40]!r})"
            raise ValueError(refusal("run_dir", expected, str(run_dir)))
        found[name] = text
    return found


def check_flags(
    run_dir: str | os.PathLike,
    identity: Mapping[str, Any],
    hyper_parameters: Mapping[str, HyperParameter],
) -> None:
    """Refuses a run directory whose flags.cfg and identity.json are not of the same run.

    Args:
        run_dir: the directory.
        identity: what `read_identity` returned.
        hyper_parameters: of the identity's method.
    """
    own = identity["hyper_parameters"]
    for name, text in read_flags(run_dir).items():
        recorded: Any = identity.get(name)
        value: Any = text
        if name in hyper_parameters and name in own:
            recorded, value = own[name], as_json(hyper_parameters[name].parse(text))
        elif recorded is None or isinstance(recorded, (dict, list)):
            continue
        elif not isinstance(recorded, str):
            recorded = str(recorded)
        if value is not None and value != recorded:  # None left the choice to the program
            expected = f"a run whose {FLAGS} and {IDENTITY} agree"
            expected += f" ({name} is {value!r} in one, {recorded!r} in the other)"
            raise ValueError(refusal("run_dir", expected, str(run_dir)))


def check_data(run_dir: str | os.PathLike, data: str) -> None:
    """Refuses data other than those that a run learned from.

    Args:
        run_dir: the directory.
        data: `Dataset.description` of those that its flags name today.
    """
    recorded = read_identity(run_dir)["data"]
    if data != recorded:
        raise ValueError(refusal("dataset", f"what the run learned from, {recorded!r}", data))


def check_identity(run_dir: str | os.PathLike, identity: Mapping[str, Any]) -> None:
    """Refuses, in one line that names what differs, the directory of another run.

    A run that has no checkpoint yet has nothing to continue: another may take its directory, such
    as the mended command of one whose first step failed.
    """
    if checkpoints.newest(pathlib.Path(run_dir) / "checkpoints") is None:
        return
    if not (pathlib.Path(run_dir) / IDENTITY).exists():
        expected = f"the directory of a run (it has checkpoints, but no {IDENTITY})"
        raise ValueError(refusal("run_dir", expected, str(run_dir)))
    old, defaults = read_identity(run_dir), _defaults(identity.get("method"))
    changed = differences(_flat(old), _flat(as_json(identity)), defaults)
    if changed:
        words = [f"{name}: {old!r} in the run, {new!r} now" for name, (old, new) in changed.items()]
        listed = "; ".join(words[:6]) + ("; ..." if len(words) > 6 else "")
        expected = f"the same run to continue, or another directory (differs in {listed})"
        raise ValueError(refusal("run_dir", expected, str(run_dir)))


def _refused(path: pathlib.Path, error: OSError) -> ValueError:
    expected = f"a directory that can be written ({error.strerror or error})"
    return ValueError(refusal("run_dir", expected, str(path)))


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    """Hyper-parameters beside the other entries, under the names that users know."""
    top = {name: value for name, value in tree.items() if name != "hyper_parameters"}
    for name, value in tree.get("hyper_parameters", {}).items():
        if name not in top:
            top[name] = value
        elif top[name] != value:  # a model seeded apart from its data, say
            top[f"model's {name}"] = value
    return top


def _defaults(method: Any) -> dict[str, Any]:
    """Defaults, so that a hyper-parameter added since the run began does not make it another."""
    try:
        fixed = registry.fixed_values(method)
        found = registry.hyper_parameters(method)
    except (ValueError, AttributeError, ImportError):
        return {}
    return fixed | {name: entry.default for name, entry in found.items()}
