"""CVAE: the VAE given labels or attributes."""

from zoo.methods.vae import VAE


class CVAE(VAE):
    """Conditional variational auto-encoder: p(x|y) of images given labels or attributes y.

    *Use*: images of a given class or attributes.
    *Game*: max over encoder and decoder of
        E_{q(z|x, y)} log p(x|z, y) - beta KL(q(z|x, y) || p(z)).
    *Players*: model (encoder and decoder).
    *Capabilities*: sample, encode, decode, reconstruct, log_prob (a lower bound of log p(x|y)), all
        of them given y.
    *Result*: results/cvae-*.json.

    `num_classes` or `num_attributes` says what y is. It joins z in the decoder's first row, and the
    encoder's row that its table marks, by a linear map of each network's own. The paper's prior
    depends on what is given; here it is N(0, I), as in the generative part of Kingma et al., M2,
    arXiv 1406.5298, equation 6. The paper's completion of images from a part of them is not here.

    Reference:
        Sohn, Lee, Yan: Learning structured output representation using deep conditional generative
        models, NIPS 2015, equation 4.
    """

    LABELS = ("num_classes", "num_attributes")
    NEEDS_LABELS = True

    def make_networks(self) -> None:
        self.require(self.conditional, "num_classes", "an int, or num_attributes")
        super().make_networks()
