"""Generators and discriminators for 28x28 images, without inference."""

import dataclasses

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

# As wide as the paper's, for three digits in the channels of an image.
DCGAN_STACKED_MNIST = dataclasses.replace(
    _table(64, True, True, DCGAN_MNIST.reference, 0.02), image_shape=(28, 28, 3)
)

# The discriminator has hidden rows of image and label together.
CGAN_MNIST = dataclasses.replace(
    GAN_MNIST,
    roles={
        **GAN_MNIST.roles,
        "discriminator": {
            "x": GAN_MNIST.roles["discriminator"]["x"],
            "z": (dense(256),),
            "joint": (dense(256), dense(None, activation="linear")),
        },
    },
)

_SAME, _UP = {"padding": "same"}, {"activation": "relu", "norm": True}


def _infogan(maps: int, joint: int, aside: int, reference: str) -> Table:
    return Table(
        roles={
            "decoder": (
                dense(joint, **_UP),
                dense(7 * 7 * 2 * maps, **_UP),
                Reshape((7, 7, 2 * maps)),
                deconv(maps, 4, 2, **_SAME, **_UP),
                deconv(None, 4, 2, activation="linear", **_SAME),
            ),
            "discriminator": {
                "x": (conv(maps, 4, 2, **_SAME), conv(2 * maps, 4, 2, norm=True, **_SAME)),
                "z": (),
                "joint": (dense(joint, norm=True), dense(None, activation="linear", aside=aside)),
            },
        },
        image_shape=(28, 28, 1),
        slope=0.1,
        init_stddev=0.02,
        momentum=0.9,
        reference=reference,
    )


_INFOGAN = "Chen et al., InfoGAN, arXiv 1606.03657, appendix C.1"
INFOGAN_MNIST = _infogan(64, 1024, 128, _INFOGAN)
INFOGAN_MNIST_SMALL = _infogan(32, 256, 64, f"of this zoo, after {_INFOGAN}")

_TANH, _LAST = dense(128, activation="tanh"), dense(None, activation="linear")

# The notebook's weights are orthogonal, times 1.4: their deviation is 1.4 over the root of the
# larger side, which is 256 where z enters the generator, and 128 elsewhere.
UNROLLED_MLP = Table(
    roles={
        "decoder": (dataclasses.replace(_TANH, init_stddev=1.4 / 256**0.5), _TANH, _LAST),
        "discriminator": {"x": (), "z": (), "joint": (_TANH, _TANH, _LAST)},
    },
    init_stddev=1.4 / 128**0.5,
    reference="Metz et al., unrolled GAN, arXiv 1611.02163, after the first author's notebook",
)

# The paper's own: orthogonal weights times .8, which here are Gaussian ones of that deviation. Its
# ring has radius 2, which D divides by 4: for radius 1 the last row of G and the first of D start
# half as large.
_STDDEV = 0.8 / 128**0.5
_RELU = dense(128, activation="relu")

UNROLLED_RELU = Table(
    roles={
        "decoder": (
            dataclasses.replace(_RELU, init_stddev=0.8 / 256**0.5),
            _RELU,
            dataclasses.replace(_LAST, init_stddev=_STDDEV / 2),
        ),
        "discriminator": {
            "x": (),
            "z": (),
            "joint": (dataclasses.replace(_RELU, init_stddev=_STDDEV / 2), _LAST),
        },
    },
    init_stddev=_STDDEV,
    reference="Metz et al., unrolled GAN, arXiv 1611.02163, appendix A, recalled",
)

_GENERATOR = tuple(
    dense(units, activation="relu" if units else "linear") for units in (64, 256, 256, 1024, None)
)
_GMMN = "Li, Swersky, Zemel, GMMN, arXiv 1502.02761, after the authors' code"

GMMN_MNIST = Table(roles={"decoder": _GENERATOR}, image_shape=(28, 28, 1), reference=_GMMN)
GMMN_CODES_MNIST = Table(
    roles={
        "encoder": (
            dense(1024, activation="sigmoid", dropout=0.2),
            dense(None, activation="sigmoid", dropout=0.5),
        ),
        "decoder": (dense(1024, activation="sigmoid"), dense(None, activation="linear")),
        "code_decoder": (*_GENERATOR[:-1], dense(None, activation="sigmoid")),
    },
    image_shape=(28, 28, 1),
    reference=_GMMN,
)
