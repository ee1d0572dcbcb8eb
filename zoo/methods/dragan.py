"""DRAGAN: a GAN whose discriminator is smooth around data."""

from zoo.methods.gan import GAN


class DRAGAN(GAN):
    """A GAN whose discriminator's slope is held near 1 around data.

    *Use*: samples; the penalty needs no samples.
    *Game*: that of the GAN, max over D of  E_x log D(x) + E_z log(1 - D(G(z)))
        - penalty_weight E (|grad l(x + noise)| - 1)^2,  D = sigmoid(l).
    *Players*: discriminator and generator (the decoder), updated one after the other.
    *Capabilities*: sample, decode.
    *Result*: results/dragan-*.json.

    Reference:
        Kodali, Abernethy, Hays, Kira: On convergence and stability of GANs, arXiv 1705.07215,
        algorithm 1, with the points of the authors' code (`zoo.losses.penalty.around`).
    """

    penalty = "dragan"
    prior_family = "uniform"
    learning_rate = 1e-4
    beta_1 = 0.5
    beta_2 = 0.9
