"""Losses in float16: scaled before their gradients are taken, which would vanish there."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo import seeds
from zoo.optimizers import LossScaleOptimizer

_FIRST, _LARGEST = 2.0**15, 2.0**60
STATE_SIZE = 2  # variables
_PATIENCE = 2000  # plays without an overflow after which the scale doubles

Gradients = dict[str, Sequence[tf.Tensor | None]]


class LossScale:
    """A factor of all losses that is as large as float16 allows.

    It halves when a gradient is not finite, and the players stay where they are in that play, whose
    gradients are logged as zeros; it doubles after 2,000 plays in which all were.

    Args:
        add_weight: makes a variable of the model.

    Reference:
        Micikevicius et al.: Mixed precision training, arXiv 1710.03740, section 3.2; the rule is
        that of Keras' `LossScaleOptimizer`, between 1 and 2^60.
    """

    def __init__(self, add_weight: Callable[..., keras.Variable]) -> None:
        once = {"trainable": False, "aggregation": "only_first_replica"}
        first = keras.initializers.Constant(_FIRST)
        self.value = add_weight(name="loss_scale", initializer=first, dtype="float32", **once)
        self.steady = add_weight(name="steady_plays", initializer="zeros", dtype="int64", **once)

    @property
    def state(self) -> dict[str, keras.Variable]:
        """{name: variable}, for checkpoints."""
        return {"loss_scale": self.value, "steady_plays": self.steady}

    def of(self, objective: tf.Tensor) -> tf.Tensor:
        """An objective in the scale."""
        return objective * tf.convert_to_tensor(self.value)

    def heeded(self, optimizer: keras.optimizers.Optimizer) -> LossScaleOptimizer:
        """An optimizer that leaves out a play whose gradients are not finite."""
        return LossScaleOptimizer(optimizer, self.value, self.steady)

    def gradients(self, found: Gradients) -> tuple[Gradients, tf.Tensor]:
        """(gradients out of the scale, whether all are finite); moves the scale.

        Where one is not, on any replica, all are zeros.

        Args:
            found: {player: gradients of its objective in the scale}; None of what it does not
                reach.
        """
        scale = tf.convert_to_tensor(self.value)
        bad: Any = 0.0
        for gradient in (g for each in found.values() for g in each if g is not None):
            bad += tf.cast(tf.reduce_any(~tf.math.is_finite(gradient)), tf.float32)
        replicas, _ = seeds.replica()
        if replicas > 1:
            bad = tf.distribute.get_replica_context().all_reduce("SUM", bad)
        fine = tf.equal(bad, 0.0)
        steady = tf.where(fine, self.steady.value + 1, 0)
        grown = tf.where(steady >= _PATIENCE, tf.minimum(2.0 * scale, _LARGEST), scale)
        self.value.assign(tf.where(fine, grown, tf.maximum(scale / 2.0, 1.0)))
        self.steady.assign(tf.where(steady >= _PATIENCE, tf.zeros_like(steady), steady))

        def unscaled(gradient: tf.Tensor | None) -> tf.Tensor | None:
            if gradient is None:
                return None
            return tf.where(fine, gradient / tf.cast(scale, gradient.dtype), 0.0)

        return {player: [unscaled(g) for g in each] for player, each in found.items()}, fine
