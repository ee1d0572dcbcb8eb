"""Networks of affine coupling layers: what is kept of x says how the rest is scaled and shifted."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.networks.layers import BatchShape, Conv2D, from_blocks, to_blocks

_LONG = 64  # entries of a vector from which on a half is read alone


@keras.saving.register_keras_serializable("zoo")
class Conditioner(keras.layers.Layer):
    """Log scale s and shift t of one coupling layer, a residual network.

        s = c tanh(s'),  (s', t) = network(kept),  c one learned number a channel

    Convolutions of 3x3 for images, dense layers for vectors. Its last layer starts at zero, so that
    the coupling starts as the identity. It has no normalisation: that of a batch would make rows
    depend on each other, and its determinant is not that of s; the start at the identity and the
    bound on s keep deep flows in range without it.

    Images of even sides are read in blocks of 2x2 pixels as channels: a quarter of the arithmetic,
    twice the field of view. Of a vector of which one half is kept, only that half is read and only
    the other one is computed: half of the arithmetic of the first and the last layer.

    Args:
        shape: (H, W, C) or (D,), of one example.
        half: of a vector, which half is kept, 0 or 1; None for whatever is not zero.
        units: maps of the hidden convolutions, or units of the hidden dense layers.
        blocks: residual blocks of two layers each.
        init_stddev: of the Gaussian initial weights, None for He.
        init_seed: int.

    Call with `kept` [B, *shape]; returns s and t side by side, float32 [B, ..., 2 C].

    Reference: Dinh et al., Density estimation using Real NVP, arXiv 1605.08803, sections 3.4 and
        4.1. The paper's networks have batch and weight normalisation and see single pixels.
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        units: int,
        blocks: int,
        half: int | None = None,
        init_stddev: float | None = None,
        init_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.half = half
        self.shape, self.units, self.num_blocks = tuple(shape), units, blocks
        self.init_stddev, self.init_seed = init_stddev, init_seed
        self.stride = 1 if len(shape) == 1 or shape[0] % 2 or shape[1] % 2 else 2

    def build(self, kept_shape: BatchShape | None = None) -> None:
        shape = self.shape
        if self.stride > 1:
            shape = (shape[0] // 2, shape[1] // 2, 4 * shape[2])
        inner = (*shape[:-1], self.units)
        self.first = self._linear(0, self.units, shape)
        self.blocks = [
            [self._linear(1 + 2 * i + j, self.units, inner) for j in range(2)]
            for i in range(self.num_blocks)
        ]
        self.last = self._linear(None, 2 * shape[-1], inner)
        self.bound = self.add_weight(
            shape=self.shape[-1:],
            initializer="ones",
            dtype="float32",
            autocast=False,
            name="bound",
        )
        self.built = True

    def call(self, kept: tf.Tensor) -> tf.Tensor:
        if self.half is not None:
            return self._of_half(kept, self.half)
        hidden = self._hidden(self.first(to_blocks(kept, 2) if self.stride > 1 else kept))
        outputs = tf.cast(self.last(hidden), tf.float32)
        if self.stride > 1:
            outputs = from_blocks(outputs, 2)
        log_scale, shift = tf.split(outputs, 2, axis=-1)
        return tf.concat([tf.convert_to_tensor(self.bound) * tf.tanh(log_scale), shift], axis=-1)

    def _hidden(self, hidden: tf.Tensor) -> tf.Tensor:
        """What the last layer reads, of what the first one gives."""
        for inner, outer in self.blocks:
            hidden = hidden + outer(tf.nn.relu(inner(tf.nn.relu(hidden))))
        return tf.nn.relu(hidden)

    def _of_half(self, kept: tf.Tensor, here: int) -> tf.Tensor:
        """s and t of the half that is not kept, which read the other one; zeros where it is."""
        (size,) = self.shape
        begin, sizes = (0, size // 2), (size // 2, size - size // 2)
        there = 1 - here
        # Not x[:, a:b], the gradient of which takes many times as long as that of `tf.slice`.
        columns = lambda x, half: tf.slice(x, [0, begin[half]], [-1, sizes[half]])
        kernel = tf.convert_to_tensor(self.first.kernel)
        kernel = tf.slice(kernel, [begin[here], 0], [sizes[here], -1])
        kept = columns(tf.cast(kept, self.compute_dtype), here)
        hidden = self._hidden(tf.matmul(kept, kernel) + self.first.bias)
        # The last layer gives s' and t of the whole vector, one after the other.
        kernel, bias, bound = (
            columns(tf.reshape(tf.convert_to_tensor(w), [-1, size]), there)
            for w in (self.last.kernel, self.last.bias, self.bound)
        )
        outputs = tf.matmul(hidden, tf.reshape(kernel, [self.units, -1])) + tf.reshape(bias, [-1])
        log_scale, shift = tf.split(tf.cast(outputs, tf.float32), 2, axis=-1)
        edge = [[0, 0], [begin[there], size - begin[there] - sizes[there]]]
        return tf.concat([tf.pad(bound * tf.tanh(log_scale), edge), tf.pad(shift, edge)], axis=-1)

    def _linear(self, index: int | None, units: int, shape: tuple[int, ...]) -> keras.Layer:
        """The layer of an index, or without one the last, which starts at zero."""
        if index is None:
            initializer = "zeros"
        elif self.init_stddev is not None:
            initializer = keras.initializers.RandomNormal(
                0.0, self.init_stddev, seed=self.init_seed * 1009 + index
            )
        else:
            initializer = keras.initializers.HeNormal(seed=self.init_seed * 1009 + index)
        options = {"kernel_initializer": initializer, "dtype": self.dtype_policy}
        if len(self.shape) == 1:
            layer = keras.layers.Dense(units, **options)
        else:
            side = 1 if index is None else 3
            layer = Conv2D(units, side, padding="same", **options)
        layer.build((None, *shape))
        return layer

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "shape": self.shape,
            "units": self.units,
            "blocks": self.num_blocks,
            "half": self.half,
            "init_stddev": self.init_stddev,
            "init_seed": self.init_seed,
        }


@keras.saving.register_keras_serializable("zoo")
class Conditioners(keras.layers.Layer):
    """The conditioners of all coupling layers of a flow, as one network.

    Args:
        shapes: of each conditioner, in the flow's order.
        halves: of each, as of a `Conditioner`, or None for all.
        **options: of every `Conditioner`; the i-th draws from `init_seed + i`.

    Call with `(kept, index=i)`.
    """

    def __init__(
        self,
        shapes: Sequence[Sequence[int]],
        *,
        halves: Sequence[int | None] | None = None,
        units: int,
        blocks: int,
        init_stddev: float | None = None,
        init_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.options: dict[str, Any] = {
            "units": units,
            "blocks": blocks,
            "init_stddev": init_stddev,
        }
        self.init_seed = init_seed
        self.members = [
            Conditioner(
                shape,
                **self.options,
                half=half,
                init_seed=init_seed + i,
                dtype=self.dtype_policy,
                name=f"{i}",
            )
            for i, (shape, half) in enumerate(zip(shapes, halves or [None] * len(shapes)))
        ]

    def build(self, *shapes: BatchShape) -> None:
        for member in self.members:
            if not member.built:
                member.build()
        self.built = True

    def call(self, kept: tf.Tensor, *, index: int, training: bool = False) -> tf.Tensor:
        return self.members[index](kept)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **self.options,
            "shapes": [member.shape for member in self.members],
            "halves": [member.half for member in self.members],
            "init_seed": self.init_seed,
        }


def layout(shape: tuple[int, ...], scales: int, couplings: int) -> list[tuple[list, list]]:
    """The couplings of every scale, as masks: arrays of 0 and 1, 1 where x is kept.

    Returns:
        [(masks before, masks after the squeeze)], of which the last has none after.

    Reference: Dinh et al., arXiv 1605.08803, section 3.6 and figure 3.
    """
    if len(shape) == 1:
        return [(_alternating(_halves(shape), 2 * scales * couplings), [])]
    height, width, channels = shape
    first = _checkerboard(shape) if height * width > 1 else _halves(shape)
    if scales == 1 or height % 2 or width % 2:
        return [(_alternating(first, couplings + 1), [])]
    squeezed = (height // 2, width // 2, 4 * channels)
    scale = _alternating(first, couplings), _alternating(_halves(squeezed), couplings)
    return [scale, *layout((*squeezed[:2], 2 * channels), scales - 1, couplings)]


def kept_half(mask: np.ndarray) -> int | None:
    """Which half of a long vector a mask keeps; None of images, and where slices save nothing."""
    if mask.ndim > 1 or len(mask) < _LONG:
        return None
    return 0 if mask[0] else 1


def _checkerboard(shape: tuple[int, ...]) -> np.ndarray:
    """1 where row and column add up to an odd number."""
    rows, columns, _ = np.indices(shape)
    return ((rows + columns) % 2).astype(np.float32)


def _halves(shape: tuple[int, ...]) -> np.ndarray:
    """1 on the first half of the channels."""
    return np.broadcast_to(np.arange(shape[-1]) < shape[-1] // 2, shape).astype(np.float32)


def _alternating(mask: np.ndarray, count: int) -> list[np.ndarray]:
    """A mask, its complement, and so on."""
    return [1.0 - mask if i % 2 else mask for i in range(count)]
