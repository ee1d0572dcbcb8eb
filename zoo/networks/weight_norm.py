"""Weight normalisation: the length of each output's weights apart from their direction."""

from typing import Any

import keras
import tensorflow as tf

from zoo.networks.layers import BatchShape
from zoo.networks.normalised import Normalised

_NEAR_0 = 1e-10  # of a variance: an output that is the same for all inputs keeps a finite scale


@keras.saving.register_keras_serializable("zoo")
class WeightNorm(Normalised):
    """A layer with the kernel g V / |V|, one length |V| and one scale g an output.

    At the start g = |V|: the kernel is V. `initialise` sets g and the bias from data.

    Args:
        layer: dense or convolutional, with a bias and a variable `kernel` whose last axis is the
            outputs'.
        learned: whether g is trained; else it keeps its first value.

    Reference: Salimans and Kingma, Weight normalization, arXiv 1602.07868, equation 2 and
        section 3.
    """

    def __init__(self, layer: keras.Layer, learned: bool = True, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.learned, self.initialising = learned, False

    def build(self, shape: BatchShape) -> None:
        if not self.layer.built:
            self.layer.build(shape)
        self.g = self.add_weight(
            shape=(self.layer.kernel.shape[-1],),
            initializer=lambda shape, dtype: tf.cast(self._length(), dtype),
            trainable=self.learned,
            dtype="float32",
            autocast=False,
            aggregation="none" if self.learned else "mean",
            name="g",
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        if self.initialising:
            self._initialise(x)
        kernel = tf.convert_to_tensor(self.layer.kernel)
        scaled = kernel * (tf.convert_to_tensor(self.g) / self._length())
        changed = [
            (own, scaled if own is self.layer.kernel else tf.convert_to_tensor(own))
            for own in self.layer.variables
        ]
        with keras.StatelessScope(state_mapping=changed):
            return self.layer(x)

    def _length(self) -> tf.Tensor:
        kernel = tf.convert_to_tensor(self.layer.kernel)
        flat = tf.reshape(kernel, [-1, kernel.shape[-1]])
        return tf.sqrt(tf.reduce_sum(tf.square(flat), axis=0) + _NEAR_0)

    def _initialise(self, x: tf.Tensor) -> None:
        """g and the bias with which the outputs at x have mean 0 and variance 1."""
        self.initialising = False
        y = tf.cast(self(x), tf.float32)
        loc, variance = tf.nn.moments(y, list(range(y.shape.rank - 1)))
        factor = tf.math.rsqrt(variance + _NEAR_0)
        self.g.assign(self.g * factor)
        self.layer.bias.assign((self.layer.bias - loc) * factor)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "learned": self.learned}


def initialise(network: keras.Layer, x: tf.Tensor, **options: Any) -> None:
    """Sets scales and biases of a network's normalised rows from data, row by row.

    Before its non-linearity each output then has mean 0 and variance 1 over x, given the rows
    before it, which are set already.

    Args:
        network: one call of it, eager, sees all its layers in order.
        x: [B, ...].
        **options: of the call, such as its seed of noise.

    Reference: Salimans and Kingma, arXiv 1602.07868, section 3.
    """
    layers = [each for each in network._flatten_layers() if isinstance(each, WeightNorm)]
    for layer in layers:
        layer.initialising = True
    if layers:
        network(x, **options)
