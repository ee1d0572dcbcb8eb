"""The error of linear SVMs on few labelled features: the semi-supervised protocol of ALI."""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from zoo.data import Dataset
from zoo.errors import refusal
from zoo.metrics import fits
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.subject import Rows, Subject, flat
from zoo.model import GenerativeModel

CANDIDATES = np.exp(np.linspace(-20.0, 20.0, 50))  # of C, as the paper
POOL = 20_000  # rows that labelled draws come from
LABELS_PER_CLASS = 100  # ALI's protocol; fewer where a class is smaller
Pair = tuple[np.ndarray, np.ndarray]  # features [N, ...], labels int [N]


def l2_svm_error(
    train: Pair,
    validation: Pair,
    test: Pair,
    *,
    labels_per_class: int = LABELS_PER_CLASS,
    repeats: int = 100,
    seed: int = 0,
) -> Measure:
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
    train, validation, test = (
        (flat(features), np.asarray(labels)) for features, labels in (train, validation, test)
    )
    generator = np.random.default_rng(seed)
    chosen = choose_c(balanced_draw(train, labels_per_class, generator), validation)
    wrong = [
        _wrong(_fit(balanced_draw(train, labels_per_class, generator), chosen), test)
        for _ in range(repeats)
    ]
    errors = [_share(each) for each in wrong]
    protocol = (
        f"L2-SVM on unscaled features, {labels_per_class} labels a class, C = {chosen:.3g} chosen "
        f"on {len(validation[1])} validation examples with one draw, mean over {repeats} "
        f"further labelled draws, which deviate by {np.std(errors):.2g} (ALI's protocol)"
    )
    # Of an example: the share of draws that get it wrong.
    of_examples = mean_of(np.mean(wrong, axis=0), protocol, share=True)
    return of_examples._replace(value=float(np.mean(errors)), std=float(np.std(errors)))


def choose_c(labelled: Pair, validation: Pair) -> float:
    """The candidate of least validation error, the smallest (most regular) of equals."""
    errors = [_error(_fit(labelled, c), validation) for c in CANDIDATES]
    return float(CANDIDATES[int(np.argmin(errors))])


def balanced_draw(pair: Pair, per_class: int, generator: np.random.Generator) -> Pair:
    """`per_class` random examples of each label: (features [K * per_class, d], labels)."""
    features, labels = pair
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    if len(members) < 2:
        raise ValueError(refusal("labels", "at least two classes among them", len(members)))
    smallest = min(map(len, members))
    if not 1 <= per_class <= smallest:
        expected = f"an int in 1, ..., {smallest}, the size of the smallest class"
        raise ValueError(refusal("labels_per_class", expected, per_class))
    rows = np.concatenate([generator.choice(own, per_class, replace=False) for own in members])
    return features[rows], labels[rows]


def _fit(labelled: Pair, c: float) -> LinearSVC:
    with warnings.catch_warnings():
        # The largest candidates need not converge; the validation split judges what they found.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LinearSVC(C=c, dual="auto", random_state=0).fit(*labelled)


def _wrong(svm: LinearSVC, pair: Pair) -> np.ndarray:
    features, labels = pair
    return svm.predict(features) != labels


def _share(wrong: np.ndarray) -> float:
    return 1.0 - float(np.mean(~wrong))


def _error(svm: LinearSVC, pair: Pair) -> float:
    return _share(_wrong(svm, pair))


# --- of a subject -----------------------------------------------------------------------------


def _svm_error(s: Subject) -> Measure:
    if s.protocol.svm_features == "hidden":
        return _error_on(s, s.features, s.features_are)
    return _error_on(s, s.codes, s.codes_are)


def _discriminator_svm_error(s: Subject) -> Measure:
    def read(split: str) -> Rows:
        hidden = s.model.discriminator_features
        return s.over(split, lambda x, y, index: {"mean": flat(hidden(x))})

    return _error_on(s, read, "the discriminator's last hidden layer of x alone")


def _error_on(s: Subject, read: Callable[[str], Rows], features_are: str) -> Measure:
    """ALI's protocol; the validation rows are the last ones of train, as there.

    Args:
        s: the subject.
        read: split -> {"mean": features [N, F], "y"}.
        features_are: they in words.
    """
    train, test = read("train"), read(s.split)
    held_out = s.held_out_rows
    pool = slice(0, min(POOL, len(train["y"]) - held_out))
    smallest = int(np.unique(train["y"][pool], return_counts=True)[1].min())
    measure = l2_svm_error(
        (train["mean"][pool], train["y"][pool]),
        (train["mean"][-held_out:], train["y"][-held_out:]),
        (test["mean"], test["y"]),
        labels_per_class=min(LABELS_PER_CLASS, smallest),
        repeats=s.protocol.svm_repeats,
        seed=s.seed,
    )
    draws = f"labelled ones of the first {pool.stop} of train"
    return measure.noted(f"{draws}; features: {features_are}")


def _discriminates_classes(model: GenerativeModel, dataset: Dataset) -> bool:
    return model.has_discriminator_features and fits.on_classes("decode")(model, dataset)


METRICS = {
    "svm_error": Metric(
        fits.on_classes("encode"),
        _svm_error,
        help="share of wrong labels of linear SVMs that learn from few labelled codes (ALI)",
        better="lower",
    ),
    "svm_error_discriminator": Metric(
        _discriminates_classes,
        _discriminator_svm_error,
        help="svm_error of the discriminator's last hidden layer in place of codes",
        better="lower",
        only_asked=True,
    ),
}
