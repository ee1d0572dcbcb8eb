"""VAE/GAN: a VAE whose reconstruction error is measured in a GAN's features."""

from typing import Any

import tensorflow as tf

from zoo import distributions
from zoo.fields import field
from zoo.losses import adversarial, divergence, likelihood
from zoo.model import Distribution, GenerativeModel, Losses


class VAEGAN(GenerativeModel):
    """A VAE and a GAN that share the decoder; likeness is learned by the discriminator.

    *Use*: a VAE with sharp samples and reconstructions.
    *Game*: with D_l the features of a hidden layer of D, z_q ~ q(z|x), z ~ p(z),
        encoder: min  KL(q(z|x) || p(z)) - E log N(D_l(x); D_l(G(z_q)), I);
        decoder: min  -gamma E log N(D_l(x); D_l(G(z_q)), I) - log D(G(z_q)) - log D(G(z));
        discriminator: max  log D(x) + log(1 - D(G(z_q))) + log(1 - D(G(z))).
    *Players*: discriminator, encoder, decoder, all updated at once from one minibatch.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/vae_gan-*.json.

    Reference:
        Larsen, Sonderby, Larochelle, Winther: Autoencoding beyond pixels using a learned similarity
        metric, arXiv 1512.09300, equations 7 to 9 and algorithm 1. Its decoder ascends D's
        objective with the sign turned; here it does so non-saturating.
    """

    PLAYERS = {
        "discriminator": ("discriminator",),
        "encoder": ("encoder",),
        "decoder": ("decoder",),
    }
    LOGS = ("reconstruction_loss", "kl")
    OUTPUT_BIAS = True

    gamma: float = field("weight of the decoder's reconstruction term", default=1e-2, at_least=0)
    beta: float = field("weight of the KL term", default=1.0, at_least=0)
    feature_row: int = field(
        "row of the discriminator whose outputs are compared, counted from its end (-1 are the "
        "logits)",
        default=-2,
        at_least=-9,
        at_most=-2,
    )

    def make_networks(self) -> None:
        self.make_encoder("normal")
        self.make("decoder", (self.latent_dim,), outputs=self.image_shape)
        self.make("discriminator", self.image_shape)
        self.require_rows("discriminator")
        rows = len(self.discriminator.x.rows) + len(self.discriminator.joint.rows)
        expected = f"at least -{rows}, as the discriminator has {rows} rows"
        self.require(rows >= -self.feature_row, "feature_row", expected)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.play(self.game, self.as_batch(data)["x"])
        return self.report()

    def game(self, x: tf.Tensor) -> Losses:
        """Equations 7 to 9: KL and likeness, likeness and D's verdict, D's loss."""
        q = self.posterior(x)  # q(z|x)
        x_q = self.likelihood(self.draw(q, "z")).mean()  # reconstructions
        x_p = self.likelihood(self.draw(self.prior, "z_p", batch_of=x)).mean()  # samples
        data, rec, sample = self.apply_each("discriminator", (x,), (x_q,), (x_p,))
        likeness = likelihood.squared_error(*self.features_of(x, x_q))
        kl = divergence.analytic_kl(q, self.prior)
        self.log(reconstruction_loss=likeness, kl=kl)
        return {
            "discriminator": adversarial.discriminator(data, rec, sample),
            "encoder": self.beta * kl + likeness,
            "decoder": self.gamma * likeness
            + adversarial.non_saturating_generator(rec)
            + adversarial.non_saturating_generator(sample),
        }

    def features_of(self, x: tf.Tensor, x_q: tf.Tensor) -> list[tf.Tensor]:
        """D_l of data and of reconstructions, without D's noise: equal images are alike."""
        with self.frozen():
            rows = self.trace("discriminator", tf.concat([x, x_q], axis=0))
        return tf.split(rows[self.feature_row], 2)

    def posterior(self, x: tf.Tensor) -> Distribution:
        """q(z|x)."""
        return self.code(x)

    def likelihood(self, z: tf.Tensor) -> Distribution:
        """p(x|z), a point mass in pixels."""
        return distributions.deterministic(distributions.to_data(self.apply("decoder", z)))
