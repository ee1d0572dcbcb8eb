"""Ladder: a classifier whose every level also learns to be denoised."""

import math
from typing import Any

import tensorflow as tf

from zoo import distributions
from zoo.fields import field, fixed
from zoo.losses import smoothness, supervised
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.smoothing import Smoothing
from zoo.networks.ladder import LadderDecoder, LadderEncoder, Level, normalised
from zoo.networks.rows import Row


class Ladder(Smoothing, GenerativeModel):
    """Ladder network: a classifier of few labels, whose levels are denoised from the ones above.

    *Use*: a classifier alone, by denoising its layers.
    *Game*: min over encoder and decoder of  -E log p(y|x with noise)
        + sum_l lambda_l E |(zhat_l - mean_l) / std_l - z_l|^2 / m_l  on data without labels.
    *Players*: classifier (encoder and decoder).
    *Capabilities*: encode, classify.
    *Result*: results/ladder-*.json.

    z_l is level l of the pass without noise, mean_l and std_l what normalised it, zhat_l the
    decoder's estimate from the pass with noise, m_l the number of units; level 0 is x. Each batch,
    labelled or not, is normalised by its own statistics. Inference uses the population's, of the
    pass of unlabelled data without noise: their moving averages, and from step `settle_from` on,
    where the weights rest, their mean over all batches since; so the last pass over the data
    estimates them anew.

    The decoder takes a noisy level beside each estimate, so it is no p(x|z), and there are no
    samples. `encode` gives the last hidden layer, a point.

    An upper zhat_l also serves the levels below, whose costs are 100 and 10,000 times its own: it
    need be no estimate of z_l, and its error may end above the variance of z_l. With equal costs
    every error falls to a fraction of that.

    Costs of 0 below the top make the paper's Gamma model, whose decoder has the top alone; without
    any cost there is no decoder, and the classifier is a plain one with noise.

    Reference:
        Rasmus, Valpola, Honkala, Berglund, Raiko: Semi-supervised learning with ladder networks,
        arXiv 1507.02672, algorithm 1 and section 4; costs, rates and statistics as in the authors'
        code. Initial weights are Glorot's or He's where theirs are N(0, 1 / inputs); each row is
        normalised after them, with 1e-4 beside the variance where they have 1e-10.
    """

    PLAYERS = {"classifier": ("encoder", "decoder")}
    LOGS = ("label_loss", "denoising_loss")
    LABELS = ("num_classes",)
    NEEDS_LABELS = True

    noise_stddev: float = field("of the noise on every level, x included", default=0.3, at_least=0)
    denoising_costs: tuple[float, ...] = field(
        "lambda of each level, from x up; the last one is of all levels above, too",
        default=(1000.0, 10.0, 0.1),
        at_least=0,
    )
    settle_from: int | None = field(
        "step from which the weights rest, and the population's statistics are estimated; None for "
        "moving averages alone",
        default=None,
        at_least=1,
    )
    latent_dim = fixed(None)  # the width of a hidden layer
    learning_rate = 2e-3
    beta_1 = 0.9

    def make_networks(self) -> None:
        self.require(self.num_classes, "num_classes", "an int")
        outputs = (self.num_classes or 0,)
        self.make("encoder", self.image_shape, outputs=outputs, kind=LadderEncoder)
        fits = 0 < len(self.denoising_costs) <= len(self.encoder.shapes)
        expected = f"1 to {len(self.encoder.shapes)} numbers, one a level"
        self.require(fits, "denoising_costs", expected)
        if self.denoises:
            encoder = self.encoder
            lowest = next(level for level, cost in enumerate(self.costs) if cost)
            mirrors = all(isinstance(row, Row) for row in encoder.rows[lowest:])
            expected = "0 of every level below a pool, which has no mirror"
            self.require(mirrors, "denoising_costs", expected)
            decoder = LadderDecoder(
                encoder.rows,
                encoder.shapes,
                lowest,
                init_stddev=encoder.init_stddev,
                init_seed=self.init_seed("decoder"),
                epsilon=encoder.epsilon,
                dtype=self.dtype_policy,
                name="decoder",
            )
            self.add_network("decoder", decoder)

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        return self.PLAYERS if self.denoises else {"classifier": ("encoder",)}

    @property
    def denoises(self) -> bool:
        """Whether any level is denoised."""
        return any(self.denoising_costs)

    @property
    def costs(self) -> tuple[float, ...]:
        """lambda_l of every level, from x up."""
        given = self.denoising_costs
        return (*given, *given[-1:] * (len(self.encoder.shapes) - len(given)))

    @property
    def phase_logs(self) -> tuple[str, ...]:
        names = super().phase_logs
        return tuple(n for n in names if self.denoises or n != "denoising_loss")

    # --- the game ---------------------------------------------------------------------------------

    @property
    def stage_starts(self) -> tuple[int, ...]:
        return () if self.settle_from is None else (self.settle_from,)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, x_labelled, y = self.phase_inputs(self.as_batch(data))
        self.play(self.game, x, x_labelled, y, moves=not self.stage)
        return self.report()

    def game(self, x: tf.Tensor, x_labelled: tf.Tensor, y: tf.Tensor) -> Losses:
        """The two costs of algorithm 1."""
        loss = self.label_cost(x_labelled, y)
        self.log(label_loss=loss)
        clean = self.encoder.levels(x, training=self.is_training)
        if self.is_training:
            self.encoder.remember(clean, self.share)
        if self.denoises:
            costs = self.denoising(clean, self.noisy_levels(x, "unlabelled"))
            total = tf.add_n([self.costs[level] * cost for level, cost in costs.items()])
            self.log(denoising_loss=total)
            loss += total
        return {"classifier": self.smoothed(loss, smoothness.virtual_adversarial, x)}

    def label_cost(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Mean cross-entropy of the pass with noise, scalar nats."""
        logits = self.noisy_levels(x, "labelled")[-1].h
        return tf.reduce_mean(supervised.cross_entropy(logits, y))

    def noisy_levels(self, x: tf.Tensor, place: str) -> list[Level]:
        """The levels of a pass with noise, normalised by x's own statistics while training."""
        noise = []
        for level, shape in enumerate(self.encoder.shapes):
            standard = distributions.standard_normal(math.prod(shape))
            drawn = self.draw(standard, f"{place}_{level}", batch_of=x)
            noise.append(self.noise_stddev * tf.reshape(drawn, [-1, *shape]))
        return self.encoder.levels(x, noise, training=self.is_training)

    def denoising(self, clean: list[Level], noisy: list[Level]) -> dict[int, tf.Tensor]:
        """{level: mean squared error of its normalised estimate}, scalars."""
        found = self.decoder([level.z for level in noisy], noisy[-1].h)
        lowest, epsilon = self.decoder.lowest, self.encoder.epsilon
        return {
            level: tf.reduce_mean(
                tf.square(normalised(estimate, target.loc, target.variance, epsilon) - target.z)
            )
            for level, (estimate, target) in enumerate(zip(found, clean[lowest:]), lowest)
        }

    @property
    def share(self) -> tf.Tensor | float:
        """Share of a batch in the population's statistics: of a moving average, then of a mean."""
        if not self.stage:
            return 1.0 - self.encoder.momentum
        return 1.0 / (tf.cast(self.step.value - self.settle_from, tf.float32) + 1.0)

    # --- the model --------------------------------------------------------------------------------

    @property
    def code_dim(self) -> int:
        return math.prod(self.encoder.shapes[-2])

    def posterior(self, x: tf.Tensor) -> Distribution:
        """The last hidden layer, a point mass."""
        *_, hidden, _ = self.encoder.levels(x)
        return distributions.deterministic(tf.reshape(hidden.h, [-1, self.code_dim]))

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """log p(y|x) and a constant, [B, K], of the pass without noise."""
        return self.apply("encoder", x)
