"""AVB: adversarial variational Bayes, with adaptive contrast."""

from typing import Literal

import tensorflow as tf

from zoo import distributions
from zoo.losses import adversarial
from zoo.model import GenerativeModel


class AVB(GenerativeModel):
    """Adversarial variational Bayes: the VAE's bound with a posterior known by its samples alone.

    *Game*: max over encoder and decoder of  E_{q(z|x)} [log p(x|z) - T(x, z)], where T is the
        optimum of  max over T of  E_{q(z|x)} log sigma(T) + E_{p(z)} log(1 - sigma(T)):
        T = log q(z|x) - log p(z). With adaptive contrast T compares q with its Gaussian r(z|x) of
        the same moments, and log r(z|x) - log p(z) is added in closed form.
    *Players*: discriminator (T); model (encoder and decoder), both updated at once from one
        minibatch.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/avb-*.json.

    Args:
        noise_dim: of the encoder's noise, None for `latent_dim`, >= 1.
        decoder_output: p(x|z): "bernoulli", or "normal" with standard deviation `decoder_stddev`.
        decoder_stddev: of a normal p(x|z), > 0.
        adaptive_contrast: whether q is compared with r instead of p.
        contrast_samples: draws of q(z|x) that r's moments are taken from, >= 2.
        model_learning_rate: of encoder's and decoder's Adam, None for `learning_rate`, > 0.
        discriminator_learning_rate: of T's Adam, None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

    Reference:
        Mescheder, Nowozin, Geiger: Adversarial variational Bayes, arXiv 1701.04722, algorithms 1
        and 2 (equations 3.3, 3.7 and 4.2).
    """

    PLAYERS = {"discriminator": ("discriminator",), "model": ("encoder", "decoder")}
    LOGS = ("reconstruction_loss", "kl")

    def __init__(
        self,
        *,
        noise_dim: int | None = None,
        decoder_output: Literal["bernoulli", "normal"] = "bernoulli",
        decoder_stddev: float = 0.1,
        adaptive_contrast: bool = True,
        contrast_samples: int = 8,
        model_learning_rate: float | None = None,
        discriminator_learning_rate: float | None = None,
        **base,
    ):
        super().__init__(
            noise_dim=noise_dim,
            decoder_output=decoder_output,
            decoder_stddev=decoder_stddev,
            adaptive_contrast=adaptive_contrast,
            contrast_samples=contrast_samples,
            model_learning_rate=model_learning_rate,
            discriminator_learning_rate=discriminator_learning_rate,
            **base,
        )

    def make_networks(self):
        self.make_encoder("implicit", self.noise_dim)
        self.make("decoder", (self.latent_dim,), outputs=self.image_shape)
        self.make("discriminator", self.image_shape, (self.latent_dim,))

    def adapt(self, x):
        """Output bias of the decoder from the batch's mean."""
        distributions.set_output_bias(self.decoder, x)

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.bound, batch["x"])
        return self.report()

    def bound(self, x):
        z_q = self.draw(self.posterior(x), "z_q")  # q(z|x)
        if self.adaptive_contrast:
            loc, scale = self.moments(x)
            contrast = self.draw(distributions.standard_normal(self.latent_dim), "r", batch_of=x)
            t_q, t_r = self.discriminate(x, (z_q - loc) / scale, contrast)
            r = distributions.diagonal_normal(tf.concat([loc, tf.math.log(scale)], axis=1))
            kl = t_q + r.log_prob(z_q) - self.prior.log_prob(z_q)  # equation 4.2
        else:
            z_p = self.draw(self.prior, "z_p", batch_of=x)
            t_q, t_r = self.discriminate(x, z_q, z_p)
            kl = t_q
        log_likelihood = self.likelihood(z_q).log_prob(x)
        self.log(reconstruction_loss=-log_likelihood, kl=kl)
        return {
            "discriminator": adversarial.discriminator(t_q, t_r),
            "model": kl - log_likelihood,
        }

    losses_of = bound

    def discriminate(self, x, z_q, z_r):
        """T [B], [B] of codes and of their contrast, in one batch."""
        pairs = tf.concat([x, x], axis=0), tf.concat([z_q, z_r], axis=0)
        return tf.split(self.apply("discriminator", *pairs), 2)

    def moments(self, x):
        """Mean and standard deviation of q(z|x), [B, d] each, from draws; constants.

        The bound does not depend on r, so no gradient is lost.
        """
        rows, k = tf.shape(x)[0], self.contrast_samples
        many = self.draw(self.posterior(tf.repeat(x, k, axis=0)), "moments")
        mean, variance = tf.nn.moments(tf.reshape(many, [rows, k, self.latent_dim]), axes=1)
        scale = tf.sqrt(variance * k / (k - 1) + 1e-6)
        return tf.stop_gradient(mean), tf.stop_gradient(scale)

    def posterior(self, x):
        """q(z|x), known by its samples."""
        encode = lambda noise: self.apply("encoder", x, noise)
        return distributions.code(
            "implicit", encode, tf.shape(x)[0], self.latent_dim, self.noise_dim
        )

    def likelihood(self, z):
        """p(x|z)."""
        outputs = self.apply("decoder", z)
        if self.decoder_output == "bernoulli":
            return distributions.bernoulli(outputs)
        return distributions.normal(distributions.to_data(outputs), self.decoder_stddev)
