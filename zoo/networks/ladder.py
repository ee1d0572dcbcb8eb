"""The two halves of a ladder network: an encoder, and a decoder that denoises its levels.

Level 0 is x; level l is what row l makes of level l - 1. A level has a size a unit, or a map of a
convolution. Pools are rows, too: normalised and with noise, but linear.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
import tensorflow as tf

from zoo import replicas
from zoo.errors import refusal
from zoo.networks.block import activation_of, size
from zoo.networks.layers import BatchShape, known_statistic
from zoo.networks.rows import AnyRow, GlobalMean, MaxPool, Row, conv, deconv, dense, row_of
from zoo.networks.stack import RowNetwork, Stack

# What a row of a ladder may not have: the ladder has noise and a norm of its own.
_FOREIGN = "noise", "dropout", "shift", "spectral", "weight_norm", "minibatch", "minibatch_stddev"
LadderRow: TypeAlias = Row | GlobalMean | MaxPool


class Level(NamedTuple):
    """What one pass of the encoder found at one level.

    Attributes:
        z: [B, ...], normalised, with the noise of this pass.
        h: [B, ...], what the next row sees; of the top level the logits.
        loc, variance: [C] of the row's outputs before they were normalised; of x, which is not
            normalised, what leaves it as it is.
    """

    z: tf.Tensor
    h: tf.Tensor
    loc: tf.Tensor
    variance: tf.Tensor


def normalised(x: tf.Tensor, loc: tf.Tensor, variance: tf.Tensor, epsilon: float) -> tf.Tensor:
    """(x - loc) / sqrt(variance + epsilon)."""
    return (x - loc) * tf.math.rsqrt(variance + epsilon)


def batch_moments(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of each unit or map over the global batch, [C] each."""
    return replicas.moments(tf.reshape(x, [-1, x.shape[-1]]))


@keras.saving.register_keras_serializable("zoo")
class LadderEncoder(RowNetwork):
    """A classifier whose every row is normalised by the statistics of the batch it is given.

        z_l = (W_l h_{l-1} - mean) / sqrt(variance + epsilon) + noise,  h_l = act(z_l + b_l),
        logits = c (z_L + b_L)

    Args: as of `Stack`. Rows may be dense, convolutions, transposed ones of stride 1 (which are
        convolutions of inputs with a border of zeros) and pools; they have normalisation and noise
        of the ladder's, and none of their own. A pool has no bias, unless it gives the logits.

    Call with `(x, training=False)`: logits without noise, by the population's statistics unless
    training. `remember` alone moves these statistics.

    Reference: Rasmus et al., Semi-supervised learning with ladder networks, arXiv 1507.02672,
        algorithm 1.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, autocast=False, **kwargs)  # its maps alone compute in another type

    def read(self, row: AnyRow | Mapping[str, Any]) -> LadderRow:
        """As `RowNetwork`; others are refused."""
        return _plain(row)

    def build(self, x_shape: BatchShape) -> None:
        shape, last = tuple(x_shape[1:]), len(self.rows) - 1
        weighted = [i for i, row in enumerate(self.rows) if isinstance(row, Row)]
        biased = [i for i in range(len(self.rows)) if i in weighted or i == last]
        self.shapes = [shape]  # of one example of every level
        self.maps: list[Stack] = []
        for i, row in enumerate(self.rows):
            units = self.example_shape if i in weighted[-1:] else None
            linear = Stack(
                [_bare(row, None if units is None else size(units))],
                self.example_shape if i == last else None,
                init_stddev=self.init_stddev,
                init_seed=self.init_seed * 1009 + i,
                name=f"map_{i}",
                dtype=self.dtype_policy,
            )
            linear.build((None, *shape))
            shape = tuple(linear.result_shape)
            self.maps.append(linear)
            self.shapes.append(shape)
        straight = dense(None, activation="linear")
        bent = [row if isinstance(row, Row) else straight for row in self.rows]
        self.bends = [activation_of(row, self.slope, {"dtype": "float32"}) for row in bent]
        widths = [shape[-1] for shape in self.shapes[1:]]

        def weights(
            name: str, initial: str, trainable: bool, rows: Iterable[int] = range(len(widths))
        ) -> list[keras.Variable]:
            own = {"initializer": initial, "dtype": "float32", "autocast": False}
            own |= {"trainable": trainable, "aggregation": "none" if trainable else "mean"}
            named = [(widths[i], f"{name}_{i}") for i in rows]
            return [self.add_weight(shape=(width,), name=name, **own) for width, name in named]

        self.biases = dict(zip(map(str, biased), weights("bias", "zeros", True, biased)))
        self.locs = weights("population_mean", "zeros", False)
        self.variances = weights("population_variance", "ones", False)
        self.scale = self.add_weight(
            shape=(widths[-1],), initializer="ones", dtype="float32", autocast=False, name="scale"
        )
        self.built = True

    def levels(
        self, x: tf.Tensor, noise: Sequence[tf.Tensor] = (), training: bool = False
    ) -> list[Level]:
        """Every level of one pass, x first.

        Args:
            x: [B, ...].
            noise: what is added to each level, x included; () for a clean pass.
            training: whether x's own statistics normalise it, or the population's.
        """
        added = list(noise) or [tf.zeros([])] * len(self.shapes)
        x = tf.cast(x, tf.float32) + added[0]
        found = [Level(x, x, tf.zeros([]), tf.constant(1.0 - self.epsilon))]
        for i, linear in enumerate(self.maps):
            pre = tf.cast(linear(found[-1].h), tf.float32)
            if training:
                loc, variance = batch_moments(pre)
            else:
                loc, variance = map(tf.convert_to_tensor, (self.locs[i], self.variances[i]))
            z = normalised(pre, loc, variance, self.epsilon) + added[i + 1]
            bias = self.biases.get(str(i))
            h = self.bends[i](z if bias is None else z + tf.convert_to_tensor(bias))
            if i + 1 == len(self.maps):
                h *= tf.convert_to_tensor(self.scale)
            found.append(Level(z, h, loc, variance))
        return found

    def remember(self, levels: Sequence[Level], share: tf.Tensor | float) -> None:
        """Moves the population's statistics by a share of the way to those of a pass."""
        for i, level in enumerate(levels[1:]):
            for kept, value in ((self.locs[i], level.loc), (self.variances[i], level.variance)):
                value = known_statistic(self, value, kept)
                kept.assign(kept + share * (value - kept))

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.levels(x, training=training)[-1].h

    def trace(self, x: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Outputs of every row, the last one the logits."""
        return [level.h for level in self.levels(x, training=training)[1:]]


@keras.saving.register_keras_serializable("zoo")
class LadderDecoder(keras.layers.Layer):
    """Estimates the clean levels from the noisy ones, top down.

        u_L = BN(softmax of the noisy logits),  u_l = BN(V_{l+1} zhat_{l+1})
        zhat_l = (z_l - mu(u_l)) v(u_l) + mu(u_l)
        mu(u) = a1 sigmoid(a2 u + a3) + a4 u + a5,  v(u) = a6 sigmoid(a7 u + a8) + a9 u + a10

    The a are vectors, one number a unit or map; at the start a2 = a7 = 1 and the others are 0, so
    that zhat = 0.

    Args:
        rows: of the encoder, which V mirrors; pools have no mirror, and may not lie above `lowest`.
        shapes: of one example of every level, x first.
        lowest: the lowest level that is estimated.
        init_stddev, init_seed, epsilon: as of `Stack`.

    Call with `(z, logits)`, the noisy levels; it gives zhat of the levels from `lowest` up.

    Reference: Rasmus et al., arXiv 1507.02672, section 4.1, equation 2 and algorithm 1.
    """

    def __init__(
        self,
        rows: Iterable[AnyRow | Mapping[str, Any]],
        shapes: Sequence[Sequence[int]],
        lowest: int = 0,
        *,
        init_stddev: float | None = None,
        init_seed: int = 0,
        epsilon: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # its maps alone compute in another type
        self.rows = tuple(_plain(row) for row in rows)
        self.shapes = [tuple(shape) for shape in shapes]
        self.lowest, self.init_stddev, self.init_seed = lowest, init_stddev, init_seed
        self.epsilon = epsilon

    def build(self, *_: Any) -> None:
        initial = keras.initializers.Constant([[float(i in (1, 6))] for i in range(10)])
        self.maps: dict[str, Stack] = {}
        self.combinators: dict[str, keras.Variable] = {}
        for level in range(self.lowest, len(self.shapes)):
            shape = self.shapes[level]
            self.combinators[str(level)] = self.add_weight(
                shape=(10, shape[-1]),
                initializer=initial,
                dtype="float32",
                autocast=False,
                name=f"combinator_{level}",
            )
            if level + 1 < len(self.shapes):
                mirror = Stack(
                    [mirrored(self.rows[level], shape)],
                    shape,
                    init_stddev=self.init_stddev,
                    init_seed=self.init_seed * 1009 + level,
                    name=f"map_{level}",
                    dtype=self.dtype_policy,
                )
                mirror.build((None, *self.shapes[level + 1]))
                self.maps[str(level)] = mirror
        self.built = True

    def call(
        self, z: Sequence[tf.Tensor], logits: tf.Tensor, training: bool = False
    ) -> list[tf.Tensor]:
        found: list[tf.Tensor] = []
        for level in reversed(range(self.lowest, len(self.shapes))):
            above = self.maps[str(level)](found[0]) if found else tf.nn.softmax(logits)
            above = tf.cast(above, tf.float32)
            u = normalised(above, *batch_moments(above), self.epsilon)
            found.insert(
                0, combine(z[level], u, tf.convert_to_tensor(self.combinators[str(level)]))
            )
        return found

    def get_config(self) -> dict[str, Any]:
        rows = [{"row": type(row).__name__, **dataclasses.asdict(row)} for row in self.rows]
        own = {"rows": rows, "shapes": self.shapes, "lowest": self.lowest}
        own |= {"init_stddev": self.init_stddev, "init_seed": self.init_seed}
        return {**super().get_config(), **own, "epsilon": self.epsilon}


def combine(z: tf.Tensor, u: tf.Tensor, a: tf.Tensor) -> tf.Tensor:
    """(z - mu(u)) v(u) + mu(u), of z, u [B, ..., C] and a [10, C]  (equation 2)."""
    mu = a[0] * tf.sigmoid(a[1] * u + a[2]) + a[3] * u + a[4]
    v = a[5] * tf.sigmoid(a[6] * u + a[7]) + a[8] * u + a[9]
    return (z - mu) * v + mu


def _plain(row: AnyRow | Mapping[str, Any]) -> LadderRow:
    """A row of a ladder, as it is or as a configuration describes it; others are refused."""
    row = row_of(row)
    if isinstance(row, GlobalMean | MaxPool):
        return row
    if isinstance(row, Row) and (row.op != "deconv" or row.stride == 1):
        default = Row(row.op, row.units)
        own = all(getattr(row, name) == getattr(default, name) for name in _FOREIGN)
        if own and row.activation != "maxout":
            return row
    expected = "dense rows, convolutions of one piece without noise of their own, and pools"
    raise ValueError(refusal("rows", expected, row))


def _bare(row: LadderRow, units: int | None) -> LadderRow:
    """The linear map of a row, and nothing else; `units` is of one that does not say its own."""
    if not isinstance(row, Row):
        return row
    plain: dict[str, Any] = {"norm": False, "bias": "none", "activation": "linear", "extra": False}
    return dataclasses.replace(row, units=row.units or units, **plain)


def mirrored(row: LadderRow, shape: Sequence[int], **options: Any) -> Row:
    """The row that leads from a row's outputs back to inputs of this shape.

    Args:
        row: dense, a convolution, or a transposed one of stride 1.
        shape: of one example of its inputs.
        **options: of the row, which without any is linear and has no bias.
    """
    options = options or {"activation": "linear", "bias": "none"}
    if not isinstance(row, Row):
        raise ValueError(refusal("rows", "no pools above a level that is denoised", row))
    if row.op == "dense":
        return dense(None, **options)
    if row.op == "deconv":
        return conv(None, row.kernel, padding=row.padding, **options)
    sides = tuple(shape[:2])
    return deconv(None, row.kernel, row.stride, padding=row.padding, size=sides, **options)
