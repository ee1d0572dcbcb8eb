"""PixelGAN autoencoders: adversarial autoencoders whose decoder is a PixelCNN."""

from typing import Literal

import tensorflow as tf

from zoo.autoregressive import PixelDecoder
from zoo.methods.aae import AAE


class PixelGAN(PixelDecoder, AAE):
    """Adversarial autoencoder with an autoregressive decoder: the code keeps what pixels cannot.

    With a Gaussian prior z is global and the pixels are local; with a categorical one y is the
    cluster or the label and the pixels are the style.

    *Game*: AAE's, with p(x|z) = prod_i p(x_i | x_1, ..., x_{i-1}, z).
    *Players*: AAE's; the autoencoder is the encoder, the masked network and, with
        location-dependent conditioning, the decoder that spreads the code over the image.
    *Capabilities*: sample, encode, decode, reconstruct (a draw), classify (with `num_classes`).
    *Result*: results/pixelgan-*.json.

    Args:
        latent_dim: dimensions of the continuous code, 0 for a categorical one alone, >= 0.
        decoder_output: of a pixel: "bernoulli" for binary ones; for 256 levels "categorical" or
            "logistic_mixture".
        mixture_components: of a logistic mixture, >= 1.
        pixel_layers: of the masked network, >= 1.
        pixel_maps: of each of its two stacks, >= 1.
        pixel_kernel: height and width of a layer's window, odd, >= 3.
        pixel_dropout: fraction dropped behind the gates, in [0, 1).
        gated: False for ReLUs in the place of gates.
        conditioning: on the code: "invariant" adds a linear map of it to each layer, the same at all
            pixels; "dependent" one of maps that a decoder makes of it.
        condition_maps: made by that decoder, >= 1.
        **aae: see `zoo.methods.aae.AAE`.

    Reference:
        Makhzani, Frey: PixelGAN autoencoders, arXiv 1706.00531, sections 2 (both priors, both kinds
        of conditioning) and 3 (semi-supervised).
    """

    def __init__(
        self,
        *,
        latent_dim: int = 10,
        decoder_output: Literal["bernoulli", "categorical", "logistic_mixture"] = "bernoulli",
        mixture_components: int = 10,
        pixel_layers: int = 4,
        pixel_maps: int = 32,
        pixel_kernel: int = 5,
        pixel_dropout: float = 0.0,
        gated: bool = True,
        conditioning: Literal["invariant", "dependent"] = "invariant",
        condition_maps: int = 16,
        **aae,
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
            **aae,
        )

    @property
    def decoder_roles(self):
        return self.pixel_roles

    def make_decoder(self):
        self.make_pixels(self.code_dim)

    def adapt(self, x):
        """Nothing: the pixels before tell more than the mean."""

    def likelihood(self, z):
        """p(x|z)."""
        return self.pixel_by_pixel(tf.shape(z)[0], z)
