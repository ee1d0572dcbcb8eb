"""What all GANs share: a generator, and a discriminator that tells its samples from data."""

from typing import Any, Literal

import tensorflow as tf

from zoo import distributions, replicas
from zoo.fields import field
from zoo.model.base import GenerativeModel
from zoo.model.game import Distribution
from zoo.model.phases import Losses


class TwoPlayerGAN(GenerativeModel):
    """A game in turn of a discriminator and a generator.

    A method writes the two phases, which say what the game costs. They are `given` beside x what
    `phase_inputs` gives: labels, where there are some. It may override what D is told
    (`condition`), what D gives (`judgement`), and the order of play (`train_step`).
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("decoder",)}

    prior_family: Literal["normal", "uniform"] = field(
        "p(z): N(0, I), or U(-1, 1) in each dimension", default="normal"
    )

    def make_networks(self) -> None:
        self.make("decoder", (self.code_dim + self.label_width,), outputs=self.image_shape)
        condition = ((self.condition_width,),) if self.condition_width else ()
        self.make("discriminator", self.image_shape, *condition, outputs=self.judgement)

    @property
    def condition_width(self) -> int:
        """Width of what the discriminator is told beside x, `condition`; 0 for nothing."""
        return self.label_width

    @property
    def judgement(self) -> tuple[int, ...]:
        """Shape of what the discriminator gives of one example: () for a logit or a score."""
        return ()

    # --- the game ---------------------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        inputs = self.phase_inputs(self.as_batch(data))
        self.play(self.discriminator_phase, *inputs)
        self.play(self.generator_phase, *inputs)
        return self.report()

    def discriminator_phase(self, x: tf.Tensor, *given: tf.Tensor) -> Losses:
        """{"discriminator": its loss}, of x and of samples that get no gradient."""
        raise NotImplementedError

    def generator_phase(self, x: tf.Tensor, *given: tf.Tensor) -> Losses:
        """{"generator": its loss}, of samples."""
        raise NotImplementedError

    def generate(self, x: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
        """As many samples of p(x), or of p(x|y), as x has rows."""
        return self.likelihood(self.draw(self.prior, "z", batch_of=x), *given).mean()

    def condition(self, *given: tf.Tensor) -> list[tf.Tensor]:
        """What the discriminator is told beside x: [], or [[B, condition_width]]."""
        return self.labels_of(*given) if self.condition_width else []

    def judge(self, x: tf.Tensor, x_p: tf.Tensor, *given: tf.Tensor) -> list[tf.Tensor]:
        """D's outputs at data and at samples, [B, *judgement] each.

        Batch normalisation sees the two apart; its population statistics are those of data, which D
        is asked about afterwards.
        """
        pairs = ((each, *self.condition(*given)) for each in (x, x_p))
        return self.apply_each("discriminator", *pairs, together=False, population=1)

    def judge_samples(self, x_p: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
        """D's outputs at samples alone, [B, *judgement]."""
        with self.statistics_kept():
            return self.apply("discriminator", x_p, *self.condition(*given))

    def mean_features(self, x: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
        """The means of D's last hidden layer over the global batch, [F]; no statistics move."""
        with self.statistics_kept():
            hidden = self.trace("discriminator", x, *self.condition(*given))[-2]
        return replicas.mean(tf.reduce_mean(tf.reshape(hidden, [tf.shape(x)[0], -1]), axis=0))

    # --- the model --------------------------------------------------------------------------------

    @property
    def prior(self) -> Distribution:
        """p(z)."""
        if self.prior_family == "uniform":
            return distributions.uniform(self.latent_dim)
        return super().prior

    def likelihood(self, z: tf.Tensor, y: tf.Tensor | None = None) -> Distribution:
        """p(x|z), or p(x|z, y), a point mass."""
        outputs = self.apply("decoder", tf.concat([z, *self.labels_of(y)], axis=-1))
        return distributions.deterministic(distributions.to_data(outputs))
