"""PixelCNN: exact likelihood, pixel by pixel; gated, conditional, and with logistic mixtures."""

from typing import Literal

import tensorflow as tf

from zoo import distributions
from zoo.autoregressive import PixelDecoder
from zoo.model import GenerativeModel


class PixelCNN(PixelDecoder, GenerativeModel):
    """Gated PixelCNN: each pixel's distribution given the pixels before it, by masked convolutions.

    *Game*: max over the network of  E_x sum_i log p(x_i | x_1, ..., x_{i-1}[, y]).
    *Players*: model (the masked network; with location-dependent labels the decoder that spreads
        them over the image).
    *Capabilities*: sample, log_prob (exact).
    *Result*: results/pixel_cnn-*.json.

    Args:
        latent_dim: unused, as there is no code, >= 1.
        decoder_output: of a pixel: "bernoulli" for binary ones; for 256 levels "categorical" or
            "logistic_mixture" (PixelCNN++).
        mixture_components: of a logistic mixture, >= 1.
        pixel_layers: of the masked network, >= 1.
        pixel_maps: of each of its two stacks, >= 1.
        pixel_kernel: height and width of a layer's window, odd, >= 3.
        pixel_dropout: fraction dropped behind the gates, in [0, 1).
        gated: False for ReLUs in the place of gates.
        conditioning: of labels: "invariant" adds a linear map of them to each layer, the same at
            all pixels; "dependent" one of maps that a decoder makes of them.
        condition_maps: made by that decoder, >= 1.
        num_classes: of labels `y`, >= 2.
        model_learning_rate: of the model's Adam, None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

    Reference:
        van den Oord, Kalchbrenner, Kavukcuoglu: Pixel recurrent neural networks, arXiv 1601.06759;
        van den Oord et al.: Conditional image generation with PixelCNN decoders, arXiv 1606.05328,
        equations 1 to 5; Salimans et al.: PixelCNN++, arXiv 1701.05517, equations 1 to 3.
    """

    PLAYERS = {"model": ("pixels", "decoder")}
    DENSITY = "exact"
    LABELS = ("num_classes", "num_attributes")

    def __init__(
        self,
        *,
        latent_dim: int = 64,
        decoder_output: Literal["bernoulli", "categorical", "logistic_mixture"] = "bernoulli",
        mixture_components: int = 10,
        pixel_layers: int = 8,
        pixel_maps: int = 32,
        pixel_kernel: int = 5,
        pixel_dropout: float = 0.0,
        gated: bool = True,
        conditioning: Literal["invariant", "dependent"] = "invariant",
        condition_maps: int = 16,
        num_classes: int | None = None,
        model_learning_rate: float | None = None,
        learning_rate: float = 1e-3,
        beta_1: float = 0.9,
        **base,
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
            num_classes=num_classes,
            model_learning_rate=model_learning_rate,
            learning_rate=learning_rate,
            beta_1=beta_1,
            **base,
        )

    @property
    def roster(self):
        return {"model": self.pixel_roles if self.conditional else ("pixels",)}

    def make_networks(self):
        self.make_pixels(self.label_width)

    def train_step(self, data):
        self.play(self.negative_log_likelihood, *self.arguments(self.as_batch(data)))
        return self.report()

    def negative_log_likelihood(self, x, *y):
        return {"model": -self.image(tf.shape(x)[0], *y).log_prob(x)}

    losses_of = negative_log_likelihood

    def image(self, rows, y=None):
        """p(x), or p(x|y) for labels y, of that many rows."""
        return (
            self.pixel_by_pixel(rows)
            if y is None
            else self.pixel_by_pixel(rows, self.label_vector(y))
        )

    def call(self, inputs, training=False):
        """x -> log p(x), [B] nats."""
        return self.log_prob_rows(inputs, None)

    def sample_rows(self, seeds_, y=None):
        with self.inference():
            return distributions.sample_rows(self.image(tf.shape(seeds_)[0], y), seeds_, "x")

    def log_prob_rows(self, x, seeds_, y=None, samples=1):
        with self.inference():
            return self.image(tf.shape(x)[0], y).log_prob(x)
