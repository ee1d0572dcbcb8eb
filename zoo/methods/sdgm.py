"""SDGM: ADGM whose auxiliary variable takes part in making x."""

import tensorflow as tf

from zoo import distributions
from zoo.methods.adgm import ADGM
from zoo.model import Distribution


class SDGM(ADGM):
    """Skip deep generative model: p(y) p(z) p(a|y, z) p(x|a, y, z), two levels of latents.

    *Use*: as `adgm`, with codes of two levels.
    *Game*: as ADGM's, with  p(x|a, y, z) p(a|y, z)  for  p(x|y, z) p(a|x, y, z).
    *Players*: model (classifier, encoder, decoder, auxiliary_encoder and auxiliary_decoder).
    *Capabilities*: sample, encode, decode, reconstruct, log_prob (a lower bound), classify.
    *Result*: results/sdgm-*.json.

    The code is (y, z): `sample` draws a ~ p(a|y, z), `decode` and `reconstruct` take its mean.

    Reference:
        Maaloe, Sonderby, Sonderby, Winther: Auxiliary deep generative models, arXiv 1602.05473,
        section 2.3.
    """

    ROLES = {
        **ADGM.ROLES,
        "decoder": "a, y and z side by side -> [B, *image_shape], logits of an image, or a vector "
        "itself.",
        "auxiliary_decoder": "y and z side by side -> [B, 2 auxiliary_dim], p(a|y, z).",
    }

    def make_likelihood(self, code_dim: int) -> None:
        super().make_likelihood(self.auxiliary_dim + code_dim)

    def make_auxiliary_decoder(self, outputs: tuple[int, ...]) -> None:
        """Makes the network of p(a|y, z)."""
        self.make("auxiliary_decoder", (self.code_dim,), outputs=outputs, like="code_encoder")

    def log_likelihood(
        self, code: tf.Tensor, x: tf.Tensor, a: tf.Tensor, log_q: tf.Tensor
    ) -> tf.Tensor:
        """log p(x|a, y, z) p(a|y, z) / q(a|x), [B]."""
        p = self.auxiliary_likelihood(code)
        return self.whole_likelihood(a, code).log_prob(x) + p.log_prob(a) - log_q

    def auxiliary_likelihood(self, code: tf.Tensor, x: tf.Tensor | None = None) -> Distribution:
        """p(a|y, z)."""
        return distributions.diagonal_normal(self.apply("auxiliary_decoder", code))

    def whole_likelihood(self, a: tf.Tensor, code: tf.Tensor) -> Distribution:
        """p(x|a, y, z)."""
        return super().likelihood(tf.concat([a, code], axis=1))

    def likelihood(self, z: tf.Tensor, y: tf.Tensor | None = None) -> Distribution:
        """p(x|a, y, z) at the mean of p(a|y, z)."""
        return self.whole_likelihood(self.auxiliary_likelihood(z).mean(), z)

    def sample_rows(self, seeds_: tf.Tensor, y: None = None) -> tf.Tensor:
        with self.inference():
            draw = distributions.drawer(seeds_)
            code = draw(self.prior, "z")
            a = draw(self.auxiliary_likelihood(code), "a")
            return self.whole_likelihood(a, code).mean()
