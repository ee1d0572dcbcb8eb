"""VAE/GAN: a VAE whose reconstruction error is measured in a GAN's features."""

import tensorflow as tf

from zoo import distributions
from zoo.errors import refusal
from zoo.losses import adversarial, divergence, likelihood
from zoo.model import GenerativeModel


class VAEGAN(GenerativeModel):
    """A VAE and a GAN that share the decoder; likeness is learned by the discriminator.

    *Game*: with D_l the features of a hidden layer of D, z_q ~ q(z|x), z ~ p(z),
        encoder: min  KL(q(z|x) || p(z)) - E log N(D_l(x); D_l(G(z_q)), I);
        decoder: min  -gamma E log N(D_l(x); D_l(G(z_q)), I) - log D(G(z_q)) - log D(G(z));
        discriminator: max  log D(x) + log(1 - D(G(z_q))) + log(1 - D(G(z))).
    *Players*: discriminator, encoder, decoder, all updated at once from one minibatch.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/vae_gan-*.json.

    Args:
        gamma: weight of the decoder's reconstruction term, >= 0.
        beta: weight of the KL term, >= 0.
        feature_row: row of the discriminator whose outputs are compared, counted from its end
            (-1 are the logits), in [-9, -2].
        discriminator_learning_rate: None for `learning_rate`, > 0.
        encoder_learning_rate: None for `learning_rate`, > 0.
        decoder_learning_rate: None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

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

    def __init__(
        self,
        *,
        gamma: float = 1e-2,
        beta: float = 1.0,
        feature_row: int = -2,
        discriminator_learning_rate: float | None = None,
        encoder_learning_rate: float | None = None,
        decoder_learning_rate: float | None = None,
        **base,
    ):
        super().__init__(
            gamma=gamma,
            beta=beta,
            feature_row=feature_row,
            discriminator_learning_rate=discriminator_learning_rate,
            encoder_learning_rate=encoder_learning_rate,
            decoder_learning_rate=decoder_learning_rate,
            **base,
        )

    def make_networks(self):
        self.make_encoder("normal")
        self.make("decoder", (self.latent_dim,), outputs=self.image_shape)
        self.make("discriminator", self.image_shape)
        rows = len(self.discriminator.x.rows) + len(self.discriminator.joint.rows)
        if rows < -self.feature_row:
            expected = f"at least -{rows}, as the discriminator has {rows} rows"
            raise ValueError(refusal("feature_row", expected, self.feature_row))

    def adapt(self, x):
        """Output bias of the decoder from the batch's mean."""
        distributions.set_output_bias(self.decoder, x)

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.game, batch["x"])
        return self.report()

    def game(self, x):
        q = self.posterior(x)
        x_q = self.likelihood(self.draw(q, "z")).mean()  # reconstructions
        x_p = self.likelihood(self.draw(self.prior, "z_p", batch_of=x)).mean()  # samples
        logits = self.apply("discriminator", tf.concat([x, x_q, x_p], axis=0))
        data, rec, sample = tf.split(logits, 3)
        likeness = likelihood.squared_error(*self.features_of(x, x_q))
        kl = divergence.analytic_kl(q, self.prior)
        self.log(reconstruction_loss=likeness, kl=kl)
        return {
            "discriminator": adversarial.discriminator(data, rec) + tf.nn.softplus(sample),
            "encoder": self.beta * kl + likeness,
            "decoder": self.gamma * likeness
            + adversarial.non_saturating_generator(rec)
            + adversarial.non_saturating_generator(sample),
        }

    losses_of = game

    def features_of(self, x, x_q):
        """D_l of data and of reconstructions, without D's noise: equal images are alike."""
        with self.frozen():
            rows = self.trace("discriminator", tf.concat([x, x_q], axis=0))
        return tf.split(rows[self.feature_row], 2)

    def posterior(self, x):
        """q(z|x)."""
        return distributions.diagonal_normal(self.apply("encoder", x))

    def likelihood(self, z):
        """p(x|z), a point mass in pixels."""
        return distributions.deterministic(distributions.to_data(self.apply("decoder", z)))
