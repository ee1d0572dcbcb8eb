"""A network as a list of rows, as the papers print them.

    rows = (conv(32, 5), conv(64, 4, stride=2, norm=True), dense(512, norm=True), output())

`Stack` builds the layers of such a list; `Pair` joins two stacks into a discriminator of (x, z).
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from zoo import seeds
from zoo.errors import refusal
from zoo.networks.aside import Aside
from zoo.networks.layers import BatchNorm, BatchShape, Conv2D, Conv2DTranspose, Maxout, UntiedBias
from zoo.networks.minibatch import MinibatchDiscrimination, MinibatchStddev
from zoo.networks.noise import Dropout, GaussianNoise, Seed, Shift
from zoo.networks.rows import AnyRow as AnyRow
from zoo.networks.rows import GlobalMean as GlobalMean
from zoo.networks.rows import Reshape as Reshape
from zoo.networks.rows import Row as Row
from zoo.networks.rows import conv as conv
from zoo.networks.rows import deconv as deconv
from zoo.networks.rows import dense as dense
from zoo.networks.spectral import SpectralNorm
from zoo.networks.weight_norm import WeightNorm

Extra: TypeAlias = tf.Tensor | None  # a second input [B, A], where there is one


class RowNetwork(keras.layers.Layer):
    """What every network that is built from rows is told: see `Stack` for the arguments."""

    def __init__(
        self,
        rows: Iterable[AnyRow | Mapping[str, Any]],
        output_shape: Iterable[int] | None = None,
        *,
        slope: float = 0.01,
        init_stddev: float | None = None,
        init_seed: int = 0,
        momentum: float = 0.95,
        epsilon: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rows = tuple(self.read(row) for row in rows)
        self.example_shape = None if output_shape is None else tuple(output_shape)
        self.slope, self.init_stddev, self.init_seed = slope, init_stddev, init_seed
        self.momentum, self.epsilon = momentum, epsilon

    def read(self, row: AnyRow | Mapping[str, Any]) -> Any:
        """A row as this network takes it, of a config or a table; refuses others."""
        return row_of(row)

    def get_config(self) -> dict[str, Any]:
        rows = [{"row": type(row).__name__, **dataclasses.asdict(row)} for row in self.rows]
        return {
            **super().get_config(),
            "rows": rows,
            "output_shape": self.example_shape,
            "slope": self.slope,
            "init_stddev": self.init_stddev,
            "init_seed": self.init_seed,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }


@keras.saving.register_keras_serializable("zoo")
class Stack(RowNetwork):
    """A feed-forward network built from rows.

    Args:
        rows: `Row`, `Reshape` and `GlobalMean` objects.
        output_shape: shape of one output example, () for one number, or None for what the rows
            give. A row without units gets as many as this shape needs.
        slope: of the leaky ReLUs.
        init_stddev: of the Gaussian initial weights, or None for He's in rows of ReLUs, leaky ReLUs
            and maxout, and Glorot's in others.
        init_seed: int; layer i of the stack draws from a fold of it.
        momentum, epsilon: of the batch normalisation.

    Call with `(x, extra=None, training=False, seed=None)`; `seed` (int32 [2]) feeds the noise
    layers.
    """

    def build(self, x_shape: BatchShape, extra_shape: BatchShape | None = None) -> None:
        self.blocks: list[_Block] = []
        shape = tuple(x_shape[1:])
        width = 0 if extra_shape is None else _size(extra_shape[1:])
        joins = [i for i, row in enumerate(self.rows) if getattr(row, "extra", False)] or [0]
        if width and self.rows and not isinstance(self.rows[joins[0]], Row):
            received = type(self.rows[joins[0]]).__name__
            raise ValueError(refusal("rows", "a row that the second input can join", received))
        for i, row in enumerate(self.rows):
            joined = width if i in joins else 0
            block = _Block(self, i, row, shape, joined)
            self.blocks.append(block)
            shape = block.output_example
        self.result_shape = shape if self.example_shape is None else self.example_shape
        if _size(shape) != _size(self.result_shape):
            expected = f"a network that ends in {self.result_shape} for inputs {tuple(x_shape[1:])}"
            raise ValueError(refusal("rows", expected, shape))
        self.built = True

    def call(
        self, x: tf.Tensor, extra: Extra = None, training: bool = False, seed: Seed = None
    ) -> tf.Tensor:
        hidden = self.trace(x, extra, training, seed)
        return hidden[-1] if hidden else tf.cast(x, self.compute_dtype)

    def trace(
        self, x: tf.Tensor, extra: Extra = None, training: bool = False, seed: Seed = None
    ) -> list[tf.Tensor]:
        """Outputs of every row, the last one in the network's output shape."""
        outputs, x = [], tf.cast(x, self.compute_dtype)
        for i, block in enumerate(self.blocks):
            row_seed = (
                seeds.fold(seed, i) if seed is not None and block.noisy and training else None
            )
            x = block(x, extra if block.joined else None, training=training, seed=row_seed)
            outputs.append(x)
        if outputs and x.shape[1:] != self.result_shape:
            outputs[-1] = tf.reshape(x, (-1, *self.result_shape))
        return outputs

    def like(self, rows: Iterable[AnyRow], shape: Iterable[int], **options: Any) -> "Stack":
        """A network of other rows and outputs, whose other arguments are these or this one's."""
        own = {key: getattr(self, key) for key in ("slope", "init_stddev", "momentum", "epsilon")}
        return Stack(rows, shape, **own | options)

    def set_output_bias(self, value: tf.Tensor) -> None:
        """Sets the last row's bias from a value an output; pixels that share one get the mean."""
        bias = self.blocks[-1].bias
        if _size(value.shape) != _size(bias.shape):
            value = tf.reduce_mean(tf.reshape(value, (-1, value.shape[-1])), axis=0)
        bias.assign(tf.reshape(value, bias.shape))


class _Block(keras.layers.Layer):
    """One row's layers: join, noise, linear map, bias or normalisation, non-linearity."""

    def __init__(
        self, stack: Stack, index: int, row: AnyRow, shape: tuple[int, ...], joined: int
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
        if row.op == "dense":
            shape = (_size(shape) + joined,)
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
        last = index == len(stack.rows) - 1
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

    def build(self, *shapes: BatchShape) -> None:
        self.built = True

    def call(
        self, x: tf.Tensor, extra: Extra = None, training: bool = False, seed: Seed = None
    ) -> tf.Tensor:
        if isinstance(self.row, Reshape):
            return tf.reshape(x, (-1, *self.output_example))
        if isinstance(self.row, GlobalMean):
            return tf.reduce_mean(x, axis=[1, 2])
        if self.shift is not None:
            place = None if seed is None else seeds.fold(seed, "shift")
            x = self.shift(x, training=training, seed=place)
        if self.row.op == "dense" and x.shape.rank > 2:
            x = tf.reshape(x, (-1, _size(self.input_example)))
        elif self.row.op != "dense" and x.shape.rank == 2:
            x = x[:, None, None, :]
        if extra is not None:
            extra = tf.cast(extra, x.dtype)
            if x.shape.rank == 4:
                extra = tf.broadcast_to(
                    extra[:, None, None, :], (*tf.unstack(tf.shape(x)[:3]), extra.shape[-1])
                )
            x = tf.concat([x, extra], axis=-1)
        for k, noise in enumerate(self.noises):
            x = noise(x, training=training, seed=None if seed is None else seeds.fold(seed, k))
        for join in self.joins:
            x = join(x)
        options = {"training": training} if isinstance(self.linear, (SpectralNorm, Aside)) else {}
        x = self.linear(x, **options)
        if self.row.size is not None:
            # Not x[:, :h, :w], whose gradient takes several times as long.
            x = tf.slice(x, [0] * 4, [-1, *self.row.size, -1])
        if self.norm is not None:
            x = self.norm(x, training=training)
        elif self.untied is not None:
            x = self.untied(x)
        return self.activation(x)


@keras.saving.register_keras_serializable("zoo")
class Pair(keras.layers.Layer):
    """A discriminator of pairs (x, z): trunks on x and on z, then a joint network.

    Args:
        x, z, joint: `Stack`s; `joint` sees the two trunks' outputs, flattened and concatenated. z
            may be None: then it is a discriminator of x alone.

    Call with `(x, z=None, extra=None, training=False, seed=None)`; `extra` [B, A] (labels) joins
    the joint network.
    """

    def __init__(self, x: Stack, z: Stack | None, joint: Stack, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.x, self.z, self.joint = x, z, joint

    def build(
        self,
        x_shape: BatchShape,
        z_shape: BatchShape | None = None,
        extra_shape: BatchShape | None = None,
    ) -> None:
        def built(stack: Stack, *shapes: Any) -> int:  # one from a config is built already
            if not stack.built:
                stack.build(*shapes)
            return _size(stack.result_shape)

        width = built(self.x, x_shape)
        if self.z is not None:
            width += built(self.z, z_shape)
        if self.joint.example_shape is None and not self.joint.built:
            self.joint.example_shape = ()
        built(self.joint, (None, width), *(() if extra_shape is None else (extra_shape,)))
        self.built = True

    def call(
        self,
        x: tf.Tensor,
        z: tf.Tensor | None = None,
        extra: Extra = None,
        training: bool = False,
        seed: Seed = None,
    ) -> tf.Tensor:
        return self.trace(x, z, extra, training, seed)[-1]

    def trace(
        self,
        x: tf.Tensor,
        z: tf.Tensor | None = None,
        extra: Extra = None,
        training: bool = False,
        seed: Seed = None,
    ) -> list[tf.Tensor]:
        """Outputs of every row of the trunk on x, then of the joint network."""
        fold = (lambda place: None) if seed is None else (lambda place: seeds.fold(seed, place))
        hidden = self.x.trace(x, None, training, fold("x"))
        trunks = hidden[-1:] or [tf.cast(x, self.compute_dtype)]
        if self.z is not None:
            trunks.append(self.z(z, training=training, seed=fold("z")))
        flat = [tf.reshape(trunk, (-1, _size(trunk.shape[1:]))) for trunk in trunks]
        joined = tf.concat(flat, axis=-1)
        return [*hidden, *self.joint.trace(joined, extra, training, fold("joint"))]

    def get_config(self) -> dict[str, Any]:
        stacks = {"x": self.x, "z": self.z, "joint": self.joint}
        return {
            **super().get_config(),
            **{k: keras.saving.serialize_keras_object(v) for k, v in stacks.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Pair":
        stacks = {
            k: keras.saving.deserialize_keras_object(config.pop(k)) for k in ("x", "z", "joint")
        }
        return cls(**stacks, **config)


def row_of(row: AnyRow | Mapping[str, Any]) -> AnyRow:
    """A row, as it is or as a configuration describes it."""
    if not isinstance(row, Mapping):
        return row
    fields = dict(row)  # from a config
    kind = fields.pop("row")
    if kind == "GlobalMean":
        return GlobalMean()
    return Reshape(tuple(fields["shape"])) if kind == "Reshape" else Row(**fields)


def _linear(
    row: Row, stack: Stack, last: bool, initializer: keras.Initializer, dtype: dict[str, Any]
) -> keras.Layer:
    bias = row.bias == "tied" and not row.norm
    options = {"use_bias": bias, "kernel_initializer": initializer, **dtype}
    wrap = SpectralNorm if row.spectral else lambda layer: layer
    if row.weight_norm != "none":
        if row.weight_norm not in ("fixed", "learned") or row.spectral or not bias:
            expected = "none, fixed or learned, of a row with a tied bias and no other norm"
            raise ValueError(refusal("weight_norm", expected, row.weight_norm))
        wrap = lambda layer: WeightNorm(layer, row.weight_norm == "learned")
    units = row.units
    if units is None:
        result = stack.example_shape
        if not last or result is None:
            raise ValueError(refusal("units", "an int in every row but the last", units))
        units = _size(result) if row.op == "dense" or len(result) < 2 else result[-1]
    if row.aside and units > 1:
        rows = dense(row.aside, norm=True), dense(None, activation="linear")
        others = stack.like(rows, (units - 1,), init_seed=stack.init_seed + 10**6, **dtype)
        return Aside(keras.layers.Dense(1, **options), others, **dtype)
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


def _initializer(stack: Stack, index: int, row: Row) -> keras.Initializer:
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


def _size(shape: Iterable[int]) -> int:
    return math.prod(map(int, shape))
