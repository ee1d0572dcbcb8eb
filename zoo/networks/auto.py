"""`network="auto"`: one rule for vectors, one for images of any height and width."""

from zoo.networks.stack import Reshape, conv, deconv, dense
from zoo.networks.tables.table import Table


def table(image_shape: tuple[int, ...]) -> Table:
    """Networks for data of this shape.

    Vectors: the networks of ALI's toy (arXiv 1606.00704, section 4.6): rows of 400 ReLU units with
    batch normalisation, and a discriminator of three maxout rows of 200 units with 5 pieces.

    Images: each convolution 4x4 of stride 2 halves height and width (rounded up) and doubles the
    maps, from 32, until the smaller side is at most 4; then one dense row of 256 units. The decoder
    mirrors it. The discriminator has the encoder's trunk without batch normalisation, two dense
    rows on z and two on the pair.
    """
    return _vectors() if len(image_shape) == 1 else _images(image_shape)


def _vectors() -> Table:
    hidden = {"norm": True, "activation": "relu"}
    maxout = [dense(1000, activation="maxout", pieces=5)] * 3
    return Table(
        roles={
            "encoder": (
                dense(400, **hidden),
                dense(400, **hidden),
                dense(None, activation="linear"),
            ),
            "decoder": (*[dense(400, **hidden)] * 4, dense(None, activation="linear")),
            "discriminator": {
                "x": (),
                "z": (),
                "joint": (*maxout, dense(None, activation="linear")),
            },
        },
        init_stddev=0.02,
        reference="Dumoulin et al., ALI, arXiv 1606.00704, section 4.6",
    )


def _images(image_shape: tuple[int, ...]) -> Table:
    height, width, _ = image_shape
    sizes: list[tuple[int, ...]] = [(height, width)]
    maps: list[int] = []
    while not maps or min(sizes[-1]) > 4:
        sizes.append(tuple(-(-side // 2) for side in sizes[-1]))
        maps.append(32 * 2 ** len(maps))
    hidden = {"norm": True, "padding": "same"}
    up = [deconv(m, 4, 2, size=size, **hidden) for m, size in zip(maps[-2::-1], sizes[-2:0:-1])]
    return Table(
        roles={
            "encoder": (
                *[conv(m, 4, 2, **hidden) for m in maps],
                dense(256, norm=True, extra=True),
                dense(None, activation="linear"),
            ),
            "decoder": (
                dense(256, norm=True),
                dense(sizes[-1][0] * sizes[-1][1] * maps[-1], norm=True),
                Reshape((*sizes[-1], maps[-1])),
                *up,
                deconv(
                    None, 4, 2, padding="same", size=sizes[0], activation="linear", bias="untied"
                ),
            ),
            "discriminator": {
                "x": (*[conv(m, 4, 2, padding="same") for m in maps], dense(256)),
                "z": (dense(256), dense(256)),
                "joint": (dense(512), dense(512), dense(None, activation="linear")),
            },
        },
        slope=0.1,
    )
