"""A network as a list of rows, as the papers print them.

    rows = (conv(32, 5), conv(64, 4, stride=2, norm=True), dense(512, norm=True), output())

`Stack` builds the layers of such a list; `Pair` joins two stacks into a discriminator of (x, z).
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from zoo import seeds
from zoo.errors import refusal
from zoo.networks.block import Block, Extra, flat, size
from zoo.networks.layers import BatchShape
from zoo.networks.noise import Seed
from zoo.networks.rows import AnyRow as AnyRow
from zoo.networks.rows import GlobalMean as GlobalMean
from zoo.networks.rows import MaxPool as MaxPool
from zoo.networks.rows import Reshape as Reshape
from zoo.networks.rows import Row as Row
from zoo.networks.rows import conv as conv
from zoo.networks.rows import deconv as deconv
from zoo.networks.rows import dense as dense
from zoo.networks.rows import row_of


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
        rows: `Row`, `Reshape`, `GlobalMean` and `MaxPool` objects.
        output_shape: shape of one output example, () for one number, or None for what the rows
            give. A row without units, the last `Row`, gets as many as this shape needs.
        slope: of the leaky ReLUs.
        init_stddev: of the Gaussian initial weights, or None for He's in rows of ReLUs, leaky ReLUs
            and maxout, and Glorot's in others.
        init_seed: int; layer i of the stack draws from a fold of it.
        momentum, epsilon: of the batch normalisation.

    Call with `(x, extra=None, training=False, seed=None)`; `seed` (int32 [2]) feeds the noise
    layers. `extra` is [B, A], or [B, K, A] for K of them to each x: the outputs are those of
    [B K] rows, all K of the first x first. What the rows make of x alone is made once: its noise
    is one draw for all K, and what joins the rest of the batch there joins B rows.
    """

    def build(self, x_shape: BatchShape, extra_shape: BatchShape | None = None) -> None:
        self.blocks: list[Block] = []
        shape = tuple(x_shape[1:])
        width = int(extra_shape[-1] or 0) if extra_shape else 0
        joins = [i for i, row in enumerate(self.rows) if getattr(row, "extra", False)] or [0]
        if width and self.rows and not isinstance(self.rows[joins[0]], Row):
            received = type(self.rows[joins[0]]).__name__
            raise ValueError(refusal("rows", "a row that the second input can join", received))
        for i, row in enumerate(self.rows):
            joined = width if i in joins else 0
            block = Block(self, i, row, shape, joined)
            self.blocks.append(block)
            shape = block.output_example
        self.result_shape = shape if self.example_shape is None else self.example_shape
        if size(shape) != size(self.result_shape):
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
            if block.joined and extra is not None and len(extra.shape) == 3:
                extra = flat(extra)  # x has as many rows now
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
        if size(value.shape) != size(bias.shape):
            value = tf.reduce_mean(tf.reshape(value, (-1, value.shape[-1])), axis=0)
        bias.assign(tf.reshape(value, bias.shape))


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
            return size(stack.result_shape)

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
        flat = [tf.reshape(trunk, (-1, size(trunk.shape[1:]))) for trunk in trunks]
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
