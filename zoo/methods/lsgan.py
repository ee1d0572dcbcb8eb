"""LSGAN: least squares generative adversarial networks."""

from zoo.methods.gan import GAN


class LSGAN(GAN):
    """A GAN whose discriminator regresses on targets, so that distant samples keep a gradient.

    *Use*: samples alone, by a game that does not saturate.
    *Game*: min over D of  1/2 E_x (D(x) - b)^2 + 1/2 E_z (D(G(z)) - a)^2;
        min over G of  1/2 E_z (D(G(z)) - c)^2,  (a, b, c) = `targets`, here (0, 1, 1).
    *Players*: discriminator and generator (the decoder), updated one after the other.
    *Capabilities*: sample, decode.
    *Result*: results/lsgan-*.json.

    Reference:
        Mao, Li, Xie, Lau, Wang, Smolley: Least squares generative adversarial networks, arXiv
        1611.04076, equation 9; with targets (-1, 1, 0) it is equation 8. D's output is linear.
    """

    discriminator_loss = "least_squares"
