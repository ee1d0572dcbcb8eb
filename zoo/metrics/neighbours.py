"""k-nearest-neighbour classification of codes or features."""

from collections.abc import Callable

import numpy as np
from sklearn.neighbors import NearestNeighbors

from zoo.errors import refusal
from zoo.metrics import fits
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.subject import Subject, flat

HIDDEN_ROWS = 60_000  # of train, all of MNIST's: wide layers of larger sets need not fit


def one_nn_accuracy(
    train_features: np.ndarray, train_y: np.ndarray, test_features: np.ndarray, test_y: np.ndarray
) -> Measure:
    """The share of test examples with the label of their nearest training example.

    Args:
        train_features: [N, ...].
        train_y: int [N].
        test_features: [M, ...].
        test_y: int [M].

    Reference: Donahue et al., BiGAN, arXiv 1605.09782, the table of permutation-invariant MNIST.
    """
    return k_nn_accuracy(train_features, train_y, test_features, test_y, k=1)


def k_nn_accuracy(
    train_features: np.ndarray,
    train_y: np.ndarray,
    test_features: np.ndarray,
    test_y: np.ndarray,
    k: int,
) -> Measure:
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
    return mean_of(predicted == np.asarray(test_y), protocol)


def k_nn_predict(
    train_features: np.ndarray, train_y: np.ndarray, test_features: np.ndarray, k: int = 1
) -> np.ndarray:
    """Labels int [M], as in `k_nn_accuracy`."""
    train_y = np.asarray(train_y)
    if not 1 <= k <= len(train_y):
        raise ValueError(refusal("k", f"an int in 1, ..., {len(train_y)}", k))
    labels = train_y[nearest_rows(train_features, test_features, k)]  # [M, k], nearest first
    if k == 1:
        return labels[:, 0]
    # Each vote weighs one and a little: all the littles together are less than one vote.
    weight = 1.0 + 0.5 ** np.arange(1, k + 1) / 2.0
    classes = np.unique(train_y)
    votes = [((labels == label) * weight).sum(axis=1) for label in classes]
    return classes[np.argmax(votes, axis=0)]


def nearest_rows(train_features: np.ndarray, test_features: np.ndarray, k: int = 1) -> np.ndarray:
    """The indices of the k nearest training rows, int [M, k], nearest first.

    Exact, by all distances; scikit-learn computes them block by block, so memory stays small. Rows
    that are equally near come in any order.

    Args:
        train_features: [N, ...], finite.
        test_features: [M, ...], finite.
        k: int.

    Raises:
        ValueError: other dimensions, NaN or infinity.
    """
    train, test = flat(train_features), flat(test_features)
    if train.shape[1] != test.shape[1]:
        expected = f"features of the {train.shape[1]} dimensions of the training ones"
        raise ValueError(refusal("test_features", expected, test.shape))
    for argument, rows in (("train_features", train), ("test_features", test)):
        if not np.isfinite(rows).all():
            bad = f"{(~np.isfinite(rows)).any(axis=1).sum()} of {len(rows)} rows are not finite"
            raise ValueError(refusal(argument, "finite numbers", bad))
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(train)
    return search.kneighbors(test, return_distance=False)


# --- of a subject -----------------------------------------------------------------------------


def _of_others(s: Subject) -> None:
    """Refuses the training rows: each would be its own nearest neighbour."""
    if s.split == "train":
        expected = "a split that is not trained on, as each row of train is its own neighbour"
        raise ValueError(refusal("split", expected, s.split))


def _accuracy(k: int) -> Callable[[Subject], Measure]:
    def measured(s: Subject) -> Measure:
        _of_others(s)
        train, test = s.codes("train"), s.codes(s.split)
        found = k_nn_accuracy(train["mean"], train["y"], test["mean"], test["y"], k)
        return found.noted(f"features: {s.codes_are}")

    return measured


def _hidden_accuracy(s: Subject) -> Measure:
    _of_others(s)
    train, test = s.hidden("train", HIDDEN_ROWS), s.hidden(s.split)
    found = one_nn_accuracy(train["hidden"], train["y"], test["hidden"], test["y"])
    return found.noted("features: the encoder's last hidden layer")


METRICS = {
    "one_nn_accuracy": Metric(
        fits.on_classes("encode"),
        _accuracy(1),
        help="share of examples whose label is that of the nearest training code",
        better="higher",
    ),
    "one_nn_accuracy_hidden": Metric(
        fits.hidden_on_classes,
        _hidden_accuracy,
        help="one_nn_accuracy of the encoder's last hidden layer in place of the codes (BiGAN)",
        better="higher",
    ),
    "five_nn_accuracy": Metric(
        fits.on_classes("encode"),
        _accuracy(5),
        help="share of examples whose label wins the vote of the five nearest training codes",
        better="higher",
    ),
}
