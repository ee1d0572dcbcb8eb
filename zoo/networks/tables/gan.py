"""Convolutional generators and discriminators for 28x28 images, without inference."""

from zoo.networks.stack import Reshape, conv, deconv, dense
from zoo.networks.tables.table import Table


def _table(maps: int, norm_g: bool, norm_d: bool, reference: str, stddev: float | None) -> Table:
    """The layers of WGAN-GP's code: 5x5 kernels of stride 2, 4x4 pixels in the middle."""
    same = {"padding": "same"}
    up = {"activation": "relu", "norm": norm_g}
    down = {"norm": norm_d, **same}
    return Table(
        roles={
            "decoder": (
                dense(4 * 4 * 4 * maps, **up),
                Reshape((4, 4, 4 * maps)),
                deconv(2 * maps, 5, 2, size=(7, 7), **same, **up),
                deconv(maps, 5, 2, **same, **up),
                deconv(None, 5, 2, activation="linear", **same),
            ),
            "discriminator": {
                "x": (
                    conv(maps, 5, 2, **same),
                    conv(2 * maps, 5, 2, **down),
                    conv(4 * maps, 5, 2, **down),
                ),
                "z": (),
                "joint": (dense(None, activation="linear"),),
            },
        },
        image_shape=(28, 28, 1),
        slope=0.2,
        init_stddev=stddev,
        momentum=0.9,
        reference=reference,
    )


WGAN_GP_MNIST = _table(
    64, False, False, "Gulrajani et al., WGAN-GP, arXiv 1704.00028, after the authors' code", None
)

# One generator for all methods that are compared on MNIST, half as wide. Penalties and unrolled
# steps need the discriminator without batch normalisation, DCGAN has it.
GAN_MNIST = _table(32, True, False, "of this zoo, after WGAN-GP's code", 0.02)
DCGAN_MNIST = _table(
    32, True, True, "of this zoo, by the rules of Radford et al., DCGAN, arXiv 1511.06434", 0.02
)
