"""DCGAN: deep convolutional generative adversarial networks."""

from zoo.methods.gan import GAN


class DCGAN(GAN):
    """A GAN with the settings that made convolutional networks train.

    *Use*: samples of images by a GAN that trains well.
    *Game*: that of the GAN: max over D of  E_x log D(x) + E_z log(1 - D(G(z)));
        max over G of  E_z log D(G(z)).
    *Players*: discriminator and generator (the decoder), updated one after the other.
    *Capabilities*: sample, decode.
    *Result*: results/dcgan-*.json.

    The rules for the networks are those of the table: batch normalisation in both but D's first
    and G's last row, strides instead of pooling, leaky ReLUs in D (`--network=dcgan_mnist`).

    Reference:
        Radford, Metz, Chintala: Unsupervised representation learning with deep convolutional
        generative adversarial networks, arXiv 1511.06434, section 4; images in [0, 1] by a sigmoid,
        where the paper has [-1, 1] by tanh.
    """

    latent_dim = 100
    prior_family = "uniform"
    learning_rate = 2e-4
    beta_1 = 0.5
    init_stddev = 0.02
