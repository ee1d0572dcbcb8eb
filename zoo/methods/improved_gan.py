"""ImprovedGAN: a GAN whose discriminator classifies, from few labels."""

from typing import Literal

import tensorflow as tf

from zoo import networks, seeds
from zoo.fields import field
from zoo.losses import adversarial, kernel, smoothness, supervised
from zoo.model import Losses
from zoo.model.smoothing import Smoothing
from zoo.model.two_player import TwoPlayerGAN
from zoo.networks import weight_norm


class ImprovedGAN(Smoothing, TwoPlayerGAN):
    """Improved GAN: D tells K classes of data from samples; G matches the means of its features.

    *Use*: few labels, by a GAN.
    *Game*: min over D of  -E log p(y|x) - 1/2 E log D(x) - 1/2 E log(1 - D(G(z)));
        min over G of  |E f(x) - E f(G(z))|^2 / F,  f the last hidden layer of D.
    *Players*: discriminator, then generator (the decoder).
    *Capabilities*: sample, decode, classify.
    *Result*: results/improved_gan-*.json.

    D gives K logits l, and class K + 1, "not data", has the logit 0: D(x) = Z / (Z + 1), Z = sum_k
    e^(l_k), and p(y|x) among the K is their softmax. Rows of D with weight normalisation get scales
    and biases from data before step 0. With "minimax", G learns by the other side of D's game,
    E log(1 - D(G(z))): that is for discriminators with minibatch discrimination, a choice of rows
    in the table of networks, which makes better samples and a worse classifier.

    Reference:
        Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen: Improved techniques for training GANs,
        arXiv 1606.03498, sections 3.1, 3.2 and 5; halves, the mean over features and weight
        normalisation as in the authors' code, for MNIST. There z is U(0, 1) and G's phase has data
        of its own; here it is U(-1, 1), and both phases see one minibatch.
    """

    LOGS = ("discriminator_accuracy_data", "discriminator_accuracy_model")
    LABELS = ("num_classes",)
    NEEDS_LABELS = True

    generator_loss: Literal["feature_matching", "minimax"] = field(
        "the means of D's last hidden layer, or the other side of D's game",
        default="feature_matching",
    )
    unlabelled_weight: float = field(
        "of the game between data and samples, beside the labels", default=1.0, at_least=0
    )
    prior_family = "uniform"

    def make_networks(self) -> None:
        self.require(self.num_classes, "num_classes", "an int")
        super().make_networks()
        if self.generator_loss == "feature_matching":
            self.require_rows("discriminator")

    @property
    def judgement(self) -> tuple[int, ...]:
        return (self.num_classes or 0,)

    def adapt(self, x: tf.Tensor) -> None:
        """Scales and biases of D's rows with weight normalisation, from data."""
        super().adapt(x)
        seeded = isinstance(self.discriminator, networks.SEEDED)
        seed = {"seed": seeds.fold(self.seed, "adapt")} if seeded else {}
        weight_norm.initialise(self.discriminator, x, training=True, **seed)

    # --- the game ---------------------------------------------------------------------------------

    def discriminator_phase(self, x: tf.Tensor, *labelled: tf.Tensor) -> Losses:
        """-log p(y|x) + 1/2 (-log D(x) - log(1 - D(G(z))))  (section 5)."""
        x_labelled, y = labelled
        known = self.judge(x, tf.stop_gradient(self.generate(x)))
        self.log(**adversarial.accuracies(*known))
        game = adversarial.discriminator(*known)
        with self.statistics_kept():
            logits = self.apply("discriminator", x_labelled)
        label_loss = tf.reduce_mean(supervised.cross_entropy(logits, y))
        loss = label_loss + 0.5 * self.unlabelled_weight * tf.reduce_mean(game)
        return {"discriminator": self.smoothed(loss, smoothness.virtual_adversarial, x)}

    def judge(self, x: tf.Tensor, x_p: tf.Tensor, *given: tf.Tensor) -> list[tf.Tensor]:
        """log D / (1 - D) of data and samples, [B] each."""
        return [self.data_logit(logits) for logits in super().judge(x, x_p, *given)]

    def data_logit(self, logits: tf.Tensor) -> tf.Tensor:
        """log D / (1 - D), [B], of the logits of the K classes."""
        return supervised.data_logit(supervised.with_other(logits))

    def generator_phase(self, x: tf.Tensor, *labelled: tf.Tensor) -> Losses:
        """|E f(x) - E f(G(z))|^2 / F  (section 3.1), or log(1 - D(G(z)))."""
        x_p = self.generate(x)
        if self.generator_loss == "feature_matching":
            means = self.mean_features(x), self.mean_features(x_p)
            return {"generator": kernel.feature_matching(*means)}
        logits_p = self.data_logit(self.judge_samples(x_p))
        return {"generator": adversarial.minimax_generator(logits_p)}

    # --- the model --------------------------------------------------------------------------------

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """D's logits of the K classes, [B, K]."""
        return self.apply("discriminator", x)
