"""Noise from stateless seeds, for whole batches and row by row."""

from collections.abc import Sequence

import tensorflow as tf

from zoo import seeds

NOISE = {"normal": seeds.normal, "uniform": seeds.uniform}


def noise(kind: str, shape: Sequence | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Noise of a shape from a stateless seed: "normal", or "uniform" on [0, 1)."""
    return NOISE[kind](shape, seed)


def noise_rows(
    row_seeds: tf.Tensor, place: str, shape: Sequence[int], kind: str = "normal"
) -> tf.Tensor:
    """Noise [B, *shape], row i from `row_seeds[i]` alone: "normal", or "uniform" on [0, 1)."""
    return tf.map_fn(
        lambda seed: noise(kind, shape, seeds.split_row(seed, place)),
        row_seeds,
        fn_output_signature=tf.TensorSpec(shape, tf.float32),
    )


def category(probabilities: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """The category that a number in [0, 1) stands for: the inverse of the cumulated probabilities.

    Args:
        probabilities: [..., K].
        uniform: [..., 1].

    Returns:
        int32 [...], in [0, K).
    """
    below = tf.cumsum(probabilities, axis=-1)[..., :-1]
    return tf.reduce_sum(tf.cast(uniform >= below, tf.int32), axis=-1)
