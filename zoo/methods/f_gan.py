"""f-GAN: any f-divergence by its variational bound."""

from typing import Literal

from zoo.fields import field
from zoo.methods.gan import GAN


class FGAN(GAN):
    """A GAN that descends a chosen f-divergence of data from samples.

    *Use*: samples by a divergence of one's choice.
    *Game*: min over G, max over V of  E_x g(V(x)) - E_z f*(g(V(G(z)))),
        f* the conjugate of f, g the output activation into its domain.
    *Players*: discriminator and generator (the decoder), updated one after the other.
    *Capabilities*: sample, decode.
    *Result*: results/f_gan-*.json.

    Reference:
        Nowozin, Cseke, Tomioka: f-GAN: Training generative neural samplers using variational
        divergence minimization, arXiv 1606.00709, sections 2 and 3; "non_saturating" is the
        variant for G of section 3.2. Exponentials go on as their tangents beyond e^30.
    """

    discriminator_loss: Literal[
        "kl",
        "reverse_kl",
        "pearson",
        "neyman",
        "squared_hellinger",
        "jensen_shannon",
        "bernoulli",
        "total_variation",
    ] = field('the divergence; "bernoulli" is the GAN\'s', default="kl")
    generator_loss = "minimax"
