"""PixelVAE: a VAE whose decoder is a PixelCNN."""

from typing import Literal

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
        decoder_output: of a pixel: "bernoulli" for binary ones; for 256 levels "categorical" or
            "logistic_mixture".
        mixture_components: of a logistic mixture, >= 1.
        pixel_layers: of the masked network, >= 1.
        pixel_maps: of each of its two stacks, >= 1.
        pixel_kernel: height and width of a layer's window, odd, >= 3.
        pixel_dropout: fraction dropped behind the gates, in [0, 1).
        gated: False for ReLUs in the place of gates.
        conditioning: on z: "invariant" adds a linear map of it to each layer, the same at all
            pixels; "dependent" one of maps that a decoder makes of it.
        condition_maps: made by that decoder, >= 1.
        **vae: see `zoo.methods.vae.VAE`.

    Reference:
        Gulrajani, Kumar, Ahmed, Taiga, Visin, Vazquez, Courville: PixelVAE, arXiv 1611.05013,
        section 3.1, without its hierarchy.
    """

    PLAYERS = {"model": ("encoder", "pixels", "decoder")}

    def __init__(
        self,
        *,
        latent_dim: int = 16,
        decoder_output: Literal["bernoulli", "categorical", "logistic_mixture"] = "bernoulli",
        mixture_components: int = 10,
        pixel_layers: int = 4,
        pixel_maps: int = 32,
        pixel_kernel: int = 5,
        pixel_dropout: float = 0.0,
        gated: bool = True,
        conditioning: Literal["invariant", "dependent"] = "invariant",
        condition_maps: int = 16,
        **vae,
    ):
        super().__init__(
            latent_dim=latent_dim,
            decoder_output=decoder_output,
            mixture_components=mixture_components,
            pixel_layers=pixel_layers,
            pixel_maps=pixel_maps,
            pixel_kernel=pixel_kernel,
            pixel_dropout=pixel_dropout,
            gated=gated,
            conditioning=conditioning,
            condition_maps=condition_maps,
            **vae,
        )

    @property
    def roster(self):
        return {"model": ("encoder", *self.pixel_roles)}

    def make_networks(self):
        self.make("encoder", self.image_shape, outputs=(2 * self.latent_dim,))
        self.make_pixels(self.latent_dim)

    def adapt(self, x):
        """Nothing: the pixels before tell more than the mean."""

    def likelihood(self, z):
        """p(x|z)."""
        return self.pixel_by_pixel(tf.shape(z)[0], z)
