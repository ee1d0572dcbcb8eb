"""Which classes of the data samples are of, and how evenly, by the classifier of the data.

On stacked MNIST, of 1,000 classes, these are the modes that the papers count. A wrong label can
only add a class, so the classifier's error belongs to the figure; and a class that one sample fell
into tells little, so those with five are counted too.
"""

from collections.abc import Mapping

import numpy as np
from scipy import special

from zoo.errors import refusal
from zoo.metrics import classifier, fits
from zoo.metrics.halves import SEED, described, halves, made, samples
from zoo.metrics.measure import Measure, Metric, agreement, one_of
from zoo.metrics.subject import Subject

SAMPLES_A_CLASS = 26  # at least: 26,000 on stacked MNIST, as VEEGAN
SEVERAL = 5


def class_scores(y: np.ndarray, num_classes: int) -> dict[str, Measure]:
    """Of the labels of samples: the classes there are, and KL(their shares || uniform), nats.

        KL = log K + sum_k p_k log p_k, p_k the share of class k

    The KL of n samples that are uniform is (K - 1) / (2 n) on average: .0192 of 26,000 samples and
    1,000 classes.

    Args:
        y: int [N] in [0, K).
        num_classes: K.

    Returns:
        {name: Measure}: `classes_covered`, those with a sample; `classes_covered_five`, those with
        five; `class_kl`.

    Reference: Srivastava et al., VEEGAN, arXiv 1705.07761, section 5.2.
    """
    y = np.asarray(y)
    if len(y) < 1 or y.min() < 0 or y.max() >= num_classes:
        expected = f"at least one label, all in [0, {num_classes})"
        raise ValueError(refusal("y", expected, y.shape if len(y) < 1 else (y.min(), y.max())))
    n, counts = len(y), np.bincount(y, minlength=num_classes)
    share = counts / n
    kl = float(np.log(num_classes) - special.entr(share).sum())
    # To first order, that of the mean of the log-odds of the samples.
    with np.errstate(divide="ignore"):
        deviation = float(np.std(np.log(share)[y]))
    of = f"of {num_classes} classes those that"
    return {
        "classes_covered": Measure(float((counts >= 1).sum()), n, f"{of} one of the samples has"),
        "classes_covered_five": Measure(
            float((counts >= SEVERAL).sum()), n, f"{of} at least {SEVERAL} of the samples have"
        ),
        "class_kl": Measure(
            kl,
            n,
            f"KL divergence of the classes of the samples from {num_classes} equally frequent "
            "ones, nats",
            standard_error=deviation / n**0.5,
        ),
    }


# --- of a subject -----------------------------------------------------------------------------


def _scores(s: Subject) -> Mapping[str, Measure]:
    judge, n = s.once(classifier.judged), len(s.once(halves).reference["x"])
    classes = s.dataset.num_classes or 0  # an int, as `compares_classes` asked
    needed = max(n, SAMPLES_A_CLASS * classes)
    x = s.once(samples) if n == needed else samples(s, needed)
    y = np.concatenate([batch["y"] for batch in s.batches("train")])
    y = np.random.default_rng(SEED).permutation(y)[:needed]
    floors = class_scores(y, classes)
    note = (
        f"by the zoo's classifier, test error {judge.test_error:.4f}, weights {judge.digest}; "
        f"{made(s)}; floor: the labels of {len(y)} examples of the train split"
    )
    return {
        name: found._replace(floor=floors[name].value).noted(note)
        for name, found in class_scores(judge.predict(x), classes).items()
    }


def _class_agreement(s: Subject) -> Measure:
    """Of samples of the labels that they were asked for; of a conditional model."""
    judge, real = s.once(classifier.judged), s.once(halves)
    protocol = (
        "share of samples of a label that get it from the zoo's classifier, test error "
        f"{judge.test_error:.4f}, weights {judge.digest}"
    )
    found = agreement(real.reference["y"], judge.predict(s.once(samples)), protocol)
    floor = float(np.mean(judge.predict(real.other["x"]) == real.other["y"]))
    return found._replace(floor=floor).noted(described(s))


METRICS = {
    "class_agreement": Metric(
        fits.compares_labels,
        _class_agreement,
        help="share of samples of a label that a classifier gives that label",
        better="higher",
        of_samples=True,
    ),
    "classes_covered": Metric(
        fits.compares_classes,
        one_of(_scores, "classes_covered"),
        help="classes of the data that at least one sample is of, by a classifier",
        better="higher",
        of_samples=True,
    ),
    "classes_covered_five": Metric(
        fits.compares_classes,
        one_of(_scores, "classes_covered_five"),
        help="classes of the data that at least five samples are of, by a classifier",
        better="higher",
        of_samples=True,
    ),
    "class_kl": Metric(
        fits.compares_classes,
        one_of(_scores, "class_kl"),
        help="KL divergence of the classes of samples from equally frequent ones, nats",
        better="lower",
        of_samples=True,
    ),
}
