"""WGAN: Wasserstein generative adversarial networks."""

from zoo.methods.gan import GAN


class WGAN(GAN):
    """A GAN whose discriminator is a critic of bounded slope, as its weights are clipped.

    *Use*: samples, and a loss that falls as they improve.
    *Game*: min over G, max over critics C with weights in [-clip_value, clip_value] of
        E_x C(x) - E_z C(G(z)).
    *Players*: discriminator (the critic), `discriminator_steps` updates; then generator (the
        decoder).
    *Capabilities*: sample, decode.
    *Result*: results/wgan-*.json.

    Reference:
        Arjovsky, Chintala, Bottou: Wasserstein GAN, arXiv 1701.07875, algorithm 1. In the place of
        RMSProp here is Adam without momentum, which is RMSProp with its first steps corrected. The
        authors' code trains the critic for 100 steps in each of the first 25 steps and in every
        500th; here they are always `discriminator_steps`.
    """

    discriminator_loss = "wasserstein"
    clip_value = 0.01
    discriminator_steps = 5
    learning_rate = 5e-5
    beta_1 = 0.0
    beta_2 = 0.99
