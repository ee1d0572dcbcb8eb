"""Networks by role, from the papers' tables or by one rule for any image size."""

from zoo.errors import refusal, unknown
from zoo.networks import auto, tables
from zoo.networks.stack import Pair, Stack

SEEDED = (Stack, Pair)  # networks whose call takes a seed for their noise layers


def list_tables():
    """Names of all tables, sorted."""
    return sorted(tables.TABLES)


def make(network, role, *, image_shape, latent_dim, inputs, outputs, init_stddev, init_seed, dtype):
    """The network of a role, unbuilt.

    Args:
        network: "auto", or a name of `list_tables()`.
        role: "encoder", "decoder" or "discriminator".
        image_shape, latent_dim: of the model.
        inputs: shapes of one example of each input.
        outputs: shape of one output example; None for a discriminator's logits.
        init_stddev: of Gaussian initial weights; None leaves it to the table.
        init_seed: int.
        dtype: Keras dtype policy.

    Raises:
        ValueError: an unknown table, or one made for another shape of data.
    """
    table = _table(network, tuple(image_shape), latent_dim)
    options = {
        "slope": table.slope,
        "init_stddev": table.init_stddev if init_stddev is None else init_stddev,
        "momentum": table.momentum,
        "epsilon": table.epsilon,
        "dtype": dtype,
    }
    rows = table.roles.get(role)
    if rows is None:
        raise ValueError(refusal("network", f"a table with the role {role!r}", network))
    if not isinstance(rows, dict):
        return Stack(rows, outputs, init_seed=init_seed, name=role, **options)
    parts = {"x": rows["x"], "z": rows["z"] if len(inputs) > 1 else None, "joint": rows["joint"]}
    stacks = {
        part: Stack(rows, None, init_seed=init_seed + k, name=f"{role}_{part}", **options)
        for k, (part, rows) in enumerate(parts.items())
        if rows is not None
    }
    return Pair(stacks["x"], stacks.get("z"), stacks["joint"], name=role, dtype=dtype)


def _table(network, image_shape, latent_dim):
    if network == "auto":
        return auto.table(image_shape, latent_dim)
    if network not in tables.TABLES:
        raise unknown("network", network, ["auto", *tables.TABLES])
    table = tables.TABLES[network]
    if table.image_shape is not None and table.image_shape != image_shape:
        raise ValueError(
            refusal("network", f"a table for data of shape {image_shape}", network)
            + f" {network} is made for {table.image_shape}."
        )
    return table
