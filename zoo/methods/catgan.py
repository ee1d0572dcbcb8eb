"""CatGAN: a GAN whose discriminator is a classifier, sure of data and unsure of samples."""

import tensorflow as tf

from zoo import distributions, replicas
from zoo.fields import field
from zoo.losses import entropy, smoothness, supervised
from zoo.model import Distribution, Losses
from zoo.model.smoothing import Smoothing
from zoo.model.two_player import TwoPlayerGAN


class CatGAN(Smoothing, TwoPlayerGAN):
    """Categorical GAN: D sorts data into K classes without labels, or with few, and not samples.

    *Use*: clusters; few labels.
    *Game*: max over D of  H[E p(y|x)] - E H[p(y|x)] + E H[p(y|G(z))], and with labels +
        label_weight E log p(y|x);  max over G of  H[E p(y|G(z))] - E H[p(y|G(z))].
    *Players*: discriminator, then generator (the decoder).
    *Capabilities*: sample, decode, read (a point, log p(k|x) of each class), classify (with
        `num_classes`).
    *Result*: results/catgan-*.json.

    H is the entropy in nats; E inside of it is the mean over the batch, which must hold many more
    than K examples. There is no class of samples: D says "sample" by a uniform p(y|x). Of
    `num_classes` and `num_clusters` one is given: classes of few labels, or clusters of none.

    Reference:
        Springenberg: Unsupervised and semi-supervised learning with categorical generative
        adversarial networks, arXiv 1511.06390, section 3. There z is U(0, 1), here U(-1, 1).
        Batch normalisation in D sees data, samples and labelled examples apart; its population
        statistics are those of data, which D is to classify.
    """

    LOGS = ("marginal_entropy", "entropy_data", "entropy_model")
    LABELS = ("num_classes",)

    num_clusters: int | None = field(
        "classes without labels; None with `num_classes`", default=None, at_least=2
    )
    label_weight: float = field("of the labels' cross-entropy", default=1.0, at_least=0)
    prior_family = "uniform"

    def make_networks(self) -> None:
        one = (self.num_classes is None) != (self.num_clusters is None)
        self.require(one, "num_clusters", "an int, or num_classes, one of the two")
        super().make_networks()

    @property
    def judgement(self) -> tuple[int, ...]:
        return (self.num_classes or self.num_clusters or 0,)

    # --- the game ---------------------------------------------------------------------------------

    def discriminator_phase(self, x: tf.Tensor, *labelled: tf.Tensor) -> Losses:
        """-H[E p(y|x)] + H[p(y|x)] - H[p(y|G(z))] , and -log p(y|x)."""
        logits, logits_p = self.judge(x, tf.stop_gradient(self.generate(x)))
        marginal = self.marginal_entropy(logits)
        of_data, of_model = entropy.conditional(logits), entropy.conditional(logits_p)
        self.log(marginal_entropy=marginal, entropy_data=of_data, entropy_model=of_model)
        loss = of_data - of_model - marginal
        if labelled:
            x_labelled, y = labelled
            with self.statistics_kept():
                known = self.apply("discriminator", x_labelled)
            loss += self.label_weight * tf.reduce_mean(supervised.cross_entropy(known, y))
        return {"discriminator": self.smoothed(loss, smoothness.virtual_adversarial, x)}

    def generator_phase(self, x: tf.Tensor, *labelled: tf.Tensor) -> Losses:
        """-H[E p(y|G(z))] + H[p(y|G(z))]."""
        logits_p = self.judge_samples(self.generate(x))
        return {"generator": entropy.conditional(logits_p) - self.marginal_entropy(logits_p)}

    def marginal_entropy(self, logits: tf.Tensor) -> tf.Tensor:
        """H[E p(y|x)] over the global batch, a scalar."""
        return entropy.marginal(replicas.mean(tf.reduce_mean(tf.nn.softmax(logits), axis=0)))

    # --- the model --------------------------------------------------------------------------------

    @property
    def clusters(self) -> int | None:
        return self.num_clusters

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """log p(y|x) and a constant, [B, K]."""
        return self.apply("discriminator", x)

    def reading(self, x: tf.Tensor) -> Distribution:
        """log p(k|x) of each class or cluster, a point."""
        return distributions.deterministic(tf.nn.log_softmax(self.class_logits(x)))
