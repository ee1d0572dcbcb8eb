"""Masked networks: what they say of a pixel depends on the pixels before it alone.

Pixels come in raster order, the channels of a pixel one after another. Two stacks of convolutions
leave no blind spot: the vertical one sees the rows above, the horizontal one the pixels to the left
and, layer by layer, what the vertical one knows. No weight is masked: each kernel holds just the
taps that it may use.

Sampling keeps every layer's activations: the vertical stack works once a row, on that row; the
horizontal one once a pixel, on that pixel.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from zoo import seeds
from zoo.networks.layers import BatchShape
from zoo.networks.noise import Dropout, Seed

Term: TypeAlias = tf.Tensor | float  # what conditions add to a stack; 0.0 without any


@keras.saving.register_keras_serializable("zoo")
class PixelStack(keras.layers.Layer):
    """Gated PixelCNN.

        v' = [v +] gate(V * v + c_v),   h' = h + W gate(H * h + U v' + c_h)
        gate(a, b) = tanh(a) sigmoid(b)

    V sees the rows above (and, from the second layer on, its own), H the pixels to the left (and,
    from the second layer on, its own), and c_v, c_h are linear maps of the conditions.

    Args:
        heads: for each of the outputs' parts (the channels it reads of the pixel itself, outputs):
            ((0, n), (1, n), (2, n)) makes three channels autoregressive.
        layers: int >= 1.
        maps: of each stack, int >= 1.
        kernel: height and width of the window of a layer, its forbidden half included, odd >= 3.
        first_kernel: of the first layer, which reads few maps: a large one costs little there.
        gated: False for max(a, 0) in the place of the gate.
        dropout: fraction of what leaves a gate.
        init_seed: int.

    Call with `(x, *conditions, training=False, seed=None)`: x [B, H, W, C] in [0, 1]; a condition
    is [B, A], one linear map of it at all pixels (location-invariant), or [B, H, W, M]
    (location-dependent). Returns [B, H, W, sum of the heads' outputs].

    Reference: van den Oord et al., Conditional image generation with PixelCNN decoders, arXiv
        1606.05328, figure 2 and equations 2 to 5. Ours: v keeps a residual path, U reads v' behind
        its gate, and channels are ordered in the last two layers alone.
    """

    def __init__(
        self,
        heads: Sequence[tuple[int, int]],
        *,
        layers: int,
        maps: int,
        kernel: int,
        first_kernel: int = 7,
        gated: bool = True,
        dropout: float = 0.0,
        init_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads = tuple((int(seen), int(outputs)) for seen, outputs in heads)
        self.layers_count, self.maps = layers, maps
        self.kernel, self.first_kernel = kernel, first_kernel
        self.gated, self.dropout, self.init_seed = gated, dropout, init_seed
        dtype = {"dtype": self.dtype_policy}
        self.blocks = [
            _Block(i, maps, window, gated, dropout, _place(init_seed, i), **dtype)
            for i, window in enumerate([first_kernel] + [kernel] * (layers - 1))
        ]
        self.hidden, self.outputs = [], []
        for i, (_, outputs) in enumerate(self.heads):
            first, last = (_place(init_seed, layers + 2 * i + k) for k in (0, 1))
            relu = {"activation": "relu", "kernel_initializer": keras.initializers.HeNormal(first)}
            linear = {"kernel_initializer": keras.initializers.GlorotUniform(last)}
            self.hidden.append(keras.layers.Dense(2 * maps, **relu, **dtype))
            self.outputs.append(keras.layers.Dense(outputs, **linear, **dtype))

    def build(self, x_shape: BatchShape, *condition_shapes: BatchShape) -> None:
        self.image_shape = tuple(x_shape[1:])
        for block in self.blocks:
            # A map of ones beside the channels: the border differs from black.
            block.add_weights(self.image_shape[-1] + 1, condition_shapes)
        for (seen, _), hidden, outputs in zip(self.heads, self.hidden, self.outputs):
            hidden.build((None, self.maps + seen))
            outputs.build((None, 2 * self.maps))
        self.built = True

    def call(
        self, x: tf.Tensor, *conditions: tf.Tensor, training: bool = False, seed: Seed = None
    ) -> tf.Tensor:
        x = tf.cast(x, self.compute_dtype)
        v = h = _embedded(x)
        for i, block in enumerate(self.blocks):
            terms = block.terms(conditions)
            fold = None if seed is None or not training else seeds.fold(seed, i)
            v = block.vertical(_above(v, block.before, block.own), v, terms, fold)
            h = block.horizontal(_left(h, block.before, block.own), h, block.beside(v, terms), fold)
        return tf.concat([self.head(i, h, x) for i in range(len(self.heads))], axis=-1)

    def head(self, index: int, h: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Outputs of one head at h [..., maps], reading its channels of x [..., C]."""
        seen, _ = self.heads[index]
        h = tf.nn.relu(h)
        if seen:
            h = tf.concat([h, 2.0 * x[..., :seen] - 1.0], axis=-1)
        return self.outputs[index](self.hidden[index](h))

    def sample(
        self, pick: Callable[..., tf.Tensor], noise: tf.Tensor, *conditions: tf.Tensor
    ) -> tf.Tensor:
        """Draws pixel after pixel; each costs one column of every layer.

        Args:
            pick: callable `(head, noise [B, n]) -> pixel [B, C]`; `head(index, x)` gives the
                outputs [B, ...] of a head that reads what is known of the pixel, x [B, C].
            noise: [B, H, W, n].
            *conditions: as in `call`.

        Returns:
            float32 [B, H, W, C].
        """
        height, width, channels = self.image_shape
        rows = tf.shape(noise)[0]
        terms = [block.terms(conditions) for block in self.blocks]
        depth = channels + 1

        def zeros(*shape: int) -> tf.Tensor:
            return tf.zeros([rows, *shape], self.compute_dtype)

        def draw_row(r: tf.Tensor, above: list[tf.Tensor], image: tf.TensorArray) -> tuple:
            # The vertical stack on row r; `sides`, [B, layers, W, width], is what the other takes.
            v, kept, sides = None, [], []
            for block, before, of_block in zip(self.blocks, above, terms):
                here = [_row(term, r) for term in of_block]
                window = before if v is None else tf.concat([before, v], axis=1)
                v = block.vertical(_padded(window, 0, block.before), v, here)
                kept.append(window)
                sides.append(block.beside(v, here))
            sides = tf.concat(sides, axis=1)
            noise_row = noise[:, r]

            def draw_pixel(c: tf.Tensor, left: list[tf.Tensor], row: tf.TensorArray) -> tuple:
                h, moved = None, []
                side = sides[:, :, c]
                for i, (block, before) in enumerate(zip(self.blocks, left)):
                    window = before if h is None else tf.concat([before, h], axis=1)
                    h = block.horizontal(window, h, side[:, i])
                    moved.append(window)
                x = pick(lambda index, x: self._at(index, h, x), noise_row[:, c])
                pixel = _embedded(tf.cast(x, self.compute_dtype))
                moved[0] = tf.concat([moved[0], pixel], axis=1)
                # What a layer keeps of its window: all but the pixel that leaves it.
                left = [window[:, block.h_depth :] for block, window in zip(self.blocks, moved)]
                return c + 1, left, row.write(c, x)

            left = [zeros(block.before * block.h_depth) for block in self.blocks]
            row = tf.TensorArray(tf.float32, width, element_shape=[None, channels])
            _, _, row = tf.while_loop(
                lambda c, *_: c < width, draw_pixel, (0, left, row), maximum_iterations=width
            )
            row = tf.transpose(row.stack(), [1, 0, 2])  # [B, W, C]
            pixels = _embedded(tf.cast(row, self.compute_dtype))[:, None]
            kept[0] = tf.concat([kept[0], pixels], axis=1)
            return r + 1, [window[:, 1:] for window in kept], image.write(r, row)

        above = [
            zeros(block.before, width, depth if i == 0 else self.maps)
            for i, block in enumerate(self.blocks)
        ]
        image = tf.TensorArray(tf.float32, height, element_shape=[None, width, channels])
        _, _, image = tf.while_loop(
            lambda r, *_: r < height, draw_row, (0, above, image), maximum_iterations=height
        )
        return tf.transpose(image.stack(), [1, 0, 2, 3])

    def _at(self, index: int, h: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.head(index, h, tf.cast(x, self.compute_dtype)), tf.float32)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "layers": self.layers_count,
            "maps": self.maps,
            "kernel": self.kernel,
            "first_kernel": self.first_kernel,
            "gated": self.gated,
            "dropout": self.dropout,
            "init_seed": self.init_seed,
        }


class _Block(keras.layers.Layer):
    """One layer of both stacks; the same functions serve whole images, rows and single pixels.

    `before` rows above and columns to the left are seen; the present ones too where `own`.
    """

    def __init__(
        self,
        index: int,
        maps: int,
        kernel: int,
        gated: bool,
        dropout: float,
        init_seed: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=f"layer_{index}", **kwargs)
        self.first, self.maps, self.kernel, self.gated = index == 0, maps, kernel, gated
        self.init_seed = init_seed
        self.before, self.own = kernel // 2, not self.first
        self.width = 2 * maps if gated else maps
        self.noise = Dropout(dropout, dtype=self.dtype_policy) if dropout else None

    def add_weights(self, depth: int, condition_shapes: Sequence[BatchShape]) -> None:
        """Makes the weights, for `depth` maps of pixels and conditions of these shapes."""
        depth = self.h_depth = depth if self.first else self.maps
        taps = self.before + self.own
        self.v_kernel = self._weight("v_kernel", (taps, self.kernel, depth, self.width), 0)
        self.h_kernel = self._weight("h_kernel", (1, taps, depth, self.width), 1)
        self.u_kernel = self._weight("u_kernel", (self.maps, self.width), 2)
        self.w_kernel = self._weight("w_kernel", (self.maps, self.maps), 3)
        self.v_bias = self._weight("v_bias", (self.width,))
        self.h_bias = self._weight("h_bias", (self.width,))
        self.w_bias = self._weight("w_bias", (self.maps,))
        self.c_kernels = [
            self._weight(f"c_kernel_{i}", (shape[-1], 2 * self.width), 4 + i)
            for i, shape in enumerate(condition_shapes)
        ]
        self.built = True

    def _weight(
        self, name: str, shape: tuple[int | None, ...], place: int | None = None
    ) -> keras.Variable:
        initializer = "zeros"
        if place is not None:
            initializer = keras.initializers.GlorotUniform(seed=_place(self.init_seed, place))
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    def terms(self, conditions: Sequence[tf.Tensor]) -> Sequence[Term]:
        """What the conditions add to the two stacks: c_v, c_h, [B, H or 1, W or 1, width] or 0."""
        total = 0.0
        for condition, kernel in zip(conditions, self.c_kernels):
            condition = tf.cast(condition, self.compute_dtype)
            if condition.shape.rank == 2:
                condition = condition[:, None, None, :]
            total += tf.tensordot(condition, self._cast(kernel), 1)
        return (total, total) if isinstance(total, float) else tf.split(total, 2, axis=-1)

    def vertical(
        self, window: tf.Tensor, v: tf.Tensor, terms: Sequence[Term], seed: Seed = None
    ) -> tf.Tensor:
        """v' of a window [B, R + rows above, W + kernel - 1, C]."""
        a = tf.nn.conv2d(window, self._cast(self.v_kernel), 1, "VALID")
        gate = self._gate(self._biased(a, self.v_bias) + terms[0], seed, "v")
        return gate if self.first else v + gate

    def beside(self, v: tf.Tensor, terms: Sequence[Term]) -> tf.Tensor:
        """What the horizontal stack takes of v' and of the conditions."""
        side = tf.tensordot(v, self._cast(self.u_kernel), 1)
        return self._biased(side, self.h_bias) + terms[1]

    def horizontal(
        self, window: tf.Tensor, h: tf.Tensor, side: tf.Tensor, seed: Seed = None
    ) -> tf.Tensor:
        """h' of a window [B, R, W + columns before, C], or of one pixel's, flat [B, taps C]."""
        kernel = self._cast(self.h_kernel)
        if window.shape.rank == 2:
            a = tf.matmul(window, tf.reshape(kernel, [-1, self.width]))
        else:
            a = tf.nn.conv2d(window, kernel, 1, "VALID")
        gate = self._gate(a + side, seed, "h")
        gate = self._biased(tf.tensordot(gate, self._cast(self.w_kernel), 1), self.w_bias)
        return gate if self.first else h + gate

    def _gate(self, a: tf.Tensor, seed: Seed, place: str) -> tf.Tensor:
        if self.gated:
            a, b = tf.split(a, 2, axis=-1)
            a = tf.tanh(a) * tf.sigmoid(b)
        else:
            a = tf.nn.relu(a)
        if self.noise is None or seed is None:
            return a
        return self.noise(a, training=True, seed=seeds.fold(seed, place))

    def _biased(self, a: tf.Tensor, bias: keras.Variable) -> tf.Tensor:
        return tf.nn.bias_add(a, self._cast(bias))  # whose gradient is faster than that of a sum

    def _cast(self, weight: keras.Variable) -> tf.Tensor:
        return tf.cast(weight, self.compute_dtype)


@keras.saving.register_keras_serializable("zoo")
class MADE(keras.layers.Layer):
    """Two numbers for each entry of a vector, which depend on the entries before it alone.

    Args:
        units: of its two hidden layers.
        init_seed: int.

    [..., d] -> [..., d, 2]; both are 0 before training.

    Reference: Germain et al., MADE, arXiv 1502.03509, equations 13 and 14, hidden unit k having
        degree k mod (d - 1).
    """

    def __init__(self, units: int, init_seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.init_seed = units, init_seed

    def build(self, z_shape: Sequence[int]) -> None:
        d, units = z_shape[-1], self.units
        shapes = (d, units), (units, units), (units, 2 * d)
        glorot = keras.initializers.GlorotUniform
        self.kernels = [
            self.add_weight(
                name=f"kernel_{i}",
                shape=shape,
                initializer=glorot(_place(self.init_seed, i)) if i < 2 else "zeros",
            )
            for i, shape in enumerate(shapes)
        ]
        self.biases = [
            self.add_weight(name=f"bias_{i}", shape=shape[1:], initializer="zeros")
            for i, shape in enumerate(shapes)
        ]
        # The weights were first: there may be more of them than are allowed.
        hidden, entries = np.arange(units) % max(d - 1, 1), np.arange(d)
        # A hidden unit of degree k reads entries 0, ..., k; entry i reads those of degree < i.
        masks = [
            entries[:, None] <= hidden,
            hidden[:, None] <= hidden,
            hidden[:, None] < np.repeat(entries, 2),
        ]
        self.masks = [mask.astype(np.float32) for mask in masks]
        self.built = True

    def call(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        hidden = tf.cast(z, self.compute_dtype)
        for i, (kernel, bias, mask) in enumerate(zip(self.kernels, self.biases, self.masks)):
            hidden = tf.nn.elu(hidden) if i else hidden
            hidden = tf.tensordot(hidden, tf.cast(kernel * mask, hidden.dtype), 1)
            hidden += tf.cast(bias, hidden.dtype)
        return tf.reshape(hidden, tf.concat([tf.shape(z), [2]], axis=0))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "init_seed": self.init_seed}


def _place(init_seed: int, index: int) -> int:
    """A seed of its own for each layer and weight."""
    return init_seed * 1009 + index


def _embedded(x: tf.Tensor) -> tf.Tensor:
    """[..., C] in [0, 1] to [..., C + 1]: in [-1, 1], beside ones."""
    return tf.concat([2.0 * x - 1.0, tf.ones_like(x[..., :1])], axis=-1)


def _above(v: tf.Tensor, rows: int, own: bool) -> tf.Tensor:
    """The window of whole images: `rows` of zeros on top, both sides padded as much."""
    v = v if own else v[:, :-1]
    return _padded(v, rows, rows)


def _left(h: tf.Tensor, columns: int, own: bool) -> tf.Tensor:
    h = h if own else h[:, :, :-1]
    return tf.pad(h, [[0, 0], [0, 0], [columns, 0], [0, 0]])


def _padded(v: tf.Tensor, top: int, sides: int) -> tf.Tensor:
    return tf.pad(v, [[0, 0], [top, 0], [sides, sides], [0, 0]])


def _row(term: Term, r: tf.Tensor) -> Term:
    """Row r of a term of the conditions, of all rows alike where it has but one."""
    if isinstance(term, float) or term.shape[1] == 1:
        return term
    return tf.gather(term, [r], axis=1)
