"""A run directory: who it belongs to, who may write in it now. Loads no TensorFlow.

flags.cfg        resolved flags: the run can be repeated from it
identity.json    method, hyper-parameters, data, batch size, seed, precision
metrics.jsonl    one JSON object a log interval
checkpoints/  samples/  events/
"""

import fcntl
import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo import files, registry
from zoo.differences import as_json, differences
from zoo.errors import refusal
from zoo.training import checkpoints, stops

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

IDENTITY = "identity.json"


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
        self.path = check_writable(path)
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
                    files.write_text(self.path / "flags.cfg", self._flags_text)
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


def read_identity(run_dir: str | os.PathLike) -> dict[str, Any]:
    """The identity stored in a run directory.

    Raises:
        FileNotFoundError: no such directory, or no run in it.
        ValueError: its file is damaged.
    """
    path = pathlib.Path(run_dir) / IDENTITY
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        expected = "the directory of a run (it holds identity.json)"
        raise FileNotFoundError(refusal("run_dir", expected, str(run_dir))) from None
    except ValueError:
        raise ValueError(refusal("run_dir", "a readable identity.json", str(run_dir))) from None


def check_identity(run_dir: str | os.PathLike, identity: Mapping[str, Any]) -> None:
    """Refuses, in one line that names what differs, the directory of another run."""
    if not (pathlib.Path(run_dir) / IDENTITY).exists():
        if checkpoints.newest(pathlib.Path(run_dir) / "checkpoints"):
            expected = "the directory of a run (it has checkpoints, but no identity.json)"
            raise ValueError(refusal("run_dir", expected, str(run_dir)))
        return
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
