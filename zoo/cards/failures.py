"""What is known against a model: sentences from its evaluation, and what was not looked at."""

import re
from collections.abc import Callable, Mapping
from typing import Any

# {metric: what `zoo.metrics.evaluate` says of it}
Metrics = Mapping[str, Mapping[str, Any]]


def known(metrics: Metrics, capabilities: frozenset[str], images: bool) -> list[str]:
    """A sentence for each kind of failure, in a fixed order.

    Args:
        metrics: what was measured.
        capabilities: the verbs of the model; what none of them can show is left out.
        images: whether the data are images, else vectors.
    """
    found = []
    for verbs, of_images, tell, silent in _TOPICS:
        if verbs & capabilities and (images or not of_images):
            said = tell(metrics)
            found += said or [f"Not measured: {silent}."]
    return found


def _modes(metrics: Metrics) -> list[str]:
    """How many modes of a mixture are missed, and how many samples lie off all of them."""
    said = []
    if "modes_covered" in metrics:
        found = metrics["modes_covered"]
        total = re.search(r"of (\d+) modes", found["protocol"])
        reached = f"{found['value']:g}" + (f" of the {total[1]}" if total else "")
        said.append(f"Samples reach {reached} modes of the data, {found['n']:,} being drawn.")
    if "high_quality_share" in metrics:
        off = 1.0 - metrics["high_quality_share"]["value"]
        said.append(f"{_percent(off)} of samples lie beyond 3 standard deviations from any mode.")
    return said


def _classes(metrics: Metrics) -> list[str]:
    """Which share of the classes comes out wrong."""
    said = []
    if "classification_error" in metrics:
        error = metrics["classification_error"]["value"]
        said.append(f"{_percent(error)} of test examples get a wrong class.")
    if "clustering_error" in metrics:
        error = metrics["clustering_error"]["value"]
        said.append(f"{_percent(error)} of test examples lie in a cluster of mostly another class.")
    if "label_agreement" in metrics:
        changed = 1.0 - metrics["label_agreement"]["value"]
        said.append(
            f"{_percent(changed)} of reconstructions of test images look, to the zoo's classifier, "
            "like another class than the image's."
        )
    return said


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
    """Whether training examples score better than new ones."""
    if not {"nll", "nll_of_train_data"} <= set(metrics):
        return []
    gap = metrics["nll"]["value"] - metrics["nll_of_train_data"]["value"]
    return [f"Training examples score {gap:.3g} nats better than test examples."]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


# (verbs of which one is needed, whether images are, the sentences, what is not known without them)
_TOPICS: tuple[tuple[set[str], bool, Callable[[Metrics], list[str]], str], ...] = (
    ({"sample"}, False, _modes, "whether samples leave out kinds of training examples (modes)"),
    ({"sample", "reconstruct", "classify"}, True, _classes, "which classes are confused"),
    ({"encode"}, False, _codes, "whether dimensions of the code carry nothing"),
    ({"sample"}, False, _memory, "whether samples repeat training examples (memorisation)"),
)
