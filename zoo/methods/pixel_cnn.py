"""PixelCNN: exact likelihood, pixel by pixel; gated, conditional, and with logistic mixtures."""

from typing import Any

import tensorflow as tf

from zoo import distributions
from zoo.fields import fixed
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.pixels import PixelDecoder


class PixelCNN(PixelDecoder, GenerativeModel):
    """Gated PixelCNN: each pixel's distribution given the pixels before it, by masked convolutions.

    *Use*: exact likelihoods; no codes.
    *Game*: max over the network of  E_x sum_i log p(x_i | x_1, ..., x_{i-1}[, y]).
    *Players*: model (the masked network; with location-dependent labels the decoder that spreads
        them over the image).
    *Capabilities*: sample, log_prob (exact).
    *Result*: results/pixel_cnn-*.json.

    Reference:
        van den Oord, Kalchbrenner, Kavukcuoglu: Pixel recurrent neural networks, arXiv 1601.06759;
        van den Oord et al.: Conditional image generation with PixelCNN decoders, arXiv 1606.05328,
        equations 1 to 5; Salimans et al.: PixelCNN++, arXiv 1701.05517, equations 1 to 3.
    """

    PLAYERS = {"model": ("pixels", "decoder")}
    DENSITY = "exact"
    LABELS = ("num_classes", "num_attributes")

    latent_dim = fixed(None)  # there is no code
    learning_rate = 1e-3
    beta_1 = 0.9

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        return {"model": self.pixel_roles if self.conditional else ("pixels",)}

    def make_networks(self) -> None:
        self.make_pixels(self.label_width)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.play(self.negative_log_likelihood, *self.phase_inputs(self.as_batch(data)))
        return self.report()

    def negative_log_likelihood(self, x: tf.Tensor, *y: tf.Tensor) -> Losses:
        """-sum_i log p(x_i | x_1, ..., x_{i-1}[, y])  (equation 1)."""
        return {"model": -self.image(tf.shape(x)[0], *y).log_prob(x)}

    def image(self, rows: int | tf.Tensor, y: tf.Tensor | None = None) -> Distribution:
        """p(x), or p(x|y) for labels y, of that many rows."""
        code = () if y is None else (self.label_vector(y),)
        return self.pixel_by_pixel(rows, *code)

    def sample_rows(self, seeds_: tf.Tensor, y: tf.Tensor | None = None) -> tf.Tensor:
        with self.inference():
            return distributions.sample_rows(self.image(tf.shape(seeds_)[0], y), seeds_, "x")

    def log_prob_rows(
        self,
        x: tf.Tensor,
        seeds_: tf.Tensor | None,
        y: tf.Tensor | None = None,
        samples: int = 1,
    ) -> tf.Tensor:
        with self.inference():
            return self.image(tf.shape(x)[0], y).log_prob(x)
