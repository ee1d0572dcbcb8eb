"""Losses that compare two samples by their moments: kernels, MMD and the means of features."""

from collections.abc import Callable, Sequence
from typing import Literal

import tensorflow as tf

from zoo.errors import unknown

Kernel = Callable[[tf.Tensor], tf.Tensor]  # of squared distances, elementwise


def rbf(variances: Sequence[float]) -> Kernel:
    """sum over s of exp(-|x - y|^2 / (2 s)), s a variance, the square of a bandwidth.

    Reference: Li, Swersky, Zemel, Generative moment matching networks, arXiv 1502.02761,
        and the authors' code, whose numbers 2, 5, 10, 20, 40, 80 are variances.
    """
    return lambda square: sum(tf.exp(square * (-0.5 / s)) for s in variances)


def rational_quadratic(alphas: Sequence[float]) -> Kernel:
    """sum over a of (1 + |x - y|^2 / (2 a))^-a: its gradient dies slower than the RBF's.

    Reference: Binkowski et al., Demystifying MMD GANs, arXiv 1801.01401, section 2.
    """
    return lambda square: sum((1.0 + square / (2.0 * a)) ** -a for a in alphas)


def squared_distances(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """|x_i - y_j|^2, [m, n], of x [m, d] and y [n, d]."""
    tf.debugging.assert_rank(x, 2)
    tf.debugging.assert_rank(y, 2)
    norms = [tf.reduce_sum(tf.square(each), axis=1) for each in (x, y)]
    square = norms[0][:, None] + norms[1] - 2.0 * tf.matmul(x, y, transpose_b=True)
    return tf.maximum(square, 0.0)  # rounding may make it less


def squared_mmd(
    x: tf.Tensor,
    y: tf.Tensor,
    kernel: Kernel,
    estimator: Literal["biased", "unbiased", "linear"] = "unbiased",
) -> tf.Tensor:
    """Squared maximum mean discrepancy, a scalar: |E k(x, .) - E k(y, .)|^2.

        biased     mean Kxx + mean Kyy - 2 mean Kxy, never negative
        unbiased   the same without the diagonals of Kxx and Kyy; negative as often as not for
                   samples of one distribution
        linear     mean over pairs of rows of k(x1, x2) + k(y1, y2) - k(x1, y2) - k(x2, y1):
                   unbiased, in linear time, of larger variance

    Args:
        x: [m, d], m >= 2.
        y: [n, d], n >= 2; for "linear" n = m, and an odd last row counts for nothing.
        kernel: of squared distances: `rbf(...)`, `rational_quadratic(...)`.
        estimator: "biased", "unbiased" or "linear".

    Raises:
        ValueError: another estimator.
        tf.errors.InvalidArgumentError: a single row, of which "unbiased" and "linear" are not
            defined.

    Reference: Gretton et al., A kernel two-sample test, JMLR 2012, equations 3 and 5, lemma 14.
    """
    if estimator == "linear":
        return _linear_mmd(x, y, kernel)
    means = {"biased": tf.reduce_mean, "unbiased": _mean_off_diagonal}
    if estimator not in means:
        raise unknown("estimator", estimator, [*means, "linear"])
    own = sum(means[estimator](kernel(squared_distances(each, each))) for each in (x, y))
    return own - 2.0 * tf.reduce_mean(kernel(squared_distances(x, y)))


def _mean_off_diagonal(k: tf.Tensor) -> tf.Tensor:
    _several(k)
    n = tf.cast(tf.shape(k)[0], k.dtype)
    return (tf.reduce_sum(k) - tf.linalg.trace(k)) / (n * (n - 1.0))


def _several(rows: tf.Tensor) -> None:
    """Refuses a single row: a mean over no pairs is not a number, nor are weights after it."""
    expected = "at least two rows, as pairs of different ones are compared (batch_size, last batch)"
    count = tf.shape(rows)[0]
    tf.debugging.assert_greater_equal(count, 2, f"Invalid `x`: expected {expected}.")


def _linear_mmd(x: tf.Tensor, y: tf.Tensor, kernel: Kernel) -> tf.Tensor:
    tf.debugging.assert_rank(x, 2)
    tf.debugging.assert_equal(tf.shape(x), tf.shape(y))
    _several(x)
    pairs = tf.shape(x)[0] // 2
    x1, x2, y1, y2 = (each[i : 2 * pairs : 2] for each in (x, y) for i in (0, 1))
    k = lambda u, v: kernel(tf.reduce_sum(tf.square(u - v), axis=1))
    return tf.reduce_mean(k(x1, x2) + k(y1, y2) - k(x1, y2) - k(x2, y1))


def feature_matching(mean_data: tf.Tensor, mean_model: tf.Tensor) -> tf.Tensor:
    """|E f(x) - E f(G(z))|^2 / F, a scalar: biased MMD of the linear kernel on F features.

    Args:
        mean_data, mean_model: [F], means over the global batch.

    Reference: Salimans et al., Improved techniques for training GANs, arXiv 1606.03498, section
        3.1; divided by F as in the authors' code.
    """
    tf.debugging.assert_rank(mean_data, 1)
    tf.debugging.assert_rank(mean_model, 1)
    return tf.reduce_mean(tf.square(mean_data - mean_model))
