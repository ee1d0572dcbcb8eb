"""PixelVAE: a VAE whose decoder is a PixelCNN."""

import tensorflow as tf

from zoo.fields import fixed
from zoo.methods.vae import VAE
from zoo.model import Distribution
from zoo.model.pixels import PixelDecoder


class PixelVAE(PixelDecoder, VAE):  # type: ignore[misc]  # decoder_output: of a pixel
    """Variational auto-encoder with an autoregressive decoder: z tells what pixels cannot.

    *Use*: codes; a likelihood near PixelCNN's.
    *Game*: VAE's, with p(x|z) = prod_i p(x_i | x_1, ..., x_{i-1}, z).
    *Players*: model (encoder, masked network; with location-dependent conditioning the decoder that
        spreads z over the image).
    *Capabilities*: sample, encode, decode, reconstruct (a draw), log_prob (a lower bound).
    *Result*: results/pixel_vae-*.json.

    Reference:
        Gulrajani, Kumar, Ahmed, Taiga, Visin, Vazquez, Courville: PixelVAE, arXiv 1611.05013,
        section 3.1, without its hierarchy.
    """

    PLAYERS = {"model": ("encoder", "pixels", "decoder")}
    OUTPUT_BIAS = False  # the pixels before tell more than the mean

    latent_dim = 16
    decoder_stddev = fixed(None)

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        return {"model": ("encoder", *self.pixel_roles)}

    def make_networks(self) -> None:
        self.make_encoder("normal")
        self.make_pixels(self.latent_dim)

    def likelihood(self, z: tf.Tensor) -> Distribution:
        """p(x|z)."""
        return self.pixel_by_pixel(tf.shape(z)[0], z)
