"""AVB: adversarial variational Bayes, with adaptive contrast."""

from collections.abc import Callable
from typing import Any, Literal

import tensorflow as tf

from zoo import distributions, seeds
from zoo.fields import field
from zoo.losses import adversarial
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.mixins import FamilyLikelihood

_MEAN_DRAWS = 1_000  # of each v_i, of which the means of the posterior are made; the same for all x
_FLOOR = 1e-4  # of a variance: a code narrower than 0.01 would magnify rounding beyond use


class AVB(FamilyLikelihood, GenerativeModel):
    """Adversarial variational Bayes: the VAE's bound with a posterior known by its samples alone.

    *Use*: a VAE whose posterior may have any shape.
    *Game*: max over encoder and decoder of  E_{q(z|x)} [log p(x|z) - T(x, z)], where T is the
        optimum of  max over T of  E_{q(z|x)} log sigma(T) + E_{p(z)} log(1 - sigma(T)):
        T = log q(z|x) - log p(z). With adaptive contrast T compares q with its Gaussian r(z|x) of
        the same moments, and log r(z|x) - log p(z) is added in closed form.
    *Players*: discriminator (T); model (encoder and decoder), both updated at once from one
        minibatch.
    *Capabilities*: sample, encode, decode, reconstruct.
    *Result*: results/avb-*.json.

    Reference:
        Mescheder, Nowozin, Geiger: Adversarial variational Bayes, arXiv 1701.04722, algorithms 1
        and 2 (equations 3.3, 3.7 and 4.2); the basis: appendix.
    """

    PLAYERS = {"discriminator": ("discriminator",), "model": ("encoder", "decoder")}
    LOGS = ("reconstruction_loss", "kl")
    OUTPUT_BIAS = True

    encoder_output: Literal["basis", "implicit"] = field(
        "z = b(x) + sum_i a_i(x) v_i(e_i), functions v_i of noise e_i of their own, whose moments "
        "give q's in closed form for every x; or any function of x and noise, whose moments are "
        "taken from draws",
        default="basis",
    )
    basis_size: int = field(
        "number of functions v_i", default=8, at_least=1, needs="encoder_output=basis"
    )
    noise_dim: int | None = field(
        "width of e_i, or of an implicit encoder's noise, None for `latent_dim`",
        default=None,
        at_least=1,
    )
    adaptive_contrast: bool = field("whether q is compared with r instead of p", default=True)
    contrast_samples: int = field(
        "draws that moments are taken from: of all v_i, or of an implicit q(z|x) (few make r "
        "unlike q, which T then tells apart by that)",
        default=256,
        at_least=2,
        needs="adaptive_contrast",
    )

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        basis = ("basis",) if self.encoder_output == "basis" else ()
        return {**self.PLAYERS, "model": (*self.PLAYERS["model"], *basis)}

    def make_networks(self) -> None:
        if self.encoder_output == "basis":
            d, m = self.latent_dim, self.basis_size
            self.make("encoder", self.image_shape, outputs=((m + 1) * d,))  # b(x), a_i(x)
            # v_i(e_i) = v(e_i, i), i one-hot; no batch normalisation on noise.
            self.make(
                "basis", ((self.noise_dim or d) + m,), outputs=(d,), like="code_discriminator"
            )
        else:
            self.make_encoder("implicit", self.noise_dim)
        self.make_likelihood(self.latent_dim)
        self.make("discriminator", self.image_shape, (self.latent_dim,))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.play(self.bound, self.as_batch(data)["x"])
        return self.report()

    def bound(self, x: tf.Tensor) -> Losses:
        """T - log p(x|z) of z ~ q(z|x); T against its contrast  (equations 3.3, 3.7, 4.2)."""
        q, moments = self.inferred(x)
        z_q = self.draw(q, "z_q")  # q(z|x)
        if self.adaptive_contrast:
            # The bound does not depend on r: as constants its moments lose no gradient.
            loc, scale = map(tf.stop_gradient, moments())
            contrast = self.draw(distributions.standard_normal(self.latent_dim), "r", batch_of=x)
            pairs = (x, (z_q - loc) / scale), (x, contrast)
            t_q, t_r = self.apply_each("discriminator", *pairs)  # T of q and of its contrast
            r = distributions.diagonal_normal(tf.concat([loc, tf.math.log(scale)], axis=1))
            kl = t_q + r.log_prob(z_q) - self.prior.log_prob(z_q)  # equation 4.2
        else:
            z_p = self.draw(self.prior, "z_p", batch_of=x)
            t_q, t_r = self.apply_each("discriminator", (x, z_q), (x, z_p))
            kl = t_q
        log_likelihood = self.likelihood(z_q).log_prob(x)
        self.log(reconstruction_loss=-log_likelihood, kl=kl)
        return {
            "discriminator": adversarial.discriminator(t_q, t_r),
            "model": kl - log_likelihood,
        }

    def inferred(self, x: tf.Tensor) -> tuple[Distribution, Callable[[], tuple]]:
        """q(z|x), and a function that gives its means and standard deviations, [B, d] each."""
        rows = tf.shape(x)[0]
        if self.encoder_output == "basis":
            outputs = self.apply("encoder", x)
            outputs = tf.reshape(outputs, [rows, self.basis_size + 1, self.latent_dim])
            b, a = outputs[:, 0], outputs[:, 1:]
            combine = lambda noise: b + tf.reduce_sum(a * self.functions(noise), axis=1)
            width = self.basis_size * (self.noise_dim or self.latent_dim)
            fixed = lambda: distributions.noise("normal", [_MEAN_DRAWS, width], seeds.fold(0, "v"))
            mean = lambda: self.moments_of_sum(a, b, fixed())[0]
            shape = (self.latent_dim,)
            q = distributions.Implicit(combine, width, rows, shape, mean, _MEAN_DRAWS)
            noise = lambda: self.shared_noise([self.contrast_samples, width], "moments")
            return q, lambda: self.moments_of_sum(a, b, noise())
        return self.code(x), lambda: self.moments_of_draws(x)

    def functions(self, noise: tf.Tensor) -> tf.Tensor:
        """v_i(e_i), [B, m, d], from the noise of all, [B, m noise_dim]."""
        m = self.basis_size
        rows = tf.shape(noise)[0]
        each = tf.reshape(noise, [rows * m, noise.shape[-1] // m])
        index = tf.tile(tf.eye(m), [rows, 1])
        v = self.apply("basis", tf.concat([each, index], axis=1))
        return tf.reshape(v, [rows, m, self.latent_dim])

    def moments_of_sum(self, a: tf.Tensor, b: tf.Tensor, noise: tf.Tensor) -> tuple:
        """E z = b + sum_i a_i E v_i;  Var z = sum_i a_i^2 Var v_i, as the e_i are independent.

        The moments of the v_i, which do not depend on x, are those of n draws from `noise`: Var v_i
        low by 1 / n, which the bound, true of any contrast, does not feel.
        """
        mean, variance = tf.nn.moments(self.functions(noise), axes=0)  # [m, d]
        total = tf.reduce_sum(tf.square(a) * variance, axis=1)
        return b + tf.reduce_sum(a * mean, axis=1), tf.sqrt(total + _FLOOR)

    def moments_of_draws(self, x: tf.Tensor) -> tuple:
        """Mean and standard deviation of draws of q(z|x), for each x."""
        rows, k = tf.shape(x)[0], self.contrast_samples
        many = self.draw(self.posterior(tf.repeat(x, k, axis=0)), "moments")
        mean, variance = tf.nn.moments(tf.reshape(many, [rows, k, self.latent_dim]), axes=1)
        return mean, tf.sqrt(variance * k / (k - 1) + _FLOOR)

    def posterior(self, x: tf.Tensor) -> Distribution:
        """q(z|x), known by its samples."""
        return self.inferred(x)[0]
