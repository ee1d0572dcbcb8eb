"""VAT: a classifier that says the same of x and of what lies near x."""

import contextlib
from typing import Any

import tensorflow as tf

from zoo.fields import fixed
from zoo.losses import smoothness, supervised
from zoo.model import GenerativeModel, Losses
from zoo.model.smoothing import Smoothing


class VAT(Smoothing, GenerativeModel):
    """Virtual adversarial training: a classifier of few labels, smooth around data without labels.

    *Use*: a plain classifier, smooth around the data.
    *Game*: min over the classifier of  -E log p(y|x_l)
        + vat_weight E KL(p(y|x) || p(y|x + r)),  |r| = vat_epsilon, in the worst direction.
    *Players*: classifier.
    *Capabilities*: classify.
    *Result*: results/vat-*.json.

    With a `vat_weight` of 0 it is its network on the labels alone: what methods of few labels are
    to be compared with. Then batch normalisation knows the labelled examples alone, too.

    Reference:
        Miyato, Maeda, Koyama, Nakae, Ishii: Distributional smoothing with virtual adversarial
        training, arXiv 1507.00677, equations 3 to 9. There labelled examples are smoothed beside
        the others; here the unlabelled stream holds them, too.
    """

    PLAYERS = {"classifier": ("classifier",)}
    LOGS = ("label_loss",)
    LABELS = ("num_classes",)
    NEEDS_LABELS = True
    ROLES = {
        **GenerativeModel.ROLES,
        "classifier": "x [B, *image_shape] -> [B, K], logits of p(y|x).",
    }

    vat_weight = 1.0
    latent_dim = fixed(None)  # there is no code
    learning_rate = 2e-3
    beta_1 = 0.9

    def make_networks(self) -> None:
        self.require(self.num_classes, "num_classes", "an int")
        outputs = (self.num_classes or 0,)
        self.make("classifier", self.image_shape, outputs=outputs, like="encoder")

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.play(self.game, *self.phase_inputs(self.as_batch(data)))
        return self.report()

    def game(self, x: tf.Tensor, x_labelled: tf.Tensor, y: tf.Tensor) -> Losses:
        """The cross-entropy of the labels, and the smoothness of p(y|x)."""
        with self.statistics_kept() if self.vat_weight else contextlib.nullcontext():
            told = supervised.cross_entropy(self.class_logits(x_labelled), y)
        self.log(label_loss=told)
        loss = self.smoothed(tf.reduce_mean(told), smoothness.virtual_adversarial, x)
        return {"classifier": loss}

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """log p(y|x) and a constant, [B, K]."""
        return self.apply("classifier", x)
