"""The error of linear SVMs on few labelled features: the semi-supervised protocol of ALI."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from zoo.errors import refusal
from zoo.metrics.measure import Measure

CANDIDATES = np.exp(np.linspace(-20.0, 20.0, 50))  # of C, as the paper


def l2_svm_error(train, validation, test, *, labels_per_class=100, repeats=100, seed=0):
    """Mean and standard deviation of the test error over random class-balanced labelled draws.

    An L2-SVM (squared hinge, one against the rest) on features as they are, unscaled: one draw
    chooses C on the validation split, `repeats` further draws are trained with it.

    Args:
        train: (features [N, ...], labels int [N]), what the labelled examples are drawn from.
        validation: (features, labels), disjoint from `train`.
        test: (features, labels).
        labels_per_class: int, at most the size of the smallest class.
        repeats: int >= 1.
        seed: of all draws.

    Reference: Dumoulin et al., ALI, arXiv 1606.00704, section 4.4 and the authors' script.
    """
    train, validation, test = (_flat(*pair) for pair in (train, validation, test))
    generator = np.random.default_rng(seed)
    chosen = choose_c(balanced_draw(train, labels_per_class, generator), validation)
    errors = [
        _error(_fit(balanced_draw(train, labels_per_class, generator), chosen), test)
        for _ in range(repeats)
    ]
    protocol = (
        f"L2-SVM on unscaled features, {labels_per_class} labels a class, C = {chosen:.3g} chosen "
        f"on {len(validation[1])} validation examples with one draw, mean over {repeats} "
        "further labelled draws (ALI's protocol)"
    )
    return Measure(float(np.mean(errors)), len(test[1]), protocol, std=float(np.std(errors)))


def choose_c(labelled, validation):
    """The candidate of least validation error, the smallest (most regular) of equals."""
    errors = [_error(_fit(labelled, c), validation) for c in CANDIDATES]
    return float(CANDIDATES[int(np.argmin(errors))])


def balanced_draw(pair, per_class, generator):
    """`per_class` random examples of each label: (features [K * per_class, d], labels)."""
    features, labels = pair
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    smallest = min(map(len, members))
    if not 1 <= per_class <= smallest:
        expected = f"an int in 1, ..., {smallest}, the size of the smallest class"
        raise ValueError(refusal("labels_per_class", expected, per_class))
    rows = np.concatenate([generator.choice(own, per_class, replace=False) for own in members])
    return features[rows], labels[rows]


def _fit(labelled, c):
    with warnings.catch_warnings():
        # The largest candidates need not converge; the validation split judges what they found.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LinearSVC(C=c, dual="auto", random_state=0).fit(*labelled)


def _error(svm, pair):
    return 1.0 - svm.score(*pair)


def _flat(features, labels):
    return np.asarray(features, np.float32).reshape(len(labels), -1), np.asarray(labels)
