"""GAN-GP: the non-saturating GAN with a gradient penalty."""

from zoo.methods.gan import GAN


class GANGP(GAN):
    """A GAN whose discriminator's slope is held near 1 by WGAN-GP's penalty.

    *Use*: samples, by a GAN that is robust to settings.
    *Game*: that of the GAN, max over D of  E_x log D(x) + E_z log(1 - D(G(z)))
        - penalty_weight E (|grad l(u)| - 1)^2,  D = sigmoid(l), u between data and samples.
    *Players*: discriminator and generator (the decoder), updated one after the other.
    *Capabilities*: sample, decode.
    *Result*: results/gan_gp-*.json.

    Reference:
        Fedus, Rosca, Lakshminarayanan, Dai, Mohamed, Goodfellow: Many paths to equilibrium, arXiv
        1710.08446, section 2; the penalty is on the logits.
    """

    penalty = "two_sided"
    learning_rate = 1e-4
    beta_1 = 0.5
    beta_2 = 0.9
