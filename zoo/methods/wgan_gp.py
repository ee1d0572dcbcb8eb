"""WGAN-GP: Wasserstein generative adversarial networks with a gradient penalty."""

from zoo.methods.gan import GAN


class WGANGP(GAN):
    """A WGAN whose critic's slope is held near 1 by a penalty.

    *Use*: samples, by a critic that needs little tuning.
    *Game*: min over G, max over critics C of  E_x C(x) - E_z C(G(z))
        - penalty_weight E (|grad C(u)| - 1)^2,  u between data and samples.
    *Players*: discriminator (the critic), `discriminator_steps` updates; then generator (the
        decoder).
    *Capabilities*: sample, decode.
    *Result*: results/wgan_gp-*.json.

    Reference:
        Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville: Improved training of Wasserstein GANs,
        arXiv 1704.00028, algorithm 1; Adam's beta_1 as in the authors' code.
    """

    discriminator_loss = "wasserstein"
    penalty = "two_sided"
    discriminator_steps = 5
    learning_rate = 1e-4
    beta_1 = 0.5
    beta_2 = 0.9
