"""Plain convolutional GANs for 32x32 images, on which normalisations of D were compared."""

from typing import Any

from zoo.networks.stack import Reshape, conv, deconv, dense
from zoo.networks.tables.table import Table

_UP = {"activation": "relu", "norm": True, "padding": "same"}


def _table(norm: bool = False, spectral: bool = False) -> Table:
    """`norm` and `spectral` are of D's convolutions, and the latter of its last row, too."""
    rows: dict[str, Any] = {"norm": norm, "spectral": spectral, "padding": "same"}
    halved = ((64, 128), (128, 256), (256, 512))
    return Table(
        roles={
            "decoder": (
                dense(4 * 4 * 512, activation="linear"),
                Reshape((4, 4, 512)),
                *(deconv(maps, 4, 2, **_UP) for maps in (256, 128, 64)),
                conv(None, 3, activation="linear", padding="same"),
            ),
            "discriminator": {
                "x": (
                    *(
                        row
                        for a, b in halved
                        for row in (conv(a, 3, **rows), conv(b, 4, 2, **rows))
                    ),
                    conv(512, 3, **rows),
                ),
                "z": (),
                "joint": (dense(None, activation="linear", spectral=spectral),),
            },
        },
        image_shape=(32, 32, 3),
        slope=0.1,
        reference="Miyato et al., spectral normalisation, arXiv 1802.05957, table 3 (recalled)",
    )


SN_GAN_CIFAR10 = _table(spectral=True)
SN_GAN_PLAIN_CIFAR10 = _table()
SN_GAN_NORM_CIFAR10 = _table(norm=True)
