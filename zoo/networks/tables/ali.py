"""The networks of Dumoulin et al., Adversarially learned inference, arXiv 1606.00704.

Tables 3 to 6 of its appendix, and two networks of this zoo's for MNIST and the 8x8 digits, which
the paper has not. Convolutions are without padding; batch-normalised rows have no bias; initial
weights are N(0, 0.01^2). The tables print widths before maxout, which halves them. Where the
authors' code differs from the tables, the tables are followed (code: dropout of CIFAR-10's D(x) on
three of its five inputs, none of SVHN's first rows normalised).
"""

from typing import Any

from zoo.networks.stack import Reshape, Row, conv, deconv, dense
from zoo.networks.tables.table import Table

# The last rows of encoders and decoders.
_LINEAR: dict[str, Any] = {"activation": "linear", "bias": "untied"}


def _encoder(*rows: tuple[int, int, int]) -> tuple[Row, ...]:
    # Labels join the last row.
    return (*(conv(m, k, s, norm=True) for k, s, m in rows), conv(None, 1, extra=True, **_LINEAR))


def _decoder(*rows: tuple[int, int, int]) -> tuple[Row, ...]:
    # Rows of kernel 1 on one pixel are convolutions, the others transposed.
    made = [(conv if k == 1 else deconv)(m, k, s, norm=True) for k, s, m in rows]
    return (*made, conv(None, 1, **_LINEAR))


def _joint(width: int, dropout: float) -> tuple[Row, ...]:
    hidden = conv(width, 1, dropout=dropout)
    return (hidden, hidden, conv(None, 1, activation="linear", dropout=dropout))


_GZ_32 = ((5, 1, 32), (4, 2, 64), (4, 1, 128), (4, 2, 256), (4, 1, 512), (1, 1, 512))
_GX_32 = ((4, 1, 256), (4, 2, 128), (4, 1, 64), (4, 2, 32), (5, 1, 32), (1, 1, 32))
_MAXOUT: dict[str, Any] = {"activation": "maxout", "pieces": 2}

ALI_CIFAR10 = Table(
    roles={
        "encoder": _encoder(*_GZ_32),
        "decoder": _decoder(*_GX_32),
        "discriminator": {
            "x": (
                conv(32, 5, 1, dropout=0.2, **_MAXOUT),
                conv(64, 4, 2, dropout=0.5, **_MAXOUT),
                conv(128, 4, 1, dropout=0.5, **_MAXOUT),
                conv(256, 4, 2, dropout=0.5, **_MAXOUT),
                conv(512, 4, 1, dropout=0.5, **_MAXOUT),
            ),
            "z": (conv(512, 1, dropout=0.2, **_MAXOUT), conv(512, 1, dropout=0.5, **_MAXOUT)),
            "joint": (
                conv(1024, 1, dropout=0.5, **_MAXOUT),
                conv(1024, 1, dropout=0.5, **_MAXOUT),
                conv(None, 1, dropout=0.5, activation="linear"),
            ),
        },
    },
    image_shape=(32, 32, 3),
    slope=0.1,
    init_stddev=0.01,
    reference="arXiv 1606.00704, table 3",
)

ALI_SVHN = Table(
    roles={
        "encoder": _encoder(*_GZ_32),
        "decoder": _decoder(*_GX_32),
        "discriminator": {
            "x": (
                conv(32, 5, 1, dropout=0.2),
                *(
                    conv(m, k, s, norm=True, dropout=0.2)
                    for k, s, m in ((4, 2, 64), (4, 1, 128), (4, 2, 256), (4, 1, 512))
                ),
            ),
            "z": (conv(512, 1, dropout=0.2), conv(512, 1, dropout=0.2)),
            "joint": _joint(1024, 0.2),
        },
    },
    image_shape=(32, 32, 3),
    slope=0.01,
    init_stddev=0.01,
    reference="arXiv 1606.00704, table 4",
)

_GZ_CELEBA = ((2, 1, 64), (7, 2, 128), (5, 2, 256), (7, 2, 256), (4, 1, 512))

ALI_CELEBA = Table(
    roles={
        "encoder": _encoder(*_GZ_CELEBA),
        "decoder": _decoder((4, 1, 512), (7, 2, 256), (5, 2, 256), (7, 2, 128), (2, 1, 64)),
        "discriminator": {
            "x": tuple(
                conv(m, k, s, norm=i > 0, dropout=0.2) for i, (k, s, m) in enumerate(_GZ_CELEBA)
            ),
            "z": (conv(1024, 1, dropout=0.2), conv(1024, 1, dropout=0.2)),
            "joint": _joint(2048, 0.2),
        },
    },
    image_shape=(64, 64, 3),
    slope=0.02,
    init_stddev=0.01,
    reference="arXiv 1606.00704, table 5",
)

_GZ_IMAGENET = ((4, 2, 64), (4, 1, 64), (4, 2, 128), (4, 1, 128), (4, 2, 256), (4, 1, 256))

ALI_TINY_IMAGENET = Table(
    roles={
        "encoder": _encoder(*_GZ_IMAGENET, (1, 1, 2048), (1, 1, 2048)),
        "decoder": _decoder(
            (1, 1, 2048),
            (1, 1, 256),
            (4, 1, 256),
            (4, 2, 128),
            (4, 1, 128),
            (4, 2, 64),
            (4, 1, 64),
            (4, 2, 64),
        ),
        "discriminator": {
            "x": tuple(
                conv(m, k, s, norm=i > 0, dropout=0.2) for i, (k, s, m) in enumerate(_GZ_IMAGENET)
            ),
            "z": (conv(2048, 1, dropout=0.2), conv(2048, 1, dropout=0.2)),
            "joint": _joint(4096, 0.2),
        },
    },
    image_shape=(64, 64, 3),
    slope=0.01,
    init_stddev=0.01,
    reference="arXiv 1606.00704, table 6",
)

_SAME: dict[str, Any] = {"padding": "same"}

ALI_MNIST = Table(
    roles={
        "encoder": (
            conv(32, 5, 2, norm=True, **_SAME),
            conv(64, 5, 2, norm=True, **_SAME),
            conv(256, 7, norm=True),
            dense(256, norm=True, extra=True),
            dense(None, activation="linear"),
        ),
        "decoder": (
            dense(256, norm=True),
            dense(7 * 7 * 64, norm=True),
            Reshape((7, 7, 64)),
            deconv(32, 5, 2, norm=True, **_SAME),
            deconv(None, 5, 2, **_SAME, **_LINEAR),
        ),
        "discriminator": {
            # Noise and dropout keep the discriminator beatable.
            "x": (
                conv(32, 5, 2, noise=0.1, **_SAME),
                conv(64, 5, 2, dropout=0.2, **_SAME),
                conv(256, 7, dropout=0.2),
            ),
            "z": (dense(256, dropout=0.2), dense(256, dropout=0.2)),
            "joint": (
                dense(512, dropout=0.2),
                dense(512, dropout=0.2),
                dense(None, activation="linear", dropout=0.2),
            ),
        },
    },
    image_shape=(28, 28, 1),
    slope=0.1,
    reference="of this zoo",
)

ALI_DIGITS = Table(
    roles={
        "encoder": (
            conv(32, 3, norm=True, **_SAME),
            conv(64, 4, 2, norm=True, **_SAME),
            dense(256, norm=True, extra=True),
            dense(None, activation="linear"),
        ),
        "decoder": (
            dense(256, norm=True),
            dense(4 * 4 * 64, norm=True),
            Reshape((4, 4, 64)),
            deconv(32, 4, 2, norm=True, **_SAME),
            conv(None, 3, **_SAME, **_LINEAR),
        ),
        "discriminator": {
            "x": (
                conv(32, 3, dropout=0.1, **_SAME),
                conv(64, 4, 2, dropout=0.2, **_SAME),
                dense(256, dropout=0.2),
            ),
            "z": (dense(256, dropout=0.1), dense(256, dropout=0.2)),
            "joint": (
                dense(256, dropout=0.2),
                dense(256, dropout=0.2),
                dense(None, activation="linear"),
            ),
        },
    },
    image_shape=(8, 8, 1),
    slope=0.1,
    init_stddev=0.02,
    reference="of this zoo",
)
