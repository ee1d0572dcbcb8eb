"""Density ratio: a discriminator of two data sets, which tells how much likelier x is in one."""

from typing import Any, Literal

import tensorflow as tf

from zoo.errors import refusal
from zoo.fields import field, fixed
from zoo.losses import adversarial, ratio
from zoo.model import GenerativeModel, Losses


class DensityRatio(GenerativeModel):
    """r(x) = p(x) / q(x) of two data sets, learned from their examples alone; no generator.

    *Use*: how much likelier x is in one data set.
    *Game*: min over D of  E_{p(x)} a(D(x)) + E_{q(x)} b(D(x)),  a and b those of `ratio_loss`, such
        as -log D and -log(1 - D): at the optimum D is a known function of r.
    *Players*: discriminator.
    *Capabilities*: log_ratio.
    *Result*: results/density_ratio-*.json.

    p is the data set, q the reference (`--reference_dataset`), whose examples come beside as
    "x_reference". The logs `log_ratio_data` and `log_ratio_reference` are the means of log r on
    either side: estimates of KL(p || q) and of -KL(q || p). Where D tells the two apart without an
    error, r is too large to be estimated.

    Reference:
        Mohamed, Lakshminarayanan: Learning in implicit generative models, arXiv 1610.03483,
        sections 3.1 to 3.3; Sugiyama, Suzuki, Kanamori: Density ratio matching under the Bregman
        divergence, 2012. Losses: `zoo.losses.ratio`; LSIF and KLIEP there are of e^D.
    """

    PLAYERS = {"discriminator": ("discriminator",)}
    LOGS = (
        "discriminator_accuracy_data",
        "discriminator_accuracy_reference",
        "log_ratio_data",
        "log_ratio_reference",
    )
    NEEDS_REFERENCE = True

    latent_dim = fixed(None)  # there is no code
    learning_rate = 1e-3
    beta_1 = 0.9
    ratio_loss: Literal[
        "bernoulli",
        "brier",
        "exponential",
        "spherical",
        "least_squares",
        "kl",
        "reverse_kl",
        "pearson",
        "neyman",
        "squared_hellinger",
        "jensen_shannon",
        "lsif",
        "kliep",
    ] = field(
        "what D's output costs, of those that tell r at the optimum (zoo.losses.ratio)",
        default="bernoulli",
    )

    def make_networks(self) -> None:
        self.make("discriminator", self.image_shape)

    @property
    def cost(self) -> ratio.RatioLoss:
        """What outputs of the discriminator cost."""
        return ratio.LOSSES[self.ratio_loss]

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        batch = self.as_batch(data)
        if "x_reference" not in batch:
            expected = "batches with x and x_reference"
            raise ValueError(refusal("data", expected, sorted(batch)))
        self.play(self.comparison, batch["x"], batch["x_reference"])
        return self.report()

    def comparison(self, x: tf.Tensor, x_reference: tf.Tensor) -> Losses:
        """a(D(x)) + b(D(x')), x ~ p and x' ~ q."""
        # Batch normalisation spans both: sides that are normalised apart look alike.
        outputs = self.apply_each("discriminator", (x,), (x_reference,))
        log_r = [self.cost.margin(each) for each in outputs]
        data, reference = adversarial.accuracies(*log_r).values()
        self.log(
            discriminator_accuracy_data=data,
            discriminator_accuracy_reference=reference,
            log_ratio_data=log_r[0],
            log_ratio_reference=log_r[1],
        )
        return {"discriminator": self.cost.discriminator(*outputs)}

    def density_ratio(self, x: tf.Tensor) -> tf.Tensor:
        """log r(x), [B] nats."""
        return self.cost.margin(self.apply("discriminator", x))
