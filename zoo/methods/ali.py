"""ALI: adversarially learned inference."""

from typing import Literal

import tensorflow as tf

from zoo import distributions
from zoo.losses import adversarial
from zoo.model import GenerativeModel


class ALI(GenerativeModel):
    """Adversarially learned inference: encoder and decoder against a discriminator of pairs.

    *Game*: min over encoder and decoder, max over D of
        E_{q(x) q(z|x)} log D(x, z) + E_{p(z) p(x|z)} log(1 - D(x, z)),
        played as in the paper with D ascending it and encoder and decoder descending it with the
        labels swapped.
    *Players*: discriminator; generator (encoder and decoder), both updated at once from one
        minibatch.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/ali-*.json.

    Args:
        encoder_output: "normal" gives a Gaussian q(z|x); "implicit" concatenates noise to the
            encoder's input, as in the paper's toy.
        decoder_output: "deterministic", or "normal" with standard deviation `decoder_stddev`.
        decoder_stddev: of a normal p(x|z), > 0.
        noise_dim: of an implicit encoder, None for `latent_dim`, >= 1.
        discriminator_learning_rate: of the discriminator's Adam, None for `learning_rate`, > 0.
        generator_learning_rate: of the encoder's and decoder's Adam, None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

    Reference:
        Dumoulin, Belghazi, Poole, Mastropietro, Lamb, Arjovsky, Courville: Adversarially learned
            inference,
        arXiv 1606.00704, algorithm 1 and section 2.3; Donahue, Krahenbuhl, Darrell: BiGAN, arXiv
        1605.09782.
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("encoder", "decoder")}
    LOGS = ("discriminator_accuracy_data", "discriminator_accuracy_model")

    def __init__(
        self,
        *,
        encoder_output: Literal["normal", "implicit"] = "normal",
        decoder_output: Literal["deterministic", "normal"] = "deterministic",
        decoder_stddev: float = 0.1,
        noise_dim: int | None = None,
        discriminator_learning_rate: float | None = None,
        generator_learning_rate: float | None = None,
        **base,
    ):
        super().__init__(
            encoder_output=encoder_output,
            decoder_output=decoder_output,
            decoder_stddev=decoder_stddev,
            noise_dim=noise_dim,
            discriminator_learning_rate=discriminator_learning_rate,
            generator_learning_rate=generator_learning_rate,
            **base,
        )

    def make_networks(self):
        d = self.latent_dim
        if self.encoder_output == "implicit":
            self.make("encoder", self.image_shape, (self.noise_dim or d,), outputs=(d,))
        else:
            self.make("encoder", self.image_shape, outputs=(2 * d,))
        self.make("decoder", (d,), outputs=self.image_shape)
        self.make("discriminator", self.image_shape, (d,))

    def adapt(self, x):
        """Output bias of the decoder from the batch's mean (appendix A)."""
        distributions.set_output_bias(self.decoder, x)

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.game, batch["x"])  # algorithm 1: both players from one minibatch, at once
        return self.report()

    def game(self, x):
        z_q = self.draw(self.posterior(x), "z_q")  # q(z|x)
        z_p = self.draw(self.prior, "z_p", batch_of=x)  # p(z)
        x_p = self.draw(self.likelihood(z_p), "x_p")  # p(x|z)
        logits_q, logits_p = self.discriminate(x, z_q, x_p, z_p)
        self.log(**adversarial.accuracies(logits_q, logits_p))
        return {
            "discriminator": adversarial.discriminator(logits_q, logits_p),
            "generator": adversarial.swapped_generator(logits_q, logits_p),
        }

    losses_of = game

    def discriminate(self, x_q, z_q, x_p, z_p):
        """Logits [B], [B] of the two joints, in one batch: batch statistics span both."""
        pairs = tf.concat([x_q, x_p], axis=0), tf.concat([z_q, z_p], axis=0)
        return tf.split(self.apply("discriminator", *pairs), 2)

    def posterior(self, x):
        """q(z|x)."""
        if self.encoder_output == "normal":
            return distributions.diagonal_normal(self.apply("encoder", x))
        return distributions.Implicit(
            lambda noise: tf.cast(self.apply("encoder", x, noise), tf.float32),
            self.noise_dim or self.latent_dim,
            tf.shape(x)[0],
            (self.latent_dim,),
        )

    def likelihood(self, z):
        """p(x|z)."""
        mean = distributions.to_data(self.apply("decoder", z))
        if self.decoder_output == "normal":
            return distributions.normal(mean, self.decoder_stddev)
        return distributions.deterministic(mean)
