"""Layers that Keras lacks: maxout, untied bias, batch normalisation over all replicas."""

import keras
import tensorflow as tf

from zoo import seeds


@keras.saving.register_keras_serializable("zoo")
class Maxout(keras.layers.Layer):
    """Maximum over groups of `pieces` adjacent channels: [..., C pieces] -> [..., C].

    Reference: Goodfellow et al., Maxout networks, arXiv 1302.4389, equation 1.
    """

    def __init__(self, pieces, **kwargs):
        super().__init__(**kwargs)
        self.pieces = pieces

    def call(self, x):
        # Channels k, k + C, k + 2C, ... form a group: slices of whole blocks are cheaper than an
        # inner axis.
        blocks = tf.split(x, self.pieces, axis=-1)
        largest = blocks[0]
        for block in blocks[1:]:
            largest = tf.maximum(largest, block)
        return largest

    def get_config(self):
        return {**super().get_config(), "pieces": self.pieces}


@keras.saving.register_keras_serializable("zoo")
class UntiedBias(keras.layers.Layer):
    """Adds one bias for each pixel and channel (Dumoulin et al., ALI, appendix A)."""

    def build(self, shape):
        self.bias = self.add_weight(shape=shape[1:], initializer="zeros", name="bias")

    def call(self, x):
        return x + tf.cast(self.bias, x.dtype)


@keras.saving.register_keras_serializable("zoo")
class BatchNorm(keras.layers.Layer):
    """Batch normalisation whose statistics span the global batch on any number of replicas.

        y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    On one replica it is one fused kernel; on several, sums are all-reduced. Population statistics
    are moving averages with `momentum`, used when not training.

    Args:
        momentum: of the moving averages (ALI's code: 0.95).
        epsilon: added to the variance (ALI's code: 1e-4).

    Reference: Ioffe and Szegedy, arXiv 1502.03167, algorithm 1.
    """

    def __init__(self, momentum=0.95, epsilon=1e-4, **kwargs):
        super().__init__(**kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, shape):
        def weight(name, initializer, trainable):
            return self.add_weight(
                shape=(shape[-1],),
                initializer=initializer,
                trainable=trainable,
                dtype="float32",
                autocast=False,
                aggregation="none" if trainable else "mean",
                name=name,
            )

        self.gamma, self.beta = weight("gamma", "ones", True), weight("beta", "zeros", True)
        self.moving_mean = weight("moving_mean", "zeros", False)
        self.moving_variance = weight("moving_variance", "ones", False)

    def call(self, x, training=False):
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if not training:
            mean = tf.convert_to_tensor(self.moving_mean)
            inverse = gamma * tf.math.rsqrt(
                tf.convert_to_tensor(self.moving_variance) + self.epsilon
            )
            return x * tf.cast(inverse, x.dtype) + tf.cast(beta - mean * inverse, x.dtype)
        normalise = self._fused if seeds.replica()[0] == 1 else self._synchronised
        y, mean, variance = normalise(x, gamma, beta)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return y

    def _fused(self, x, gamma, beta):
        maps = x if x.shape.rank == 4 else x[:, None, None, :]
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            maps, gamma, beta, epsilon=self.epsilon
        )
        # The kernel reports the unbiased variance; the moving average keeps the biased one, as
        # `_synchronised`.
        count = tf.cast(tf.size(maps) / maps.shape[-1], tf.float32)
        return tf.reshape(y, tf.shape(x)), mean, variance * (count - 1.0) / count

    def _synchronised(self, x, gamma, beta):
        wide = tf.cast(x, tf.float32)
        axes = list(range(x.shape.rank - 1))
        count = tf.cast(tf.size(x) / x.shape[-1], tf.float32)
        local = [tf.reduce_sum(wide, axes), tf.reduce_sum(tf.square(wide), axes), count]
        total, squares, count = tf.distribute.get_replica_context().all_reduce("SUM", local)
        mean = total / count
        variance = squares / count - tf.square(mean)
        inverse = gamma * tf.math.rsqrt(variance + self.epsilon)
        return tf.cast((wide - mean) * inverse + beta, x.dtype), mean, variance

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
