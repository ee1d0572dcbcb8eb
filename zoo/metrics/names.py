"""What metrics there are and how they are read: from their sources alone, without TensorFlow."""

import ast
import functools
import pathlib
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from zoo.errors import refusal

# The modules with a table METRICS, in the order in which metrics are measured and shown.
ROOMS = (
    "modes",
    "reconstruction",
    "neighbours",
    "svm",
    "classifier",
    "rivals",
    "clustering",
    "likelihood",
    "latents",
    "ais",
    "frechet",
    "manifolds",
    "classes",
    "diversity",
    "sliced",
    "moments",
    "copies",
    "parzen",
    "critic",
    "ratios",
)
# The rooms that a setting of the protocol is of, where it is not of all.
SETTINGS = {
    "iwae_samples": ("likelihood",),
    "svm_features": ("svm",),
    "svm_repeats": ("svm",),
    "ais_chains": ("ais",),
    "ais_steps": ("ais",),
    "inception_weights": ("frechet", "manifolds"),
}
# What a model is first judged by, in this order: what its config may be about comes first.
HEADLINES = (
    "classification_error",
    "clustering_error",
    "nll",
    "bits_per_dim",
    "modes_covered",
    "modes_high_quality",
    "high_quality_share",
    "one_nn_accuracy",
    "svm_error",
    "label_agreement",
    "reconstruction_ratio",
    "fid",
    "kid",
    "inception_score",
    "precision",
    "recall",
    "coverage",
    "classes_covered",
    "class_kl",
    "kl_from_reference",
)


class Description(NamedTuple):
    """How the value of a metric is read.

    Attributes:
        help: one sentence: what the value says, with its unit or range.
        better: "higher", "lower", or None where neither is better by itself.
        only_asked: whether it is measured only when it is asked for.
    """

    help: str
    better: str | None = None
    only_asked: bool = False


@functools.cache
def described() -> dict[str, Description]:
    """{name: its `Description`} of every metric, in the order of `ROOMS`.

    Read from the `Metric(...)` calls in the tables `METRICS`, whose keyword arguments of these
    names are therefore constants.
    """
    return {name: text for room in ROOMS for name, text in _described_in(room).items()}


@functools.cache
def _described_in(room: str) -> dict[str, Description]:
    found = {}
    source = pathlib.Path(__file__).with_name(f"{room}.py").read_text(encoding="utf-8")
    for name, call in _table(ast.parse(source)):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        read = {key: given[key] for key in Description._fields if key in given}
        found[name] = Description(**{key: ast.literal_eval(v) for key, v in read.items()})
    return found


def check_settings(metrics: Collection[str] | None, given: Mapping[str, Any]) -> None:
    """Refuses a setting that none of the metrics that were asked for is measured by.

    Args:
        metrics: names, or None for all that apply.
        given: {setting: value} of those that are not the defaults.

    Raises:
        ValueError: one of `SETTINGS` without a metric of its rooms.
    """
    asked = {_base(name) for name in metrics or ()}
    if not asked or not asked <= set(described()):  # an unknown name is refused where it is read
        return
    for setting in SETTINGS.keys() & given.keys():
        readers = [name for room in SETTINGS[setting] for name in _described_in(room)]
        if asked.isdisjoint(readers):
            expected = f"its default, as {readers[0]} and its like alone are measured by it"
            raise ValueError(refusal(setting, expected, given[setting]))


def better(name: str) -> str | None:
    """Which values of a metric are better, "higher" or "lower"; None for neither, or unknown.

    Args:
        name: of a metric, also of a reconstruction from a deeper level, `<name>_level_<l>`.
    """
    found = described().get(_base(name))
    return found and found.better


def meaning(name: str) -> str:
    """What the value says and which way is better, as sentences; "" of an unknown metric."""
    found = described().get(_base(name))
    if found is None:
        return ""
    better = f" {found.better.capitalize()} is better." if found.better else ""
    return f"{capitalised(found.help.rstrip('.'))}.{better}"


def capitalised(text: str) -> str:
    """A sentence's beginning; the name of a metric stays as it is."""
    return text if re.match(r"\w+_\w+", text) else text[:1].upper() + text[1:]


def headline(measured: Collection[str]) -> str | None:
    """The metric that stands for a model: the first of `HEADLINES` that was measured, or None.

    Args:
        measured: names of metrics.
    """
    return next((name for name in HEADLINES if name in measured), None)


def position(name: str) -> int:
    """Where a metric stands in the order of all; those that are unknown stand last."""
    order = list(described())
    return order.index(_base(name)) if _base(name) in order else len(order)


def _base(name: str) -> str:
    return re.sub(r"_level_\d+$", "", name)


def _table(module: ast.Module) -> list[tuple[str, ast.Call]]:
    """(name, its call of `Metric`) of each entry of a module's METRICS."""
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METRICS":
            table: Any = node.value
            return [(key.value, call) for key, call in zip(table.keys, table.values)]
    return []
