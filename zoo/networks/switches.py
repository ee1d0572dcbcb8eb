"""Max-pools that remember where: what is passed up, where is passed across to the unpooling.

    what = max over a window,  where = its place in the window, one-hot

The two halves of a stacked what-where auto-encoder are built of them: an encoder that classifies,
and a decoder that puts each "what" back to where it was.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from zoo import seeds
from zoo.errors import refusal
from zoo.networks.ladder import mirrored
from zoo.networks.layers import BatchShape
from zoo.networks.noise import Seed
from zoo.networks.rows import AnyRow, Row, row_of
from zoo.networks.stack import RowNetwork, Stack


class Level(NamedTuple):
    """What one pass of the encoder found at one level; level 0 is x.

    Attributes:
        what: [B, ...], float32: what the next row sees.
        where: one-hot [B, h, w, size^2, C], places of the maxima; None without a pool.
    """

    what: tf.Tensor
    where: tf.Tensor | None


def pooled(x: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The largest number of each window of size x size pixels, and its place.

    Windows at the lower and right border may be incomplete. Of equal numbers the first one counts,
    in the gradient too. `where` is a constant for gradients, as a place cannot move a little.

    Args:
        x: [B, H, W, C].
        size: of windows that do not overlap.

    Returns:
        (what [B, h, w, C], where [B, h, w, size^2, C], one-hot), h = ceil(H / size).
    """
    height, width, maps = x.shape[1:]
    rows, columns = -(-height // size), -(-width // size)
    missing = [0, rows * size - height], [0, columns * size - width]
    x = tf.pad(x, [[0, 0], *missing, [0, 0]], constant_values=x.dtype.min)
    windows = tf.transpose(tf.reshape(x, [-1, rows, size, columns, size, maps]), [0, 1, 3, 2, 4, 5])
    windows = tf.reshape(windows, [-1, rows, columns, size**2, maps])
    places = tf.argmax(windows, axis=3)
    where = tf.one_hot(places, size**2, axis=3, dtype=x.dtype)
    return tf.reduce_sum(windows * where, axis=3), where


def unpooled(what: tf.Tensor, where: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Each number back at its place, and 0 elsewhere: [B, H, W, C].

    Args:
        what, where: of `pooled`.
        shape: (H, W, C) of what was pooled.
    """
    rows, columns, places, maps = where.shape[1:]
    size = math.isqrt(places)
    windows = tf.reshape(what[:, :, :, None] * where, [-1, rows, columns, size, size, maps])
    x = tf.reshape(
        tf.transpose(windows, [0, 1, 3, 2, 4, 5]), [-1, rows * size, columns * size, maps]
    )
    return x[:, : shape[0], : shape[1]]


@keras.saving.register_keras_serializable("zoo")
class SwitchEncoder(RowNetwork):
    """A classifier whose convolutions pool with switches where their rows have a stride.

    Args: as of `Stack`. A convolution of stride s is made with stride 1, and a max-pool of s x s
        pixels follows. The last row gives the logits.

    Call with `(x, training=False, seed=None)`, as `Stack`.

    Reference: Zhao, Mathieu, Goroshin, LeCun: Stacked what-where auto-encoders, arXiv 1506.02351,
        section 3.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            *args, autocast=False, **kwargs
        )  # its stacks alone compute in another type

    def read(self, row: AnyRow | Mapping[str, Any]) -> Row:
        """As `RowNetwork`; others are refused."""
        return _switched(row)

    @property
    def options(self) -> dict[str, Any]:
        """Of the stacks, the decoder's too."""
        own = {"slope": self.slope, "init_stddev": self.init_stddev}
        return own | {"momentum": self.momentum, "epsilon": self.epsilon}

    def build(self, x_shape: BatchShape) -> None:
        shape, last = tuple(x_shape[1:]), len(self.rows) - 1
        self.shapes = [shape]  # of one example of every level, x first, the logits not among them
        self.unpooled_shapes = [shape]  # the same before the pool
        self.stacks: list[Stack] = []
        for i, row in enumerate(self.rows):
            stack = Stack(
                [dataclasses.replace(row, stride=1)],
                self.example_shape if i == last else None,
                init_seed=self.init_seed * 1009 + i,
                name=f"row_{i}",
                dtype=self.dtype_policy,
                **self.options,
            )
            stack.build((None, *shape))
            self.stacks.append(stack)
            shape = tuple(stack.result_shape)
            if i < last:
                self.unpooled_shapes.append(shape)
                sides = (-(-side // row.stride) for side in shape[:-1])
                shape = (*sides, shape[-1])
                self.shapes.append(shape)
        self.built = True

    def levels(
        self, x: tf.Tensor, training: bool = False, seed: Seed = None
    ) -> tuple[list[Level], tf.Tensor]:
        """Every level of one pass, x first, and the logits."""
        found = [Level(tf.cast(x, tf.float32), None)]
        *hidden, last = range(len(self.rows))
        for i in hidden:
            h, size = self._row(i, found[-1].what, training, seed), self.rows[i].stride
            found.append(Level(*pooled(h, size)) if size > 1 else Level(h, None))
        return found, self._row(last, found[-1].what, training, seed)

    def _row(self, i: int, x: tf.Tensor, training: bool, seed: Seed) -> tf.Tensor:
        own = None if seed is None else seeds.fold(seed, i)
        return tf.cast(self.stacks[i](x, None, training=training, seed=own), tf.float32)

    def call(self, x: tf.Tensor, training: bool = False, seed: Seed = None) -> tf.Tensor:
        return self.levels(x, training, seed)[1]

    def trace(self, x: tf.Tensor, training: bool = False, seed: Seed = None) -> list[tf.Tensor]:
        """Outputs of every row, the last one the logits."""
        (_, *hidden), logits = self.levels(x, training, seed)
        return [*(level.what for level in hidden), logits]


@keras.saving.register_keras_serializable("zoo")
class SwitchDecoder(keras.layers.Layer):
    """The way back: unpools by the encoder's switches, then a transposed convolution, to x.

    Args:
        rows: of the encoder, which it mirrors; the last one, of the logits, has no mirror.
        shapes, unpooled_shapes: of the encoder.
        slope, init_stddev, init_seed, momentum, epsilon: as of `Stack`.

    Call with `(top, where)`, the highest "what" and the "where" of every level, x's first: it gives
    estimates of the "what" of every level below, x first. A hidden level is estimated with its
    row's normalisation and non-linearity, x by a linear row.
    """

    def __init__(
        self,
        rows: Iterable[AnyRow | Mapping[str, Any]],
        shapes: Sequence[Sequence[int]],
        unpooled_shapes: Sequence[Sequence[int]],
        *,
        init_seed: int = 0,
        slope: float = 0.01,
        init_stddev: float | None = None,
        momentum: float = 0.95,
        epsilon: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # its stacks alone compute in another type
        self.rows = tuple(_switched(row) for row in rows)
        self.shapes = [tuple(shape) for shape in shapes]
        self.unpooled_shapes = [tuple(shape) for shape in unpooled_shapes]
        self.options: dict[str, Any] = {"slope": slope, "init_stddev": init_stddev}
        self.options |= {"momentum": momentum, "epsilon": epsilon}
        self.init_seed = init_seed

    def build(self, *_: Any) -> None:
        self.stacks: list[Stack] = []  # stack l leads from level l + 1 to level l
        for level, shape in enumerate(self.shapes[:-1]):
            options: dict[str, Any] = {"activation": "linear"}
            if level:
                made = self.rows[level - 1]
                options = {"activation": made.activation, "norm": made.norm}
            row = dataclasses.replace(self.rows[level], stride=1)
            stack = Stack(
                [mirrored(row, shape, **options)],
                shape,
                init_seed=self.init_seed * 1009 + level,
                name=f"row_{level}",
                dtype=self.dtype_policy,
                **self.options,
            )
            stack.build((None, *self.unpooled_shapes[level + 1]))
            self.stacks.append(stack)
        self.built = True

    def call(
        self, top: tf.Tensor, where: Sequence[tf.Tensor | None], training: bool = False
    ) -> list[tf.Tensor]:
        found: list[tf.Tensor] = []
        what = top
        for level in reversed(range(len(self.stacks))):
            place = where[level + 1]
            if place is not None:
                what = unpooled(what, place, self.unpooled_shapes[level + 1])
            what = tf.cast(self.stacks[level](what, None, training=training), tf.float32)
            found.insert(0, what)
        return found

    def get_config(self) -> dict[str, Any]:
        rows = [{"row": "Row", **dataclasses.asdict(row)} for row in self.rows]
        own = {"rows": rows, "shapes": self.shapes, "unpooled_shapes": self.unpooled_shapes}
        return {**super().get_config(), **own, "init_seed": self.init_seed, **self.options}


def _switched(row: AnyRow | Mapping[str, Any]) -> Row:
    """A row of an encoder with switches, as it is or as a configuration describes it."""
    row = row_of(row)
    if isinstance(row, Row) and row.op != "deconv":
        return dataclasses.replace(row, extra=False)  # there is no second input
    raise ValueError(refusal("rows", "dense rows and convolutions", row))
