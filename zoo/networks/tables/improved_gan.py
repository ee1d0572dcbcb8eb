"""Discriminators that classify from few labels, with noise on every layer, and their generators."""

from typing import Any

from zoo.networks.stack import GlobalMean, Reshape, conv, deconv, dense
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
                dense(None, weight_norm="learned", **_LINEAR),
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


def _convolutional(maps: int, reference: str) -> Table:
    """Networks of 32x32 images; a discriminator of `maps` and 2 `maps` maps.

    The authors normalise the weights of the generator's last row, too.
    """
    same: dict[str, Any] = {"padding": "same", "weight_norm": "fixed"}
    valid: dict[str, Any] = {"weight_norm": "fixed"}
    up: dict[str, Any] = {"padding": "same", "norm": True, "activation": "relu"}
    wide = 2 * maps
    return Table(
        roles={
            "decoder": (
                dense(4 * 4 * 512, norm=True, activation="relu"),
                Reshape((4, 4, 512)),
                deconv(256, 5, 2, **up),
                deconv(128, 5, 2, **up),
                deconv(None, 5, 2, padding="same", **_LINEAR),
            ),
            "discriminator": {
                "x": (
                    conv(maps, 3, dropout=0.2, **same),
                    conv(maps, 3, **same),
                    conv(maps, 3, 2, **same),
                    conv(wide, 3, dropout=0.5, **same),
                    conv(wide, 3, **same),
                    conv(wide, 3, 2, **same),
                    conv(wide, 3, dropout=0.5, **valid),
                    conv(wide, 1, **valid),
                    conv(wide, 1, **valid),
                    GlobalMean(),
                ),
                "z": (),
                "joint": (dense(None, weight_norm="learned", **_LINEAR),),
            },
        },
        image_shape=(32, 32, 3),
        slope=0.2,
        reference=reference,
    )


IMPROVED_GAN_SVHN = _convolutional(64, f"{_PAPER} for SVHN")
IMPROVED_GAN_CIFAR10 = _convolutional(96, f"{_PAPER} for CIFAR-10")
