"""Discriminators that classify from few labels, with noise on every layer, and their generators."""

from zoo.networks.stack import dense
from zoo.networks.tables.table import Table

_LINEAR = {"activation": "linear"}


def _table(hidden: int, *units: int, reference: str, minibatch: int = 0) -> Table:
    """A generator of two layers of `hidden` units, a discriminator of rows of `units`."""
    learns = {"activation": "relu", "weight_norm": "fixed"}
    first, *others = units
    trunk = (dense(first, noise=0.3, **learns), *(dense(n, noise=0.5, **learns) for n in others))
    last = dense(None, noise=0.5, weight_norm="learned", minibatch=minibatch, **_LINEAR)
    return Table(
        roles={
            "decoder": (
                *[dense(hidden, norm=True, activation="softplus")] * 2,
                dense(None, weight_norm="fixed", **_LINEAR),
            ),
            "discriminator": {"x": trunk, "z": (), "joint": (last,)},
        },
        reference=reference,
    )


_PAPER = "Salimans et al., Improved techniques for training GANs, arXiv 1606.03498, after the code"
_UNITS = 1000, 500, 250, 250, 250

IMPROVED_GAN_MLP = _table(500, *_UNITS, reference=f"{_PAPER} for MNIST")
IMPROVED_GAN_MINIBATCH_MLP = _table(
    500, *_UNITS, minibatch=100, reference=f"{_PAPER} for MNIST, with minibatch discrimination"
)
IMPROVED_GAN_SMALL_MLP = _table(128, 256, 128, 128, reference="of this zoo")
