"""What an evaluation found out about a model: its failures, what went well, what was not looked at.

A figure that real data share is no failure: it must be worse than theirs (the *floor*) by more than
two standard errors.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zoo.ledger import share_error

# {metric: what `zoo.metrics.evaluate` says of it}
Metrics = Mapping[str, Mapping[str, Any]]


class Finding(NamedTuple):
    """A sentence on a model, and whether it tells of a failure."""

    text: str
    fails: bool


# What the sentences are made of, and a pretrained model is measured by beside its result's metrics.
METRICS = (
    "modes_covered",
    "high_quality_share",
    "classes_covered",
    "class_kl",
    "coverage",
    "classification_error",
    "clustering_error",
    "class_agreement",
    "label_agreement",
    "ratio_error",
    "active_units",
    "copied_share",
    "train_distance_ratio",
)
_ERRORS = 2.0  # standard errors by which a failure is worse than real data
_NEAR = 0.95  # of the distance of new examples from training examples: samples below it are copies
_BEYOND = math.exp(-(3.0**2) / 2)  # share of a 2-D normal beyond 3 standard deviations: 1.1 %


def known(metrics: Metrics, capabilities: frozenset[str], images: bool) -> list[Finding]:
    """The findings of each kind, in a fixed order.

    Args:
        metrics: what was measured.
        capabilities: the verbs of the model; what none of them can show is left out.
        images: whether the data are images, else vectors.
    """
    found = []
    for verbs, of_images, tell, silent in _TOPICS:
        said = tell(metrics)
        if not said and verbs & capabilities and (images or not of_images):
            said = [Finding(f"Not measured: {silent}.", False)]
        found += said
    return found


def _modes(metrics: Metrics) -> list[Finding]:
    """Which modes or classes are missed, and how much of the data has no sample near it."""
    said = []
    if "modes_covered" in metrics:
        found = metrics["modes_covered"]
        reached, misses = _reached("modes", found)
        text = f"Samples reach {reached} modes of the data, {found['n']:,} being drawn."
        said.append(Finding(text, misses))
    if "high_quality_share" in metrics:
        found = metrics["high_quality_share"]
        off = 1.0 - found["value"]
        text = f"{_percent(off)} of samples lie beyond 3 standard deviations from any mode"
        fails = off - _BEYOND > _ERRORS * share_error(off, found["n"])
        said.append(Finding(f"{text} (of the data: {_percent(_BEYOND)}).", fails))
    if "classes_covered" in metrics:
        found = metrics["classes_covered"]
        reached, misses = _reached("classes", found)
        text = f"Samples are of {reached} classes to the zoo's classifier, {found['n']:,} being"
        said.append(Finding(f"{text} drawn.", misses))
    if "class_kl" in metrics:
        found = metrics["class_kl"]
        fails = _worse(found, found.get("standard_error") or 0.0)
        words = "are not equally" if fails else "are about equally"
        text = (
            f"Classes {words} frequent among samples: the KL divergence of their shares from "
            f"equal ones is {found['value']:.2g} nats{_of_real(found, '{:.2g}'.format)}."
        )
        said.append(Finding(text, fails))
    if "coverage" in metrics:
        found, alone = metrics["coverage"], lambda share: _percent(1.0 - share)
        drawn = re.search(r"one of (\d+) samples", found["protocol"])
        samples = f"none of {int(drawn[1]):,} samples" if drawn else "no sample"
        text = (
            f"Of {found['n']:,} training examples, {alone(found['value'])} have {samples} near "
            f"them{_of_real(found, alone)}."
        )
        missed = found.get("floor", 1.0) - found["value"]
        fails = missed > _ERRORS * share_error(found["value"], found["n"])
        said.append(Finding(text, fails))
    return said


def _classes(metrics: Metrics) -> list[Finding]:
    """Which share of the classes comes out wrong, and which ones most."""
    said = []
    for name, right, words in _LABELS:
        if name in metrics:
            found = metrics[name]
            wrong = 1.0 - found["value"] if right else found["value"]
            text = f"{_percent(wrong)} of {words}{_pairs(found)}."
            said.append(Finding(text, wrong > 0))
    rivals = {name: metrics[name]["value"] for name in _RIVALS if name in metrics}
    if "classification_error" in metrics and rivals:
        best, own = min(rivals, key=rivals.__getitem__), metrics["classification_error"]["value"]
        lost = rivals[best] < own
        words = "A baseline" if lost else "No baseline"
        text = f"{words} on the same labels is better ({best} {_percent(rivals[best])})."
        said.append(Finding(text, lost))
    return said


# Baselines of few labels.
_RIVALS = (
    "supervised_error",
    "knn_error",
    "rbf_svm_error",
    "label_spreading_error",
    "self_training_error",
)
# (metric, whether it is the share of right labels, what a mistake is)
_LABELS = (
    ("classification_error", False, "test examples get a wrong class"),
    ("clustering_error", False, "test examples lie in a cluster of mostly another class"),
    (
        "class_agreement",
        True,
        "samples of a class look, to the zoo's classifier, like another class",
    ),
    (
        "label_agreement",
        True,
        "reconstructions of test images look, to the zoo's classifier, like another class than the "
        "image's",
    ),
)


def _pairs(found: Mapping[str, Any]) -> str:
    """The classes that are confused most often."""
    pairs = [f"{a} taken for {b} ({times})" for a, b, times in found.get("confused", ())]
    return f"; of {found['n']:,} most often {', '.join(pairs)}" if pairs else ""


def _ratios(metrics: Metrics) -> list[Finding]:
    """Which share of the examples is taken for one of the other data set."""
    if "ratio_error" not in metrics:
        return []
    found = metrics["ratio_error"]
    text = (
        f"{_percent(found['value'])} of {found['n']:,} examples of the two data sets are taken for"
    )
    return [Finding(f"{text} one of the other set (by the sign of log r).", found["value"] > 0)]


def _likelihoods(metrics: Metrics) -> list[Finding]:
    """Whether the likelihood is above that of a model that sees no structure at all."""
    if not {"nll", "nll_independent_pixels"} <= set(metrics):
        return []
    own, simple = (metrics[name]["value"] for name in ("nll", "nll_independent_pixels"))
    worse = own > simple
    words = "worse" if worse else "better"
    text = f"Its likelihood is {words} than that of independent pixels"
    return [Finding(f"{text} (nll {own:,.1f} against {simple:,.1f} nats).", worse)]


def _codes(metrics: Metrics) -> list[Finding]:
    """How many dimensions of the code carry nothing."""
    if "active_units" not in metrics:
        return []
    found = metrics["active_units"]
    total = re.search(r"of (\d+) dimensions", found["protocol"])
    if not total:
        return []
    idle = int(total[1]) - round(found["value"])
    return [Finding(f"Dimensions of the code that carry nothing: {idle} of {total[1]}.", idle > 0)]


def _memory(metrics: Metrics) -> list[Finding]:
    """Whether samples are training examples again, and whether these score better than new ones."""
    said = []
    if "copied_share" in metrics:
        found = metrics["copied_share"]
        text = (
            f"{_percent(found['value'])} of {found['n']:,} samples are nearer to a training "
            f"example than all but a thousandth of new examples are{_of_real(found, _percent)}."
        )
        said.append(Finding(text, _worse(found, share_error(found["value"], found["n"]))))
    if "train_distance_ratio" in metrics:
        ratio = metrics["train_distance_ratio"]["value"]
        text = (
            f"Samples lie {ratio:.2f} times as far from the nearest training example as new "
            "examples do; copies would lie at 0."
        )
        said.append(Finding(text, ratio < _NEAR))
    if {"nll", "nll_of_train_data"} <= set(metrics):
        test, train = metrics["nll"], metrics["nll_of_train_data"]
        gap = test["value"] - train["value"]
        error = math.hypot(*(found.get("standard_error") or 0.0 for found in (test, train)))
        text = f"Training examples score {gap:.3g} nats better than test examples."
        said.append(Finding(text, gap > _ERRORS * error))
    return said


def _reached(things: str, found: Mapping[str, Any]) -> tuple[str, bool]:
    """As in 23 of the 25 modes, where the protocol says how many there are; whether some miss."""
    total = re.search(rf"of (\d+) {things}", found["protocol"])
    shown = f"{found['value']:g}" + (f" of the {total[1]}" if total else "")
    return shown, total is not None and found["value"] < int(total[1])


def _worse(found: Mapping[str, Any], error: float) -> bool:
    """Whether a figure that should be small is above that of real data, given its error."""
    return found["value"] - found.get("floor", 0.0) > _ERRORS * error


def _of_real(found: Mapping[str, Any], shown: Callable[[float], str]) -> str:
    """What the same is of other real examples, where that was measured."""
    return f" (of real examples: {shown(found['floor'])})" if "floor" in found else ""


def _percent(share: float) -> str:
    """To one decimal; a share that would be 0.0 so, to two digits."""
    share = max(share, 0.0)
    digits = ".1f" if share >= 0.0005 else ".2g"
    return f"{100 * share:{digits}} %"


# (verbs of which one is needed, whether images are, the sentences, what is not known without them)
_TOPICS: tuple[tuple[set[str], bool, Callable[[Metrics], list[Finding]], str], ...] = (
    ({"sample"}, False, _modes, "whether samples leave out kinds of training examples (modes)"),
    ({"reconstruct", "classify"}, True, _classes, "which classes are confused"),
    ({"log_ratio"}, False, _ratios, "how well the two data sets are told apart"),
    (set(), True, _likelihoods, ""),
    ({"encode"}, False, _codes, "whether dimensions of the code carry nothing"),
    ({"sample"}, False, _memory, "whether samples repeat training examples (memorisation)"),
)
