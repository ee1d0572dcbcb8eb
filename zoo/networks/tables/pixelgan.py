"""PixelGAN autoencoders of this zoo's: the paper does not print its networks."""

from typing import Any

from zoo.networks.stack import Reshape, conv, deconv, dense
from zoo.networks.tables.table import Table

_RELU = {"norm": True, "activation": "relu"}
_LINEAR = {"activation": "linear"}


def _table(
    last: dict[str, Any] = _LINEAR,
    shift: int = 0,
    side: int = 28,
    maps: tuple[int, int] = (16, 32),
    kernel: int = 5,
) -> Table:
    """Networks for images of `side` pixels squared; `last` is of the encoder's outputs."""
    first, second = maps
    noisy: dict[str, Any] = {"noise": 0.3, "padding": "same", **_RELU}
    # Noise before every row of the encoder: few labels must not be learned by heart.
    return Table(
        roles={
            "encoder": (
                conv(first, kernel, 2, shift=shift, **noisy),
                conv(second, kernel, 2, **noisy),
                dense(128, noise=0.3, **_RELU),
                dense(None, noise=0.3, **last),
            ),
            # For location-dependent conditions: maps that tell each pixel of the code.
            "decoder": (
                dense(128, **_RELU),
                dense((side // 4) ** 2 * 16, **_RELU),
                Reshape((side // 4, side // 4, 16)),
                deconv(16, 4, 2, padding="same", **_RELU),
                deconv(None, 4, 2, padding="same", **_LINEAR),
            ),
            "code_discriminator": (*[dense(300, activation="relu")] * 2, dense(None, **_LINEAR)),
            "class_discriminator": (
                dense(300, noise=0.3, activation="relu"),
                dense(300, activation="relu"),
                dense(None, **_LINEAR),
            ),
        },
        image_shape=(side, side, 1),
        reference="of this zoo",
    )


PIXELGAN_CONV = _table()

# For classes: they spread where the encoder is smooth, and a shift keeps the class.
PIXELGAN_CLASSES = _table(shift=2)

# For clusters without labels: batch-normalised logits. A cluster whose logit is low for all images
# is lost, since the softmax hands no gradient to it; normalised, each is high for some of them.
PIXELGAN_CLUSTERS = _table({"norm": True, **_LINEAR}, shift=2)

# For few labels of the smallest digits, which fill their image: they are not shifted.
PIXELGAN_SMALL_CLASSES = _table(side=8, maps=(32, 64), kernel=3)
