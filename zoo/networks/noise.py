"""Noise layers called with a seed: the same noise on one replica as on n, and after a resume."""

import keras
import tensorflow as tf

from zoo import seeds


@keras.saving.register_keras_serializable("zoo")
class Dropout(keras.layers.Layer):
    """Zeroes a fraction `rate` of the inputs and scales the rest by 1 / (1 - rate), when training.

    Args:
        rate: fraction in [0, 1).
    """

    takes_seed = True

    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, x, training=False, seed=None):
        if not training or self.rate == 0.0:
            return x
        shape = tf.shape(x)
        uniform = seeds.replica_rows(
            lambda n: tf.random.stateless_uniform(tf.concat([[n], shape], 0), seed, alg="philox")
        )
        kept = tf.cast(uniform >= self.rate, x.dtype)
        return x * kept * tf.cast(1.0 / (1.0 - self.rate), x.dtype)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("zoo")
class GaussianNoise(keras.layers.Layer):
    """Adds N(0, stddev^2) to the inputs, when training.

    Args:
        stddev: >= 0.
    """

    takes_seed = True

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev

    def call(self, x, training=False, seed=None):
        if not training or self.stddev == 0.0:
            return x
        shape = tf.shape(x)
        normal = seeds.replica_rows(
            lambda n: tf.random.stateless_normal(tf.concat([[n], shape], 0), seed, alg="philox")
        )
        return x + tf.cast(self.stddev * normal, x.dtype)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}
