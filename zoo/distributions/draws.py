"""Draws whose noise is a function of seeds: of a whole batch, and row by row."""

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo import seeds
from zoo.distributions.families import is_deterministic, is_implicit, noises, transformed
from zoo.distributions.randomness import noise, noise_rows

# (distribution, place) -> its draw, or what stands for one: `draw` of a phase, `drawer`, `at_mean`.
Draw: TypeAlias = Callable[[tfd.Distribution, str], tf.Tensor]


def draw(
    distribution: tfd.Distribution, seed: tf.Tensor, batch_size: int | tf.Tensor | None = None
) -> tf.Tensor:
    """This replica's rows of a reparameterised sample for the global batch.

    Args:
        distribution: batch shape [B], or [] together with `batch_size`.
        seed: int32 [2].
        batch_size: rows a replica, for distributions without a batch.

    Returns:
        [B, *event_shape].

    Raises:
        TypeError: its family is not in `zoo.distributions.families.FAMILIES`.
    """
    if is_deterministic(distribution):
        return distribution.mean()
    kinds = noises(distribution)
    rows = distribution.batch_shape_tensor()[0] if batch_size is None else batch_size
    given = [
        seeds.replica_rows(lambda n: noise(kind, [n, rows, *shape], place))  # noqa: B023
        for (kind, shape), place in zip(kinds, _places(seed, len(kinds)))
    ]
    return transformed(distribution, *given)


def sample_rows(
    distribution: tfd.Distribution, row_seeds: tf.Tensor, place: str, n: int | None = None
) -> tf.Tensor:
    """Samples whose row i depends on `row_seeds[i]` alone.

    Args:
        distribution: batch shape [B] or [].
        row_seeds: int64 [B].
        place: name folded into each seed, so that two draws of one request differ.
        n: draws a row, or None for one without the axis.

    Returns:
        [B, *event_shape], or [B, n, *event_shape].

    Raises:
        TypeError: its family is not in `zoo.distributions.families.FAMILIES`.
    """
    if is_deterministic(distribution):
        value = distribution.mean()
        return value if n is None else tf.repeat(value[:, None], n, axis=1)
    given = [
        noise_rows(row_seeds, place if i == 0 else f"{place}/{i}", [n or 1, *shape], kind)
        for i, (kind, shape) in enumerate(noises(distribution))
    ]  # each [B, n, ...]
    if n is None:
        return transformed(distribution, *(each[:, 0] for each in given))
    if is_implicit(distribution):  # a function of one batch
        draws = zip(*(tf.unstack(each, num=n, axis=1) for each in given))
        return tf.stack([transformed(distribution, *draw) for draw in draws], axis=1)
    return _swap(transformed(distribution, *map(_swap, given)))


def drawer(row_seeds: tf.Tensor) -> Draw:
    """Draws whose row i depends on `row_seeds[i]` alone."""
    return lambda distribution, place: sample_rows(distribution, row_seeds, place)


def at_mean(distribution: tfd.Distribution, place: str) -> tf.Tensor:
    """The mean, in the place of a draw."""
    return distribution.mean()


def _places(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """A seed for each of several noises; one alone has the draw's own."""
    return [seed] if count == 1 else [seeds.fold(seed, i) for i in range(count)]


def _swap(x: tf.Tensor) -> tf.Tensor:
    """Exchanges the first two axes."""
    return tf.transpose(x, [1, 0, *range(2, x.shape.rank)])
