"""PixelGAN autoencoders: adversarial autoencoders whose decoder is a PixelCNN."""

import tensorflow as tf

from zoo.fields import fixed
from zoo.methods.aae import AAE
from zoo.model import Distribution
from zoo.model.pixels import PixelDecoder


class PixelGAN(PixelDecoder, AAE):  # type: ignore[misc]  # decoder_output: of a pixel
    """Adversarial autoencoder with an autoregressive decoder: the code keeps what pixels cannot.

    With a Gaussian prior z is global and the pixels are local; with a categorical one y is the
    cluster or the label and the pixels are the style.

    *Use*: codes of what pixels leave open; clusters.
    *Game*: AAE's, with p(x|z) = prod_i p(x_i | x_1, ..., x_{i-1}, z).
    *Players*: AAE's: encoder, decoder (the masked network and, with location-dependent
        conditioning, the decoder that spreads the code), code_discriminator, class_discriminator,
        generator (the encoder) and classifier (the encoder).
    *Capabilities*: sample, encode, decode, reconstruct (a draw), classify (with `num_classes`).
    *Result*: results/pixelgan-*.json.

    Reference:
        Makhzani, Frey: PixelGAN autoencoders, arXiv 1706.00531, sections 2 (both priors, both kinds
        of conditioning) and 3 (semi-supervised).
    """

    OUTPUT_BIAS = False  # the pixels before tell more than the mean

    decoder_stddev = fixed(None)

    @property
    def decoder_roles(self) -> tuple[str, ...]:
        return self.pixel_roles

    def make_decoder(self) -> None:
        self.make_pixels(self.code_dim)

    def likelihood(self, z: tf.Tensor) -> Distribution:
        """p(x|z)."""
        return self.pixel_by_pixel(tf.shape(z)[0], z)
