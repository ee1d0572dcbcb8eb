"""What model hubs read of a card: YAML before its first line, in the fields of Hugging Face.

Every value is written as JSON, which is YAML too.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

_NAMES = {"exact": "likelihood", "lower_bound": "likelihood-bound", None: "no-likelihood"}
# {what a model is asked first: (hubs' name of the task on images, what kind of model it is)}
_KINDS = {
    "sample": ("unconditional-image-generation", "generative-model"),
    "classify": ("image-classification", "classifier"),
    "log_ratio": (None, "density-ratio"),
}
_CLASSIFIES = ("classification_error", "svm_error")  # metrics of that task, whatever the model is


def front(
    name: str,
    method: str,
    data: Collection[str],
    first: str,
    density: str | None,
    images: bool,
    results: Mapping[str, Mapping[str, Any]],
) -> str:
    """The block of metadata, with the lines `---` around it.

    Args:
        name: of the model.
        method: registry name.
        data: names of the data sets, that which it was measured on before a reference.
        first: the verb that it is asked first, one of `zoo.verbs.default_verb`.
        density: what `log_prob` returns.
        images: whether the data are images.
        results: {metric: {"value", "split", "protocol"}}; what is no number is left out.
    """
    task, kind = _KINDS[first]
    task = task if images else None
    fields: dict[str, Any] = {
        "license": "apache-2.0",
        "library_name": "keras",
        "tags": ["generative-zoo", method, kind, *([_NAMES[density]] if first == "sample" else [])],
        "datasets": list(data) or None,
        "metrics": list(results) or None,
        "pipeline_tag": task,
    }
    lines = [f"{key}: {_json(value)}" for key, value in fields.items() if value is not None]
    if data and results:
        lines += ["model-index:", f"- name: {_json(name)}", "  results:"]
        for metric, found in results.items():
            classifies = images and metric in _CLASSIFIES
            of = _KINDS["classify"][0] if classifies else task or "other"
            lines.append(_result(next(iter(data)), of, metric, found))
    return "\n".join(["---", *lines, "---"])


def _result(data: str, task: str | None, metric: str, found: Mapping[str, Any]) -> str:
    result = {
        "task": {"type": task},
        "dataset": {"name": data, "type": data, "split": found["split"]},
        "metrics": [
            {
                "type": metric,
                "name": metric,
                "value": found["value"],
                "args": {"protocol": found["protocol"]},
            }
        ],
    }
    return f"  - {_json(result)}"


def _json(value: Any) -> str:
    return json.dumps(value)
