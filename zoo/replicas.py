"""What replicas agree on: means and rows of the global batch, with gradients to all of them.

All replicas have batches of one size. Outside of a strategy everything is as it is.
"""

from typing import Any

import tensorflow as tf

from zoo import seeds


def mean(values: Any) -> Any:
    """The mean over replicas of a tensor, or of each of a list."""
    if seeds.replica()[0] == 1:
        return values
    context: Any = tf.distribute.get_replica_context()
    return context.all_reduce("MEAN", values)


def rows(x: tf.Tensor) -> tf.Tensor:
    """The rows [n B, ...] of all replicas, of [B, ...] a replica."""
    if seeds.replica()[0] == 1:
        return x
    context: Any = tf.distribute.get_replica_context()
    return context.all_gather(x, axis=0)


def moments(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance over the rows of all replicas, of [B, ...]: each [...]."""
    loc = mean(tf.reduce_mean(x, axis=0))
    return loc, mean(tf.reduce_mean(tf.square(x - loc), axis=0))
