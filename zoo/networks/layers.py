"""Layers that Keras lacks: maxout, untied bias, batch normalisation over all replicas."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo import seeds

BatchShape = tuple[int | None, *tuple[int, ...]]  # of inputs [B, ...]; B is None while unknown


def known_statistic(layer: keras.layers.Layer, value: tf.Tensor, kept: keras.Variable) -> tf.Tensor:
    """A batch's statistic; in float16 the kept one in the place of what overflowed."""
    if layer.compute_dtype != "float16":
        return value
    return tf.where(tf.math.is_finite(value), value, tf.convert_to_tensor(kept))


def remember(
    layer: keras.layers.Layer, kept: keras.Variable, value: tf.Tensor, momentum: float
) -> None:
    """Moves the moving average of a layer by a batch's statistic."""
    value = known_statistic(layer, value, kept)
    kept.assign(kept * momentum + value * (1.0 - momentum))


@keras.saving.register_keras_serializable("zoo")
class Maxout(keras.layers.Layer):
    """Maximum over groups of `pieces` channels: [..., C pieces] -> [..., C].

    Channels k, k + C, k + 2 C, ... are a group: slices of whole blocks are cheaper than an inner
    axis.

    Reference: Goodfellow et al., Maxout networks, arXiv 1302.4389, equation 1.
    """

    def __init__(self, pieces: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pieces = pieces

    def call(self, x: tf.Tensor) -> tf.Tensor:
        blocks = tf.split(x, self.pieces, axis=-1)
        largest = blocks[0]
        for block in blocks[1:]:
            largest = tf.maximum(largest, block)
        return largest

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pieces": self.pieces}


@keras.saving.register_keras_serializable("zoo")
class UntiedBias(keras.layers.Layer):
    """Adds one bias for each pixel and channel (Dumoulin et al., ALI, appendix A)."""

    def build(self, shape: BatchShape) -> None:
        self.bias = self.add_weight(shape=shape[1:], initializer="zeros", name="bias")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x + tf.cast(self.bias, x.dtype)


@keras.saving.register_keras_serializable("zoo")
class BatchNorm(keras.layers.Layer):
    """Batch normalisation whose statistics span the global batch on any number of replicas.

        y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    On one replica it is one fused kernel; on several, sums are all-reduced. Population statistics
    are moving averages with `momentum`, used when not training.

    Why not Keras' own with `synchronized=True`: it computes the variance as E x^2 - (E x)^2, which
    cancels where x varies little about a large mean. Here it is E (x - mean)^2, in a second sum.

    Args:
        momentum: of the moving averages (ALI's code: 0.95).
        epsilon: added to the variance (ALI's code: 1e-4).
        affine: whether gamma and beta are learned; else they are 1 and 0.

    Reference: Ioffe and Szegedy, arXiv 1502.03167, algorithm 1.
    """

    def __init__(
        self, momentum: float = 0.95, epsilon: float = 1e-4, affine: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.momentum, self.epsilon, self.affine = momentum, epsilon, affine

    def build(self, shape: BatchShape) -> None:
        def weight(name: str, initializer: str, trainable: bool) -> keras.Variable:
            return self.add_weight(
                shape=(shape[-1],),
                initializer=initializer,
                trainable=trainable,
                dtype="float32",
                autocast=False,
                aggregation="none" if trainable else "mean",
                name=name,
            )

        self.gamma, self.beta = tf.ones(shape[-1]), tf.zeros(shape[-1])
        if self.affine:
            self.gamma, self.beta = weight("gamma", "ones", True), weight("beta", "zeros", True)
        self.moving_mean = weight("moving_mean", "zeros", False)
        self.moving_variance = weight("moving_variance", "ones", False)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if not (training and self.trainable):  # a frozen layer keeps its statistics, as Keras' does
            mean = tf.convert_to_tensor(self.moving_mean)
            inverse = gamma * tf.math.rsqrt(
                tf.convert_to_tensor(self.moving_variance) + self.epsilon
            )
            return x * tf.cast(inverse, x.dtype) + tf.cast(beta - mean * inverse, x.dtype)
        normalise = self._fused if seeds.replica()[0] == 1 else self._synchronised
        y, mean, variance = normalise(x, gamma, beta)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            remember(self, moving, value, self.momentum)
        return y

    def _fused(self, x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, ...]:
        maps = x if x.shape.rank == 4 else x[:, None, None, :]
        if x.dtype == tf.float64:  # the kernel has no such type
            maps = tf.cast(maps, tf.float32)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            maps, gamma, beta, epsilon=self.epsilon
        )
        # The kernel reports the unbiased variance; the moving average keeps the biased one, as
        # `_synchronised`.
        count = tf.cast(tf.size(maps) / maps.shape[-1], tf.float32)
        return tf.cast(tf.reshape(y, tf.shape(x)), x.dtype), mean, variance * (count - 1.0) / count

    def _synchronised(
        self, x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        wide = tf.cast(x, tf.float32)
        axes = list(range(x.shape.rank - 1))
        count = tf.cast(tf.size(x) / x.shape[-1], tf.float32)
        reduce = tf.distribute.get_replica_context().all_reduce
        total, count = reduce("SUM", [tf.reduce_sum(wide, axes), count])
        mean = total / count
        squares = reduce("SUM", tf.reduce_sum(tf.square(wide - mean), axes))
        variance = squares / count
        inverse = gamma * tf.math.rsqrt(variance + self.epsilon)
        return tf.cast((wide - mean) * inverse + beta, x.dtype), mean, variance

    def get_config(self) -> dict[str, Any]:
        own = {"momentum": self.momentum, "epsilon": self.epsilon, "affine": self.affine}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("zoo")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, faster in three cases: same kernel, results and gradients.

    A kernel as large as its input is a matrix product, and is done as one; so is one that is as
    large and moves, over many maps.

    Images are [B, H, W, C], whatever Keras' `image_data_format` is.

    CPU kernels crawl where the inputs have 1 to 4 channels and their gradient is wanted: there a
    strided convolution is done as one of stride 1 on blocks of stride x stride pixels (`blocked`).
    """

    def __init__(self, *args: Any, data_format: str = "channels_last", **kwargs: Any) -> None:
        super().__init__(*args, data_format=data_format, **kwargs)

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        if self.padding == "valid" and inputs.shape[1:3] == kernel.shape[:2]:
            inner = inputs.shape[1:].num_elements()
            product = tf.reshape(inputs, [-1, inner]) @ tf.reshape(kernel, [inner, -1])
            return product[:, None, None, :]
        if _covering(self, inputs.shape, kernel.shape):
            return _product(inputs, kernel, self.strides[0])
        if not blockable(self, inputs.shape, kernel.shape[2]):
            return super().convolution_op(inputs, kernel)
        # Broadcasts by distributions may have lost the number of channels.
        inputs = tf.ensure_shape(inputs, (*inputs.shape[:3], kernel.shape[2]))
        stride = self.strides[0]
        return tf.nn.conv2d(to_blocks(inputs, stride), blocked(kernel, stride), 1, "SAME")


@keras.saving.register_keras_serializable("zoo")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`, faster from one pixel and to few channels (see `Conv2D`)."""

    def __init__(self, *args: Any, data_format: str = "channels_last", **kwargs: Any) -> None:
        super().__init__(*args, data_format=data_format, **kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        stride, kernel = self.strides[0], tf.convert_to_tensor(self.kernel)  # [k, k, out, in]
        if self.padding == "valid" and inputs.shape[1:3] == (1, 1) and self.strides == (1, 1):
            k, _, maps, inner = kernel.shape
            product = tf.matmul(inputs[:, 0, 0], tf.reshape(kernel, [-1, inner]), transpose_b=True)
            return self._biased(tf.reshape(product, [-1, k, k, maps]))
        size = [side and side * stride for side in inputs.shape[1:3]]
        if not blockable(self, (None, *size), kernel.shape[2]):
            return super().call(inputs)
        maps = kernel.shape[2] * stride**2
        shape = tf.concat([tf.shape(inputs)[:3], [maps]], axis=0)
        blocks = tf.nn.conv2d_transpose(inputs, blocked(kernel, stride), shape, 1, "SAME")
        blocks.set_shape((*inputs.shape[:3], maps))  # no operation, which TFLite would lack
        return self._biased(from_blocks(blocks, stride))

    def _biased(self, outputs: tf.Tensor) -> tf.Tensor:
        return outputs + tf.convert_to_tensor(self.bias) if self.use_bias else outputs


def blockable(layer: keras.Layer, shape: Sequence[int | None], channels: int) -> bool:
    """Whether the convolution from (or to) images of this shape is one on blocks of pixels."""
    stride = layer.strides[0]
    return (
        channels <= 4
        and stride > 1
        and layer.strides[1] == stride
        and layer.padding == "same"
        and layer.dilation_rate in (1, (1, 1))
        and getattr(layer, "groups", 1) == 1
        and all(side and side % stride == 0 for side in shape[1:3])
    )


def _covering(layer: keras.Layer, shape: Sequence[int | None], kernel: Sequence[int]) -> bool:
    """Whether few places of the output read nearly all of the input, and many maps of it."""
    side, stride = kernel[0], layer.strides[0]
    return (
        layer.padding == "same"
        and kernel[1] == side
        and layer.strides[1] == stride
        and side % stride == 0
        and layer.dilation_rate in (1, (1, 1))
        and shape[-1] == kernel[2] >= 64
        and all(length is not None and stride <= length <= side for length in shape[1:3])
    )


def _product(x: tf.Tensor, kernel: tf.Tensor, s: int) -> tf.Tensor:
    """The convolution with stride s and "same" padding, as one product of all windows."""
    k, _, channels, outputs = kernel.shape
    height, width = (-(-side // s) for side in x.shape[1:3])
    # What is read: padded in front as TensorFlow does it, behind to whole blocks.
    edges = []
    for side, count in zip(x.shape[1:3], (height, width)):
        needed = (count - 1) * s + k
        front = (needed - side) // 2
        edges.append([front, needed - side - front])
    blocks = to_blocks(tf.pad(x, [[0, 0], *edges, [0, 0]]), s)
    size = [-1, height, width, -1]
    places = range(k // s)
    windows = [tf.slice(blocks, [0, i, j, 0], size) for i in places for j in places]
    inner = k * k * channels
    flat = tf.reshape(tf.concat(windows, axis=-1), [-1, inner])
    product = flat @ tf.reshape(_tiles(kernel, s), [inner, outputs])
    return tf.reshape(product, [-1, height, width, outputs])


def to_blocks(x: tf.Tensor, s: int) -> tf.Tensor:
    """[B, H, W, C] -> [B, H/s, W/s, s s C]: each block of s x s pixels becomes one."""
    _, height, width, channels = x.shape
    x = tf.reshape(x, [-1, height // s, s, width // s, s, channels])
    x = tf.transpose(x, [0, 1, 3, 2, 4, 5])
    return tf.reshape(x, [-1, height // s, width // s, s * s * channels])


def from_blocks(x: tf.Tensor, s: int) -> tf.Tensor:
    """The inverse of `to_blocks`."""
    _, height, width, maps = x.shape
    x = tf.reshape(x, [-1, height, width, s, s, maps // s**2])
    x = tf.transpose(x, [0, 1, 3, 2, 4, 5])
    return tf.reshape(x, [-1, height * s, width * s, maps // s**2])


def blocked(kernel: tf.Tensor, s: int) -> tf.Tensor:
    """The kernel on blocks that does what `kernel` does with stride s and "same" padding.

    Output i reads the pixels s i - p ... s i - p + k - 1 with p = (k - s) // 2, and block j holds
    the pixels s j ... s j + s - 1: so f zeros in front align the kernel with whole blocks.

    Args:
        kernel: [k, k, C, N].
        s: stride, which divides height and width.

    Returns:
        [K, K, s s C, N], for stride 1 and "same" padding.
    """
    k = kernel.shape[0]
    p = max(k - s, 0) // 2
    f = -p % s
    blocks = -(-(f + k) // s)
    behind = blocks * s - f - k
    return _tiles(tf.pad(kernel, [[f, behind], [f, behind], [0, 0], [0, 0]]), s)


def _tiles(kernel: tf.Tensor, s: int) -> tf.Tensor:
    """[k, k, C, N] -> [k/s, k/s, s s C, N]: the kernel on blocks as `to_blocks` makes them."""
    k, _, channels, outputs = kernel.shape
    blocks = k // s
    kernel = tf.reshape(kernel, [blocks, s, blocks, s, channels, outputs])
    kernel = tf.transpose(kernel, [0, 2, 1, 3, 4, 5])
    return tf.reshape(kernel, [blocks, blocks, s * s * channels, outputs])
