"""M1+M2: a VAE, then M2 on its codes."""

import contextlib
from typing import Any

import tensorflow as tf

from zoo import distributions
from zoo.distributions import Draw
from zoo.fields import field
from zoo.losses import divergence, likelihood
from zoo.methods.m2 import M2
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.mixins import Pretrained


class M1M2(Pretrained, M2):
    """M1, a VAE, for `pretrain_steps`; then, M1 frozen, M2 on draws of its q(f|x).

    *Use*: `m2` on the codes of a VAE.
    *Game*: in the first stage  max over encoder and decoder of  E_{q(f|x)} log p(x|f) -
        KL(q(f|x) || p(f));  in the second M2's, of f ~ q(f|x) in the place of x.
    *Players*: features (encoder and decoder) in the first stage, model (classifier, code_encoder
        and code_decoder) in the second.
    *Capabilities*: sample, encode, decode, reconstruct, log_prob (a lower bound), classify.
    *Result*: results/m1_m2-*.json.

    Features are drawn anew in each step; `classify` reads their mean. With `--init_from` of a `vae`
    run of the same network and `latent_dim` = `feature_dim`, the first stage is that run, and
    `pretrain_steps` is 0. In the bounds, and in `log_prob`, log p(x|f) - log q(f|x) is added: they
    are of log p(x), where p(f) is M2's. The code is M2's (y, z): `sample` draws f ~ p(f|y, z), a
    Gaussian with learned variances, `decode` and `reconstruct` take its mean.

    With `end_to_end` M1 is not frozen: both players go up the same bound of log p(x), from the
    first step where `pretrain_steps` is 0. The paper's figures are of two stages.

    Reference:
        Kingma, Rezende, Mohamed, Welling: Semi-supervised learning with deep generative models,
        arXiv 1406.5298, section 2.3. The authors' code leaves out dimensions of f that tell nothing
        of x; here all stay.
    """

    INFERRED = "q(f|x), and of q(z|f, y) of every y, whose p(x, y) are summed,"
    OF_EVERY_CLASS = "log p(f|y, z)"  # what `class_likelihood_rows` gives
    PLAYERS = {
        "features": ("encoder", "decoder"),
        "model": ("classifier", "code_encoder", "code_decoder"),
    }
    STYLE_ROLE = "code_encoder"
    ROLES = {
        **GenerativeModel.ROLES,
        "encoder": "x [B, *image_shape] -> [B, 2 feature_dim], means and log standard deviations "
        "of q(f|x).",
        "decoder": "f [B, feature_dim] -> [B, *image_shape], logits of an image, or a vector "
        "itself.",
        "classifier": "f [B, feature_dim] -> [B, K], logits of q(y|f).",
        "code_encoder": "f [B, feature_dim] and one-hot y [B, K] -> [B, 2 latent_dim], q(z|f, y).",
        "code_decoder": "y and z side by side -> [B, 2 feature_dim], p(f|y, z).",
    }

    feature_dim: int = field("dimensions of f, M1's code", default=50, at_least=1)
    end_to_end: bool = field("in the second stage M2's bound teaches M1, too", default=False)

    def make_networks(self) -> None:
        super().make_networks()
        outputs = (2 * self.feature_dim,)
        self.make("code_decoder", (self.code_dim,), outputs=outputs)

    def make_inference(self) -> None:
        k, d, f = self.classes, self.latent_dim, self.feature_dim
        self.make("encoder", self.image_shape, outputs=(2 * f,))
        self.make("classifier", (f,), outputs=(k,), like="code_encoder")
        self.make("code_encoder", (f,), (k,), outputs=(2 * d,))

    def make_likelihood(self, code_dim: int) -> None:
        super().make_likelihood(self.feature_dim)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        if self.stage:
            return super().train_step(data)
        self.play(self.feature_bound, self.as_batch(data)["x"])
        return self.report()

    def feature_bound(self, x: tf.Tensor) -> Losses:
        """-log p(x|f) + KL(q(f|x) || N(0, I)), f ~ q(f|x)."""
        q = self.feature_posterior(x)
        p = distributions.standard_normal(self.feature_dim)
        log_likelihood = self.feature_likelihood(self.draw(q, "f")).log_prob(x)
        kl = divergence.analytic_kl(q, p)
        return {"features": likelihood.negative_elbo(log_likelihood, kl)}

    def bound(self, x: tf.Tensor, x_labelled: tf.Tensor, y: tf.Tensor) -> Losses:
        """M2's, of both players if they learn end to end."""
        losses = super().bound(x, x_labelled, y)
        return dict.fromkeys(self.PLAYERS, losses["model"]) if self.end_to_end else losses

    # --- M2 on features ---------------------------------------------------------------------------

    def seen(self, x: tf.Tensor, draw: Draw) -> tuple[tf.Tensor, ...]:
        """f ~ q(f|x), and log p(x|f) / q(f|x)."""
        with contextlib.nullcontext() if self.end_to_end else self.frozen():
            q = self.feature_posterior(x)
            f = draw(q, "f")
            return f, self.feature_likelihood(f).log_prob(x) - q.log_prob(f)

    def logits_of(self, f: tf.Tensor, log_ratio: tf.Tensor) -> tf.Tensor:
        """log q(y|f) and a constant, [B, K]."""
        return self.apply("classifier", f)

    def log_likelihood(self, code: tf.Tensor, f: tf.Tensor, log_ratio: tf.Tensor) -> tf.Tensor:
        """log p(f|y, z) p(x|f) / q(f|x), [B]."""
        return self.feature_prior(code).log_prob(f) + log_ratio

    def feature_posterior(self, x: tf.Tensor) -> Distribution:
        """q(f|x)."""
        return distributions.diagonal_normal(self.apply("encoder", x))

    def feature_prior(self, code: tf.Tensor) -> Distribution:
        """p(f|y, z)."""
        return distributions.diagonal_normal(self.apply("code_decoder", code))

    def feature_likelihood(self, f: tf.Tensor) -> Distribution:
        """p(x|f)."""
        return super().likelihood(f)

    # --- verbs ------------------------------------------------------------------------------------

    def likelihood(self, z: tf.Tensor, y: tf.Tensor | None = None) -> Distribution:
        """p(x|f) at the mean of p(f|y, z)."""
        return self.feature_likelihood(self.feature_prior(z).mean())

    def sample_rows(self, seeds_: tf.Tensor, y: None = None) -> tf.Tensor:
        with self.inference():
            draw = distributions.drawer(seeds_)
            f = draw(self.feature_prior(draw(self.prior, "z")), "f")
            return self.feature_likelihood(f).mean()

    def features_rows(self, x: tf.Tensor, y: None = None) -> dict[str, tf.Tensor]:
        """The hidden layers of M1's encoder."""
        return GenerativeModel.features_rows(self, x)
