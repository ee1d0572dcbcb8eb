"""ALI: adversarially learned inference, conditional and semi-supervised too."""

from typing import Literal

import tensorflow as tf

from zoo import distributions
from zoo.errors import refusal
from zoo.losses import adversarial, supervised
from zoo.model import GenerativeModel


class ALI(GenerativeModel):
    """Adversarially learned inference: encoder and decoder against a discriminator of pairs.

    *Game*: min over encoder and decoder, max over D of
        E_{q(x) q(z|x)} log D(x, z) + E_{p(z) p(x|z)} log(1 - D(x, z)),
        played as in the paper with D ascending it and encoder and decoder descending it with the
        labels swapped.
    *Players*: discriminator; generator (encoder and decoder), both updated at once from one
        minibatch.
    *Capabilities*: sample, encode, decode, reconstruct, classify (with
        `label_use="classify"`).
    *Result*: results/ali-*.json.

    Args:
        encoder_output: "normal" gives a Gaussian q(z|x); "implicit" concatenates noise to the
            encoder's input, as in the paper's toy; "deterministic" is a point, as in BiGAN.
        decoder_output: "deterministic", or "normal" with standard deviation `decoder_stddev`.
        decoder_stddev: of a normal p(x|z), > 0.
        noise_dim: of an implicit encoder, None for `latent_dim`, >= 1.
        prior_family: p(z), "normal" N(0, I) or "uniform" U(-1, 1).
        label_use: what labels are for, where `num_classes` or `num_attributes` is given:
            "condition" gives them to encoder, decoder and discriminator, one-hot, by a linear map
            of each network's own; "classify" makes D a classifier of the K classes and "decoded",
            for semi-supervised learning.
        discriminator_learning_rate: of the discriminator's Adam, None for `learning_rate`, > 0.
        generator_learning_rate: of the encoder's and decoder's Adam, None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

    Reference:
        Dumoulin, Belghazi, Poole, Mastropietro, Lamb, Arjovsky, Courville: Adversarially learned
            inference,
        arXiv 1606.00704, algorithm 1 and section 2.3, and its parts on conditional generation and
        semi-supervised learning. The paper's networks share one embedding of the labels.
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("encoder", "decoder")}
    LOGS = ("discriminator_accuracy_data", "discriminator_accuracy_model")
    LABELS = ("num_classes", "num_attributes")

    def __init__(
        self,
        *,
        encoder_output: Literal["normal", "implicit", "deterministic"] = "normal",
        decoder_output: Literal["deterministic", "normal"] = "deterministic",
        decoder_stddev: float = 0.1,
        noise_dim: int | None = None,
        prior_family: Literal["normal", "uniform"] = "normal",
        label_use: Literal["condition", "classify"] = "condition",
        discriminator_learning_rate: float | None = None,
        generator_learning_rate: float | None = None,
        **base,
    ):
        super().__init__(
            encoder_output=encoder_output,
            decoder_output=decoder_output,
            decoder_stddev=decoder_stddev,
            noise_dim=noise_dim,
            prior_family=prior_family,
            label_use=label_use,
            discriminator_learning_rate=discriminator_learning_rate,
            generator_learning_rate=generator_learning_rate,
            **base,
        )

    def make_networks(self):
        if self.label_use == "classify" and self.num_classes is None:
            raise ValueError(refusal("num_classes", "an int with label_use='classify'", None))
        if self.classifies and self.encoder_output == "implicit":
            expected = "'normal' or 'deterministic' with label_use='classify'"
            raise ValueError(refusal("encoder_output", expected, self.encoder_output))
        d, y = self.latent_dim, self.label_width
        self.make_encoder(self.encoder_output, self.noise_dim, labels=y)
        self.make("decoder", (d + y,), outputs=self.image_shape)
        classes = (self.num_classes + 1,) if self.classifies else ()
        self.make("discriminator", self.image_shape, (d,), *(((y,),) if y else ()), outputs=classes)

    def adapt(self, x):
        """Output bias of the decoder from the batch's mean (appendix A)."""
        distributions.set_output_bias(self.decoder, x)

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.game, *self.phase_inputs(batch))  # both players from one minibatch, at once
        return self.report()

    def game(self, x, *labels):
        y = labels[:1] if self.conditional else ()
        z_q = self.draw(self.posterior(x, *y), "z_q")  # q(z|x)
        z_p = self.draw(self.prior, "z_p", batch_of=x)  # p(z)
        x_p = self.draw(self.likelihood(z_p, *y), "x_p")  # p(x|z)
        logits_q, logits_p = self.discriminate(x, z_q, x_p, z_p, *y)
        discriminator_loss = adversarial.discriminator(logits_q, logits_p)
        if self.classifies:
            discriminator_loss = tf.reduce_mean(discriminator_loss) + self.supervise(*labels)
        self.log(**adversarial.accuracies(logits_q, logits_p))
        return {
            "discriminator": discriminator_loss,
            "generator": adversarial.swapped_generator(logits_q, logits_p),
        }

    losses_of = game

    def discriminate(self, x_q, z_q, x_p, z_p, y=None):
        """Logits [B], [B] of the two joints, in one batch: batch statistics span both."""
        inputs = [tf.concat([x_q, x_p], axis=0), tf.concat([z_q, z_p], axis=0)]
        if y is not None:
            inputs.append(tf.repeat(self.label_vector(y)[None], 2, axis=0))
            inputs[-1] = tf.reshape(inputs[-1], [-1, self.label_width])
        logits = self.apply("discriminator", *inputs)
        return tf.split(supervised.data_logit(logits) if self.classifies else logits, 2)

    # --- labels -----------------------------------------------------------------------------------

    @property
    def conditional(self):
        return super().conditional and self.label_use == "condition"

    @property
    def classifies(self):
        return self.num_classes is not None and self.label_use == "classify"

    def phase_inputs(self, batch):
        if not self.classifies:
            return super().phase_inputs(batch)
        return self.labelled(batch)

    def supervise(self, x, y):
        """Mean cross-entropy of labelled examples among the K classes, scalar nats."""
        z = self.draw(self.posterior(x), "z_labelled")
        logits = self.apply("discriminator", x, z)[:, :-1]
        return tf.reduce_mean(supervised.cross_entropy(logits, y))

    def class_logits(self, x):
        """D's logits of the K classes at the mean code, [B, K]."""
        return self.apply("discriminator", x, self.posterior(x).mean())[:, :-1]

    # --- distributions ----------------------------------------------------------------------------

    @property
    def prior(self):
        if self.prior_family == "uniform":
            return distributions.uniform(self.latent_dim)
        return super().prior

    def posterior(self, x, y=None):
        """q(z|x), or q(z|x, y)."""
        labels = [] if y is None else [self.label_vector(y)]
        return self.code(x, self.encoder_output, self.noise_dim, labels)

    def likelihood(self, z, y=None):
        """p(x|z), or p(x|z, y)."""
        labels = [] if y is None else [self.label_vector(y)]
        outputs = self.apply("decoder", tf.concat([z, *labels], axis=-1))
        return distributions.likelihood(self.decoder_output, outputs, self.decoder_stddev)
