"""VAE: the variational auto-encoder, its beta and its importance-weighted bound."""

import functools
from typing import Literal

import tensorflow as tf

from zoo import distributions
from zoo.losses import divergence, likelihood
from zoo.model import GenerativeModel


class VAE(GenerativeModel):
    """Variational auto-encoder with a Gaussian posterior.

    *Game*: max over encoder and decoder of  E_{q(z|x)} log p(x|z) - beta KL(q(z|x) || p(z)).
    *Players*: model (encoder and decoder).
    *Capabilities*: sample, encode, decode, reconstruct, log_prob (a lower bound: ELBO with one
        sample, IWAE with k).
    *Result*: results/vae-*.json.

    Args:
        decoder_output: p(x|z): "bernoulli" for binary pixels, "discretised_logistic" for 256
            levels, or "normal" with standard deviation `decoder_stddev`, a density.
        decoder_stddev: of a normal p(x|z), > 0.
        beta: weight of the KL term, >= 0.
        kl: "analytic", or "monte_carlo" from the posterior sample.
        kl_warm_up_steps: steps over which the KL term's weight rises from 0 to `beta`, >= 0.
        model_learning_rate: of the model's Adam, None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

    Reference:
        Kingma and Welling: Auto-encoding variational Bayes, arXiv 1312.6114, equations 3 and 10;
        beta: Higgins et al., beta-VAE, ICLR 2017, equation 4; the bound with k samples: Burda et
        al., IWAE, arXiv 1509.00519, equation 8.
    """

    PLAYERS = {"model": ("encoder", "decoder")}
    LOGS = ("reconstruction_loss", "kl")
    DENSITY = "lower_bound"

    def __init__(
        self,
        *,
        decoder_output: Literal["bernoulli", "normal", "discretised_logistic"] = "bernoulli",
        decoder_stddev: float = 0.1,
        beta: float = 1.0,
        kl: Literal["analytic", "monte_carlo"] = "analytic",
        kl_warm_up_steps: int = 0,
        model_learning_rate: float | None = None,
        learning_rate: float = 1e-3,
        beta_1: float = 0.9,
        **base,
    ):
        super().__init__(
            decoder_output=decoder_output,
            decoder_stddev=decoder_stddev,
            beta=beta,
            kl=kl,
            kl_warm_up_steps=kl_warm_up_steps,
            model_learning_rate=model_learning_rate,
            learning_rate=learning_rate,
            beta_1=beta_1,
            **base,
        )

    def make_networks(self):
        maps = 2 if self.decoder_output == "discretised_logistic" else 1
        self.make_encoder("normal", labels=self.label_width)
        self.make(
            "decoder",
            (self.latent_dim + self.label_width,),
            outputs=(*self.image_shape[:-1], maps * self.image_shape[-1]),
        )

    def adapt(self, x):
        """Output bias of the decoder from the batch's mean."""
        if self.decoder_output != "discretised_logistic":
            distributions.set_output_bias(self.decoder, x)

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.bound, *self.phase_inputs(batch))
        return self.report()

    def bound(self, x, y=None):
        q = self._posterior(x, y)  # q(z|x)
        log_likelihood, kl = self.log_ratios(x, q, self.draw(q, "z"), y)
        if self.kl == "analytic":
            kl = divergence.analytic_kl(q, self.prior)
        self.log(reconstruction_loss=-log_likelihood, kl=kl)
        return {"model": likelihood.negative_elbo(log_likelihood, kl, self.beta * self.warm_up())}

    losses_of = bound

    def warm_up(self):
        """Share of the KL term at this step, rising from 0 to 1."""
        if not self.kl_warm_up_steps:
            return 1.0
        return tf.minimum(tf.cast(self.step.value, tf.float32) / self.kl_warm_up_steps, 1.0)

    def log_ratios(self, x, q, z, y=None):
        """log p(x|z) and log q(z|x) / p(z), [B] each: log w is the first less the second."""
        return self._likelihood(z, y).log_prob(x), divergence.monte_carlo_kl(q, self.prior, z)

    def log_prob_rows(self, x, seeds_, y=None, samples=1):
        """log 1/k sum_k p(x, z_k) / q(z_k|x), z_k ~ q(z|x): [B] nats."""
        repeat = functools.partial(tf.repeat, repeats=samples, axis=0)  # [B, ...] -> [B k, ...]
        with self.inference():
            q = self._posterior(x, y)
            z = distributions.sample_rows(q, seeds_, "z", n=samples)  # [B, k, d]
            log_likelihood, kl = self.log_ratios(
                repeat(x),
                distributions.mapped(repeat, q),
                tf.reshape(z, [-1, self.latent_dim]),
                None if y is None else repeat(y),
            )
            return likelihood.iwae_bound(tf.reshape(log_likelihood - kl, [-1, samples]))

    def posterior(self, x):
        """q(z|x)."""
        return self.code(x, "normal")

    def likelihood(self, z):
        """p(x|z)."""
        outputs = self.apply("decoder", z)
        return distributions.likelihood(self.decoder_output, outputs, self.decoder_stddev)

    def proper_likelihood(self, binary):
        return binary if self.decoder_output == "bernoulli" else True
