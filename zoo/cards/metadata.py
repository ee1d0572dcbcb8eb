"""What model hubs read of a card: YAML before its first line, in the fields of Hugging Face.

Every value is written as JSON, which is YAML too.
"""

import json
from collections.abc import Mapping
from typing import Any

_TASK = "unconditional-image-generation"
_NAMES = {"exact": "likelihood", "lower_bound": "likelihood-bound", None: "no-likelihood"}


def front(
    name: str,
    method: str,
    data: str | None,
    density: str | None,
    images: bool,
    results: Mapping[str, Mapping[str, Any]],
) -> str:
    """The block of metadata, with the lines `---` around it.

    Args:
        name: of the model.
        method: registry name.
        data: name of the data set, or None.
        density: what `log_prob` returns.
        images: whether the data are images.
        results: {metric: {"value", "split", "protocol"}}; what is no number is left out.
    """
    fields: dict[str, Any] = {
        "license": "apache-2.0",
        "library_name": "keras",
        "tags": ["generative-zoo", method, "generative-model", _NAMES[density]],
        "datasets": [data] if data else None,
        "metrics": list(results) or None,
        "pipeline_tag": _TASK if images else None,
    }
    lines = [f"{key}: {_json(value)}" for key, value in fields.items() if value is not None]
    if data and results:
        lines += ["model-index:", f"- name: {_json(name)}", "  results:"]
        lines += [_result(data, images, metric, found) for metric, found in results.items()]
    return "\n".join(["---", *lines, "---"])


def _result(data: str, images: bool, metric: str, found: Mapping[str, Any]) -> str:
    result = {
        "task": {"type": _TASK if images else "other"},
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
