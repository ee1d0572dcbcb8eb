"""SWWAE: a classifier that has to find its way back to x, told where its maxima were."""

import math
from typing import Any

import tensorflow as tf

from zoo import distributions
from zoo.fields import field, fixed
from zoo.losses import smoothness, supervised
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.smoothing import Smoothing
from zoo.networks.switches import Level, SwitchDecoder, SwitchEncoder


class SWWAE(Smoothing, GenerativeModel):
    """Stacked what-where auto-encoder: a classifier of few labels that learns to reconstruct x.

    *Use*: a convolutional classifier that reconstructs.
    *Game*: min over encoder and decoder of  -E log p(y|x_l) + reconstruction_weight E |x - xhat|^2
        + middle_weight sum_m E |h_m - hhat_m|^2,  the latter two on data without labels.
    *Players*: classifier (encoder and decoder).
    *Capabilities*: encode, classify.
    *Result*: results/swwae-*.json.

    Each pool passes its maxima ("what", h_m) up, and their places ("where") across to the unpooling
    of the decoder, which estimates every level from the one above. Squares are means over the
    numbers of a level, so that the weights do not depend on its size: the paper's are sums, and
    reconstruction_weight 1 is 1 / 784 of the |x - xhat|^2 of an image of MNIST.

    The decoder takes "where" beside "what", so it is no p(x|z), and there are no samples. `encode`
    gives the highest "what", a point. "Where" alone tells much of x: a low `reconstruction_loss`
    does not show that "what" does; with the places of another image it rises.

    Reference:
        Zhao, Mathieu, Goroshin, LeCun: Stacked what-where auto-encoders, arXiv 1506.02351, equation
        1 and section 3, with hard switches. Networks and weights are this zoo's: there is no code
        of the authors.
    """

    PLAYERS = {"classifier": ("encoder", "decoder")}
    LOGS = ("label_loss", "reconstruction_loss", "middle_loss")
    LABELS = ("num_classes",)
    NEEDS_LABELS = True

    reconstruction_weight: float = field("of the mean squared error of x", default=1.0, above=0)
    middle_weight: float = field(
        "of the mean squared error of every level between x and the code", default=0.1, at_least=0
    )
    latent_dim = fixed(None)  # the width of the highest level
    learning_rate = 1e-3
    beta_1 = 0.9

    def make_networks(self) -> None:
        self.require(self.num_classes, "num_classes", "an int")
        outputs = (self.num_classes or 0,)
        self.make("encoder", self.image_shape, outputs=outputs, kind=SwitchEncoder)
        encoder = self.encoder
        decoder = SwitchDecoder(
            encoder.rows,
            encoder.shapes,
            encoder.unpooled_shapes,
            init_seed=self.init_seed("decoder"),
            dtype=self.dtype_policy,
            name="decoder",
            **encoder.options,
        )
        self.add_network("decoder", decoder)

    # --- the game ---------------------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.play(self.game, *self.phase_inputs(self.as_batch(data)))
        return self.report()

    def game(self, x: tf.Tensor, x_labelled: tf.Tensor, y: tf.Tensor) -> Losses:
        """The cross-entropy of the labels, and what is lost on the way back  (equation 1)."""
        levels = self.passed(x)
        of_x, *of_middle = self.way_back(levels)
        with self.statistics_kept():
            label_loss = tf.reduce_mean(supervised.cross_entropy(self.class_logits(x_labelled), y))
        middle = tf.add_n(of_middle) if of_middle else tf.zeros([])
        self.log(label_loss=label_loss, reconstruction_loss=of_x, middle_loss=middle)
        loss = label_loss + self.reconstruction_weight * of_x + self.middle_weight * middle
        return {"classifier": self.smoothed(loss, smoothness.virtual_adversarial, x)}

    def way_back(self, levels: list[Level]) -> list[tf.Tensor]:
        """Mean squared error of each level but the highest, x first, scalars."""
        estimates = self.estimates(levels[-1].what, [level.where for level in levels])
        pairs = zip(estimates, levels)
        return [tf.reduce_mean(tf.square(found - level.what)) for found, level in pairs]

    def passed(self, x: tf.Tensor) -> list[Level]:
        """What and where of every level of a pass, x first."""
        return self._run("encoder", lambda x, **options: self.encoder.levels(x, **options)[0], (x,))

    def estimates(self, top: tf.Tensor, where: list[tf.Tensor | None]) -> list[tf.Tensor]:
        """hhat of every level but the highest, x first, from the highest and all places."""
        return self.decoder(top, where, training=self.is_training)

    # --- the model --------------------------------------------------------------------------------

    @property
    def code_dim(self) -> int:
        return math.prod(self.encoder.shapes[-1])

    def posterior(self, x: tf.Tensor) -> Distribution:
        """The highest "what", a point mass."""
        return distributions.deterministic(tf.reshape(self.passed(x)[-1].what, [-1, self.code_dim]))

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """log p(y|x) and a constant, [B, K]."""
        return self.apply("encoder", x)
