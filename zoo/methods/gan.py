"""GAN: generative adversarial networks."""

import warnings
from typing import Any, ClassVar, Literal

import tensorflow as tf

from zoo import augmentation, distributions, networks, replicas
from zoo.fields import field
from zoo.losses import adversarial, kernel, penalty, ratio
from zoo.model import Losses
from zoo.model.moves import clip_weights
from zoo.model.two_player import TwoPlayerGAN
from zoo.model.unrolling import Unrolling


class GAN(Unrolling, TwoPlayerGAN):
    """Generative adversarial network: a discriminator, then a generator, in turn.

    *Use*: samples alone, by the simplest game.
    *Game*: min over G, max over D of  E_x log D(x) + E_z log(1 - D(G(z))).
    *Players*: discriminator and generator (the decoder), updated one after the other, each on noise
        of its own.
    *Capabilities*: sample, decode.
    *Result*: results/gan-*.json.

    Losses, penalty, noise and order of play are choices that go with each other, but for these:
    `label_smoothing` needs a loss of labels; the generator's losses "ratio" and the f-divergences
    need a `discriminator_loss` that estimates the ratio, of labels that are not smoothed; the third
    of `targets` is for "non_saturating" alone; a penalty needs a discriminator whose rows are
    independent (no batch normalisation); unrolled steps need one without noise and state;
    `augmentation` needs images.

    Reference:
        Goodfellow et al.: Generative adversarial nets, arXiv 1406.2661, equation 1 and algorithm 1.
        Here all updates of one step see the same minibatch of data. Batch normalisation in D sees
        data and samples apart, in its own phase as in the generator's: Radford, Metz, Chintala,
        DCGAN, arXiv 1511.06434; its population statistics are those of data, as D sees them.
        Losses: `zoo.losses.ratio`; penalties: `zoo.losses.penalty`; unrolled steps: Metz et al.,
        arXiv 1611.02163; instance noise: Sonderby et al., arXiv 1610.04490; augmentation of data
        and samples: Zhao et al., arXiv 2006.10738, of affine maps here; label smoothing: Salimans
        et al., arXiv 1606.03498, section 3.4.
    """

    LOGS: ClassVar[tuple[str, ...]] = (
        "discriminator_accuracy_data",
        "discriminator_accuracy_model",
        "wasserstein",
    )

    discriminator_loss: Literal[
        "bernoulli",
        "brier",
        "exponential",
        "hinge",
        "spherical",
        "least_squares",
        "kl",
        "reverse_kl",
        "pearson",
        "neyman",
        "squared_hellinger",
        "jensen_shannon",
        "total_variation",
        "lsif",
        "kliep",
        "wasserstein",
    ] = field("what the discriminator's output costs (zoo.losses.ratio)", default="bernoulli")
    generator_loss: Literal[
        "minimax",
        "non_saturating",
        "feature_matching",
        "ratio",
        "kl",
        "reverse_kl",
        "pearson",
        "neyman",
        "squared_hellinger",
        "jensen_shannon",
        "bernoulli",
    ] = field(
        "minimax: the other side of the discriminator's loss; non_saturating: that loss with the "
        "labels swapped; feature_matching: the means of D's last hidden layer; ratio: -log r; the "
        "others: an f-divergence from r = p(data) / p(samples), as the discriminator estimates it",
        default="non_saturating",
    )
    targets: tuple[float, ...] = field(
        'of "least_squares": of D at samples, of D at data, and of G',
        default=(0.0, 1.0, 1.0),
        at_least=-10.0,
        at_most=10.0,
        needs="discriminator_loss=least_squares",
    )
    discriminator_steps: int = field(
        "updates of the discriminator to one of the generator", default=1, at_least=1
    )
    penalty: Literal["two_sided", "one_sided", "dragan", "r1"] | None = field(
        "two_sided: (|grad D| - 1)^2 between data and samples (WGAN-GP); one_sided: only slopes "
        "over 1; dragan: as two_sided, around data; r1: |grad D|^2 at data",
        default=None,
    )
    penalty_weight: float = field("of `penalty`", default=10.0, at_least=0, needs="penalty")
    clip_value: float | None = field(
        "largest size of D's weights, clipped after each of its updates", default=None, above=0
    )
    label_smoothing: float = field(
        "of D's label of data, which is 1 minus this", default=0.0, at_least=0, below=0.5
    )
    instance_noise: float = field(
        "standard deviation of noise on all that D sees", default=0.0, at_least=0
    )
    instance_noise_steps: int = field(
        "over which `instance_noise` falls to 0, linearly; 0 if it stays",
        default=0,
        at_least=0,
        needs="instance_noise",
    )
    augmentation: tuple[float, ...] = field(
        "four numbers: largest random rotation (degrees), then shear, scale (its logarithm) and "
        "shift (of half the longer side), each at most 1, of every image that D sees in the game, "
        "data or sample; beyond an image is 0",
        default=(0.0, 0.0, 0.0, 0.0),
        at_least=0,
        at_most=180,
    )

    def make_networks(self) -> None:
        super().make_networks()
        self.check_choices()

    @property
    def head_width(self) -> int:
        """How many numbers the discriminator gives beside its logit, which comes first."""
        return 0

    @property
    def judgement(self) -> tuple[int, ...]:
        return (1 + self.head_width,) if self.head_width else ()

    def check_choices(self) -> None:
        """Refuses losses, penalties and networks that do not go together."""
        loss, targets = self.discriminator_loss, self.targets
        fits = len(targets) == 3 and targets[0] != targets[1]
        self.require(fits, "targets", "three numbers, of which the first two differ")
        fools = targets[1:2] == targets[2:] or self.generator_loss == "non_saturating"
        expected = f"an equal second and third number with generator_loss={self.generator_loss!r}"
        self.require(fools, "targets", f"{expected}, which has no target of G's own")
        smooth = self.cost.labels or not self.label_smoothing
        self.require(smooth, "label_smoothing", f"0 with {loss!r}, which has no labels")
        from_ratio = self.generator_loss in ratio.GENERATOR_LOSSES[2:]
        smooth = not (from_ratio and self.label_smoothing)
        expected = f"0 with generator_loss={self.generator_loss!r}, as D then tells another ratio"
        self.require(smooth, "label_smoothing", expected)
        known = self.cost.estimates or not from_ratio
        expected = f"one that needs no ratio, with {loss!r}, which estimates none"
        self.require(known, "generator_loss", expected)
        if self.generator_loss == "feature_matching":
            expected = "another, as D tells more than data from samples"
            self.require(not self.head_width, "generator_loss", expected)
            self.require_rows("discriminator")
        alone = not self.penalty or not networks.couples_rows(self.discriminator)
        expected = "None with a discriminator whose rows depend on each other (batch normalisation)"
        self.require(alone, "penalty", expected)
        steep = not (self.penalty or self.clip_value or networks.bounds_slope(self.discriminator))
        if loss == "wasserstein" and steep:
            warnings.warn(
                "Nothing bounds the critic's slope, so its loss has no least value. Choose "
                "clip_value=0.01, penalty='two_sided', or a network with spectral normalisation.",
                stacklevel=2,
            )
        sizes = self.augmentation
        expected = "four numbers: degrees, then shear, scale and shift, each at most 1"
        self.require(len(sizes) == 4 and max(sizes[1:]) <= 1, "augmentation", expected)
        images = len(self.image_shape) == 3 and min(self.image_shape[:2]) > 1
        expected = "zeros for data that are no images [H, W, C] of several rows and columns"
        self.require(images or not any(sizes), "augmentation", expected)
        pure = not self.unrolled_steps or networks.is_function(self.discriminator)
        expected = "0 with a discriminator that has noise or state (dropout, batch normalisation)"
        self.require(pure, "unrolled_steps", expected)

    @property
    def cost(self) -> ratio.RatioLoss:
        """What outputs of the discriminator cost."""
        if self.discriminator_loss == "least_squares":
            return ratio.least_squares(*self.targets)
        return ratio.LOSSES[self.discriminator_loss]

    @property
    def phase_logs(self) -> tuple[str, ...]:
        *accuracies, distance = GAN.LOGS
        unfit = accuracies if self.discriminator_loss == "wasserstein" else [distance]
        return tuple(name for name in self.LOGS if name not in unfit)

    # --- the game ---------------------------------------------------------------------------------
    #
    # What phases are `given` beside x is what samples are made from: labels, or a code.

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        inputs = self.phase_inputs(self.as_batch(data))
        for _ in range(self.discriminator_steps):
            self.play(
                self.discriminator_phase, *inputs, after=self.clip if self.clip_value else None
            )
        self.play(self.generator_phase, *inputs)
        return self.report()

    def discriminator_phase(self, x: tf.Tensor, *given: tf.Tensor) -> Losses:
        """-log D(x) - log(1 - D(G(z)))  (algorithm 1), or as `discriminator_loss` says."""
        x, x_p = self.as_seen(x, tf.stop_gradient(self.generate(x, *given)))
        outputs = self.judge(x, x_p, *given)
        self.watch(*outputs, *given)
        points = self.penalty_points(x, x_p)
        return {"discriminator": self.discriminator_cost(outputs, points, *given)}

    def generator_phase(self, x: tf.Tensor, *given: tf.Tensor) -> Losses:
        """-log D(G(z))  (section 3), or as `generator_loss` says."""
        x, x_p = self.as_seen(x, self.generate(x, *given))

        def opponent() -> Any:
            points = self.penalty_points(x, x_p)
            return lambda: self.discriminator_cost(self.judge(x, x_p, *given), points, *given)

        with self.ahead("discriminator", opponent, self.clip_value):
            if self.generator_loss == "feature_matching":
                means = (self.mean_features(each, *given) for each in (x, x_p))
                return {"generator": kernel.feature_matching(*means)}
            if self.unrolled_steps and self.generator_loss == "minimax":
                # All of f: what D^K says of data depends on G as well, through D's K updates.
                outputs, outputs_p = self.judge(x, x_p, *given)
                of_data = self.cost.at_data(self.logit(outputs), self.label_smoothing)
                return {"generator": self.generator_cost(outputs_p, *given) - of_data}
            outputs_p = self.judge_samples(x_p, *given)
            return {"generator": self.generator_cost(outputs_p, *given)}

    @staticmethod
    def logit(outputs: tf.Tensor) -> tf.Tensor:
        """What the discriminator says of data against samples, [B], of all that it gives."""
        return outputs if outputs.shape.rank == 1 else outputs[:, 0]

    def discriminator_cost(
        self, outputs: list[tf.Tensor], points: tf.Tensor | None, *given: tf.Tensor
    ) -> tf.Tensor:
        """The discriminator's loss, [B], of its outputs and of its slope at some points."""
        of_data, of_model = map(self.logit, outputs)
        loss = self.cost.discriminator(of_data, of_model, self.label_smoothing)
        if self.penalty and points is not None:
            condition = self.condition(*given)
            critic = lambda points: self.logit(self.apply("discriminator", points, *condition))
            loss += self.penalty_weight * penalty.COSTS[self.penalty](critic, points)
        return loss

    def generator_cost(self, outputs_p: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
        """The generator's loss, [B], of the discriminator's outputs at its samples."""
        return self.cost.generator(self.logit(outputs_p), self.generator_loss)

    def penalty_points(self, x: tf.Tensor, x_p: tf.Tensor) -> tf.Tensor | None:
        """Where the discriminator's slope is penalised, [B, ...]."""
        if self.penalty in (None, "r1"):
            return x if self.penalty else None
        mix = self.draw(distributions.uniform(1, low=0.0), "mix", batch_of=x)[:, 0]
        if self.penalty != "dragan":
            return penalty.between(x, x_p, mix)
        # One number of the minibatch, all pixels together.
        _, variance = replicas.moments(tf.reshape(x, [-1]))
        noise = self.draw(distributions.uniform(self.image_shape, low=0.0), "around", batch_of=x)
        return penalty.around(x, tf.sqrt(variance), noise, mix)

    def as_seen(self, x: tf.Tensor, x_p: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Data and samples as D sees them: with random changes and noise, if so chosen."""
        if any(self.augmentation):
            x, x_p = self.changed(x, "change_data"), self.changed(x_p, "change_model")
        if not self.instance_noise:
            return x, x_p
        stddev = tf.constant(self.instance_noise)
        if self.instance_noise_steps:
            gone = tf.cast(self.step.value, tf.float32) / self.instance_noise_steps
            stddev *= tf.maximum(0.0, 1.0 - gone)
        noise = distributions.normal(tf.zeros_like(x), 1.0)
        return tuple(
            each + stddev * self.draw(noise, place)
            for each, place in ((x, "noise_data"), (x_p, "noise_model"))
        )

    def changed(self, x: tf.Tensor, place: str) -> tf.Tensor:
        """Each image under a random affine map of its own."""
        u = self.draw(distributions.uniform(6), place, batch_of=x)
        return augmentation.affine(x, augmentation.affine_maps(u, *self.augmentation))

    def watch(self, outputs: tf.Tensor, outputs_p: tf.Tensor, *given: tf.Tensor) -> None:
        """Logs how well the discriminator tells data and samples apart."""
        outputs, outputs_p = map(self.logit, (outputs, outputs_p))
        if self.discriminator_loss == "wasserstein":
            self.log(wasserstein=-adversarial.wasserstein_critic(outputs, outputs_p))
        else:
            margins = self.cost.margin(outputs), self.cost.margin(outputs_p)
            self.log(**adversarial.accuracies(*margins))

    def clip(self) -> None:
        """Every weight of the discriminator into [-clip_value, clip_value]."""
        assert self.clip_value is not None
        clip_weights(self.discriminator, self.clip_value)
