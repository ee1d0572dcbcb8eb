"""Distributions that are known by their samples: functions of noise."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from zoo import seeds
from zoo.distributions.randomness import noise


class Implicit(tfd.Distribution):
    """A distribution known by its samples alone: x = function(noise), noise ~ N(0, I).

    Args:
        function: callable, noise [B, noise_dim] -> samples [B, *event_shape].
        noise_dim: int.
        batch_size: B, int or scalar tensor.
        event_shape: tuple of ints.

    `mean()` is the average of `draws` samples from a fixed seed; `log_prob` raises
    `NotImplementedError`.
    """

    def __init__(
        self,
        function: Callable[[tf.Tensor], tf.Tensor],
        noise_dim: int,
        batch_size: int | tf.Tensor,
        event_shape: tuple[int, ...],
        name: str = "Implicit",
    ) -> None:
        parameters = dict(locals())
        self.function, self.noise_dim = function, noise_dim
        self._batch, self._event = batch_size, tuple(event_shape)
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @property
    def noise(self) -> tuple[str, list[int]]:
        """(kind, shape) of the noise of one row."""
        return "normal", [self.noise_dim]

    def within(self, context: Callable[[], AbstractContextManager]) -> "Implicit":
        """The same distribution, its function called inside of `context()`."""
        return Implicit(inside(context, self.function), self.noise_dim, self._batch, self._event)

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.reshape(tf.cast(self._batch, tf.int32), [1])

    def _batch_shape(self) -> tf.TensorShape:
        return tf.TensorShape([tf.get_static_value(self._batch)])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant(self._event, tf.int32)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self._event)

    def _sample_n(self, n: int | tf.Tensor, seed: Any = None) -> tf.Tensor:
        kind, shape = self.noise
        seed = tfp.random.sanitize_seed(seed)
        every = noise(kind, [n, self._batch, *shape], seed)
        each = lambda e: tf.map_fn(self.function, e)
        if tf.executing_eagerly() and len(every) > 16:
            # Eagerly a draw is a Python step: so many take longer than a trace.
            each = tf.function(each, autograph=False).get_concrete_function(every)
        return each(every)

    def _mean(self, draws: int = 10) -> tf.Tensor:
        return tf.reduce_mean(self.sample(draws, seed=seeds.fold(0, "mean")), axis=0)


def inside(context: Callable[[], AbstractContextManager], function: Callable) -> Callable:
    """The function, called inside of `context()`."""

    def called(*inputs: Any) -> Any:
        with context():
            return function(*inputs)

    return called
