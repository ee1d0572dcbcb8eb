"""A linear layer whose kernel is used in a normalised form: what such layers share."""

from typing import Any

import keras

from zoo.networks.layers import BatchShape


class Normalised(keras.layers.Layer):
    """A layer around another one, whose kernel it normalises; float32, whatever that computes in.

    Args:
        layer: dense or convolutional, with a variable `kernel` whose last axis is the outputs'.
    """

    def __init__(self, layer: keras.Layer, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(autocast=False, **kwargs)
        self.layer = layer

    @property
    def bias(self) -> keras.Variable:
        return self.layer.bias

    def compute_output_shape(self, shape: BatchShape) -> BatchShape:
        return self.layer.compute_output_shape(shape)

    def get_config(self) -> dict[str, Any]:
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Normalised":
        return cls(keras.saving.deserialize_keras_object(config.pop("layer")), **config)
