"""Encoders of ladder networks; the ladder itself adds normalisation and noise to each row."""

from typing import Any

from zoo.networks.stack import GlobalMean, MaxPool, Row, conv, deconv, dense
from zoo.networks.tables.table import Table

_STATISTICS: dict[str, Any] = {"momentum": 0.9, "epsilon": 1e-10}
_PAPER = "Rasmus et al., Ladder networks, arXiv 1507.02672"


def _table(*units: int, reference: str) -> Table:
    rows = [dense(n, activation="relu") for n in units]
    encoder = (*rows, dense(None, activation="linear"))
    return Table(roles={"encoder": encoder}, reference=reference, **_STATISTICS)


LADDER_MLP = _table(1000, 500, 250, 250, 250, reference=f"{_PAPER}, section 4.1")

LADDER_SMALL_MLP = _table(250, 100, reference="of this zoo")


def _full(maps: int, kernel: int, activation: str) -> Row:
    """A convolution of images with a border of kernel - 1 zeros, which grow by as much."""
    return deconv(maps, kernel, activation=activation)


# Pools are levels of their own, linear, normalised and with noise.
LADDER_MNIST_CONV = Table(
    roles={
        "encoder": (
            _full(32, 5, "relu"),
            MaxPool(2),
            conv(64, 3, activation="relu"),
            _full(64, 3, "relu"),
            MaxPool(2),
            conv(128, 3, activation="relu"),
            conv(10, 1, activation="relu"),
            GlobalMean(),
            dense(None, activation="linear"),
        )
    },
    image_shape=(28, 28, 1),
    reference=f"{_PAPER}, the small convolutional model, after the authors' code",
    **_STATISTICS,
)

_LEAKY = "leaky_relu"
LADDER_CIFAR10 = Table(
    roles={
        "encoder": (
            conv(96, 3, activation=_LEAKY),
            _full(96, 3, _LEAKY),
            _full(96, 3, _LEAKY),
            MaxPool(2),
            conv(192, 3, activation=_LEAKY),
            _full(192, 3, _LEAKY),
            conv(192, 3, activation=_LEAKY),
            MaxPool(2),
            conv(192, 3, activation=_LEAKY),
            conv(192, 1, activation=_LEAKY),
            conv(None, 1, activation=_LEAKY),
            GlobalMean(),
        )
    },
    image_shape=(32, 32, 3),
    slope=0.1,
    reference=f"{_PAPER}, the large convolutional model, after the authors' code",
    **_STATISTICS,
)
