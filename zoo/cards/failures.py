"""What is known against a model: sentences from its evaluation, and what was not looked at."""

import re
from collections.abc import Callable, Mapping
from typing import Any

# {metric: what `zoo.metrics.evaluate` says of it}
Metrics = Mapping[str, Mapping[str, Any]]


# What the sentences are made of.
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
    "active_units",
    "copied_share",
    "train_distance_ratio",
)


def known(metrics: Metrics, capabilities: frozenset[str], images: bool) -> list[str]:
    """A sentence for each kind of failure, in a fixed order.

    Args:
        metrics: what was measured.
        capabilities: the verbs of the model; what none of them can show is left out.
        images: whether the data are images, else vectors.
    """
    found = []
    for verbs, of_images, tell, silent in _TOPICS:
        said = tell(metrics)
        if not said and verbs & capabilities and (images or not of_images):
            said = [f"Not measured: {silent}."]
        found += said
    return found


def _modes(metrics: Metrics) -> list[str]:
    """Which modes or classes are missed, and how much of the data has no sample near it."""
    said = []
    if "modes_covered" in metrics:
        found = metrics["modes_covered"]
        reached = f"{found['value']:g}{_of_all('modes', found)}"
        said.append(f"Samples reach {reached} modes of the data, {found['n']:,} being drawn.")
    if "high_quality_share" in metrics:
        off = 1.0 - metrics["high_quality_share"]["value"]
        said.append(f"{_percent(off)} of samples lie beyond 3 standard deviations from any mode.")
    if "classes_covered" in metrics:
        found = metrics["classes_covered"]
        reached = f"{found['value']:g}{_of_all('classes', found)}"
        said.append(
            f"Samples are of {reached} classes to the zoo's classifier, {found['n']:,} being drawn."
        )
    if "class_kl" in metrics:
        found = metrics["class_kl"]
        said.append(
            "Classes are not equally frequent among samples: the KL divergence of their shares "
            f"from equal ones is {found['value']:.2g} nats{_of_real(found, '{:.2g}'.format)}."
        )
    if "coverage" in metrics:
        found, alone = metrics["coverage"], lambda share: _percent(1.0 - share)
        said.append(
            f"{alone(found['value'])} of training examples have no sample near them"
            f"{_of_real(found, alone)}."
        )
    return said


def _classes(metrics: Metrics) -> list[str]:
    """Which share of the classes comes out wrong, and which ones most."""
    said = []
    for name, right, words in _LABELS:
        if name in metrics:
            found = metrics[name]
            wrong = 1.0 - found["value"] if right else found["value"]
            said.append(f"{_percent(wrong)} of {words}{_pairs(found)}.")
    return said


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
    pairs = [f"{a} for {b} ({times})" for a, b, times in found.get("confused", ())]
    return f"; of {found['n']:,} most often {', '.join(pairs)}" if pairs else ""


def _codes(metrics: Metrics) -> list[str]:
    """How many dimensions of the code carry nothing."""
    if "active_units" not in metrics:
        return []
    found = metrics["active_units"]
    total = re.search(r"of (\d+) dimensions", found["protocol"])
    if not total:
        return []
    idle = int(total[1]) - round(found["value"])
    return [f"Dimensions of the code that carry nothing: {idle} of {total[1]}."]


def _memory(metrics: Metrics) -> list[str]:
    """Whether samples are training examples again, and whether these score better than new ones."""
    said = []
    if "copied_share" in metrics:
        found = metrics["copied_share"]
        said.append(
            f"{_percent(found['value'])} of {found['n']:,} samples are as near to a training "
            f"example as a copy would be{_of_real(found, _percent)}."
        )
    if "train_distance_ratio" in metrics:
        ratio = metrics["train_distance_ratio"]["value"]
        said.append(
            f"Samples lie {ratio:.2f} times as far from the nearest training example as new "
            "examples do; copies would lie at 0."
        )
    if {"nll", "nll_of_train_data"} <= set(metrics):
        gap = metrics["nll"]["value"] - metrics["nll_of_train_data"]["value"]
        said.append(f"Training examples score {gap:.3g} nats better than test examples.")
    return said


def _of_all(things: str, found: Mapping[str, Any]) -> str:
    """How many there are, where the protocol says it."""
    total = re.search(rf"of (\d+) {things}", found["protocol"])
    return f" of the {total[1]}" if total else ""


def _of_real(found: Mapping[str, Any], shown: Callable[[float], str]) -> str:
    """What the same is of other real examples, where that was measured."""
    if "floor" not in found:
        return ""
    return f" (of real examples in the samples' place: {shown(found['floor'])})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


# (verbs of which one is needed, whether images are, the sentences, what is not known without them)
_TOPICS: tuple[tuple[set[str], bool, Callable[[Metrics], list[str]], str], ...] = (
    ({"sample"}, False, _modes, "whether samples leave out kinds of training examples (modes)"),
    ({"reconstruct", "classify"}, True, _classes, "which classes are confused"),
    ({"encode"}, False, _codes, "whether dimensions of the code carry nothing"),
    ({"sample"}, False, _memory, "whether samples repeat training examples (memorisation)"),
)
