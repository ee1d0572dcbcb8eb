"""Stateless seeds: every random number is a function of (seed, place, counter, row).

All random numbers are Philox's (Salmon et al., Parallel random numbers, 2011), by name, as the
default of TensorFlow is another generator inside of XLA. The draws below have the bits of
`tf.random.stateless_*` with alg="philox", which build three times as many operations.
"""

import zlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf

_BITS = 62  # of an integer that become a stateless seed; what is beyond them is folded in
_HALF = 0x7FFFFFFF
_PHILOX = 1  # its number in TensorFlow
_SCRAMBLER = 0x02461E293EC8F720  # TensorFlow's key for making keys of seeds

Shape: TypeAlias = Sequence | tf.Tensor


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
        seed = tf.stack([_integers([], seed, tf.int32), tf.cast(number, tf.int32)])
    return seed


def normal(shape: Shape, seed: tf.Tensor) -> tf.Tensor:
    """float32 of a shape from N(0, 1); `seed` int32 or int64 [2], as in all draws."""
    return tf.raw_ops.StatelessRandomNormalV2(
        shape=shape, **_generator(seed), dtype=tf.float32, alg=_PHILOX
    )


def uniform(shape: Shape, seed: tf.Tensor) -> tf.Tensor:
    """float32 of a shape, uniform on [0, 1)."""
    return tf.raw_ops.StatelessRandomUniformV2(
        shape=shape, **_generator(seed), dtype=tf.float32, alg=_PHILOX
    )


def words(shape: Shape, seed: tf.Tensor) -> tf.Tensor:
    """uint32 of a shape, all values equally likely."""
    return _integers(shape, seed, tf.uint32)


def below(limit: int, shape: Shape, seed: tf.Tensor) -> tf.Tensor:
    """int32 of a shape, uniform on [0, limit)."""
    return tf.raw_ops.StatelessRandomUniformIntV2(
        shape=shape, **_generator(seed), minval=0, maxval=limit, alg=_PHILOX
    )


def row_seeds(n: int | tf.Tensor, seed: int | tf.Tensor) -> tf.Tensor:
    """int64 [n] in [0, 2^62), one seed a row; row i does not depend on n, nor on where it runs."""
    drawn = _integers([n], fold(seed, "rows"), tf.int64)
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


def _integers(shape: Shape, seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    return tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=shape, **_generator(seed), dtype=dtype, alg=_PHILOX
    )


def _generator(seed: tf.Tensor) -> dict[str, tf.Tensor]:
    """Philox's key and counter of a seed, scrambled as TensorFlow does: four words, two numbers."""
    scrambled = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[2, 2],
        key=tf.constant([_SCRAMBLER], tf.uint64),
        counter=tf.cast(seed, tf.uint64),
        dtype=tf.uint32,
        alg=_PHILOX,
    )
    numbers = tf.bitcast(scrambled, tf.uint64)
    return {"key": numbers[:1], "counter": numbers * tf.constant([0, 1], tf.uint64)}
