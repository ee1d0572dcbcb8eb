"""The model of a run, from its directory alone, or of a pretrained model, from its name."""

import os
import pathlib
from collections.abc import Collection
from typing import TYPE_CHECKING

from zoo import optimizers, pretrained, registry
from zoo.errors import refusal, unknown
from zoo.networks import own
from zoo.training import checkpoints, run, weights
from zoo.training.allowance import allowance, of_run

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

_WHICH = {"newest": "step", "best": "best"}


def restore(
    run_dir: str | os.PathLike,
    which: str = "newest",
    allow: Collection[str] = (),
    version: int | None = None,
) -> "GenerativeModel":
    """The trained, compiled Keras model of a run, or of a pretrained model.

    A pretrained model holds the networks that its verbs use; those that only train it begin anew
    (`model.untrained` names them), and optimizers too.

    Nothing in the directory is executed. A method outside the package is a module of its author's,
    and importing it runs their code: unless it is imported already, `allow` must name it.

    Args:
        run_dir: a run directory, or a name of `zoo.list_pretrained()`.
        which: "newest", or "best" by the metric that the run was told to watch.
        allow: names of modules that may be imported, such as ("my.module",).
        version: of a pretrained model; None takes the newest.

    Raises:
        FileNotFoundError: no run there, or no such checkpoint yet.
        ValueError: a method that is not allowed or no `GenerativeModel`, files that are not those
            of a run, no readable checkpoint, or one of another model; an unknown name or version.
        OSError: a pretrained model cannot be downloaded.
        TypeError: an argument of another kind.
    """
    if which not in _WHICH:
        raise unknown("which", which, _WHICH)
    if allow is None or isinstance(allow, str):
        raise TypeError(refusal("allow", 'names of modules, such as ("my.module",)', allow))
    run_dir = pretrained.resolve(run_dir, version)
    identity = run.read_identity(run_dir)
    made = registry.get(identity["method"], allow)
    run.check_flags(run_dir, identity, registry.hyper_parameters(made))
    try:
        with allowance(of_run(run_dir)):
            networks = own.revive(identity.get("networks", {}))
            model = made(**identity["hyper_parameters"], **networks)
    except Exception as error:
        trouble = " ".join(f"{type(error).__name__}: {error}".split())
        expected = f"a run whose {run.IDENTITY} describes a model ({trouble})"
        raise ValueError(refusal("run_dir", expected, str(run_dir))) from error
    try:
        model.compile(optimizers=optimizers.revive(identity.get("optimizers") or {}))
    except (TypeError, ValueError) as error:
        expected = f"a run whose optimizers can be made again ({error})"
        raise ValueError(refusal("run_dir", expected, str(run_dir))) from error
    published = pathlib.Path(run_dir) / weights.FILE
    if published.is_file() and which == "newest":
        weights.restore(model, published)
        return model
    directory = pathlib.Path(run_dir) / "checkpoints"
    if checkpoints.restore_newest(model, directory, _WHICH[which]) is None:
        expected = f"a run with a {which} checkpoint"
        raise FileNotFoundError(refusal("run_dir", expected, str(run_dir)))
    return model
