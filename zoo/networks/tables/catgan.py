"""Fully connected networks of CatGAN: noise on every layer of the classifier."""

from zoo.networks.stack import dense
from zoo.networks.tables.table import Table

_LINEAR = {"activation": "linear"}


def _table(generator: tuple[int, ...], classifier: tuple[int, ...], reference: str) -> Table:
    first, *others = classifier
    trunk = (
        dense(first, noise=0.3, norm=True),
        *(dense(n, noise=0.5, norm=True) for n in others),
    )
    return Table(
        roles={
            "decoder": (*(dense(n, norm=True) for n in generator), dense(None, **_LINEAR)),
            "discriminator": {"x": trunk, "z": (), "joint": (dense(None, noise=0.5, **_LINEAR),)},
        },
        slope=0.1,
        reference=reference,
    )


# The noise's sizes are those of Salimans et al., arXiv 1606.03498: the paper does not print them.
CATGAN_MLP = _table(
    (500, 500, 1000),
    (1000, 500, 250, 250, 250),
    "Springenberg, CatGAN, arXiv 1511.06390, permutation-invariant MNIST (recalled)",
)
CATGAN_SMALL_MLP = _table((128, 128), (256, 128, 128), "of this zoo")
