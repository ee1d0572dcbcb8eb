"""Semi-supervised deep generative models: dense networks, for images and vectors of any size."""

from zoo.networks.stack import Row, dense
from zoo.networks.tables.table import Table


def _rows(*units: int, init_stddev: float | None = None) -> tuple[Row, ...]:
    """Outputs start near 0, so every conditional starts near N(0, I).

    With He's weights log standard deviations start as large as 3, and a chain of three conditionals
    at a loss of 1e25.

    Args:
        init_stddev: of the weights of hidden rows, or None for He's.
    """
    hidden = (dense(width, activation="relu", init_stddev=init_stddev) for width in units)
    return (*hidden, dense(None, activation="linear", init_stddev=init_stddev or 1e-3))


# All conditionals alike; what they are given joins the first row, each input with its own map.
DGM_MLP = Table(
    roles=dict.fromkeys(("encoder", "decoder", "code_encoder"), _rows(500, 500)),
    reference="Maaloe et al., ADGM, arXiv 1602.05473, after the authors' code",
)

# The same for the smallest images.
DGM_SMALL_MLP = Table(
    roles=dict.fromkeys(("encoder", "decoder", "code_encoder", "code_decoder"), _rows(200, 200)),
    reference="of this zoo",
)


def _m1_m2(hidden: int) -> Table:
    """M1: 500-500, M2 on its code: one hidden layer. ReLU in the place of softplus."""
    return Table(
        roles={
            **dict.fromkeys(("encoder", "decoder"), _rows(500, 500, init_stddev=1e-2)),
            **dict.fromkeys(("code_encoder", "code_decoder"), _rows(hidden, init_stddev=1e-3)),
        },
        reference="Kingma et al., M1+M2, arXiv 1406.5298, after the authors' code",
    )


# For 100 labels, and for more.
M1_M2_MLP, M1_M2_WIDE_MLP = _m1_m2(300), _m1_m2(500)
