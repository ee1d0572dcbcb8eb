"""IWAE: the VAE with the importance-weighted bound as its objective."""

import functools
from typing import Literal

import tensorflow as tf

from zoo import distributions
from zoo.fields import field, fixed
from zoo.losses import likelihood
from zoo.methods.vae import VAE
from zoo.model import Losses


class IWAE(VAE):
    """Importance-weighted auto-encoder: k draws of q(z|x), weighted, for each example.

    *Use*: a tighter bound on log p(x) than the VAE's.
    *Game*: max over encoder and decoder of  E log 1/k sum_i w_i,  w_i = p(x, z_i) / q(z_i|x),
        z_1 ... z_k ~ q(z|x).
    *Players*: model (encoder and decoder).
    *Capabilities*: sample, encode, decode, reconstruct, log_prob (a lower bound, the same with the
        k that the caller names).
    *Result*: results/iwae-*.json.

    `beta` is an exponent of p(z) / q(z|x) in w; only 1 gives a bound of log p(x). The KL term is
    estimated from each draw, as the weights hold it. The paper's networks with one stochastic layer
    are the table `iwae_mlp`, with latent_dim=50. Its hierarchies of two are not here.

    Reference:
        Burda, Grosse, Salakhutdinov: Importance weighted autoencoders, arXiv 1509.00519, equation
        8; "doubly_reparameterised": Tucker, Lawson, Gu, Maddison: Doubly reparameterized gradient
        estimators for Monte Carlo objectives, arXiv 1810.04152, equation 8.
    """

    importance_samples: int = field("k; 1 is the VAE", default=5, at_least=1)
    estimator: Literal["reparameterised", "doubly_reparameterised"] = field(
        "of the encoder's gradient: that of the bound at its draws, or one of the same mean whose "
        "signal does not drown as k grows; the decoder's gradient is that of the bound in both",
        default="reparameterised",
    )
    kl = fixed("monte_carlo")

    def bound(self, x: tf.Tensor) -> Losses:
        """-log 1/k sum_i w_i  (equation 8)."""
        k, beta = self.importance_samples, self.beta * self.warm_up()
        repeat = functools.partial(tf.repeat, repeats=k, axis=0)  # [B, ...] -> [B k, ...]
        q = distributions.mapped(repeat, self.posterior(x))  # q(z|x)
        z, zeros = self.draw(q, "z"), 0.0
        if self.estimator == "doubly_reparameterised":
            z, zeros = likelihood.doubly_reparameterised(z, k, beta)
            q = distributions.mapped(tf.stop_gradient, q)
        log_likelihood, kl = self.log_ratios(repeat(x), q, z)
        self.log(reconstruction_loss=-log_likelihood, kl=kl, elbo=log_likelihood - kl)
        log_weights = zeros - likelihood.negative_elbo(log_likelihood, kl, beta)
        return {"model": -likelihood.iwae_bound(tf.reshape(log_weights, [-1, k]))}
