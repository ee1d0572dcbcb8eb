"""GAN with a learned inverse: an encoder regresses the codes of a trained GAN's samples."""

from typing import Any

import tensorflow as tf

from zoo import distributions
from zoo.methods.gan import GAN
from zoo.model import Distribution, Losses
from zoo.model.mixins import Pretrained


class GANInverse(Pretrained, GAN):
    """A GAN, then an encoder that maps its samples back to their codes.

    *Use*: codes for a GAN, learned from its own samples.
    *Game*: the GAN's for `pretrain_steps`; then, the GAN frozen,
        min over E of  E_{p(z)} |z - E(G(z))|^2.
    *Players*: discriminator and generator (the decoder) in the first stage, encoder in the second.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/gan_inverse-*.json.

    Reference:
        Dumoulin et al., ALI, arXiv 1606.00704, section 4.6: learned inverse mapping;
        Donahue et al., BiGAN, arXiv 1605.09782, section 4.1: latent regressor.
    """

    PLAYERS = {**GAN.PLAYERS, "encoder": ("encoder",)}

    def make_networks(self) -> None:
        super().make_networks()
        self.make("encoder", self.image_shape, outputs=(self.latent_dim,))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        if self.stage == 0:
            return super().train_step(data)
        self.play(self.regression, self.as_batch(data)["x"])
        return self.report()

    def regression(self, x: tf.Tensor) -> Losses:
        """|z - E(G(z))|^2, as many as x has rows."""
        z = self.draw(self.prior, "z", batch_of=x)
        with self.frozen():
            x_p = self.likelihood(z).mean()
        error = tf.square(z - self.posterior(x_p).mean())
        return {"encoder": tf.reduce_sum(error, axis=1)}

    def posterior(self, x: tf.Tensor) -> Distribution:
        """A point mass at E(x)."""
        return distributions.deterministic(self.apply("encoder", x))
