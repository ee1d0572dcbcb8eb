"""Distributions that are known by their samples: functions of noise."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from zoo import seeds
from zoo.distributions.randomness import noise

MEAN_DRAWS = 256  # that stand for a mean without a closed form


class Implicit(tfd.Distribution):
    """A distribution known by its samples alone: x = function(noise), noise ~ N(0, I).

    Args:
        function: callable, noise [B, noise_dim] -> samples [B, *event_shape]; row i of what it
            returns depends on row i of the noise alone.
        noise_dim: int.
        batch_size: B, int or scalar tensor.
        event_shape: tuple of ints.
        mean: callable, () -> the means [B, *event_shape], where they have a closed form.
        mean_draws: number of draws of parts of the noise that `mean` is made of; None: exact.

    Without a closed form `mean()` is the average of `draws` samples. Every row, in every batch, is
    given the same noises, from a fixed seed: so a row's mean is a function of that row alone, and
    two means differ by what tells the rows apart, never by their noise. `log_prob` raises
    `NotImplementedError`.
    """

    def __init__(
        self,
        function: Callable[[tf.Tensor], tf.Tensor],
        noise_dim: int,
        batch_size: int | tf.Tensor,
        event_shape: tuple[int, ...],
        mean: Callable[[], tf.Tensor] | None = None,
        mean_draws: int | None = None,
        name: str = "Implicit",
    ) -> None:
        parameters = dict(locals())
        self.function, self.noise_dim, self.closed_mean = function, noise_dim, mean
        self.mean_draws = mean_draws
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
        """The same distribution, its functions called inside of `context()`."""
        mean = self.closed_mean and inside(context, self.closed_mean)
        function = inside(context, self.function)
        return Implicit(function, self.noise_dim, self._batch, self._event, mean, self.mean_draws)

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
        return _mapped(self.function, noise(kind, [n, self._batch, *shape], seed))

    def _mean(self, draws: int = MEAN_DRAWS) -> tf.Tensor:
        if self.closed_mean is not None:
            return self.closed_mean()
        kind, shape = self.noise
        every = noise(kind, [draws, *shape], seeds.fold(0, "mean"))
        of_all = lambda e: self.function(tf.broadcast_to(e, [self._batch, *shape]))
        return tf.reduce_mean(_mapped(of_all, every), axis=0)


def _mapped(function: Callable[[tf.Tensor], tf.Tensor], every: tf.Tensor) -> tf.Tensor:
    """The function of each of several noises, [n, ...]."""
    each = lambda noises: tf.map_fn(function, noises)
    if tf.executing_eagerly() and len(every) > 16:
        # Eagerly a draw is a Python step: so many take longer than a trace.
        each = tf.function(each, autograph=False).get_concrete_function(every)
    return each(every)


def inside(context: Callable[[], AbstractContextManager], function: Callable) -> Callable:
    """The function, called inside of `context()`."""

    def called(*inputs: Any) -> Any:
        with context():
            return function(*inputs)

    return called
