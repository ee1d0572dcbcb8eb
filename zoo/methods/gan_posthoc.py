"""GAN with an encoder learned afterwards, by ALI's game."""

from typing import Any

import tensorflow as tf

from zoo.losses import adversarial
from zoo.methods.gan import GAN
from zoo.model import Losses
from zoo.model.mixins import AmortisedPosterior, Pretrained


class GANPosthoc(Pretrained, AmortisedPosterior, GAN):
    """A GAN, then an encoder that ALI's discriminator of pairs teaches.

    *Use*: codes for a GAN, taught by a game of pairs.
    *Game*: the GAN's for `pretrain_steps`; then, the GAN frozen, min over the encoder, max over D_2
        of  E_{q(x) q(z|x)} log D_2(x, z) + E_{p(z)} log(1 - D_2(G(z), z)),
        the encoder with the label swapped.
    *Players*: discriminator and generator (the decoder) in the first stage; in the second
        joint_discriminator (D_2) and encoder, both updated at once.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/gan_posthoc-*.json.

    Reference:
        Dumoulin et al., ALI, arXiv 1606.00704, section 4.6: post-hoc learned inference.
    """

    PLAYERS = {
        **GAN.PLAYERS,
        "joint_discriminator": ("joint_discriminator",),
        "encoder": ("encoder",),
    }

    def make_networks(self) -> None:
        super().make_networks()
        self.make_posterior()
        codes = (self.latent_dim,)
        self.make("joint_discriminator", self.image_shape, codes, like="discriminator")

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        if self.stage == 0:
            return super().train_step(data)
        self.play(self.inference_game, self.as_batch(data)["x"])
        return self.report()

    def inference_game(self, x: tf.Tensor) -> Losses:
        """D_2 of (x, z ~ q(z|x)) and (G(z), z ~ p(z)); the encoder ascends log(1 - D_2(x, z))."""
        z_q = self.draw(self.posterior(x), "z_q")  # q(z|x)
        z_p = self.draw(self.prior, "z_p", batch_of=x)  # p(z)
        with self.frozen():
            x_p = self.likelihood(z_p).mean()  # G(z)
        logits_q, logits_p = self.apply_each("joint_discriminator", (x, z_q), (x_p, z_p))
        return {
            "joint_discriminator": adversarial.discriminator(logits_q, logits_p),
            "encoder": adversarial.non_saturating_generator(-logits_q),  # the label swapped
        }
