"""Draws of a model's joint distribution p(x, z)."""

import numpy as np
import tensorflow as tf

from zoo import checks, distributions, seeds
from zoo.model import GenerativeModel
from zoo.verbs import in_chunks


def simulate(
    model: GenerativeModel, n: int, y: np.ndarray | None = None, seed: int = 0
) -> tuple[tf.Tensor, tf.Tensor]:
    """(x [n, *image_shape], z [n, code_dim]) ~ p(x, z): z is an exact draw of p(z|x).

    The codes are those of `model.sample(n, seed=seed)`, which shows the means of p(x|z) instead.

    Args:
        model: a model that decodes draws of its prior.
        n: int >= 1.
        y: labels [n], for conditional models.
        seed: of all draws; row i does not depend on n.
    """

    @tf.function(autograph=False, reduce_retracing=True)  # row by row, a draw at a time takes long
    def traced(rows: tf.Tensor, y: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        with model.inference():
            z = distributions.sample_rows(model.prior, rows, "z")
        return model.decode_rows(z, rows, y)["sample"], z

    rows = seeds.row_seeds(checks.whole(n, "n"), seed)
    return in_chunks(traced, rows, *(() if y is None else (y,)))
