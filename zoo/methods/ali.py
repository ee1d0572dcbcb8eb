"""ALI: adversarially learned inference, conditional and semi-supervised too."""

from typing import Any, Literal

import tensorflow as tf

from zoo import distributions
from zoo.fields import field
from zoo.losses import adversarial, supervised
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.mixins import AmortisedPosterior, FamilyLikelihood
from zoo.model.opposed import Opposition


class ALI(AmortisedPosterior, FamilyLikelihood, GenerativeModel):
    """Adversarially learned inference: encoder and decoder against a discriminator of pairs.

    *Use*: sharp samples and codes from one game; few labels.
    *Game*: min over encoder and decoder, max over D of
        E_{q(x) q(z|x)} log D(x, z) + E_{p(z) p(x|z)} log(1 - D(x, z)),
        played as in the paper with D ascending it and encoder and decoder descending it with the
        labels swapped.
    *Players*: discriminator; generator (encoder and decoder), both updated at once from one
        minibatch.
    *Capabilities*: sample, encode, decode, reconstruct, classify (with
        `label_use="classify"`).
    *Result*: results/ali-*.json.

    Reference:
        Dumoulin, Belghazi, Poole, Mastropietro, Lamb, Arjovsky, Courville: Adversarially learned
            inference,
        arXiv 1606.00704, algorithm 1 and section 2.3, and its parts on conditional generation and
        semi-supervised learning. The paper's networks share one embedding of the labels.
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("encoder", "decoder")}
    LOGS = ("discriminator_accuracy_data", "discriminator_accuracy_model")
    LABELS = ("num_classes", "num_attributes")
    OUTPUT_BIAS = True
    TOGETHER = True  # the two joints are one batch of D, and of its statistics (authors' code)

    decoder_output: Literal["deterministic", "normal"] = field(  # type: ignore[assignment]
        'p(x|z): a point, or "normal" with standard deviation `decoder_stddev`',
        default="deterministic",
    )
    prior_family: Literal["normal", "uniform"] = field(
        "p(z): N(0, I), or U(-1, 1)", default="normal"
    )
    label_use: Literal["condition", "classify"] = field(
        "what labels are for, where `num_classes` or `num_attributes` is given: "
        '"condition" gives them to encoder, decoder and discriminator, one-hot, by a linear map of '
        'each network\'s own; "classify" makes D a classifier of the K classes and "decoded", for '
        "semi-supervised learning",
        default="condition",
    )

    def make_networks(self) -> None:
        told = self.label_use == "condition" or self.num_classes is not None
        self.require(told, "num_classes", "an int with label_use='classify'")
        if self.classifies:
            expected = "'normal' or 'deterministic' with label_use='classify'"
            self.require(self.encoder_output != "implicit", "encoder_output", expected)
        d, y = self.latent_dim, self.label_width
        self.make_posterior()
        self.make_likelihood(d)
        classes = ((self.num_classes or 0) + 1,) if self.classifies else ()
        self.make("discriminator", self.image_shape, (d,), *(((y,),) if y else ()), outputs=classes)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        inputs = self.phase_inputs(self.as_batch(data))
        self.play(self.game, *inputs)  # both players from one minibatch, at once
        return self.report()

    def game(self, x: tf.Tensor, *labels: tf.Tensor) -> Losses:
        """D of (x, z ~ q(z|x)) against (x ~ p(x|z), z ~ p(z)); labels swapped  (algorithm 1)."""
        y = labels[:1] if self.conditional else ()
        z_q = self.draw(self.posterior(x, *y), "z_q")  # q(z|x)
        z_p = self.draw(self.prior, "z_p", batch_of=x)  # p(z)
        x_p = self.draw(self.likelihood(z_p, *y), "x_p")  # p(x|z)
        both = Opposition(self.discriminator, possible=not self.classifies)
        z_q, x_p = both.enter(z_q, side=0), both.enter(x_p, side=1)
        logits = self.discriminate(x, z_q, x_p, z_p, *y)
        self.log(**adversarial.accuracies(*logits))
        losses = both.losses(adversarial.discriminator, adversarial.swapped_generator, *logits)
        if self.classifies:
            supervised_loss = self.supervise(*labels)
            losses["discriminator"] = tf.reduce_mean(losses["discriminator"]) + supervised_loss
        return losses

    def discriminate(
        self,
        x_q: tf.Tensor,
        z_q: tf.Tensor,
        x_p: tf.Tensor,
        z_p: tf.Tensor,
        y: tf.Tensor | None = None,
    ) -> list[tf.Tensor]:
        """Logits [B], [B] of the two joints."""
        labels = self.labels_of(y)
        pairs = (x_q, z_q, *labels), (x_p, z_p, *labels)
        logits = self.apply_each("discriminator", *pairs, together=self.TOGETHER)
        return [supervised.data_logit(each) if self.classifies else each for each in logits]

    # --- labels -----------------------------------------------------------------------------------

    @property
    def classifies(self) -> bool:
        return self.num_classes is not None and self.label_use == "classify"

    def supervise(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Mean cross-entropy of labelled examples among the K classes, scalar nats."""
        with self.statistics_kept():
            z = self.draw(self.posterior(x), "z_labelled")
            logits = self.apply("discriminator", x, z)[:, :-1]
        return tf.reduce_mean(supervised.cross_entropy(logits, y))

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """D's logits of the K classes at the mean code, [B, K]."""
        return self.apply("discriminator", x, self.posterior(x).mean())[:, :-1]

    # --- distributions ----------------------------------------------------------------------------

    @property
    def prior(self) -> Distribution:
        if self.prior_family == "uniform":
            return distributions.uniform(self.latent_dim)
        return super().prior
