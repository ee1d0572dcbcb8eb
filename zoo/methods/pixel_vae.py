"""PixelVAE: a VAE whose decoder is a PixelCNN."""

import tensorflow as tf

from zoo.autoregressive import PixelDecoder
from zoo.methods.vae import VAE


class PixelVAE(PixelDecoder, VAE):
    """Variational auto-encoder with an autoregressive decoder: z tells what pixels cannot.

    *Game*: VAE's, with p(x|z) = prod_i p(x_i | x_1, ..., x_{i-1}, z).
    *Players*: model (encoder, masked network; with location-dependent conditioning the decoder that
        spreads z over the image).
    *Capabilities*: sample, encode, decode, reconstruct (a draw), log_prob (a lower bound).
    *Result*: results/pixel_vae-*.json.

    Args:
        latent_dim: dimensions of z, >= 1.
        **base: see `zoo.autoregressive.PixelDecoder` and `zoo.methods.vae.VAE`.

    Reference:
        Gulrajani, Kumar, Ahmed, Taiga, Visin, Vazquez, Courville: PixelVAE, arXiv 1611.05013,
        section 3.1, without its hierarchy.
    """

    PLAYERS = {"model": ("encoder", "pixels", "decoder")}

    def __init__(self, *, latent_dim: int = 16, **base):
        super().__init__(latent_dim=latent_dim, **base)

    @property
    def players(self):
        return {"model": ("encoder", *self.pixel_roles)}

    def make_networks(self):
        self.make("encoder", self.image_shape, outputs=(2 * self.latent_dim,))
        self.make_pixels(self.latent_dim)

    def adapt(self, x):
        """Nothing: the pixels before tell more than the mean."""

    def likelihood(self, z):
        """p(x|z)."""
        return self.pixel_by_pixel(tf.shape(z)[0], z)
