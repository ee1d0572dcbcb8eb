"""AlphaGAN: an autoencoder whose likelihood and KL are, or contain, density ratios."""

from typing import Literal

import tensorflow as tf

from zoo import distributions
from zoo.errors import refusal
from zoo.losses import adversarial, divergence, likelihood
from zoo.model import GenerativeModel


class AlphaGAN(GenerativeModel):
    """Variational inference with a synthetic likelihood and an implicit KL; terms are switched.

    *Game*: with R = -log D + log(1 - D), an estimate of log(model / data), and R_C of codes,
        encoder: min  lambda rec(x, G(z_q)) + KL,  KL = R_C(z_q) or in closed form, z_q ~ q(z|x);
        decoder: min  lambda rec(x, G(z_q)) + R(G(z_q)) + R(G(z)),  z ~ p(z);
        discriminator D: data against reconstructions and samples;
        code_discriminator C: draws of the prior against codes.
    *Players*: discriminator, code_discriminator, encoder, decoder, all updated at once from one
        minibatch.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/alpha_gan-*.json.

    | terms | reconstruction | synthetic_likelihood | code_term |
    |---|---|---|---|
    | AlphaGAN | "l1" | True | "ratio" |
    | VAE | a likelihood | False | "kl" |
    | AAE | a likelihood | False | "ratio" |
    | VAE with a GAN | a likelihood | True | "kl" |

    With reconstruction_weight=1, "normal" encoders of the VAE and code_generator_loss=
    "non_saturating" of the AAE the losses are exactly those methods'. The paper's experiments
    update the four networks in turn.

    Args:
        encoder_output: q(z|x): "deterministic", "normal", or "implicit", a function of x and noise.
        noise_dim: of an implicit encoder, None for `latent_dim`, >= 1.
        reconstruction: rec: "l1" mean absolute error, "bernoulli" or "normal" (standard deviation
            `decoder_stddev`) minus log-likelihood, or "none".
        decoder_stddev: of a normal p(x|z), > 0.
        reconstruction_weight: lambda, >= 0.
        synthetic_likelihood: whether a discriminator of data plays.
        code_term: "ratio" R_C; "kl" in closed form, for "normal" encoders; or "none".
        code_generator_loss: what the encoder descends of a ratio: "ratio" -log C + log(1 - C), or
            "non_saturating" -log C, as AAE.
        discriminator_learning_rate: None for `learning_rate`, > 0.
        code_discriminator_learning_rate: None for `learning_rate`, > 0.
        encoder_learning_rate: None for `learning_rate`, > 0.
        decoder_learning_rate: None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

    Reference:
        Rosca, Lakshminarayanan, Warde-Farley, Mohamed: Variational approaches for auto-encoding
        generative adversarial networks, arXiv 1706.04987, section 3 and algorithm 1, the terms of
        the code discriminator as corrected by the authors (version 1 swaps prior and posterior).
    """

    PLAYERS = {
        "discriminator": ("discriminator",),
        "code_discriminator": ("code_discriminator",),
        "encoder": ("encoder",),
        "decoder": ("decoder",),
    }
    LOGS = ("reconstruction_loss", "kl")

    def __init__(
        self,
        *,
        encoder_output: Literal["deterministic", "normal", "implicit"] = "deterministic",
        noise_dim: int | None = None,
        reconstruction: Literal["l1", "bernoulli", "normal", "none"] = "l1",
        decoder_stddev: float = 0.1,
        reconstruction_weight: float = 40.0,
        synthetic_likelihood: bool = True,
        code_term: Literal["ratio", "kl", "none"] = "ratio",
        code_generator_loss: Literal["ratio", "non_saturating"] = "ratio",
        discriminator_learning_rate: float | None = None,
        code_discriminator_learning_rate: float | None = None,
        encoder_learning_rate: float | None = None,
        decoder_learning_rate: float | None = None,
        **base,
    ):
        super().__init__(
            encoder_output=encoder_output,
            noise_dim=noise_dim,
            reconstruction=reconstruction,
            decoder_stddev=decoder_stddev,
            reconstruction_weight=reconstruction_weight,
            synthetic_likelihood=synthetic_likelihood,
            code_term=code_term,
            code_generator_loss=code_generator_loss,
            discriminator_learning_rate=discriminator_learning_rate,
            code_discriminator_learning_rate=code_discriminator_learning_rate,
            encoder_learning_rate=encoder_learning_rate,
            decoder_learning_rate=decoder_learning_rate,
            **base,
        )

    @property
    def players(self):
        playing = {
            "discriminator": self.synthetic_likelihood,
            "code_discriminator": self.code_term == "ratio",
        }
        return {player: r for player, r in self.PLAYERS.items() if playing.get(player, True)}

    def make_networks(self):
        if self.code_term == "kl" and self.encoder_output != "normal":
            expected = "'normal' with code_term='kl'"
            raise ValueError(refusal("encoder_output", expected, self.encoder_output))
        if self.reconstruction == "none" and not self.synthetic_likelihood:
            expected = "a term for the decoder: a reconstruction or the synthetic likelihood"
            raise ValueError(refusal("reconstruction", expected, self.reconstruction))
        if self.reconstruction == self.code_term == "none":
            expected = "a term for the encoder: a reconstruction or one of codes"
            raise ValueError(refusal("code_term", expected, self.code_term))
        self.make_encoder(self.encoder_output, self.noise_dim)
        self.make("decoder", (self.latent_dim,), outputs=self.image_shape)
        if "discriminator" in self.players:
            self.make("discriminator", self.image_shape)
        if "code_discriminator" in self.players:
            self.make("code_discriminator", (self.latent_dim,))

    def adapt(self, x):
        """Output bias of the decoder from the batch's mean."""
        distributions.set_output_bias(self.decoder, x)

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.game, batch["x"])
        return self.report()

    def game(self, x):
        q = self.posterior(x)
        z_q = self.draw(q, "z")
        p = self.likelihood(z_q)
        losses = dict.fromkeys(("encoder", "decoder"), self.reconstruction_term(x, p))
        if self.synthetic_likelihood:
            losses |= self.data_terms(x, p.mean(), losses["decoder"])
        if self.code_term != "none":
            losses |= self.code_terms(x, q, z_q, losses["encoder"])
        return losses

    losses_of = game

    def reconstruction_term(self, x, p):
        """lambda rec(x, p(x|z)), [B]."""
        if self.reconstruction == "none":
            return tf.zeros(tf.shape(x)[:1])
        l1 = self.reconstruction == "l1"
        loss = likelihood.absolute_error(x, p.mean()) if l1 else -p.log_prob(x)
        self.log(reconstruction_loss=loss)
        return self.reconstruction_weight * loss

    def data_terms(self, x, x_q, decoder_loss):
        """Losses of D and of the decoder: data against reconstructions x_q and samples."""
        x_p = self.likelihood(self.draw(self.prior, "z_p", batch_of=x)).mean()
        logits = self.apply("discriminator", tf.concat([x, x_q, x_p], axis=0))
        data, rec, sample = tf.split(logits, 3)
        return {
            "discriminator": adversarial.discriminator(data, rec) + tf.nn.softplus(sample),
            "decoder": decoder_loss
            + adversarial.log_ratio_generator(rec)
            + adversarial.log_ratio_generator(sample),
        }

    def code_terms(self, x, q, z_q, encoder_loss):
        """Losses of C and of the encoder: draws of the prior against codes."""
        if self.code_term == "kl":
            kl = divergence.analytic_kl(q, self.prior)
            self.log(kl=kl)
            return {"encoder": encoder_loss + kl}
        z_p = self.draw(self.prior, "prior", batch_of=x)
        both = self.apply("code_discriminator", tf.concat([z_p, z_q], axis=0))
        logits_p, logits_q = tf.split(both, 2)
        ratio = adversarial.log_ratio_generator(logits_q)
        self.log(kl=ratio)
        if self.code_generator_loss == "non_saturating":
            ratio = adversarial.non_saturating_generator(logits_q)
        return {
            "code_discriminator": adversarial.discriminator(logits_p, logits_q),
            "encoder": encoder_loss + ratio,
        }

    def posterior(self, x):
        """q(z|x)."""
        return self.code(x, self.encoder_output, self.noise_dim)

    def likelihood(self, z):
        """p(x|z), a point mass unless the reconstruction term is a likelihood."""
        outputs = self.apply("decoder", z)
        return distributions.likelihood(self.reconstruction, outputs, self.decoder_stddev)
