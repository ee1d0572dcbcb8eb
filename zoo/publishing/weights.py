"""The weights of a run as an archive holds them: those of its verbs, in half precision."""

import io
from typing import TYPE_CHECKING

import numpy as np

from zoo.serving import signatures
from zoo.training import weights

if TYPE_CHECKING:
    from zoo.model import GenerativeModel


def pack(model: "GenerativeModel", precision: str = "bfloat16") -> bytes:
    """An npz file of {role/number: array} of the networks that the verbs use, and of the step.

    The weights are those of the verbs: moving averages where the model keeps them.

    Args:
        model: a GenerativeModel.
        precision: one of `zoo.pretrained.PRECISIONS`, of matrices and kernels; one that has a
            value outside of its range stays float32.
    """
    arrays = {weights.STEP: np.asarray(int(model.step), np.int64)}
    roles = roles_in_use(model)
    with model.inference():
        for role in roles:
            for number, variable in enumerate(model.networks[role].variables):
                array = np.asarray(variable.value)
                arrays[f"{role}/{number:03d}"] = weights.kept(array, precision)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def count(content: bytes) -> int:
    """The number of weights in a file that `pack` made."""
    with np.load(io.BytesIO(content)) as archive:
        return sum(
            weights.read_back(archive[name]).size for name in archive.files if name != weights.STEP
        )


def precision(content: bytes) -> str:
    """The one of `zoo.pretrained.PRECISIONS` that `pack` was asked for, of a file that it made."""
    with np.load(io.BytesIO(content)) as archive:
        kinds = {archive[name].dtype.name for name in archive.files}
    return "bfloat16" if "uint8" in kinds else "float16" if "float16" in kinds else "float32"


def roles_in_use(model: "GenerativeModel") -> list[str]:
    """The networks that some verb of the model runs; the others only train it."""
    owner: dict[int, str] = {}
    for role, network in model.networks.items():
        owner |= {id(variable.value): role for variable in network.variables}
        with model.inference():  # the averages that stand in for them
            owner |= {id(variable.value): role for variable in network.variables}
    functions = signatures.trace(model, signatures.families(model)).values()
    used = {owner.get(id(variable)) for f in functions for variable in f.graph.variables}
    return [role for role in model.networks if role in used]
