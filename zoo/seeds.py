"""Stateless seeds: every random number is a function of (seed, place, counter, row)."""

import zlib
from collections.abc import Callable

import tensorflow as tf

_BITS = 62  # of an integer that become a stateless seed; what is beyond them is folded in
_HALF = 0x7FFFFFFF


def place_number(place: str) -> int:
    """The number a place's name stands for, in [0, 2^31)."""
    return zlib.crc32(place.encode()) & _HALF


def fold(seed: int | tf.Tensor, *data: str | int | tf.Tensor) -> tf.Tensor:
    """A stateless seed (int32 [2]) derived from another.

    Args:
        seed: Python int of any size, or an int32 [2] tensor.
        *data: Python strings (a place) or integer scalars (a counter), folded in one after another.
    """
    if isinstance(seed, int):
        beyond = seed >> _BITS
        data = (str(beyond), *data) if beyond else data
        seed = tf.constant([seed & _HALF, (seed >> 31) & _HALF], tf.int32)
    for item in data:
        number = place_number(item) if isinstance(item, str) else item
        seed = tf.random.fold_in(seed, tf.cast(number, tf.int32), alg="philox")
    return seed


def row_seeds(n: int | tf.Tensor, seed: int | tf.Tensor) -> tf.Tensor:
    """int64 [n] in [0, 2^62), one seed a row; row i does not depend on n, nor on where it runs."""
    drawn = tf.random.stateless_uniform(
        [n], fold(seed, "rows"), minval=None, maxval=None, dtype=tf.int64, alg="philox"
    )
    return tf.bitwise.bitwise_and(drawn, tf.constant((1 << _BITS) - 1, tf.int64))


def split_row(seed: tf.Tensor, place: str) -> tf.Tensor:
    """Stateless seed (int32 [2]) of one row's int64 seed at a named place."""
    low, high, beyond = (tf.bitwise.right_shift(seed, bits) for bits in (0, 31, _BITS))
    halves = tf.cast(tf.stack([low & _HALF, high & _HALF]), tf.int32)
    within = fold(halves, place)
    return tf.where(tf.equal(beyond, 0), within, fold(within, beyond))


def replica() -> tuple[int, int | tf.Tensor]:
    """(number of replicas, index of this one); (1, 0) outside of a strategy."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return 1, 0
    return context.num_replicas_in_sync, context.replica_id_in_sync_group


def replica_rows(draw: Callable[[int], tf.Tensor]) -> tf.Tensor:
    """This replica's rows of noise drawn for the global batch, so that n replicas equal one.

    Args:
        draw: callable `n -> [n, B, ...]` filling the noise in row-major order, B rows a replica.

    Returns:
        [B, ...].
    """
    count, index = replica()
    return draw(count)[index]
