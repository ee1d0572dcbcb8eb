"""PixelCNN: exact likelihood, pixel by pixel; gated, conditional, and with logistic mixtures."""

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
        num_classes: of labels `y`, >= 2.
        model_learning_rate: of the model's Adam, None for `learning_rate`, > 0.
        **base: see `zoo.autoregressive.PixelDecoder` and `zoo.model.GenerativeModel`.

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
        num_classes: int | None = None,
        model_learning_rate: float | None = None,
        learning_rate: float = 1e-3,
        beta_1: float = 0.9,
        **base,
    ):
        super().__init__(
            latent_dim=latent_dim,
            num_classes=num_classes,
            model_learning_rate=model_learning_rate,
            learning_rate=learning_rate,
            beta_1=beta_1,
            **base,
        )

    @property
    def players(self):
        return {"model": self.pixel_roles if self.conditional else ("pixels",)}

    def make_networks(self):
        self.make_pixels(self.label_width)

    def train_step(self, data):
        self.play(self.negative_log_likelihood, *self.phase_inputs(self.as_batch(data)))
        return self.report()

    def negative_log_likelihood(self, x, *y):
        return {"model": -self.image(tf.shape(x)[0], *y).log_prob(x)}

    losses_of = negative_log_likelihood

    def image(self, rows, y=None):
        """p(x), or p(x|y) for labels y, of that many rows."""
        code = () if y is None else (self.label_vector(y),)
        return self.pixel_by_pixel(rows, *code)

    def call(self, inputs, training=False):
        """x -> log p(x), [B] nats."""
        return self.log_prob_rows(inputs, None)

    def sample_rows(self, seeds_, y=None):
        with self.inference():
            return distributions.sample_rows(self.image(tf.shape(seeds_)[0], y), seeds_, "x")

    def log_prob_rows(self, x, seeds_, y=None, samples=1):
        with self.inference():
            return self.image(tf.shape(x)[0], y).log_prob(x)
