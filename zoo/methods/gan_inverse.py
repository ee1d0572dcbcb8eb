"""GAN with a learned inverse: an encoder regresses the codes of a trained GAN's samples."""

import tensorflow as tf

from zoo import distributions
from zoo.methods.gan import GAN


class GANInverse(GAN):
    """A GAN, then an encoder that maps its samples back to their codes.

    *Game*: the GAN's for `pretrain_steps`; then, the GAN frozen,
        min over E of  E_{p(z)} |z - E(G(z))|^2.
    *Players*: discriminator and generator (the decoder) in the first stage, encoder in the second.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/gan_inverse-*.json.

    Args:
        pretrain_steps: of the GAN; 0 with the weights of a trained one (`--init_from`), >= 0.
        encoder_learning_rate: of the encoder's Adam, None for `learning_rate`, > 0.
        **gan: see `zoo.methods.gan.GAN`.

    Reference:
        Dumoulin et al., ALI, arXiv 1606.00704, section 4.6: learned inverse mapping;
        Donahue et al., BiGAN, arXiv 1605.09782, section 4.1: latent regressor.
    """

    PLAYERS = {**GAN.PLAYERS, "encoder": ("encoder",)}

    def __init__(
        self,
        *,
        pretrain_steps: int = 10_000,
        encoder_learning_rate: float | None = None,
        **gan,
    ):
        super().__init__(
            pretrain_steps=pretrain_steps, encoder_learning_rate=encoder_learning_rate, **gan
        )

    @property
    def stage_starts(self):
        return (self.pretrain_steps,)

    def make_networks(self):
        super().make_networks()
        self.make("encoder", self.image_shape, outputs=(self.latent_dim,))

    def train_step(self, data):
        if self.stage == 0:
            return super().train_step(data)
        self.play(self.regression, self.as_batch(data)["x"])
        return self.report()

    def regression(self, x):
        z = self.draw(self.prior, "z", batch_of=x)
        with self.frozen():
            x_p = self.likelihood(z).mean()
        error = tf.square(z - self.posterior(x_p).mean())
        return {"encoder": tf.reduce_sum(error, axis=1)}

    def losses_of(self, x):
        return super().losses_of(x) | self.regression(x)

    def posterior(self, x):
        """A point mass at E(x)."""
        return distributions.deterministic(self.apply("encoder", x))
