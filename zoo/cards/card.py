"""The layout of a model card."""

import dataclasses
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from zoo import bounds
from zoo.cards import failures, figures, metadata, usage
from zoo.cards.text import literal, one_line, plain, shape
from zoo.data.licences import licence
from zoo.ledger import Entry, Metric
from zoo.metrics import names

_TEXT = """\
{front}

# {name}

{summary}
{picture}
## Load it

```python
import zoo

model = zoo.load({where})
{call}
```
{keras}
| | |
|---|---|
{facts}

## How good it is
{measured_with}
{headline}

{metrics}

## Known failures

{failures}

## What was checked

{checked}

## What for

Research on generative models, and teaching. Not for decisions about people, nor to pass generated
data off as recordings. The model knows nothing but its training data: it repeats their biases, may
reproduce single examples, and gives confident answers on inputs unlike them. Codes and labels are
not explanations.

## Terms and citation

Made with `zoo`, whose code is under Apache-2.0. The weights may carry terms of the data that they
were learned from{terms}. To cite: {citation}.

<details><summary>Signatures, as TF Serving takes them</summary>

| signature | inputs | outputs |
|---|---|---|
{signatures}

`serving_default` is `{default}`. `n` is any number of rows; row i of the outputs depends on row i
of the inputs alone. Equal seeds give equal rows. `?` is a length that only the rows tell.

</details>

<details><summary>Hyper-parameters</summary>

```json
{hyper_parameters}
```

</details>
"""
_DENSITY = {"exact": "exact, nats", "lower_bound": "a lower bound, nats", None: "none"}
_UNKNOWN = "Not known, as nothing was measured that would show one."
_NO_LIKELIHOOD = "a number that is no likelihood: p(x|z) is of bits, the pixels are grey"


@dataclasses.dataclass(frozen=True)
class Published:
    """What the card of a pretrained model says beside that of an export.

    Attributes:
        entry: of the ledger, the result that it belongs to.
        seed: which of the entry's seeds it is.
        picture: name of the file with samples, beside the card.
        weights: how many there are.
        precision: in which matrices and kernels are stored.
    """

    entry: Entry
    seed: int
    picture: str
    weights: int
    precision: str

    @property
    def index(self) -> int:
        """Place of the seed among the entry's."""
        return self.entry.seeds.index(self.seed)

    @property
    def row(self) -> dict[str, dict[str, Any]]:
        """{metric: {"value", "n", "split", "protocol"}} of the seed."""
        return {
            name: {"value": metric.values[self.index], **_of(metric)}
            for name, metric in self.entry.metrics.items()
        }


# What a card's picture shows, by what the model is asked first.
_SHOWN = {
    "sample": "Samples",
    "classify": "Examples, sorted by the class that the model gives",
    "log_ratio": "Examples, from the least to the largest log ratio",
}


def render(
    name: str,
    model: Any,
    facts: Mapping[str, Any],
    data: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    published: Published | None = None,
) -> str:
    """The text of a card.

    Args:
        name: of the model.
        model: a GenerativeModel; its class docstring gives the summary and the paper.
        facts: the manifest of its export.
        data: name of the data set, or None.
        metrics: {name: value, or {"value", "n", "split", ...}}, or None.
        published: of a pretrained model.

    Names and metrics come from outside: they are shown as plain text, whatever they hold, and in
    code as literals.
    """
    summary, paper = _summary(inspect.getdoc(type(model)) or "")
    images = len(model.image_shape) == 3
    measured = {key: _as_dict(found) for key, found in (metrics or {}).items()}
    told = {key: found for key, found in measured.items() if _is_complete(found)}
    results = published.row if published else told
    judged = {key: results[key] for key in names.HEADLINES if key in results}
    from zoo.verbs import default_verb  # loads TensorFlow, which the pages do without

    reference = published.entry.flags.get("reference_dataset") if published else None
    data_sets = [one_line(each) for each in (data, reference) if each]
    first = default_verb(facts["capabilities"])
    shown = _SHOWN[first]
    examples = data if published else None
    likelihood = not (published and model.density) or figures.has_likelihood(measured)
    rows = _facts(model, facts, data, paper, published, likelihood)
    found = failures.known(told, frozenset(facts["capabilities"]), images)
    failing = [finding.text for finding in found if finding.fails]
    passing = [finding.text for finding in found if not finding.fails]
    return _TEXT.format(
        front=metadata.front(name, model.method, data_sets, first, model.density, images, judged),
        name=plain(name),
        summary=summary,
        picture=f"\n![{shown}]({published.picture})\n" if published else "",
        where=literal(name if published else f"exported/{name}"),
        call=usage.call(model, first, "pixels in [0, 1]" if images else "vectors", examples),
        default=first,
        keras=usage.further(name, model, published.entry.command) if published else "",
        facts="\n".join(f"| {key} | {value} |" for key, value in rows.items()),
        measured_with=_measured_with(model, told, published),
        headline=_headline_table(measured, published),
        metrics=_folded(measured),
        failures=_list(failing) or ("None in what was checked." if found else _UNKNOWN),
        checked=_list(passing) or ("Nothing else." if found else "Nothing was checked."),
        terms=f" ({plain('; '.join(licence(each).terms for each in data_sets))})" if data else "",
        citation=_citation(paper) or "no paper is named",
        signatures="\n".join(
            f"| `{verb}` | {_tensors(sides['inputs'])} | {_tensors(sides['outputs'])} |"
            for verb, sides in facts["signatures"].items()
        ),
        hyper_parameters=json.dumps(facts["hyper_parameters"], indent=1),
    )


def headline_first(measured: Iterable[str]) -> list[str]:
    """Names of metrics: those of `zoo.metrics.names.HEADLINES` in its order, then the others."""
    listed = list(measured)
    first = [name for name in names.HEADLINES if name in listed]
    return first + [name for name in listed if name not in first]


# --- the table of facts -----------------------------------------------------------------------


def _facts(
    model: Any,
    facts: Mapping[str, Any],
    data: str | None,
    paper: str,
    published: Published | None,
    likelihood: bool,
) -> dict[str, str]:
    """{what: its cell} of the first table; `likelihood`: whether `log_prob` of the data is one."""
    is_image = len(model.image_shape) == 3
    found = {
        "method": f"`{model.method}`: {paper or 'no paper is named'}",
        "trained on": _trained_on(data),
        "takes": f"float32 {shape([None, *model.image_shape])}, "
        + ("pixels in [0, 1]" if is_image else "vectors"),
        "labels": _labels(model, published),
        "verbs": ", ".join(f"`{verb}`" for verb in sorted(facts["capabilities"])),
        "`log_prob`": _DENSITY[model.density] if likelihood else _NO_LIKELIHOOD,
        "trained for": f"{facts['step']:,} steps",
    }
    if published:
        entry, i = published.entry, published.index
        cpu = f"{entry.machine.get('cpu')}, {entry.machine.get('cores')} cores"
        found["trained for"] += f", {entry.seconds[i]:,.0f} s on {plain(cpu)}"
        found["weights"] = f"{published.weights:,}, matrices and kernels in {published.precision}"
        found["result"] = f"`{entry.name}`, seed {published.seed}: `{entry.command}`"
        reference = entry.flags.get("reference_dataset")
        if reference:
            found["beside, as q"] = _trained_on(reference)
    return found


def _trained_on(data: str | None) -> str:
    if not data:
        return "not stated"
    found = licence(data)
    terms = f"licence: {found.terms}"
    terms = f"[{terms}]({found.address})" if found.address else terms
    return f"{plain(data)}, {found.origin}; {terms}"


def _labels(model: Any, published: Published | None) -> str:
    """What labels the verbs take, and how many the model learned from where that is known."""
    learned = published.entry.flags.get("labels") if published else None
    if not model.conditional:
        return f"none needed to use it; it learned from {learned:,}" if learned else "none needed"
    if model.num_attributes is not None:
        return f"`y`, float32 [n, {model.num_attributes}]"
    return f"`y`, int32 [n] in [0, {model.num_classes})"


def _summary(docstring: str) -> tuple[str, str]:
    """First paragraph and the text after "Reference:" of a class docstring, each as one line."""
    paper = re.search(r"^References?:(.*?)(?:\n\s*\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    return one_line(docstring.split("\n\n")[0]), one_line(paper.group(1)) if paper else ""


def _citation(reference: str) -> str:
    """The first paper of a docstring's reference, without what the docstring says of it."""
    found = re.match(r".*?(arXiv \d{4}\.\d{4,5}|(NIPS|ICLR|ICML) \d{4})", reference)
    return found.group() if found else reference.rstrip(".")


# --- figures ----------------------------------------------------------------------------------


def _headline_table(measured: Mapping[str, dict], published: Published | None) -> str:
    """The metrics that a model is first judged by, beside the paper's."""
    paper = published.entry.paper if published else {}
    shown = [name for name in headline_first(measured) if name in (*names.HEADLINES, *paper)]
    if not shown:
        return "No headline metric was measured." if measured else "It was not measured."
    titles = ["metric", "value", *(["published"] if paper else []), "of", "what it says"]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for name in shown:
        found = measured[name]
        printed = [figures.published(paper[name]) if name in paper else ""] if paper else []
        cells = [plain(name), _value(name, found), *printed, plain(_of_what(found))]
        lines.append(f"| {' | '.join(cells)} | {plain(names.meaning(name))} |")
    sources = [f"{plain(n)}: {plain(paper[n]['source'])}" for n in shown if n in paper]
    if sources:
        lines.append(f"\nWhere the published figures stand: {'; '.join(sources)}.")
    return "\n".join(lines)


def _measured_with(model: Any, told: Mapping[str, dict], published: Published | None) -> str:
    """Whose figures follow, and how they are read; a line of its own, or ""."""
    lines = []
    if published:
        runs = len(published.entry.seeds)
        of = f"the mean of {runs} runs, of which this is one" if runs > 1 else "of this run"
        lines.append(
            f"Measured with the weights of this archive (matrices in {published.precision}); what "
            f"stands in results/{model.method}.md, {of}, was measured with full weights."
        )
    if told:
        lines.append("± is the standard error over the n examples.")
    if any("floor" in found for found in told.values()):
        lines.append(figures.REAL_DATA)
    return f"\n{' '.join(lines)}\n" if lines else ""


def _of_what(found: Mapping[str, Any]) -> str:
    """How many samples, or examples of which split, were measured; what is known of that."""
    n, split = found.get("n"), found.get("split")
    count = f"{n:,}" if isinstance(n, int) else n
    if split == "samples":
        return "samples" if n is None else f"{count} samples"
    words = [
        None if n is None else f"{count} examples",
        None if split is None else f"{split} split",
    ]
    return ", ".join(filter(None, words))


def _folded(measured: Mapping[str, dict]) -> str:
    """All metrics and how each was measured, folded."""
    if not measured:
        return ""
    lines = ["| metric | value | how it was measured |", "|---|---|---|"]
    for name in headline_first(measured):
        found = measured[name]
        how = ", ".join(f"{key} {found[key]}" for key in ("split", "n", "seed") if key in found)
        how = "; ".join(filter(None, (one_line(str(found.get("protocol", ""))), how)))
        lines.append(f"| {plain(name)} | {_value(name, found)} | {plain(how)} |")
    table = "\n".join(lines)
    return f"<details><summary>All metrics</summary>\n\n{table}\n\n</details>"


def _value(name: str, found: dict) -> str:
    """A value with its error where both are numbers; anything else as plain text."""
    if _is_complete(found):
        error, floor = found.get("standard_error"), found.get("floor")
        one = Metric([found["value"]], **_of(found), standard_errors=[error], floors=[floor])
        return figures.reached(name, one)
    value = found.get("value")
    return plain(f"{value:.6g}" if isinstance(value, float) else value)


def _as_dict(found: Any) -> dict:
    return dict(found) if isinstance(found, Mapping) else {"value": found}


def _is_complete(found: Mapping[str, Any]) -> bool:
    """Whether it is a number whose measurement is described, all within `zoo.bounds`."""
    items = ("value", "n", "standard_error", "floor")
    described = all(isinstance(found.get(key), str) for key in ("split", "protocol"))
    return described and not any(bounds.fault(item, found.get(item)) for item in items)


def _of(found: Any) -> dict[str, Any]:
    """How a metric was measured: of a `Metric`, or of what `zoo.metrics.evaluate` says."""
    keys = ("n", "split", "protocol")
    return {key: getattr(found, key) if isinstance(found, Metric) else found[key] for key in keys}


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


# --- text -------------------------------------------------------------------------------------


def _tensors(tensors: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"`{k}` {spec['dtype']} {shape(spec['shape'])}" for k, spec in tensors.items())
