"""Spectral normalisation: a linear layer whose largest singular value is 1."""

from typing import Any

import keras
import tensorflow as tf

from zoo.networks.layers import BatchShape
from zoo.networks.normalised import Normalised


@keras.saving.register_keras_serializable("zoo")
class SpectralNorm(Normalised):
    """A layer with the kernel W / sigma, where sigma estimates the largest singular value of W.

        v = W^T u / |W^T u|,  u = W v / |W v|,  sigma = u^T W v

    W is the kernel as a matrix, one row an output. Each call in training makes one such iteration;
    u is kept from call to call. The gradient takes u and v for constants, and goes through sigma.

    Why not Keras' own: it overwrites the kernel by the normalised one, so that its size is lost to
    the optimizer, and leaves sigma out of the gradient.

    Args:
        layer: dense or convolutional, with a variable `kernel` whose last axis is the outputs'.
        init_seed: of the first u.

    Reference: Miyato et al., Spectral normalization for GANs, arXiv 1802.05957, algorithm 1.
    """

    def __init__(self, layer: keras.Layer, init_seed: int = 0, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.init_seed = init_seed

    def build(self, shape: BatchShape) -> None:
        if not self.layer.built:
            self.layer.build(shape)
        self.u = self.add_weight(
            shape=(self.layer.kernel.shape[-1],),
            initializer=self._direction,
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="mean",
            name="u",
        )

    def _direction(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        """A first u, of length 1, as those that follow."""
        normal = keras.initializers.RandomNormal(0.0, 1.0, seed=self.init_seed)
        return tf.math.l2_normalize(normal(shape, dtype=dtype))

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        kernel, u = tf.convert_to_tensor(self.layer.kernel), tf.convert_to_tensor(self.u)
        w = tf.reshape(kernel, [-1, kernel.shape[-1]])  # one column an output
        fixed = tf.stop_gradient(w)
        v = tf.math.l2_normalize(tf.linalg.matvec(fixed, u), epsilon=1e-12)
        if training:
            u = tf.math.l2_normalize(tf.linalg.matvec(fixed, v, transpose_a=True), epsilon=1e-12)
            self.u.assign(u)
        sigma = tf.tensordot(v, tf.linalg.matvec(w, u), 1)
        normalised = [
            (own, kernel / sigma if own is self.layer.kernel else tf.convert_to_tensor(own))
            for own in self.layer.variables
        ]
        with keras.StatelessScope(state_mapping=normalised):
            return self.layer(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "init_seed": self.init_seed}
