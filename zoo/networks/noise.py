"""Noise layers called with a seed: the same noise on one replica as on n, and after a resume."""

from typing import Any, TypeAlias

import keras
import tensorflow as tf

from zoo import seeds

Seed: TypeAlias = tf.Tensor | None  # int32 [2]; None where there is no noise


@keras.saving.register_keras_serializable("zoo")
class Dropout(keras.layers.Layer):
    """Zeroes a fraction of the inputs and scales the rest by its inverse share, when training.

    Args:
        rate: fraction in [0, 1), rounded to a multiple of 1/256: a random byte an input decides,
            which costs a quarter of a random float.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, x: tf.Tensor, training: bool = False, seed: Seed = None) -> tf.Tensor:
        dropped = min(round(self.rate * 256), 255)
        if not training or dropped == 0:
            return x
        kept = tf.cast(self._bytes(tf.shape(x), seed) >= dropped, x.dtype)
        return x * (kept * tf.cast(256 / (256 - dropped), x.dtype))

    def _bytes(self, shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Uniform uint8 of this shape [B, ...], four from each random word."""
        row = tf.reduce_prod(shape[1:])
        words = seeds.replica_rows(lambda n: seeds.words([n, shape[0], (row + 3) // 4], seed))
        flat = tf.reshape(tf.bitcast(words, tf.uint8), [shape[0], -1])
        return tf.reshape(flat[:, :row], shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("zoo")
class GaussianNoise(keras.layers.Layer):
    """Adds N(0, stddev^2) to the inputs, when training.

    Args:
        stddev: >= 0.
    """

    def __init__(self, stddev: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = stddev

    def call(self, x: tf.Tensor, training: bool = False, seed: Seed = None) -> tf.Tensor:
        if not training or self.stddev == 0.0:
            return x
        shape = tf.shape(x)
        normal = seeds.replica_rows(lambda n: seeds.normal(tf.concat([[n], shape], 0), seed))
        return x + tf.cast(self.stddev * normal, x.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev}


@keras.saving.register_keras_serializable("zoo")
class Shift(keras.layers.Layer):
    """Moves each image by whole pixels, zeros coming in, when training.

    Args:
        pixels: the largest move, up or down and left or right; all moves are equally likely.
    """

    def __init__(self, pixels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, x: tf.Tensor, training: bool = False, seed: Seed = None) -> tf.Tensor:
        if not training or self.pixels == 0:
            return x
        rows, height, width = tf.unstack(tf.shape(x)[:3])
        moves = seeds.replica_rows(lambda n: seeds.below(2 * self.pixels + 1, [n, rows, 2], seed))
        edge = [self.pixels, self.pixels]
        x = tf.pad(x, [[0, 0], edge, edge, [0, 0]])
        x = tf.gather(x, moves[:, :1] + tf.range(height), axis=1, batch_dims=1)
        x = tf.transpose(x, [0, 2, 1, 3])
        x = tf.gather(x, moves[:, 1:] + tf.range(width), axis=1, batch_dims=1)
        return tf.transpose(x, [0, 2, 1, 3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pixels": self.pixels}
