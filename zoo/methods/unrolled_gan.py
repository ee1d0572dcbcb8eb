"""Unrolled GAN: the generator answers what the discriminator will be."""

from zoo.methods.gan import GAN


class UnrolledGAN(GAN):
    """A GAN whose generator looks some updates of the discriminator ahead.

    *Use*: samples that do not all fall on few modes.
    *Game*: min over G of  f(G, D^K),  D^(k + 1) = D^k + an update that raises f(G, D^k);
        max over D of  f(G, D) = E_x log D(x) + E_z log(1 - D(G(z))).
    *Players*: discriminator and generator (the decoder), updated one after the other;
        the gradient of G goes through the K = `unrolled_steps` updates.
    *Capabilities*: sample, decode.
    *Result*: results/unrolled_gan-*.json.

    The unrolled steps see the data, the noise and the penalty points of the generator's own; they
    decay weights and clip gradients and weights as the discriminator's steps do. Time and memory
    grow with K.

    Reference:
        Metz, Poole, Pfau, Sohl-Dickstein: Unrolled generative adversarial networks, arXiv
        1611.02163, section 2. The updates are Adam's, as in the authors' notebook;
        "descent" is equation 7. D moves before G here, as in all games in turn.
    """

    generator_loss = "minimax"
    unrolled_steps = 5
    learning_rate = 1e-4
    beta_1 = 0.5
