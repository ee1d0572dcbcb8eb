"""The logistic distribution on the levels of grey of images."""

import math
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from zoo import seeds

LEVELS = 256  # of 8-bit images


class DiscretisedLogistic(tfd.Distribution):
    """Logistic on [0, 1] rounded to L levels, the outermost ones taking the tails.

        P(x) = F((x + h - loc) / scale) - F((x - h - loc) / scale)
        F = sigmoid, h = 1 / (2 (L - 1)), half of the distance of two levels

    Args:
        loc: [...], in units of x.
        scale: [...], > 0, in units of x.
        levels: L, int >= 2: x is a multiple of 1 / (L - 1).

    `log_prob` is the log of the probability *mass* of round((L - 1) x), nats. `mean` is the mean of
    the logistic clipped to [0, 1], which is within half a level of the exact one.

    Reference: Salimans et al., PixelCNN++, arXiv 1701.05517, equation 2, with one component.
    """

    def __init__(
        self,
        loc: tf.Tensor | float,
        scale: tf.Tensor | float,
        levels: int = LEVELS,
        name: str = "DiscretisedLogistic",
    ) -> None:
        parameters = dict(locals())
        self.loc, self.scale = tf.convert_to_tensor(loc), tf.convert_to_tensor(scale)
        self.top = levels - 1
        super().__init__(
            dtype=self.loc.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return {"loc": tfp.util.ParameterProperties(), "scale": tfp.util.ParameterProperties()}

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant([], tf.int32)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        level = tf.round(x * self.top)
        half = 0.5 / self.top
        upper = (level / self.top + half - self.loc) / self.scale
        lower = (level / self.top - half - self.loc) / self.scale
        # log(F(u) - F(l)) = log F(u) + log(1 - F(l)) + log(1 - exp(l - u)), exact and free of
        # cancellation.
        inside = -tf.nn.softplus(-upper) - tf.nn.softplus(lower) + tfp.math.log1mexp(upper - lower)
        at_top = tf.where(level >= self.top, -tf.nn.softplus(lower), inside)
        return tf.where(level <= 0, -tf.nn.softplus(-upper), at_top)

    def _sample_n(self, n: int | tf.Tensor, seed: Any = None) -> tf.Tensor:
        shape = tf.concat([[n], tf.shape(self.loc + self.scale)], axis=0)
        seed = tfp.random.sanitize_seed(seed)
        return self.from_uniform(seeds.uniform(shape, seed))

    def from_uniform(self, uniform: tf.Tensor) -> tf.Tensor:
        """The sample that a number in [0, 1) stands for: the inverse of F, clipped and rounded."""
        uniform = tf.clip_by_value(uniform, 1e-7, 1.0 - 1e-7)
        x = self.loc + self.scale * (tf.math.log(uniform) - tf.math.log1p(-uniform))
        return tf.round(tf.clip_by_value(x, 0.0, 1.0) * self.top) / self.top

    def _mean(self) -> tf.Tensor:
        below, above = self.loc / self.scale, (self.loc - 1.0) / self.scale
        return self.scale * (tf.nn.softplus(below) - tf.nn.softplus(above))


def logistic_scale(outputs: tf.Tensor, levels: int = LEVELS) -> tf.Tensor:
    """Scales in units of x, about e^-2 at outputs of 0."""
    # A scale below 1/8 level has all its mass in one level: nothing is lost by the bound, and exp
    # stays finite.
    return tf.exp(tf.maximum(outputs - 2.0, math.log(0.125 / (levels - 1))))
