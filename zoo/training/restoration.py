"""The model of a run, from its directory alone."""

import os
import pathlib
from typing import TYPE_CHECKING

from zoo import registry
from zoo.errors import refusal, unknown
from zoo.networks import own
from zoo.training import checkpoints, run

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

_WHICH = {"newest": "step", "best": "best"}


def restore(run_dir: str | os.PathLike, which: str = "newest") -> "GenerativeModel":
    """The trained, compiled Keras model of a run.

    Args:
        run_dir: a run directory.
        which: "newest", or "best" by the metric that the run was told to watch.

    Raises:
        FileNotFoundError: no run there, or no such checkpoint yet.
        ValueError: no readable checkpoint, or one of another model.
    """
    if which not in _WHICH:
        raise unknown("which", which, _WHICH)
    identity = run.read_identity(run_dir)
    networks = own.revive(identity.get("networks") or {})
    model = registry.create(identity["method"], **identity["hyper_parameters"], **networks)
    model.compile()
    directory = pathlib.Path(run_dir) / "checkpoints"
    if checkpoints.restore_newest(model, directory, _WHICH[which]) is None:
        expected = f"a run with a {which} checkpoint"
        raise FileNotFoundError(refusal("run_dir", expected, str(run_dir)))
    return model
