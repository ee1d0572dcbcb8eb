"""Networks by role, from the papers' tables or by one rule for any image size."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras

from zoo.errors import refusal, unknown
from zoo.networks import auto, tables
from zoo.networks.layers import BatchNorm
from zoo.networks.masked import MADE, PixelStack
from zoo.networks.minibatch import MinibatchDiscrimination, MinibatchStddev
from zoo.networks.noise import Dropout, GaussianNoise, Shift
from zoo.networks.spectral import SpectralNorm
from zoo.networks.stack import Pair, Stack, dense
from zoo.networks.switches import SwitchEncoder
from zoo.networks.tables.table import Table

__all__ = [
    "MADE",
    "SEEDED",
    "Pair",
    "PixelStack",
    "Stack",
    "bounds_slope",
    "check",
    "couples_rows",
    "is_function",
    "list_tables",
    "make",
]

# Networks whose call takes a seed for their noise layers.
SEEDED = (Stack, Pair, PixelStack, SwitchEncoder)

_COUPLING = (
    BatchNorm,
    MinibatchDiscrimination,
    MinibatchStddev,
    keras.layers.BatchNormalization,
)
_BOUNDING = (SpectralNorm, keras.layers.SpectralNormalization)
_NOISY = (Dropout, GaussianNoise, Shift)

# Networks on codes alone, for tables that say nothing of them. A discriminator of codes is without
# batch normalisation, which would tell it a whole batch's moments.
_HIDDEN, _LINEAR = {"norm": True, "activation": "relu"}, {"activation": "linear"}
_ON_CODES = {
    "code_encoder": (dense(256, **_HIDDEN), dense(256, **_HIDDEN), dense(None, **_LINEAR)),
    "code_decoder": (dense(256, **_HIDDEN), dense(256, **_HIDDEN), dense(None, **_LINEAR)),
    "code_discriminator": (dense(256), dense(256), dense(None, **_LINEAR)),
}


def couples_rows(network: keras.Layer) -> bool:
    """Whether a row of the outputs depends on the batch's other rows while it trains."""
    return _has(network, _COUPLING)


def bounds_slope(network: keras.Layer) -> bool:
    """Whether the network has layers of spectral norm 1."""
    return _has(network, _BOUNDING)


def is_function(network: keras.Layer) -> bool:
    """Whether the outputs are a function of inputs and trainable weights: no noise, no state."""
    return not network.non_trainable_variables and not _has(network, _NOISY)


def _has(network: keras.Layer, kinds: tuple[type, ...]) -> bool:
    return any(isinstance(layer, kinds) for layer in network._flatten_layers())


def check(network: str, image_shape: Sequence[int]) -> None:
    """Refuses the name of no table, or of one that is made for other data."""
    if network != "auto":
        _table(network, tuple(image_shape))


def list_tables() -> list[str]:
    """Names of all tables, sorted."""
    return sorted(tables.TABLES)


def make(
    network: str,
    role: str,
    *,
    like: str | None = None,
    standard: bool = False,
    kind: Callable[..., Any] = Stack,
    image_shape: Sequence[int],
    inputs: Sequence[Sequence[int]],
    outputs: Sequence[int],
    init_stddev: float | None,
    init_seed: int,
    dtype: str | keras.DTypePolicy | None,
) -> Stack | Pair:
    """The network of a role, unbuilt.

    Args:
        network: "auto", or a name of `list_tables()`.
        role: its name.
        like: "encoder", "decoder", "discriminator", "code_encoder", "code_decoder" or
            "code_discriminator": whose rows it gets unless the table has some for the role itself.
        standard: whether the outputs get mean 0 and variance 1 over the batch.
        kind: what makes a network of rows: a class with the constructor of `Stack`.
        image_shape: of the model.
        inputs: shapes of one example of each input.
        outputs: shape of one output example; () for one logit.
        init_stddev: of Gaussian initial weights; None leaves it to the table.
        init_seed: int.
        dtype: Keras dtype policy.

    Raises:
        ValueError: an unknown table, or one made for another shape of data.
    """
    table = _table(network, tuple(image_shape))
    options: dict[str, Any] = {
        "slope": table.slope,
        "init_stddev": table.init_stddev if init_stddev is None else init_stddev,
        "momentum": table.momentum,
        "epsilon": table.epsilon,
        "dtype": dtype,
    }
    found = (rows.get(name) for name in (role, like or role) for rows in (table.roles, _ON_CODES))
    rows = next((rows for rows in found if rows is not None), None)
    if rows is None:
        raise ValueError(refusal("network", f"a table with the role {like or role!r}", network))
    if not isinstance(rows, dict):
        if len(inputs) > 2:
            expected = f"a table whose {role} takes {len(inputs)} inputs"
            raise ValueError(refusal("network", expected, network))
        if standard:
            rows = (*rows[:-1], dataclasses.replace(rows[-1], norm=True, affine=False))
        return kind(rows, outputs, init_seed=init_seed, name=role, **options)
    parts = {"x": rows["x"], "z": rows["z"] if len(inputs) > 1 else None, "joint": rows["joint"]}
    stacks = {
        part: Stack(
            rows,
            outputs if part == "joint" else None,
            init_seed=init_seed + k,
            name=f"{role}_{part}",
            **options,
        )
        for k, (part, rows) in enumerate(parts.items())
        if rows is not None
    }
    return Pair(stacks["x"], stacks.get("z"), stacks["joint"], name=role, dtype=dtype)


def _table(network: str, image_shape: tuple[int, ...]) -> Table:
    if network == "auto":
        return auto.table(image_shape)
    if network not in tables.TABLES:
        raise unknown("network", network, ["auto", *tables.TABLES])
    table = tables.TABLES[network]
    if table.image_shape is not None and table.image_shape != image_shape:
        raise ValueError(
            refusal("network", f"a table for data of shape {image_shape}", network)
            + f" {network} is made for {table.image_shape}."
        )
    return table
