"""GAN with an encoder learned afterwards, by ALI's game."""

from typing import Literal

import tensorflow as tf

from zoo.losses import adversarial
from zoo.methods.gan import GAN


class GANPosthoc(GAN):
    """A GAN, then an encoder that ALI's discriminator of pairs teaches.

    *Game*: the GAN's for `pretrain_steps`; then, the GAN frozen, min over the encoder, max over D_2
        of  E_{q(x) q(z|x)} log D_2(x, z) + E_{p(z)} log(1 - D_2(G(z), z)),
        the encoder with the label swapped.
    *Players*: discriminator and generator (the decoder) in the first stage; in the second
        joint_discriminator (D_2) and encoder, both updated at once.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/gan_posthoc-*.json.

    Args:
        pretrain_steps: of the GAN; 0 with the weights of a trained one (`--init_from`), >= 0.
        encoder_output: "normal" gives a Gaussian q(z|x); "implicit" concatenates noise to the
            encoder's input.
        noise_dim: of an implicit encoder, None for `latent_dim`, >= 1.
        joint_discriminator_learning_rate: of D_2's Adam, None for `learning_rate`, > 0.
        encoder_learning_rate: of the encoder's Adam, None for `learning_rate`, > 0.
        **gan: see `zoo.methods.gan.GAN`.

    Reference:
        Dumoulin et al., ALI, arXiv 1606.00704, section 4.6: post-hoc learned inference.
    """

    PLAYERS = {
        **GAN.PLAYERS,
        "joint_discriminator": ("joint_discriminator",),
        "encoder": ("encoder",),
    }

    def __init__(
        self,
        *,
        pretrain_steps: int = 10_000,
        encoder_output: Literal["normal", "implicit"] = "normal",
        noise_dim: int | None = None,
        joint_discriminator_learning_rate: float | None = None,
        encoder_learning_rate: float | None = None,
        **gan,
    ):
        super().__init__(
            pretrain_steps=pretrain_steps,
            encoder_output=encoder_output,
            noise_dim=noise_dim,
            joint_discriminator_learning_rate=joint_discriminator_learning_rate,
            encoder_learning_rate=encoder_learning_rate,
            **gan,
        )

    @property
    def stage_starts(self):
        return (self.pretrain_steps,)

    def make_networks(self):
        super().make_networks()
        self.make_encoder(self.encoder_output, self.noise_dim)
        codes = (self.latent_dim,)
        self.make("joint_discriminator", self.image_shape, codes, like="discriminator")

    def train_step(self, data):
        if self.stage == 0:
            return super().train_step(data)
        self.play(self.inference_game, self.as_batch(data)["x"])
        return self.report()

    def inference_game(self, x):
        z_q = self.draw(self.posterior(x), "z_q")  # q(z|x)
        z_p = self.draw(self.prior, "z_p", batch_of=x)  # p(z)
        with self.frozen():
            x_p = self.likelihood(z_p).mean()  # G(z)
        pairs = tf.concat([x, x_p], axis=0), tf.concat([z_q, z_p], axis=0)
        logits_q, logits_p = tf.split(self.apply("joint_discriminator", *pairs), 2)
        return {
            "joint_discriminator": adversarial.discriminator(logits_q, logits_p),
            "encoder": adversarial.non_saturating_generator(-logits_q),  # the label swapped
        }

    def losses_of(self, x):
        return super().losses_of(x) | self.inference_game(x)

    def posterior(self, x):
        """q(z|x)."""
        return self.code(x, self.encoder_output, self.noise_dim)
