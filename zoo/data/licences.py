"""Where data sets come from and under which licence: what a card of a model says of its data."""

from typing import NamedTuple


class Licence(NamedTuple):
    """The origin and the terms of a data set.

    Attributes:
        origin: who made it.
        terms: its licence in words.
        address: where both are said, or None.
    """

    origin: str
    terms: str
    address: str | None = None


_DRAWN = Licence("drawn by the zoo", "none needed")
_MNIST = "http://yann.lecun.com/exdb/mnist/"
LICENCES = {
    "digits": Licence(
        "the test part of Alpaydin and Kaynak's Optical Recognition of Handwritten Digits, as "
        "scikit-learn holds it",
        "CC BY 4.0",
        "https://archive.ics.uci.edu/dataset/80",
    ),
    "gaussian_grid": _DRAWN,
    "gaussian_ring": _DRAWN,
    "mnist": Licence("LeCun, Cortes and Burges", "CC BY-SA 3.0", _MNIST),
    "stacked_mnist": Licence("drawn from MNIST by the zoo", "CC BY-SA 3.0, as MNIST", _MNIST),
    "binarized_mnist": Licence(
        "Larochelle, from MNIST", "none stated; MNIST itself CC BY-SA 3.0", _MNIST
    ),
    "fashion_mnist": Licence("Zalando", "MIT", "https://github.com/zalandoresearch/fashion-mnist"),
    "cifar10": Licence(
        "Krizhevsky", "none stated, research use", "https://www.cs.toronto.edu/~kriz/cifar.html"
    ),
    "svhn_cropped": Licence(
        "Netzer et al.", "non-commercial use only", "http://ufldl.stanford.edu/housenumbers/"
    ),
    "celeb_a": Licence(
        "Liu et al.",
        "non-commercial research only",
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    ),
}


def licence(data: str) -> Licence:
    """Of a data set's name; of one that is not listed its terms are not stated."""
    return LICENCES.get(data.partition(",")[0], Licence("not stated", "not stated"))
