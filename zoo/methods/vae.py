"""VAE: the variational auto-encoder, its beta and its importance-weighted bound."""

import functools
from typing import Any, Literal

import tensorflow as tf

from zoo import distributions
from zoo.fields import field
from zoo.losses import divergence, likelihood
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.mixins import FamilyLikelihood


class VAE(FamilyLikelihood, GenerativeModel):
    """Variational auto-encoder with a Gaussian posterior.

    *Use*: codes and a likelihood bound, fast and stable.
    *Game*: max over encoder and decoder of  E_{q(z|x)} log p(x|z) - beta KL(q(z|x) || p(z)).
    *Players*: model (encoder and decoder).
    *Capabilities*: sample, encode, decode, reconstruct, log_prob (a lower bound: ELBO with one
        sample, IWAE with k).
    *Result*: results/vae-*.json.

    The log `elbo` knows no `beta` and no warm-up; it bounds log p(x) where p(x|z) is a likelihood
    of the data. Evaluated losses have the full weight, so that steps of a warm-up can be compared.

    Reference:
        Kingma and Welling: Auto-encoding variational Bayes, arXiv 1312.6114, equations 3 and 10;
        beta: Higgins et al., beta-VAE, ICLR 2017, equation 4; the bound with k samples: Burda et
        al., IWAE, arXiv 1509.00519, equation 8.
    """

    PLAYERS = {"model": ("encoder", "decoder")}
    LOGS = ("reconstruction_loss", "kl", "elbo")
    DENSITY = "lower_bound"
    OUTPUT_BIAS = True

    beta: float = field("weight of the KL term", default=1.0, at_least=0)
    kl: Literal["analytic", "monte_carlo"] = field(
        "the KL term in closed form, or from the posterior sample", default="analytic"
    )
    kl_warm_up_steps: int = field(
        "steps over which the KL term's weight rises from 0 to `beta`", default=0, at_least=0
    )
    learning_rate = 1e-3
    beta_1 = 0.9

    def make_networks(self) -> None:
        self.make_encoder("normal", labels=self.label_width)
        self.make_likelihood(self.latent_dim)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.play(self.bound, *self.phase_inputs(self.as_batch(data)))
        return self.report()

    def bound(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Losses:
        """-log p(x|z) + beta KL(q(z|x) || p(z)), z ~ q(z|x)  (equation 10)."""
        q = self._posterior(x, y)  # q(z|x)
        log_likelihood, kl = self.log_ratios(x, q, self.draw(q, "z"), y)
        if self.kl == "analytic":
            kl = divergence.analytic_kl(q, self.prior)
        self.log(reconstruction_loss=-log_likelihood, kl=kl, elbo=log_likelihood - kl)
        return {"model": likelihood.negative_elbo(log_likelihood, kl, self.beta * self.warm_up())}

    def warm_up(self) -> tf.Tensor | float:
        """Share of the KL term at this step, rising from 0 to 1; outside of training it is 1."""
        if not (self.kl_warm_up_steps and self.is_training):
            return 1.0
        return tf.minimum(tf.cast(self.step.value, tf.float32) / self.kl_warm_up_steps, 1.0)

    def log_ratios(
        self,
        x: tf.Tensor,
        q: Distribution,
        z: tf.Tensor,
        y: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """log p(x|z) and log q(z|x) / p(z), [B] each: log w is the first less the second."""
        return self._likelihood(z, y).log_prob(x), divergence.monte_carlo_kl(q, self.prior, z)

    def log_prob_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None, samples: int = 1
    ) -> tf.Tensor:
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

    def posterior(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Distribution:
        """q(z|x), or q(z|x, y)."""
        return self.code(x, *self.labels_of(y))
