"""ACGAN: a conditional GAN whose discriminator says which class it sees."""

import tensorflow as tf

from zoo.fields import field
from zoo.losses import supervised
from zoo.methods.cgan import CGAN


class ACGAN(CGAN):
    """Auxiliary classifier GAN: D is not told the class y, but names it, of data and of samples.

    *Use*: samples of a class, and a classifier beside.
    *Game*: with L_S = E log P(data|x) + E log P(samples|G(z, y)) and
        L_C = E log P(y|x) + E log P(y|G(z, y)):
        max over D of  L_S + L_C;  max over G of  L_C - L_S, non-saturating.
    *Players*: discriminator and generator (the decoder), updated one after the other.
    *Capabilities*: sample (given y), decode (given y), classify (of x alone).
    *Result*: results/acgan-*.json.

    Of each class G prefers what D is sure of: samples of a class differ less than its data do.

    Reference:
        Odena, Olah, Shlens: Conditional image synthesis with auxiliary classifier GANs, arXiv
        1610.09585, equations 2 and 3.
    """

    LABELS = ("num_classes",)
    LOGS = (*CGAN.LOGS, "class_accuracy_data", "class_accuracy_model")

    class_weight: float = field("of L_C in both players' losses", default=1.0, at_least=0)

    @property
    def semi_supervised(self) -> bool:
        return False  # all examples have labels, which the generator is given

    @property
    def condition_width(self) -> int:
        return 0

    @property
    def head_width(self) -> int:
        return self.num_classes or 0

    def discriminator_cost(
        self, outputs: list[tf.Tensor], points: tf.Tensor | None, *given: tf.Tensor
    ) -> tf.Tensor:
        """- L_S - class_weight L_C, [B]."""
        loss = super().discriminator_cost(outputs, points, *given)
        classes = sum(supervised.cross_entropy(each[:, 1:], *given) for each in outputs)
        return loss + self.class_weight * classes

    def generator_cost(self, outputs_p: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
        """L_S, or as `generator_loss` says, - class_weight L_C of the samples, [B]."""
        classes = supervised.cross_entropy(outputs_p[:, 1:], *given)
        return super().generator_cost(outputs_p, *given) + self.class_weight * classes

    def watch(self, outputs: tf.Tensor, outputs_p: tf.Tensor, *given: tf.Tensor) -> None:
        """Logs the shares of data and of samples whose class D names, too."""
        super().watch(outputs, outputs_p, *given)
        (y,) = given
        named = (
            tf.argmax(each[:, 1:], axis=1, output_type=y.dtype) for each in (outputs, outputs_p)
        )
        data, model = (tf.cast(each == y, tf.float32) for each in named)
        self.log(class_accuracy_data=data, class_accuracy_model=model)

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """D's logits of the K classes, [B, K]."""
        return self.apply("discriminator", x)[:, 1:]
