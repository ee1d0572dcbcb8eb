"""The model card: what a person should know before using an export, in `model_card.md`."""

import inspect
import json
import os
import pathlib
import re
from collections.abc import Iterable
from typing import Any

FILE_NAME = "model_card.md"

_TEXT = """\
# {name}

{summary}

| | |
|---|---|
| method | `{method}` |
| paper | {paper} |
| data | {data} |
| input | float32 {shape}, {range} |
| labels | {labels} |
| verbs | {verbs} |
| `log_prob` | {density} |
| trained for | {step} steps |

## Signatures

| signature | inputs | outputs |
|---|---|---|
{signatures}

`serving_default` is `sample`. B is any number of rows; row i of the outputs depends on row i of the
inputs alone. Equal seeds give equal rows.

## Metrics

{metrics}

## Use

Made with `zoo`, whose code is under Apache-2.0. The weights may carry terms of the data that they
were learned from.

Intended for research on generative models and for teaching. Not meant for decisions about people,
nor for passing generated data off as recordings. The model knows nothing but its training data: it
repeats their biases, may reproduce single examples, and gives confident answers on inputs unlike
them. Codes and labels are not explanations.

## Hyper-parameters

```json
{hyper_parameters}
```
"""
_CONTEXT = ("split", "n", "seed", "protocol")
_DENSITY = {"exact": "exact, nats", "lower_bound": "a lower bound, nats", None: "none"}


def write(
    directory: str | os.PathLike,
    name: str,
    model: Any,
    facts: dict[str, Any],
    data: str | None = None,
    metrics: dict[str, Any] | None = None,
) -> None:
    """Writes the card into `directory` from the model's docstring and the manifest's facts.

    Args:
        directory: the version directory.
        name: of the export.
        model: a GenerativeModel; its class docstring gives the summary and the paper.
        facts: the manifest's dict.
        data: name of the data set, or None.
        metrics: {name: value, or {"value", "n", "split", ...}}, or None.

    Names and metrics come from outside: they are shown as plain text, whatever they hold.
    """
    summary, paper = _summary(inspect.getdoc(type(model)) or "")
    is_image = len(model.image_shape) == 3
    text = _TEXT.format(
        name=_plain(name),
        summary=summary,
        method=model.method,
        paper=paper or "none named",
        data=_plain(data) if data else "not stated",
        shape=_shape([None, *model.image_shape]),
        range="pixels in [0, 1]" if is_image else "vectors",
        labels=_labels(model),
        verbs=", ".join(f"`{verb}`" for verb in facts["capabilities"]),
        density=_DENSITY[model.density],
        step=facts["step"],
        signatures="\n".join(
            f"| `{verb}` | {_tensors(sides['inputs'])} | {_tensors(sides['outputs'])} |"
            for verb, sides in facts["signatures"].items()
        ),
        metrics=_metrics(metrics),
        hyper_parameters=json.dumps(facts["hyper_parameters"], indent=1),
    )
    pathlib.Path(directory, FILE_NAME).write_text(text)


def _summary(docstring: str) -> tuple[str, str]:
    """First paragraph and the text after "Reference:" of a class docstring, each as one line."""
    paper = re.search(r"^References?:(.*?)(?:\n\s*\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    return _one_line(docstring.split("\n\n")[0]), _one_line(paper.group(1)) if paper else ""


def _labels(model: Any) -> str:
    if not model.conditional:
        return "none needed"
    if model.num_attributes is not None:
        return f"`y`, float32 [B, {model.num_attributes}]"
    return f"`y`, int32 [B] in [0, {model.num_classes})"


def _metrics(metrics: dict[str, Any] | None) -> str:
    if not metrics:
        return "None were given at export."
    lines = ["| metric | value | measured on |", "|---|---|---|"]
    for name, found in metrics.items():
        found = found if isinstance(found, dict) else {"value": found}
        value = found.get("value")
        value = f"{value:.6g}" if isinstance(value, float) else value
        context = ", ".join(f"{key} {found[key]}" for key in _CONTEXT if key in found)
        lines.append(f"| {_plain(name)} | {_plain(value)} | {_plain(context)} |")
    return "\n".join(lines)


def _tensors(tensors: dict[str, dict[str, Any]]) -> str:
    return ", ".join(
        f"`{k}` {spec['dtype']} {_shape(spec['shape'])}" for k, spec in tensors.items()
    )


def _shape(axes: Iterable[int | None]) -> str:
    return f"[{', '.join('B' if axis is None else str(axis) for axis in axes)}]"


def _plain(value: Any) -> str:
    """A text in one line in which Markdown and HTML see no marks."""
    return re.sub(r"[\\`*\[\]<>|#&!~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", _one_line(str(value)))


def _one_line(text: str) -> str:
    return " ".join(text.split())
