"""What plain classifiers make of the same few labels: the first things that a user would try.

All are scikit-learn's, on pixels or vectors as they are, with the settings below for all data:
nothing is chosen on a split that is measured. They are functions of the data alone, so each draw of
labels is measured once, and kept in the data set's `cache_dir` for all methods.
"""

import functools
import warnings
from typing import Any

import numpy as np
from sklearn import linear_model, neighbors, semi_supervised, svm
from sklearn.exceptions import ConvergenceWarning

from zoo.metrics import classifier
from zoo.metrics.kept import kept
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.subject import Subject

RECIPE = 1  # part of the name of what is kept: to be raised when a setting changes
UNLABELLED = 10_000  # rows of train at most that those which learn from them are given
SPREADING_NEIGHBOURS, SPREADING_STEPS = 7, 200
SVM_C = 10.0
THRESHOLD = 0.9  # probability from which self-training believes its own label
ROUNDS = 10

# {name: how it is made, what the protocol says of it, whether it learns from unlabelled rows too}
_RIVALS: dict[str, tuple[Any, str, bool]] = {
    "knn_error": (
        functools.partial(neighbors.KNeighborsClassifier, 1),
        "the class of the nearest labelled example",
        False,
    ),
    "rbf_svm_error": (
        functools.partial(svm.SVC, C=SVM_C, gamma="scale"),
        f"an SVM with an RBF kernel, C {SVM_C:g}, gamma 1 / (dimensions variance)",
        False,
    ),
    "label_spreading_error": (
        functools.partial(
            semi_supervised.LabelSpreading,
            kernel="knn",
            n_neighbors=SPREADING_NEIGHBOURS,
            max_iter=SPREADING_STEPS,
            tol=0.0,  # else it ends where labels are few steps away from most rows
        ),
        f"label spreading over the graph of {SPREADING_NEIGHBOURS} neighbours, alpha 0.2, "
        f"{SPREADING_STEPS} steps",
        True,
    ),
    "self_training_error": (
        lambda: semi_supervised.SelfTrainingClassifier(
            linear_model.LogisticRegression(max_iter=200), threshold=THRESHOLD, max_iter=ROUNDS
        ),
        f"logistic regression that takes its labels of probability {THRESHOLD:g} and more for "
        f"given, {ROUNDS} rounds",
        True,
    ),
}


def predictions(
    name: str, x: np.ndarray, y: np.ndarray, unlabelled: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """The classes that a rival gives to rows that it did not see.

    Args:
        name: one of the metrics of this module.
        x: [L, ...], labelled examples.
        y: int [L].
        unlabelled: [U, ...], more examples; not every rival learns from them.
        test: [N, ...].

    Returns:
        int [N].
    """
    make, _, takes_all = _RIVALS[name]
    flat = lambda rows: rows.reshape(len(rows), -1)
    if takes_all:
        unknown = np.full(len(unlabelled), -1)  # as scikit-learn marks them
        x, y = np.concatenate([x, unlabelled]), np.concatenate([y, unknown])
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        # Few rounds are what is asked for, and a row that no label reaches has no class.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make().fit(flat(x), y).predict(flat(test))


def _wrong(s: Subject, name: str) -> np.ndarray:
    """Whether each measured example gets a wrong class, bool [N]."""

    def compute() -> dict[str, np.ndarray]:
        labelled = s.dataset.labelled_arrays()
        unlabelled = s.dataset.arrays("train", UNLABELLED)["x"]
        found = predictions(name, labelled["x"], labelled["y"], unlabelled, s.x)
        return {"wrong": found != s.y}

    key = f"{s.dataset.description}, {s.split} of {len(s.x)}, {name}, recipe {RECIPE}"
    return kept(s.dataset.cache_dir, "rival", key, compute, lambda arrays: arrays["wrong"])


def _measured(name: str) -> Any:
    def measure(s: Subject) -> Measure:
        _, how, takes_all = _RIVALS[name]
        protocol = f"share of wrong labels of {how}; {s.dataset.labels} labelled examples"
        if takes_all:
            rows = min(UNLABELLED, s.dataset.size("train"))
            protocol += f" and, without labels, the first {rows} of train"
        return mean_of(_wrong(s, name), protocol)

    return measure


METRICS = {
    "knn_error": Metric(
        classifier.learns_few_labels,
        _measured("knn_error"),
        help="share of wrong labels of the nearest labelled example, in pixels",
        better="lower",
    ),
    "rbf_svm_error": Metric(
        classifier.learns_few_labels,
        _measured("rbf_svm_error"),
        help="share of wrong labels of an SVM that learned from the few labels alone",
        better="lower",
    ),
    "label_spreading_error": Metric(
        classifier.learns_few_labels,
        _measured("label_spreading_error"),
        help="share of wrong labels of label spreading over nearest neighbours",
        better="lower",
    ),
    "self_training_error": Metric(
        classifier.learns_few_labels,
        _measured("self_training_error"),
        help="share of wrong labels of a linear classifier that learns from its own labels",
        better="lower",
    ),
}
