"""The ledger: what each config reached, one file a config, results/<method>-<stem>.json.

An `Entry` is one config over its seeds, a `Metric` one of its figures. Every number of README.md
and of the pages of results comes from here. Nothing in this file knows how they are shown.
"""

import dataclasses
import json
import math
import os
import pathlib
import re
import statistics
from collections.abc import Iterable
from typing import Any

from zoo import bounds, files
from zoo.errors import refusal

STATUSES = ("verified", "secondary", "recalled")
# What a protocol may differ in from seed to seed: the C that an SVM chose, for instance.
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_A_SEED = ("draws", "commits", "measured_at", "seconds")  # fields with one item a seed
# {field of a metric that not all have: what a measurement of one seed calls its item}
_OPTIONAL = {"standard_errors": "standard_error", "floors": "floor"}

# What `share_error` is of none or all, in the words of what prints it.
OF_NONE = "1 / (n + 1) for a share of 0 or 1, Wilson's bound"


def share_error(share: float, n: int) -> float:
    """The standard error of a share p of n examples, sqrt(p (1 - p) / n).

    Of none of them, or all, that would be 0, though a rare kind may just not be among them. There
    it is the distance to the end of Wilson's interval of one standard error, 1 / (n + 1): the share
    from which none are one standard error away, p = sqrt(p (1 - p) / n).

    Reference: Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    return math.sqrt(share * (1 - share) / n) if 0 < share < 1 else 1 / (n + 1)


@dataclasses.dataclass(frozen=True)
class Metric:
    """One figure of an entry.

    Attributes:
        values: one a seed; fractions in [0, 1], nats unless the name says bits.
        n: examples or samples that were measured for each value.
        split: of the data they came from, or "samples".
        protocol: how it was measured, in one sentence.
        standard_errors: the measured standard error of each value as a mean over the n examples,
            None for a value without one; None where no value has one.
        floors: the value of other real data in place of the samples, as `standard_errors`.
    """

    values: list
    n: int
    split: str
    protocol: str
    standard_errors: list | None = None
    floors: list | None = None

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return aggregate(self.values)[0]

    @property
    def std(self) -> float | None:
        """Sample standard deviation over the seeds, None for one seed."""
        return aggregate(self.values)[1]

    def as_json(self) -> dict[str, Any]:
        """The metric as the file holds it, its mean and deviation included."""
        found = {"values": self.values, "mean": self.mean, "std": self.std, "n": self.n}
        found |= {"split": self.split, "protocol": self.protocol}
        lists = {field: getattr(self, field) for field in _OPTIONAL}
        return found | {field: items for field, items in lists.items() if items is not None}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One config over its seeds, as its file holds it.

    Attributes:
        method: registry name.
        dataset: its source.
        variant: what the config's stem adds to the data set's name, or None.
        flags: {name: value}, all that decides the numbers but the seed.
        seeds: the runs; draws, commits, measured_at and seconds have one item for each.
        draws: {name: value} of hyper-parameters drawn at random, empty where none was.
        metrics: {name: Metric}.
        paper: {metric: {"value", "source", "status"}}, what the paper prints.
        command: what reproduces the entry.
        commits: where the training started.
        measured_at: the commit of the measurement, None where it is not known.
        dirty: whether any of them had uncommitted changes.
        versions: {package: version}.
        machine: {"cpu", "cores", "ram_gb"[, "gpus"]}.
        seconds: of training.
    """

    method: str
    dataset: str
    variant: str | None
    flags: dict
    seeds: list
    draws: list
    metrics: dict
    paper: dict
    command: str
    commits: list
    measured_at: list
    dirty: bool
    versions: dict
    machine: dict
    seconds: list

    @property
    def name(self) -> str:
        """<method>-<dataset>[-<variant>], as its file is named."""
        return "-".join(filter(None, (self.method, self.dataset, self.variant)))

    def as_json(self) -> dict[str, Any]:
        """The entry as the file holds it."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return found | {"metrics": {name: m.as_json() for name, m in self.metrics.items()}}


def aggregate(values: list[float]) -> tuple[float, float | None]:
    """(mean, standard deviation) of one value a seed.

    Args:
        values: finite numbers, at least one.

    Returns:
        The mean and the sample standard deviation (n - 1 below the line), None for one value.
    """
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def entry(
    *,
    method: str,
    dataset: str,
    variant: str | None,
    flags: dict[str, Any],
    runs: Iterable[dict],
    paper: dict[str, dict],
    command: str,
) -> Entry:
    """An entry of the ledger from the runs of a config.

    Args:
        method, dataset, variant, flags, paper, command: as in `Entry`.
        runs: one dict a seed: "seed", "draws", "commit" (of the training), "measured_at" (that
            of the measurement, None or absent where it is not known), "dirty", "seconds",
            "versions", "machine" and "evaluation", {metric: {"value", "n", "split", "protocol"[,
            "standard_error"][, "floor"]}}.

    Metrics that only some of the runs have are left out.

    Raises:
        ValueError: a value is not finite, or runs were measured by different protocols.
    """
    runs = sorted(runs, key=lambda run: run["seed"])
    measured = [run["evaluation"] for run in runs]
    shared = [name for name in measured[0] if all(name in found for found in measured)]
    found = Entry(
        method=method,
        dataset=dataset,
        variant=variant,
        flags=flags,
        seeds=[run["seed"] for run in runs],
        draws=[run["draws"] for run in runs],
        metrics={name: _over_seeds(name, [found[name] for found in measured]) for name in shared},
        paper=paper,
        command=command,
        commits=[run["commit"] for run in runs],
        measured_at=[run.get("measured_at") for run in runs],
        dirty=any(run["dirty"] for run in runs),
        versions=runs[-1]["versions"],
        machine=runs[-1]["machine"],
        seconds=[run["seconds"] for run in runs],
    )
    return parse(found.as_json())


def runs(found: Entry) -> dict[int, dict]:
    """The runs of an entry, by seed, as `entry` takes them."""
    return {
        seed: {
            "seed": seed,
            "draws": found.draws[index],
            "commit": found.commits[index],
            "measured_at": found.measured_at[index],
            "dirty": found.dirty,
            "seconds": found.seconds[index],
            "versions": found.versions,
            "machine": found.machine,
            "evaluation": {name: _of_seed(m, index) for name, m in found.metrics.items()},
        }
        for index, seed in enumerate(found.seeds)
    }


def _over_seeds(name: str, measured: list[dict]) -> Metric:
    """One metric from its measurement of each seed."""
    described: dict[str, Any] = {key: measured[0].get(key) for key in ("n", "split", "protocol")}
    for found in measured[1:]:
        for key, value in described.items():
            same = found.get(key) == value
            if key == "protocol":
                same = NUMBER.sub("#", str(found.get(key))) == NUMBER.sub("#", str(value))
            if not same:
                expected = f"{value!r} as of the first seed"
                raise ValueError(refusal(f"metrics.{name}.{key}", expected, found.get(key)))
    values = [found["value"] for found in measured]
    for field, item in _OPTIONAL.items():
        items = [found.get(item) for found in measured]
        described[field] = items if any(each is not None for each in items) else None
    return checked(Metric(values, **described), f"metrics.{name}")


def _of_seed(metric: Metric, index: int) -> dict[str, Any]:
    """The measurement of one seed, as `zoo.metrics.evaluate` gave it."""
    found = {"value": metric.values[index], "n": metric.n, "split": metric.split}
    found["protocol"] = metric.protocol
    items = {item: getattr(metric, field) for field, item in _OPTIONAL.items()}
    known = {item: each[index] for item, each in items.items() if each is not None}
    return found | {item: value for item, value in known.items() if value is not None}


# --- files and their checks -------------------------------------------------------------------


def parse(content: Any, name: str = "entry") -> Entry:
    """The entry that the content of a file describes.

    Args:
        content: what `Entry.as_json` returns.
        name: of the file, for messages.

    Raises:
        ValueError: a field is missing or unknown, has not one item a seed, or a mean or deviation
            is not that of its values.
        TypeError: a field is of another kind.
    """
    found = _typed(Entry, content, name)
    if len(set(found.seeds)) != len(found.seeds):
        raise ValueError(refusal(f"{name}.seeds", "different seeds", found.seeds))
    for field in _A_SEED:
        _check_length(found, getattr(found, field), f"{name}.{field}")
    metrics = {}
    for metric, measured in found.metrics.items():
        where = f"{name}.metrics.{metric}"
        metrics[metric] = parsed = _metric(measured, where)
        _check_length(found, parsed.values, f"{where}.values")
        for field in _OPTIONAL:
            items = getattr(parsed, field)
            if items is not None:
                _check_length(found, items, f"{where}.{field}")
    check_paper(found.paper, f"{name}.paper")
    return dataclasses.replace(found, metrics=metrics)


def checked(metric: Metric, name: str) -> Metric:
    """`metric` if its numbers are within `zoo.bounds`; else `ValueError` in one line.

    Args:
        metric: the figure.
        name: of it, for messages.
    """
    if not metric.values:
        raise ValueError(refusal(f"{name}.values", "one value at least", metric.values))
    if expected := bounds.fault("n", metric.n):
        raise ValueError(refusal(f"{name}.n", expected, metric.n))
    for field, item in {"values": "value", **_OPTIONAL}.items():
        items = getattr(metric, field)
        if expected := max((bounds.fault(item, each) for each in items or ()), default=""):
            raise ValueError(refusal(f"{name}.{field}", f"{expected} for each seed", items))
    return metric


def _metric(content: Any, name: str) -> Metric:
    given = dict(content) if isinstance(content, dict) else content
    received = [given.pop(key, None) for key in ("mean", "std")] if given is not content else []
    found = checked(_typed(Metric, given, name), name)
    if not all(_close(a, b) for a, b in zip(received, (found.mean, found.std))):
        expected = f"mean {found.mean:.6g} and std {found.std} of its values"
        raise ValueError(refusal(name, expected, received))
    return found


def _typed(cls: type, content: Any, name: str) -> Any:
    """The dataclass that a JSON object describes: every field present, known, and of its type."""
    if not isinstance(content, dict):
        raise TypeError(refusal(name, "a JSON object", content))
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for field in fields.values():
        kind: Any = field.type  # a class, or a union of classes
        if field.name not in content:
            if field.default is dataclasses.MISSING:
                raise ValueError(refusal(name, f"the field {field.name!r}", sorted(content)))
        elif not isinstance(content[field.name], kind):
            expected = getattr(kind, "__name__", str(kind))
            raise TypeError(refusal(f"{name}.{field.name}", expected, content[field.name]))
    extra = sorted(set(content) - set(fields))
    if extra:
        raise ValueError(refusal(name, "no other fields than " + ", ".join(fields), extra))
    return cls(**content)


def _check_length(found: Entry, items: list, name: str) -> None:
    if len(items) != len(found.seeds):
        raise ValueError(refusal(name, f"one item a seed ({len(found.seeds)})", items))


def check_paper(paper: dict[str, dict], name: str = "paper") -> dict[str, dict]:
    """`paper` if it is {metric: {"value", "source", "status"}}; else `ValueError` in one line."""
    for metric, figure in paper.items():
        if not isinstance(figure, dict) or set(figure) != {"value", "source", "status"}:
            raise ValueError(refusal(f"{name}.{metric}", "value, source and status", figure))
        if figure["status"] not in STATUSES:
            expected = "one of " + ", ".join(STATUSES)
            raise ValueError(refusal(f"{name}.{metric}.status", expected, figure["status"]))
    return paper


def read_paper(config: str | os.PathLike) -> dict[str, dict]:
    """The paper's numbers for a config, from `paper.json` beside it; empty if it holds none.

    The file of a method is {config stem: {metric: {"value", "source", "status"}}}.
    """
    config = pathlib.Path(config)
    path = config.with_name("paper.json")
    papers = files.read_json(path) if path.is_file() else {}
    return check_paper(papers.get(config.stem, {}), f"{config.stem} of {path.name}")


def read(path: str | os.PathLike) -> Entry:
    """The entry in a file."""
    return parse(files.read_json(path), pathlib.Path(path).name)


def write(path: str | os.PathLike, found: Entry) -> None:
    """Writes an entry, whole or not at all; a damaged one is refused as by `parse`."""
    write_json(path, parse(found.as_json(), pathlib.Path(path).name).as_json())


def read_evaluation(path: str | os.PathLike) -> dict[str, Any]:
    """The content of an evaluation.json, as tools/evaluate.py writes it.

    Returns:
        {"step", "metrics": {name: {"value", "n", "split", "protocol"[, "standard_error"][,
        "floor"][, "confused"]}}, ...}.

    Raises:
        OSError: the file is not there.
        ValueError: another content; the message names the file.
    """
    found = files.read_json(path)
    _check_kinds(found, path, "", step=int, metrics=dict)
    if found.get("settings") is not None:
        _check_kinds(found, path, "", settings=dict)
    for name, measured in found["metrics"].items():
        of = f" of the metric {name}"
        _check_kinds(measured, path, of, split=str, protocol=str)
        for key in ("n", "value", "std", *_OPTIONAL.values()):
            if fault := bounds.fault(key, measured.get(key)):
                expected = f"an evaluation with {fault} as {key}{of}"
                raise ValueError(refusal("path", expected, str(path)))
        if not _are_triples(measured.get("confused", [])):
            expected = f"an evaluation with lists of three whole numbers as confused{of}"
            raise ValueError(refusal("path", expected, str(path)))
    return found


def _check_kinds(content: Any, path: str | os.PathLike, of: str, **kinds: type) -> None:
    for key, kind in kinds.items():
        if not isinstance(content, dict) or not isinstance(content.get(key), kind):
            expected = f"an evaluation with {key}{of}, {kind.__name__}"
            raise ValueError(refusal("path", expected, str(path)))


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Writes JSON, so that a reader finds the old content or all of the new."""
    files.write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _are_triples(items: Any) -> bool:
    triples = isinstance(items, list) and all(isinstance(each, list) for each in items)
    return triples and all(len(t) == 3 and all(type(n) is int for n in t) for t in items)


def _close(a: Any, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return bounds.is_number(a) and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
