"""k-nearest-neighbour classification of codes or features."""

import numpy as np

from zoo.errors import refusal
from zoo.metrics.measure import Measure

CHUNK_BYTES = 16 * 2**20  # of one block of distances: it should stay in reach of the caches


def one_nn_accuracy(train_features, train_y, test_features, test_y):
    """The share of test examples with the label of their nearest training example.

    Args:
        train_features: [N, ...].
        train_y: int [N].
        test_features: [M, ...].
        test_y: int [M].

    Reference: Donahue et al., BiGAN, arXiv 1605.09782, the table of permutation-invariant MNIST.
    """
    return k_nn_accuracy(train_features, train_y, test_features, test_y, k=1)


def k_nn_accuracy(train_features, train_y, test_features, test_y, k):
    """The share of test examples that the vote of their k nearest training examples names right.

    Args:
        train_features: [N, ...].
        train_y: int [N].
        test_features: [M, ...].
        test_y: int [M].
        k: int in 1, ..., N. A tied vote goes to the tied label whose member is nearest.
    """
    predicted = k_nn_predict(train_features, train_y, test_features, k)
    protocol = (
        f"{k}-nearest-neighbour vote, L2 distance on unscaled features, "
        f"{len(train_y)} training examples"
    )
    return Measure(float(np.mean(predicted == np.asarray(test_y))), len(predicted), protocol)


def k_nn_predict(train_features, train_y, test_features, k=1):
    """Labels int [M], as in `k_nn_accuracy`."""
    train_y = np.asarray(train_y)
    if not 1 <= k <= len(train_y):
        raise ValueError(refusal("k", f"an int in 1, ..., {len(train_y)}", k))
    labels = train_y[nearest(train_features, test_features, k)]  # [M, k], nearest first
    if k == 1:
        return labels[:, 0]
    # Each vote weighs one and a little: all the littles together are less than one vote.
    weight = 1.0 + 0.5 ** np.arange(1, k + 1) / 2.0
    classes = np.unique(train_y)
    votes = [((labels == label) * weight).sum(axis=1) for label in classes]
    return classes[np.argmax(votes, axis=0)]


def nearest(train_features, test_features, k=1):
    """The indices of the k nearest training rows, int [M, k], nearest first.

    |a - b|^2 = |a|^2 - 2 a.b + |b|^2, of which |a|^2 does not matter: one product of matrices.

    Args:
        train_features: [N, ...].
        test_features: [M, ...].
        k: int.
    """
    train = np.asarray(train_features, np.float32).reshape(len(train_features), -1)
    test = np.asarray(test_features, np.float32).reshape(len(test_features), -1)
    if train.shape[1] != test.shape[1]:
        expected = f"features of the {train.shape[1]} dimensions of the training ones"
        raise ValueError(refusal("test_features", expected, test.shape))
    # Distances do not change with the origin, but float32 loses less of them near it.
    centre = train.mean(axis=0)
    train, test = train - centre, test - centre
    half_norms = np.square(train).sum(axis=1) / 2.0
    rows = max(1, CHUNK_BYTES // (4 * len(train)))
    blocks = [
        _smallest(half_norms - test[start : start + rows] @ train.T, k)
        for start in range(0, len(test), rows)
    ]
    return np.concatenate(blocks)


def _smallest(distances, k):
    if k == 1:
        return np.argmin(distances, axis=1)[:, None]
    found = np.argpartition(distances, k - 1, axis=1)[:, :k]
    order = np.argsort(np.take_along_axis(distances, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)
