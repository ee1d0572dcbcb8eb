"""A new run that begins with the weights of another run."""

import hashlib
import itertools
import json
import os
import pathlib
import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import pretrained
from zoo.errors import refusal
from zoo.pretrained.download import Unreachable
from zoo.training import checkpoints, run
from zoo.training.restoration import restore

if TYPE_CHECKING:
    from zoo.model import GenerativeModel


def read(
    init_from: str | os.PathLike | None,
    model: "GenerativeModel",
    run_dir: str | os.PathLike,
    allow: Collection[str] = (),
) -> tuple[dict[str, Any] | None, dict[str, list[np.ndarray]]]:
    """What the networks of `model` begin with, where the run `init_from` has them too.

    The weights are those of the verbs: moving averages where the run keeps them.

    Args:
        init_from: directory of the run to begin from, the name of a pretrained model, or None.
        model: the `GenerativeModel` of the new run.
        run_dir: its directory. A run that has a checkpoint needs its beginning no more: it is
            continued even if `init_from` has gone on since, or is gone.
        allow: as of `restore`.

    Returns:
        (origin, weights): {"run": hash of the other run's identity, "step": of its newest
        checkpoint}, to be kept in the new run's identity, or None; and {role: [array]}, empty
        unless the run is new.

    Raises:
        FileNotFoundError: no run there, or no checkpoint of it.
        Unreachable: a pretrained model that cannot be downloaded.
        ValueError: no network in common, one of other shapes, or whatever `restore` refuses.
    """
    if init_from is None:
        return None, {}
    recorded = None
    if checkpoints.newest(pathlib.Path(run_dir) / "checkpoints"):
        recorded = run.read_identity(run_dir).get("init_from")
    try:
        folder = pretrained.resolve(init_from)
        origin = {"run": _hash(run.read_identity(folder))}
        if recorded is not None and recorded["run"] == origin["run"]:
            return recorded, {}
        other = restore(folder, allow=allow)
    except Unreachable:
        if recorded is not None:
            return recorded, {}
        raise
    except FileNotFoundError:
        if recorded is not None:
            return recorded, {}
        expected = "the directory of a run with a checkpoint"
        raise FileNotFoundError(refusal("init_from", expected, str(init_from))) from None
    return origin | {"step": int(other.step)}, _in_common(other, model, init_from)


def assign(weights: dict[str, list[np.ndarray]], model: "GenerativeModel") -> None:
    """Sets what `read` returned; the moving averages of `model` begin there too."""
    for role, arrays in weights.items():
        for variable, array in zip(model.networks[role].variables, arrays, strict=True):
            variable.assign(array)
    model.restart_averages()


def _in_common(
    other: "GenerativeModel", model: "GenerativeModel", init_from: str | os.PathLike
) -> dict[str, list[np.ndarray]]:
    """{role: [array]} of the networks that both models have, and that the other one trained."""
    trained = [role for role in other.networks if role not in other.untrained]
    roles = [role for role in model.networks if role in trained]
    if not roles:
        theirs, ours = ", ".join(trained), ", ".join(model.networks)
        expected = f"a run with one of the networks {ours} (it has {theirs})"
        raise ValueError(refusal("init_from", expected, str(init_from)))
    for role in roles:
        shapes = (_shapes(each.networks[role]) for each in (model, other))
        for here, there in itertools.zip_longest(*shapes):
            if here != there:
                expected = f"a run whose {role} is this one's (it has {there} for {here})"
                raise ValueError(refusal("init_from", expected, str(init_from)))
    then, now = (getattr(each, "decoder_output", None) for each in (other, model))
    if "decoder" in roles and then and now and then != now:
        warnings.warn(
            f"The decoder of {init_from} learned for decoder_output={then!r}, and this model's is "
            f"{now!r}: the first losses may be very large.",
            stacklevel=2,
        )
    with other.inference():
        return {
            role: [np.asarray(v.value) for v in other.networks[role].variables] for role in roles
        }


def _shapes(network: Any) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in network.variables]


def _hash(identity: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
