"""The last row of a discriminator that tells more than one logit, by a hidden row of its own."""

from typing import Any

import keras
import tensorflow as tf

from zoo.networks.layers import BatchShape


class Aside(keras.layers.Layer):
    """[B, A] -> [B, n]: the first output from x itself, the others from what a network makes of x.

    Args:
        first: layer, [B, A] -> [B, 1].
        others: layer, [B, A] -> [B, n - 1], called with `training`.
    """

    def __init__(self, first: keras.Layer, others: keras.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.others = first, others

    def build(self, shape: BatchShape) -> None:
        for layer in (self.first, self.others):
            layer.build(shape)
        self.built = True

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return tf.concat([self.first(x), self.others(x, training=training)], axis=-1)

    def compute_output_shape(self, shape: tuple) -> tuple:
        return (*shape[:-1], 1 + self.others.result_shape[0])
