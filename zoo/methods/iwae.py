"""IWAE: the VAE with the importance-weighted bound as its objective."""

import functools
from typing import Literal

import tensorflow as tf

from zoo import distributions
from zoo.losses import likelihood
from zoo.methods.vae import VAE


class IWAE(VAE):
    """Importance-weighted auto-encoder: k draws of q(z|x), weighted, for each example.

    *Game*: max over encoder and decoder of  E log 1/k sum_i w_i,  w_i = p(x, z_i) / q(z_i|x),
        z_1 ... z_k ~ q(z|x).
    *Players*: model (encoder and decoder).
    *Capabilities*: sample, encode, decode, reconstruct, log_prob (a lower bound, the same with the
        k that the caller names).
    *Result*: results/iwae-*.json.

    The paper's networks with one stochastic layer are the table `iwae_mlp`, with latent_dim=50. Its
    hierarchies of two are not here.

    Args:
        importance_samples: k, >= 1; 1 is the VAE.
        estimator: of the encoder's gradient: "reparameterised", that of the bound at its draws; or
            "doubly_reparameterised", the same in mean, whose signal does not drown as k grows. The
            decoder's is the first one's in both.
        kl: its estimate from each draw, as the weights hold it.
        beta: exponent of p(z) / q(z|x) in w, >= 0; only 1 gives a bound of log p(x).
        **vae: see `zoo.methods.vae.VAE`.

    Reference:
        Burda, Grosse, Salakhutdinov: Importance weighted autoencoders, arXiv 1509.00519, equation
        8; "doubly_reparameterised": Tucker, Lawson, Gu, Maddison: Doubly reparameterized gradient
        estimators for Monte Carlo objectives, arXiv 1810.04152, equation 8.
    """

    def __init__(
        self,
        *,
        importance_samples: int = 5,
        estimator: Literal["reparameterised", "doubly_reparameterised"] = "reparameterised",
        kl: Literal["monte_carlo"] = "monte_carlo",
        **vae,
    ):
        super().__init__(importance_samples=importance_samples, estimator=estimator, kl=kl, **vae)

    def bound(self, x):
        k, beta = self.importance_samples, self.beta * self.warm_up()
        repeat = functools.partial(tf.repeat, repeats=k, axis=0)  # [B, ...] -> [B k, ...]
        q = distributions.mapped(repeat, self.posterior(x))  # q(z|x)
        z, zeros = self.draw(q, "z"), 0.0
        if self.estimator == "doubly_reparameterised":
            z, zeros = likelihood.doubly_reparameterised(z, k, beta)
            q = distributions.mapped(tf.stop_gradient, q)
        log_likelihood, kl = self.log_ratios(repeat(x), q, z)
        self.log(reconstruction_loss=-log_likelihood, kl=kl)
        log_weights = zeros - likelihood.negative_elbo(log_likelihood, kl, beta)
        return {"model": -likelihood.iwae_bound(tf.reshape(log_weights, [-1, k]))}

    losses_of = bound
