"""AlphaGAN: an autoencoder whose likelihood and KL are, or contain, density ratios."""

from typing import Any, Literal

import tensorflow as tf

from zoo import distributions
from zoo.fields import field
from zoo.losses import adversarial, divergence, likelihood
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.mixins import AmortisedPosterior


class AlphaGAN(AmortisedPosterior, GenerativeModel):
    """Variational inference with a synthetic likelihood and an implicit KL; terms are switched.

    *Use*: sharp samples and faithful reconstructions.
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
    OUTPUT_BIAS = True

    encoder_output = "deterministic"
    reconstruction: Literal["l1", "bernoulli", "normal", "none"] = field(
        "rec: mean absolute error, or minus the log-likelihood of a family (a normal one has "
        "standard deviation `decoder_stddev`), or none",
        default="l1",
    )
    decoder_stddev: float = field(
        "standard deviation of a normal p(x|z)",
        default=0.1,
        above=0,
        needs="reconstruction=normal",
    )
    reconstruction_weight: float = field(
        "lambda", default=40.0, at_least=0, needs="reconstruction=l1|bernoulli|normal"
    )
    synthetic_likelihood: bool = field("whether a discriminator of data plays", default=True)
    code_term: Literal["ratio", "kl", "none"] = field(
        'KL: R_C; in closed form, for "normal" encoders; or none', default="ratio"
    )
    code_generator_loss: Literal["ratio", "non_saturating"] = field(
        "what the encoder descends of a ratio: -log C + log(1 - C), or -log C, as AAE",
        default="ratio",
        needs="code_term=ratio",
    )

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        playing = {
            "discriminator": self.synthetic_likelihood,
            "code_discriminator": self.code_term == "ratio",
        }
        return {player: r for player, r in self.PLAYERS.items() if playing.get(player, True)}

    def make_networks(self) -> None:
        gaussian = self.code_term != "kl" or self.encoder_output == "normal"
        self.require(gaussian, "encoder_output", "'normal' with code_term='kl'")
        of_decoder = self.reconstruction != "none" or self.synthetic_likelihood
        expected = "a term for the decoder: a reconstruction or the synthetic likelihood"
        self.require(of_decoder, "reconstruction", expected)
        of_encoder = self.reconstruction != "none" or self.code_term != "none"
        expected = "a term for the encoder: a reconstruction or one of codes"
        self.require(of_encoder, "code_term", expected)
        self.make_posterior()
        self.make("decoder", (self.latent_dim,), outputs=self.image_shape)
        if "discriminator" in self.players:
            self.make("discriminator", self.image_shape)
        if "code_discriminator" in self.players:
            self.make("code_discriminator", (self.latent_dim,))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.play(self.game, self.as_batch(data)["x"])
        return self.report()

    def game(self, x: tf.Tensor) -> Losses:
        """The four players' losses, a term each  (algorithm 1)."""
        q = self.posterior(x)
        z_q = self.draw(q, "z")  # q(z|x)
        p = self.likelihood(z_q)  # p(x|z)
        losses = dict.fromkeys(("encoder", "decoder"), self.reconstruction_term(x, p))
        if self.synthetic_likelihood:
            losses |= self.data_terms(x, p.mean(), losses["decoder"])
        if self.code_term != "none":
            losses |= self.code_terms(x, q, z_q, losses["encoder"])
        return losses

    def reconstruction_term(self, x: tf.Tensor, p: Distribution) -> tf.Tensor:
        """lambda rec(x, p(x|z)), [B]."""
        if self.reconstruction == "none":
            return tf.zeros(tf.shape(x)[:1])
        l1 = self.reconstruction == "l1"
        loss = likelihood.absolute_error(x, p.mean()) if l1 else -p.log_prob(x)
        self.log(reconstruction_loss=loss)
        return self.reconstruction_weight * loss

    def data_terms(self, x: tf.Tensor, x_q: tf.Tensor, decoder_loss: tf.Tensor) -> Losses:
        """D of data against reconstructions x_q and samples; the decoder + R(x_q) + R(G(z))."""
        x_p = self.likelihood(self.draw(self.prior, "z_p", batch_of=x)).mean()  # G(z), z ~ p(z)
        data, rec, sample = self.apply_each("discriminator", (x,), (x_q,), (x_p,))
        ratio = adversarial.log_ratio_generator
        return {
            "discriminator": adversarial.discriminator(data, rec, sample),
            "decoder": decoder_loss + ratio(rec) + ratio(sample),
        }

    def code_terms(
        self, x: tf.Tensor, q: Distribution, z_q: tf.Tensor, encoder_loss: tf.Tensor
    ) -> Losses:
        """C of draws of the prior against codes; the encoder + KL."""
        if self.code_term == "kl":
            kl = divergence.analytic_kl(q, self.prior)
            self.log(kl=kl)
            return {"encoder": encoder_loss + kl}
        z_p = self.draw(self.prior, "prior", batch_of=x)
        logits_p, logits_q = self.apply_each("code_discriminator", (z_p,), (z_q,))
        ratio = adversarial.log_ratio_generator(logits_q)
        self.log(kl=ratio)
        if self.code_generator_loss == "non_saturating":
            ratio = adversarial.non_saturating_generator(logits_q)
        return {
            "code_discriminator": adversarial.discriminator(logits_p, logits_q),
            "encoder": encoder_loss + ratio,
        }

    def likelihood(self, z: tf.Tensor) -> Distribution:
        """p(x|z), a point mass unless the reconstruction term is a likelihood."""
        outputs = self.apply("decoder", z)
        family: Any = self.reconstruction  # of a likelihood, or of none: a point
        return distributions.likelihood(family, outputs, self.decoder_stddev)
