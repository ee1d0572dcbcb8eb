"""One row of a network: what joins its inputs, noise, linear map, normalisation, non-linearity."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import tensorflow as tf

from zoo import seeds
from zoo.errors import refusal
from zoo.networks.aside import Aside
from zoo.networks.layers import BatchNorm, BatchShape, Conv2D, Conv2DTranspose, Maxout, UntiedBias
from zoo.networks.minibatch import MinibatchDiscrimination, MinibatchStddev
from zoo.networks.noise import Dropout, GaussianNoise, Seed, Shift
from zoo.networks.rows import AnyRow, GlobalMean, MaxPool, Reshape, Row, dense
from zoo.networks.spectral import SpectralNorm
from zoo.networks.weight_norm import WeightNorm

if TYPE_CHECKING:
    from zoo.networks.stack import Stack

Extra: TypeAlias = tf.Tensor | None  # a second input [B, A] or [B, K, A], where there is one


class Block(keras.layers.Layer):
    """One row's layers: join, noise, linear map, bias or normalisation, non-linearity."""

    def __init__(
        self, stack: "Stack", index: int, row: AnyRow, shape: tuple[int, ...], joined: int
    ) -> None:
        super().__init__(name=f"row_{index}", dtype=stack.dtype_policy)
        self.row, self.joined = row, joined
        self.input_example = shape
        self.noises: list[keras.Layer] = []
        self.shift = self.norm = self.untied = None  # what not every row has
        if isinstance(row, Reshape):
            self.output_example = tuple(row.shape)
            return
        if isinstance(row, GlobalMean):
            self.output_example = shape[-1:]
            return
        if isinstance(row, MaxPool):
            self.output_example = (*(-(-side // row.size) for side in shape[:2]), shape[-1])
            return
        if row.op == "dense":
            shape = (size(shape) + joined,)
        elif len(shape) == 1:
            shape = (1, 1, shape[0] + joined)
        else:
            shape = (*shape[:2], shape[2] + joined)
        dtype = {"dtype": stack.dtype_policy}
        if row.shift and len(self.input_example) != 3:
            expected = "0 for a row whose inputs are no images"
            raise ValueError(refusal("shift", expected, row.shift))
        if row.shift:
            self.shift = Shift(row.shift, **dtype)
        if row.dropout:
            self.noises.append(Dropout(row.dropout, **dtype))
        if row.noise:
            self.noises.append(GaussianNoise(row.noise, **dtype))
        self.joins, shape = _joins(row, shape, stack.init_seed * 1009 + index, dtype)
        last = not any(isinstance(other, Row) for other in stack.rows[index + 1 :])
        self.linear = _linear(row, stack, last, _initializer(stack, index, row), dtype)
        self.linear.build((None, *shape))
        shape = tuple(self.linear.compute_output_shape((None, *shape))[1:])
        if row.size is not None:
            shape = (*row.size, shape[-1])
        if row.norm:
            self.norm = BatchNorm(stack.momentum, stack.epsilon, row.affine, **dtype)
            self.norm.build((None, *shape))
        elif row.bias == "untied":
            self.untied = UntiedBias(**dtype)
            self.untied.build((None, *shape))
        self.activation = activation_of(row, stack.slope, dtype)
        if row.activation == "maxout":
            shape = (*shape[:-1], shape[-1] // row.pieces)
        self.output_example = shape
        self.built = True

    @property
    def noisy(self) -> bool:
        return bool(self.noises) or self.shift is not None

    @property
    def bias(self) -> keras.Variable:
        return self.untied.bias if self.untied is not None else self.linear.bias

    @property
    def separable(self) -> bool:
        """Whether the linear map is a sum of one of x and one of the second input."""
        return type(self.linear) is keras.layers.Dense and not (self.noises or self.joins)

    def linear_of_each(self, x: tf.Tensor, extra: tf.Tensor) -> tf.Tensor:
        """The linear map of each x, [B, n], with its K second inputs, [B, K, A]: [B K, units]."""
        kernel, n = tf.convert_to_tensor(self.linear.kernel), x.shape[-1]
        of_x = tf.repeat(x @ kernel[:n], extra.shape[1], axis=0)
        total = of_x + tf.cast(flat(extra), x.dtype) @ kernel[n:]
        return total + self.linear.bias if self.linear.use_bias else total

    def build(self, *shapes: BatchShape) -> None:
        self.built = True

    def call(
        self, x: tf.Tensor, extra: Extra = None, training: bool = False, seed: Seed = None
    ) -> tf.Tensor:
        if isinstance(self.row, Reshape):
            return tf.reshape(x, (-1, *self.output_example))
        if isinstance(self.row, GlobalMean):
            return tf.reduce_mean(x, axis=[1, 2])
        if isinstance(self.row, MaxPool):
            return tf.nn.max_pool2d(x, self.row.size, self.row.size, "SAME")
        if self.shift is not None:
            place = None if seed is None else seeds.fold(seed, "shift")
            x = self.shift(x, training=training, seed=place)
        if self.row.op == "dense" and x.shape.rank > 2:
            x = tf.reshape(x, (-1, size(self.input_example)))
        elif self.row.op != "dense" and x.shape.rank == 2:
            x = x[:, None, None, :]
        if extra is not None and len(extra.shape) == 3 and self.separable:
            x = self.linear_of_each(x, extra)
        else:
            x = x if extra is None else _joined(x, extra)
            for k, noise in enumerate(self.noises):
                x = noise(x, training=training, seed=None if seed is None else seeds.fold(seed, k))
            for join in self.joins:
                x = join(x, training=training)
            takes_mode = isinstance(self.linear, (SpectralNorm, Aside))
            x = self.linear(x, **({"training": training} if takes_mode else {}))
        if self.row.size is not None:
            # Not x[:, :h, :w], whose gradient takes several times as long.
            x = tf.slice(x, [0] * 4, [-1, *self.row.size, -1])
        if self.norm is not None:
            x = self.norm(x, training=training)
        elif self.untied is not None:
            x = self.untied(x)
        return self.activation(x)


def flat(extra: tf.Tensor) -> tf.Tensor:
    """[B, K, A] -> [B K, A]."""
    return tf.reshape(extra, (-1, extra.shape[-1]))


def _joined(x: tf.Tensor, extra: tf.Tensor) -> tf.Tensor:
    """x with the second input beside it; at every pixel of maps."""
    if len(extra.shape) == 3:
        x, extra = tf.repeat(x, extra.shape[1], axis=0), flat(extra)
    extra = tf.cast(extra, x.dtype)
    if x.shape.rank == 4:
        pixels = *tf.unstack(tf.shape(x)[:3]), extra.shape[-1]
        extra = tf.broadcast_to(extra[:, None, None, :], pixels)
    return tf.concat([x, extra], axis=-1)


def _linear(
    row: Row, stack: "Stack", last: bool, initializer: keras.Initializer, dtype: dict[str, Any]
) -> keras.Layer:
    if row.bias not in ("tied", "untied", "none"):
        raise ValueError(refusal("bias", "tied, untied or none", row.bias))
    bias = row.bias == "tied" and not row.norm
    options = {"use_bias": bias, "kernel_initializer": initializer, **dtype}
    wrap = SpectralNorm if row.spectral else lambda layer: layer
    if row.weight_norm != "none":
        if row.weight_norm not in ("fixed", "learned") or row.spectral or not bias:
            expected = "none, fixed or learned, of a row with a tied bias and no other norm"
            raise ValueError(refusal("weight_norm", expected, row.weight_norm))
        wrap = lambda layer: WeightNorm(layer, row.weight_norm == "learned")
    if row.op == "deconv" and (row.spectral or row.weight_norm != "none"):  # other axes
        argument = "spectral" if row.spectral else "weight_norm"
        expected = "no norm of weights of a deconvolution"
        raise ValueError(refusal(argument, expected, getattr(row, argument)))
    units = row.units
    if units is None:
        result = stack.example_shape
        if not last or result is None:
            raise ValueError(refusal("units", "an int in every row but the last", units))
        units = size(result) if row.op == "dense" or len(result) < 2 else result[-1]
    if row.aside and row.op != "dense":
        raise ValueError(refusal("aside", "0 for a row that is not dense", row.aside))
    if row.aside and units > 1:
        rows = dense(row.aside, norm=True), dense(None, activation="linear")
        others = stack.like(rows, (units - 1,), init_seed=stack.init_seed + 10**6, **dtype)
        return Aside(wrap(keras.layers.Dense(1, **options)), others, **dtype)
    if row.op == "dense":
        return wrap(keras.layers.Dense(units, **options))
    kinds = {"conv": Conv2D, "deconv": Conv2DTranspose}
    return wrap(kinds[row.op](units, row.kernel, row.stride, row.padding, **options))


def _joins(
    row: Row, shape: tuple[int, ...], seed: int, dtype: dict[str, Any]
) -> tuple[list[keras.Layer], tuple[int, ...]]:
    """The layers by which the rest of the batch joins a row's inputs, and what shape they give."""
    made: list[keras.Layer] = []
    if row.minibatch:
        made.append(MinibatchDiscrimination(row.minibatch, init_seed=seed + 1, **dtype))
    if row.minibatch_stddev:
        made.append(MinibatchStddev(**dtype))
    for layer in made:
        layer.build((None, *shape))
        shape = layer.compute_output_shape((None, *shape))[1:]
    return made, shape


def _initializer(stack: "Stack", index: int, row: Row) -> keras.Initializer:
    seed = stack.init_seed * 1009 + index
    stddev = stack.init_stddev if row.init_stddev is None else row.init_stddev
    if stddev is not None:
        return keras.initializers.RandomNormal(0.0, stddev, seed=seed)
    if row.activation in ("relu", "leaky_relu", "maxout"):
        return keras.initializers.HeNormal(seed=seed)
    return keras.initializers.GlorotNormal(seed=seed)


def activation_of(row: Row, slope: float, dtype: dict[str, Any]) -> keras.Layer:
    """The layer of a row's non-linearity; `slope` is of leaky ReLUs."""
    if row.activation == "maxout":
        return Maxout(row.pieces, **dtype)
    if row.activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=slope, **dtype)
    return keras.layers.Activation(row.activation, **dtype)


def size(shape: Iterable[int]) -> int:
    """Numbers of an example of a shape."""
    return math.prod(map(int, shape))
