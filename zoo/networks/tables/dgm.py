"""Semi-supervised deep generative models: dense networks, for images and vectors of any size."""

from typing import Any

from zoo.networks.stack import Row, dense
from zoo.networks.tables.table import Table

_RELU: dict[str, Any] = {"activation": "relu"}
_LINEAR: dict[str, Any] = {"activation": "linear"}


def _rows(*units: int) -> tuple[Row, ...]:
    return (*(dense(width, **_RELU) for width in units), dense(None, **_LINEAR))


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

# M1: 500-500, M2 on its code: one hidden layer of 300. ReLU in the place of softplus.
M1_M2_MLP = Table(
    roles={
        **dict.fromkeys(("encoder", "decoder"), _rows(500, 500)),
        **dict.fromkeys(("code_encoder", "code_decoder"), _rows(300)),
    },
    reference="Kingma et al., M1+M2, arXiv 1406.5298, after the authors' code",
)
