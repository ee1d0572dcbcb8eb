"""VAEs of this zoo's: convolutional for 28x28 images, and dense for any images."""

from typing import Any

from zoo.networks.stack import Reshape, conv, deconv, dense
from zoo.networks.tables.table import Table

_SAME: dict[str, Any] = {"padding": "same", "norm": True}

VAE_MNIST = Table(
    roles={
        "encoder": (
            conv(32, 5, 2, **_SAME),
            conv(64, 5, 2, **_SAME),
            conv(64, 3, **_SAME),
            dense(512, norm=True),
            dense(None, activation="linear"),
        ),
        "decoder": (
            dense(512, norm=True),
            dense(7 * 7 * 64, norm=True),
            Reshape((7, 7, 64)),
            conv(64, 3, **_SAME),
            deconv(32, 5, 2, **_SAME),
            deconv(None, 5, 2, padding="same", activation="linear", bias="untied"),
        ),
    },
    image_shape=(28, 28, 1),
    slope=0.1,
    momentum=0.99,
    reference="of this zoo",
)

_HIDDEN = {"activation": "relu"}

VAE_MLP = Table(
    roles={
        "encoder": (dense(512, **_HIDDEN), dense(512, **_HIDDEN), dense(None, activation="linear")),
        "decoder": (dense(512, **_HIDDEN), dense(512, **_HIDDEN), dense(None, activation="linear")),
    },
    reference="of this zoo",
)
