"""Layers that let a discriminator see how an example differs from the others of its batch.

The batch is the global one, on any number of replicas. Data and samples must be batches of their
own: `apply_each(..., together=False)`. Where nothing trains there is no batch, since the rows of a
verb do not depend on each other: the mean of training's batches stands in, a moving average.
"""

from typing import Any

import keras
import tensorflow as tf

from zoo import replicas
from zoo.networks.layers import BatchShape, remember


class _OfBatch(keras.layers.Layer):
    """A layer that joins to x numbers which the batch makes, [B, ..., C] -> [B, ..., C + n]."""

    MOMENTUM = 0.99

    def keep(self, n: int) -> None:
        """Makes the moving average of the n numbers."""
        options: dict[str, Any] = {"trainable": False, "dtype": "float32", "autocast": False}
        self.moving_mean = self.add_weight(
            shape=(n,), initializer="zeros", aggregation="mean", name="moving_mean", **options
        )

    def of_batch(self, x: tf.Tensor) -> tf.Tensor:
        """The numbers, float32 [B or 1, ..., n]."""
        raise NotImplementedError

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        shape = [*tf.unstack(tf.shape(x)[:-1]), self.moving_mean.shape[0]]
        if not (training and self.trainable):  # as BatchNorm
            numbers = tf.convert_to_tensor(self.moving_mean)
        else:
            numbers = self.of_batch(x)
            mean = tf.reduce_mean(tf.reshape(numbers, [-1, shape[-1]]), axis=0)
            mean = replicas.mean(tf.stop_gradient(mean))
            remember(self, self.moving_mean, mean, self.MOMENTUM)
        return tf.concat([x, tf.broadcast_to(tf.cast(numbers, x.dtype), shape)], axis=-1)

    def compute_output_shape(self, shape: tuple) -> tuple:
        return (*shape[:-1], shape[-1] + self.moving_mean.shape[0])


@keras.saving.register_keras_serializable("zoo")
class MinibatchDiscrimination(_OfBatch):
    """Joins to x how near the other examples are, by learned distances: [B, A] -> [B, A + kernels].

        o_ik = 99 mean over j != i of exp(-|M_ik - M_jk|_1),  M = x T,  T [A, kernels, dims]

    Args:
        kernels: how many distances.
        dims: of the space of each.
        init_seed: of the initial T, Glorot's.

    Reference: Salimans et al., Improved techniques for training GANs, arXiv 1606.03498, section
        3.2; without the term of j = i, which is 1. There it is the sum over the batch; here it
        is the sum that a batch of 100 has, so that it means the same in batches of any size. The
        authors' code begins with a T, and a bias of o,
        that data have scaled; here T is Glorot's, and the bias that of the row after it.
    """

    OTHERS = 99.0

    def __init__(self, kernels: int, dims: int = 5, init_seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernels, self.dims, self.init_seed = kernels, dims, init_seed

    def build(self, shape: BatchShape) -> None:
        initial = keras.initializers.GlorotNormal(self.init_seed)
        width = self.kernels * self.dims
        self.kernel = self.add_weight(shape=(shape[-1], width), initializer=initial, name="kernel")
        self.keep(self.kernels)

    def of_batch(self, x: tf.Tensor) -> tf.Tensor:
        product = tf.cast(x @ tf.cast(self.kernel, x.dtype), tf.float32)
        own = tf.reshape(product, [-1, self.kernels, self.dims])
        distance = tf.reduce_sum(tf.abs(own[:, None] - replicas.rows(own)), axis=-1)  # [B, all, k]
        others = tf.maximum(tf.cast(tf.shape(distance)[1], tf.float32) - 1.0, 1.0)
        return (tf.reduce_sum(tf.exp(-distance), axis=1) - 1.0) * (self.OTHERS / others)

    def get_config(self) -> dict[str, Any]:
        own = {"kernels": self.kernels, "dims": self.dims, "init_seed": self.init_seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("zoo")
class MinibatchStddev(_OfBatch):
    """Joins to x one number, the batch's standard deviation: [B, ..., C] -> [B, ..., C + 1].

    It is the mean over pixels and channels of the deviations over the batch.

    Reference: Karras et al., Progressive growing of GANs, arXiv 1710.10196, section 3; over the
        whole batch, where the authors' code has groups of 4.
    """

    def build(self, shape: BatchShape) -> None:
        self.keep(1)

    def of_batch(self, x: tf.Tensor) -> tf.Tensor:
        _, variance = replicas.moments(tf.cast(x, tf.float32))
        # The root's own slope is infinite at 0, where a batch of one image is.
        return tf.reduce_mean(tf.sqrt(variance + 1e-8))[None]
