"""CGAN: the GAN given labels or attributes."""

from typing import ClassVar

from zoo.methods.gan import GAN
from zoo.networks import Pair


class CGAN(GAN):
    """A GAN whose generator and discriminator are both told a label or attributes y.

    *Use*: sharp samples of a given class or attributes.
    *Game*: min over G, max over D of  E_{x, y} [log D(x|y) + E_z log(1 - D(G(z|y)|y))].
    *Players*: discriminator and generator (the decoder), updated one after the other.
    *Capabilities*: sample, decode, both of them given y.
    *Result*: results/cgan-*.json.

    `num_classes` or `num_attributes` says what y is. It joins z in the decoder's first row, and
    enters D by its part for codes, "z". A D whose joint part is one linear row gives f(x) + g(y),
    which teaches nothing of what x has to do with y: it is refused.

    Reference:
        Mirza, Osindero: Conditional generative adversarial nets, arXiv 1411.1784, equation 2.
        Samples have the labels of the minibatch. The paper embeds z and y apart, each in a row of
        its own, before they join.
    """

    LABELS: ClassVar[tuple[str, ...]] = ("num_classes", "num_attributes")
    NEEDS_LABELS = True

    def make_networks(self) -> None:
        expected = ", or ".join(["an int", *self.LABELS[1:]])
        self.require(self.conditional, "num_classes", expected)
        super().make_networks()
        additive = isinstance(self.discriminator, Pair) and len(self.discriminator.joint.rows) < 2
        expected = "a table whose discriminator has a hidden row of image and label together"
        self.require(not self.condition_width or not additive, "network", expected)
