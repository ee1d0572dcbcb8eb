"""What is compared: a model of the zoo and its twin in another library, case by case.

Read by both sides, each in a Python environment of its own: standard library only.
"""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Case:
    """A method with its networks.

    Attributes:
        method: of the zoo.
        arguments: of `zoo.create`, beside networks that `zoo_side.py` makes.
        parameters: {player: how many numbers it trains}: the twin has as many.
        parts: what is timed; the first is a whole training step.
        note: networks, in a few words.
        latent_dim: of both sides.
        shape: of an example.
    """

    method: str
    arguments: dict[str, Any]
    parameters: dict[str, int]
    parts: tuple[str, ...]
    note: str
    latent_dim: int = 64
    shape: tuple[int, ...] = (28, 28, 1)


DEVICES = ("cpu", "gpu")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
BATCH = 100
DRAWN = 16  # images that "sample" of a pixel_cnn draws; of a flow it draws a batch
WIDE = (128, 256, 512, 1024)  # maps of the wide VAE's 4x4 convolutions of stride 2
COUPLINGS, UNITS = 8, 512  # of the flow: dense couplings with one residual block each
PIXEL_LAYERS, PIXEL_MAPS, PIXEL_KERNEL, PIXEL_FIRST = 6, 32, 5, 7

CASES = {
    "vae": Case(
        "vae", {"network": "vae_mnist"}, {"model": 3_497_040}, ("step",), "table vae_mnist"
    ),
    "vae_wide": Case(
        "vae",
        {},
        {"model": 17_327_649},
        ("step",),
        "4 convolutions 4x4/2 of 128 to 1024 maps and back, latent_dim 16",
        latent_dim=16,
    ),
    "gan": Case(
        "gan",
        {"network": "gan_mnist"},
        {"discriminator": 259_073, "generator": 392_161},
        ("step",),
        "table gan_mnist",
    ),
    "ali": Case(
        "ali",
        {"network": "ali_mnist"},
        {"discriminator": 1_463_425, "generator": 1_833_296},
        ("step",),
        "table ali_mnist",
    ),
    "ali_digits": Case(
        "ali",
        {"network": "ali_digits"},
        {"discriminator": 563_073, "generator": 606_112},
        ("step",),
        "table ali_digits, images of 8x8",
        latent_dim=16,
        shape=(8, 8, 1),
    ),
    "wgan_gp": Case(
        "wgan_gp",
        {"network": "gan_mnist"},
        {"discriminator": 259_073, "generator": 392_161},
        ("step", "critic"),
        "table gan_mnist; a step is 5 updates of the critic and one of the generator",
    ),
    "real_nvp": Case(
        "real_nvp",
        {"scales": 2, "couplings": COUPLINGS // 4, "hidden_units": UNITS},
        {"generator": 13_859_200},
        ("step", "sample"),
        "8 dense couplings of vectors of 784, 512 units, one residual block",
        shape=(784,),
    ),
    "pixel_cnn": Case(
        "pixel_cnn",
        {
            "pixel_layers": PIXEL_LAYERS,
            "pixel_maps": PIXEL_MAPS,
            "pixel_kernel": PIXEL_KERNEL,
            "pixel_first_kernel": PIXEL_FIRST,
        },
        {"model": 208_961},
        ("step", "sample"),
        "gated, 6 layers of 32 maps, kernel 5; 16 images are drawn",
    ),
}
NAMES = tuple(CASES)


def grey(count: int) -> list[float]:
    """Levels of grey in [0, 1] in no order, the same on both sides."""
    return [(index * 7919) % 256 / 255 for index in range(count)]
