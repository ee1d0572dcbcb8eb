"""GMMN: generative moment matching networks, on data or on codes of an autoencoder."""

from typing import Any, Literal

import tensorflow as tf

from zoo import distributions, replicas
from zoo.fields import field
from zoo.losses import kernel
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.mixins import Pretrained

_KERNELS = {"rbf": kernel.rbf, "rational_quadratic": kernel.rational_quadratic}


class GMMN(Pretrained, GenerativeModel):
    """A generator whose samples have the data's moments, by a kernel: no discriminator, no game.

    *Use*: samples by moments, without an adversary.
    *Game*: min over G of  MMD(p_data, G(z)),  z ~ U(-1, 1),
        MMD^2 = E k(x, x') + E k(G(z), G(z')) - 2 E k(x, G(z)).
        With `space="codes"` first  max over E and F of  E_x log p(x|F(E(x)))  for `pretrain_steps`;
        then, both frozen,  min over G of  MMD(E(x), G(z)),  and x = F(G(z)).
    *Players*: generator (the decoder; of codes its own network) and, for codes, autoencoder
        (encoder and decoder) in the first stage.
    *Capabilities*: sample, decode.
    *Result*: results/gmmn-*.json.

    The minibatch is what the moments are estimated from, so it is large: 1,000 in the paper.

    Reference:
        Li, Swersky, Zemel: Generative moment matching networks, arXiv 1502.02761, equation 3 and
        algorithms 1 and 2; its loss is the root of the biased estimate, the default here. Kernels
        and their bandwidths, which are variances: the authors' code. It trains the autoencoder
        layer by layer first, and by SGD with momentum.
    """

    PLAYERS = {"autoencoder": ("encoder", "decoder"), "generator": ("generator",)}
    LOGS = ("squared_mmd",)
    OUTPUT_BIAS = True

    latent_dim = 10
    learning_rate = 1e-3
    beta_1 = 0.9
    space: Literal["data", "codes"] = field(
        'what is compared: pixels, or "codes" of an autoencoder that is trained first',
        default="data",
    )
    pretrain_steps: int = field(
        "of the autoencoder; 0 with the weights of a trained one (`--init_from`)",
        default=10_000,
        at_least=0,
        needs="space=codes",
    )
    feature_dim: int = field(
        "dimensions of an autoencoder's codes", default=32, at_least=1, needs="space=codes"
    )
    kernel: Literal["rbf", "rational_quadratic"] = field(
        "exp(-d^2 / (2 b)), or (1 + d^2 / (2 b))^-b, summed over `bandwidths` b, d a distance",
        default="rbf",
    )
    bandwidths: tuple[float, ...] = field(
        "of the kernels; of RBF kernels variances",
        default=(2.0, 5.0, 10.0, 20.0, 40.0, 80.0),
        above=0,
    )
    estimator: Literal["biased", "unbiased", "linear"] = field(
        "of MMD^2 (zoo.losses.kernel)", default="biased"
    )
    root: bool = field("whether the loss is MMD, not its square", default=True)

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        return self.PLAYERS if self.space == "codes" else {"generator": ("decoder",)}

    @property
    def stage_starts(self) -> tuple[int, ...]:
        return super().stage_starts if self.space == "codes" else ()

    def make_networks(self) -> None:
        self.require(self.bandwidths, "bandwidths", "one number at least")
        biased = not self.root or self.estimator == "biased"
        self.require(biased, "root", f"False with estimator={self.estimator!r}, which may be < 0")
        own_rate = self.space == "codes" or self.autoencoder_learning_rate is None
        expected = f"None with space={self.space!r}, which has no autoencoder"
        self.require(own_rate, "autoencoder_learning_rate", expected)
        width = self.latent_dim
        if self.space == "codes":
            width = self.feature_dim
            self.make("encoder", self.image_shape, outputs=(width,))
            self.make("generator", (self.latent_dim,), outputs=(width,), like="code_decoder")
        self.make("decoder", (width,), outputs=self.image_shape)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x = self.as_batch(data)["x"]
        codes = self.space == "codes"
        self.play(self.autoencoding if codes and self.stage == 0 else self.matching, x)
        return self.report()

    def autoencoding(self, x: tf.Tensor) -> Losses:
        """-log p(x|F(E(x))): cross-entropy of pixels, half the squared error of vectors."""
        outputs = self.apply("decoder", self.apply("encoder", x))
        images = len(self.image_shape) == 3
        p = distributions.bernoulli(outputs) if images else distributions.normal(outputs, 1.0)
        return {"autoencoder": -p.log_prob(x)}

    def matching(self, x: tf.Tensor) -> Losses:
        """MMD of the batch and as many samples, or its square."""
        z = self.draw(self.prior, "z", batch_of=x)
        if self.space == "codes":
            with self.frozen():
                x = self.apply("encoder", x)
            x_p = self.apply("generator", z)
        else:
            x_p = self.likelihood(z).mean()
        # Moments are those of the global batch.
        x, x_p = (replicas.rows(tf.reshape(each, [tf.shape(each)[0], -1])) for each in (x, x_p))
        mmd = kernel.squared_mmd(x, x_p, _KERNELS[self.kernel](self.bandwidths), self.estimator)
        self.log(squared_mmd=mmd)
        # At 0 the root has no slope: all is matched.
        return {"generator": tf.sqrt(tf.maximum(mmd, 1e-12)) if self.root else mmd}

    @property
    def prior(self) -> Distribution:
        """p(z) = U(-1, 1) in each dimension."""
        return distributions.uniform(self.latent_dim)

    def likelihood(self, z: tf.Tensor) -> Distribution:
        """p(x|z), a point mass."""
        if self.space == "codes":
            z = self.apply("generator", z)
        return distributions.deterministic(distributions.to_data(self.apply("decoder", z)))
