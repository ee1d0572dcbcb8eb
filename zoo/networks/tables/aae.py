"""Adversarial autoencoders whose code has a categorical part."""

from zoo.networks.stack import Row, conv, dense
from zoo.networks.tables.table import Table

_RELU = {"activation": "relu"}
_NORM = {"norm": True, **_RELU}
_LINEAR = {"activation": "linear"}


def _table(*encoder: Row, image_shape: tuple[int, ...] | None = None) -> Table:
    return Table(
        roles={
            "encoder": encoder,
            "decoder": (*[dense(500, **_RELU)] * 2, dense(None, **_LINEAR)),
            "code_discriminator": (*[dense(300, **_RELU)] * 2, dense(None, **_LINEAR)),
            # Noise on what it sees keeps the softmax off its corners, where reconstruction and
            # labels could no longer move it.
            "class_discriminator": (
                dense(300, noise=0.3, **_RELU),
                dense(300, **_RELU),
                dense(None, **_LINEAR),
            ),
        },
        image_shape=image_shape,
        reference="of this zoo",
    )


AAE_NOISY_MLP = _table(
    dense(500, noise=0.3, **_NORM),
    dense(500, noise=0.2, **_NORM),
    dense(None, noise=0.2, **_LINEAR),
)

# What decides the classes is less the reconstruction than the adversary, which sends each image to
# the corner it is nearest to: so where the encoder is smooth decides. Moves of the image, undone by
# the reconstruction, make it smooth along what keeps a digit's class.
AAE_SHIFTED_CONV = _table(
    conv(16, 5, 2, shift=2, noise=0.3, padding="same", **_NORM),
    conv(32, 5, 2, noise=0.3, padding="same", **_NORM),
    dense(128, noise=0.3, **_NORM),
    dense(None, noise=0.3, **_LINEAR),
    image_shape=(28, 28, 1),
)
