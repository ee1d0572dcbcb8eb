"""ADGM: M2 with an auxiliary variable, which makes q(z|x) richer than a Gaussian."""

import tensorflow as tf

from zoo import distributions, seeds
from zoo.distributions import Draw
from zoo.fields import field
from zoo.methods.m2 import M2
from zoo.model import Distribution, Losses


class ADGM(M2):
    """Auxiliary deep generative model: M2, and a variable a that q infers first.

    *Use*: as `m2`, with a richer posterior.
    *Game*: as M2's, with the bounds
        L(x, y) = E_{q(a|x) q(z|a, x, y)} log p(x|y, z) p(y) p(z) p(a|x, y, z) / (q(a|x) q(z|.)),
        U(x) = E_{q(a|x)} sum_y q(y|a, x) [L(x, y, a) - log q(y|a, x)].
    *Players*: model (classifier, encoder, decoder, auxiliary_encoder and auxiliary_decoder).
    *Capabilities*: sample, encode, decode, reconstruct, log_prob (a lower bound), classify.
    *Result*: results/adgm-*.json.

    p(x) is M2's: a is no part of it, nor of the code. `classify` gives the mean of q(y|a, x) over
    draws of a, the same noise for every x; other verbs take the mean of q(a|x).

    The paper's beta, 0.1 N / N_l, weighs the cross-entropy of each labelled example, which over all
    N makes 0.1 of their mean. The authors' script for `sdgm` gives that weight to the mean: 60 for
    100 labels of MNIST, the default of `alpha`; that for ADGM gives it 0.01 N = 600. The script for
    `sdgm` averages q(y|a, x) over the draws of a before the entropy; here, as in the equation, each
    draw has its own.

    Reference:
        Maaloe, Sonderby, Sonderby, Winther: Auxiliary deep generative models, arXiv 1602.05473,
        section 2.
    """

    INFERRED = "q(a|x), and of q(z|a, x, y) of every y, whose p(x, y) are summed,"
    OF_EVERY_CLASS = "log p(x, a|y, z)"  # what `class_likelihood_rows` gives
    PLAYERS = {
        "model": ("classifier", "encoder", "decoder", "auxiliary_encoder", "auxiliary_decoder")
    }
    ROLES = {
        **M2.ROLES,
        "classifier": "x [B, *image_shape] and a [B, auxiliary_dim] -> [B, K], logits of "
        "q(y|a, x).",
        "encoder": "x [B, *image_shape], and one-hot y and a side by side -> [B, 2 latent_dim], "
        "means and log standard deviations of q(z|a, x, y).",
        "auxiliary_encoder": "x [B, *image_shape] -> [B, 2 auxiliary_dim], q(a|x).",
        "auxiliary_decoder": "x [B, *image_shape], and y and z side by side -> "
        "[B, 2 auxiliary_dim], p(a|x, y, z).",
    }

    auxiliary_dim: int = field("dimensions of a", default=100, at_least=1)
    auxiliary_samples: int = field("draws of a for each example of a step", default=1, at_least=1)
    class_samples: int = field(
        "draws of a over which `classify` averages q(y|a, x)", default=16, at_least=1
    )
    alpha = 60.0

    def make_networks(self) -> None:
        super().make_networks()
        outputs = (2 * self.auxiliary_dim,)
        self.make("auxiliary_encoder", self.image_shape, outputs=outputs, like="encoder")
        self.make_auxiliary_decoder(outputs)

    def make_inference(self) -> None:
        k, d, a = self.classes, self.latent_dim, self.auxiliary_dim
        self.make("classifier", self.image_shape, (a,), outputs=(k,), like="encoder")
        self.make("encoder", self.image_shape, (k + a,), outputs=(2 * d,))

    def make_auxiliary_decoder(self, outputs: tuple[int, ...]) -> None:
        """Makes the network of p(a|x, y, z)."""
        inputs = self.image_shape, (self.code_dim,)
        self.make("auxiliary_decoder", *inputs, outputs=outputs, like="encoder")

    def bound(self, x: tf.Tensor, x_labelled: tf.Tensor, y: tf.Tensor) -> Losses:
        """As M2's, of `auxiliary_samples` draws of a for each x."""
        repeated = (tf.repeat(rows, self.auxiliary_samples, axis=0) for rows in (x, x_labelled, y))
        return super().bound(*repeated)

    def seen(self, x: tf.Tensor, draw: Draw) -> tuple[tf.Tensor, ...]:
        """x, a ~ q(a|x), and log q(a|x)."""
        q = self.auxiliary_posterior(x)
        a = draw(q, "a")
        return x, a, q.log_prob(a)

    def logits_of(self, x: tf.Tensor, a: tf.Tensor, *log_q: tf.Tensor) -> tf.Tensor:
        """log q(y|a, x) and a constant, [B, K]."""
        return self.apply("classifier", x, a)

    def beside(self, y: tf.Tensor, x: tf.Tensor, a: tf.Tensor, log_q: tf.Tensor) -> tf.Tensor:
        return tf.concat([y, a], axis=1)

    def log_likelihood(
        self, code: tf.Tensor, x: tf.Tensor, a: tf.Tensor, log_q: tf.Tensor
    ) -> tf.Tensor:
        """log p(x|y, z) p(a|x, y, z) / q(a|x), [B]."""
        p = self.auxiliary_likelihood(code, x)
        return self.likelihood(code).log_prob(x) + p.log_prob(a) - log_q

    def auxiliary_posterior(self, x: tf.Tensor) -> Distribution:
        """q(a|x)."""
        return distributions.diagonal_normal(self.apply("auxiliary_encoder", x))

    def auxiliary_likelihood(self, code: tf.Tensor, x: tf.Tensor) -> Distribution:
        """p(a|x, y, z)."""
        return distributions.diagonal_normal(self.apply("auxiliary_decoder", x, code))

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """log of the mean of q(y|a, x) over draws of a, [B, K]."""
        n, q = self.class_samples, self.auxiliary_posterior(x).distribution
        shape, seed = [n, self.auxiliary_dim], seeds.fold(self.seed, "classify")
        noise = distributions.noise("normal", shape, seed)
        a = q.loc[:, None] + q.scale[:, None] * noise  # [B, n, A]
        logits = self.apply_with_each("classifier", x, a)
        log_q = tf.reshape(tf.nn.log_softmax(logits), [-1, n, self.classes])
        return tf.reduce_logsumexp(log_q, axis=1) - tf.math.log(float(n))
