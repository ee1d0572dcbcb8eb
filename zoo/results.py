"""The ledger: what each config reached, results/<method>-<stem>.json, and the tables made from it.

An entry is one config over its seeds. Every number of README and RESULTS.md comes from here; the
functions that write those take and return text, and read no files.
"""

import json
import math
import os
import pathlib
import re
import statistics

from zoo.errors import refusal

STATUSES = ("verified", "secondary", "recalled")
_FIELDS = {
    "method": str,
    "dataset": str,
    "variant": (str, type(None)),
    "flags": dict,
    "seeds": list,
    "draws": list,
    "metrics": dict,
    "paper": dict,
    "command": str,
    "commits": list,
    "measured_at": list,
    "dirty": bool,
    "versions": dict,
    "machine": dict,
    "seconds": list,
}
_DESCRIBED = ("n", "split", "protocol")
_BEGIN, _END = "<!-- methods:begin -->", "<!-- methods:end -->"
_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")
_SHOWN = 3  # metrics in a cell of README's table where the paper names none
# Those that tell most of a model, whatever it is for, in the order in which they are shown there.
_TELLING = (
    "classification_error",
    "clustering_error",
    "nll",
    "bits_per_dim",
    "modes_high_quality",
    "high_quality_share",
    "one_nn_accuracy",
    "reconstruction_ratio",
)
_COMPARED = 3  # methods that make a comparison
# Its columns: of mixtures in the plane, which have modes, and of images.
_TOY_METRICS = ("modes_covered", "modes_high_quality", "high_quality_share", "reconstruction_mse")
_IMAGE_METRICS = (
    "one_nn_accuracy",
    "svm_error",
    "reconstruction_ratio",
    "reconstruction_mse",
    "label_agreement",
)


def aggregate(values):
    """(mean, standard deviation) of one value a seed.

    Args:
        values: finite numbers, at least one.

    Returns:
        The mean and the sample standard deviation (n - 1 below the line), None for one value.
    """
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def entry(*, method, dataset, variant, flags, runs, paper, command):
    """An entry of the ledger from the runs of a config.

    Args:
        method: registry name.
        dataset: its source.
        variant: what the config's stem adds to the data set's name, or None.
        flags: {name: value}, all that decides the numbers but the seed.
        runs: one dict a seed: "seed", "draws", "commit" (of the training), "measured_at" (that
            of the measurement, None or absent where it is not known), "dirty", "seconds",
            "versions", "machine" and "evaluation", {metric: {"value", "n", "split", "protocol"}}.
        paper: {metric: {"value", "source", "status"}}.
        command: what reproduces it.

    Metrics that only some of the runs have are left out.

    Raises:
        ValueError: a value is not finite, or runs were measured by different protocols.
    """
    runs = sorted(runs, key=lambda run: run["seed"])
    measured = [run["evaluation"] for run in runs]
    metrics = {}
    for name in measured[0]:
        if all(name in found for found in measured):
            metrics[name] = _over_seeds(name, [found[name] for found in measured])
    return check(
        {
            "method": method,
            "dataset": dataset,
            "variant": variant,
            "flags": flags,
            "seeds": [run["seed"] for run in runs],
            "draws": [run["draws"] for run in runs],
            "metrics": metrics,
            "paper": paper,
            "command": command,
            "commits": [run["commit"] for run in runs],
            "measured_at": [run.get("measured_at") for run in runs],
            "dirty": any(run["dirty"] for run in runs),
            "versions": runs[-1]["versions"],
            "machine": runs[-1]["machine"],
            "seconds": [run["seconds"] for run in runs],
        }
    )


def runs(found):
    """The runs of an entry, by seed, as `entry` takes them."""
    return {
        seed: {
            "seed": seed,
            "draws": found["draws"][index],
            "commit": found["commits"][index],
            "measured_at": found["measured_at"][index],
            "dirty": found["dirty"],
            "seconds": found["seconds"][index],
            "versions": found["versions"],
            "machine": found["machine"],
            "evaluation": {
                name: {
                    "value": measured["values"][index],
                    **{key: measured.get(key) for key in _DESCRIBED},
                }
                for name, measured in found["metrics"].items()
            },
        }
        for index, seed in enumerate(found["seeds"])
    }


def check(found, name="entry"):
    """`found` if it is an entry of the ledger; else `ValueError` or `TypeError` in one line."""
    if not isinstance(found, dict):
        raise TypeError(refusal(name, "a JSON object", found))
    for field, kind in _FIELDS.items():
        if field not in found:
            raise ValueError(refusal(name, f"the field {field!r}", sorted(found)))
        if not isinstance(found[field], kind):
            expected = kind.__name__ if isinstance(kind, type) else "str or null"
            raise TypeError(refusal(f"{name}.{field}", expected, found[field]))
    extra = sorted(set(found) - set(_FIELDS))
    if extra:
        raise ValueError(refusal(name, "no other fields than " + ", ".join(_FIELDS), extra))
    seeds = found["seeds"]
    if len(set(seeds)) != len(seeds):
        raise ValueError(refusal(f"{name}.seeds", "different seeds", seeds))
    for field in ("draws", "commits", "measured_at", "seconds"):
        if len(found[field]) != len(seeds):
            raise ValueError(
                refusal(f"{name}.{field}", f"one item a seed ({len(seeds)})", found[field])
            )
    for metric, measured in found["metrics"].items():
        where = f"{name}.metrics.{metric}"
        values = measured.get("values", [])
        if len(values) != len(seeds):
            raise ValueError(
                refusal(f"{where}.values", f"one number a seed ({len(seeds)})", values)
            )
        if not all(_is_number(value) for value in values):
            raise ValueError(refusal(f"{where}.values", "finite numbers", values))
        mean, std = aggregate(values)
        if not _close(measured.get("mean"), mean) or not _close(measured.get("std"), std):
            received = (measured.get("mean"), measured.get("std"))
            raise ValueError(
                refusal(where, f"mean {mean:.6g} and std {std} of its values", received)
            )
    check_paper(found["paper"], f"{name}.paper")
    return found


def check_paper(paper, name="paper"):
    """`paper` if it is {metric: {"value", "source", "status"}}; else `ValueError` in one line."""
    for metric, figure in paper.items():
        if not isinstance(figure, dict) or set(figure) != {"value", "source", "status"}:
            raise ValueError(refusal(f"{name}.{metric}", "value, source and status", figure))
        if figure["status"] not in STATUSES:
            raise ValueError(
                refusal(
                    f"{name}.{metric}.status", "one of " + ", ".join(STATUSES), figure["status"]
                )
            )
    return paper


def read_paper(config):
    """The paper's numbers for a config, from `paper.json` beside it; empty if it holds none.

    The file of a method is {config stem: {metric: {"value", "source", "status"}}}.
    """
    config = pathlib.Path(config)
    path = config.with_name("paper.json")
    papers = read_json(path) if path.is_file() else {}
    return check_paper(papers.get(config.stem, {}), f"{config.stem} of {path.name}")


def read(path):
    """The entry in a file."""
    return check(read_json(path), pathlib.Path(path).name)


def write(path, found):
    """Writes an entry, whole or not at all."""
    write_json(path, check(found, pathlib.Path(path).name))


def read_json(path):
    """The content of a JSON file; `ValueError` names the file if it is no JSON."""
    try:
        return json.loads(pathlib.Path(path).read_text())
    except ValueError as error:
        raise ValueError(refusal("path", "a JSON file", str(path), f"{error}.")) from None


def write_json(path, content):
    """Writes JSON under a temporary name and renames it, so that a reader finds all or nothing."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_text(path, text):
    """Writes a text file under a temporary name and renames it."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def differences(old, new, defaults=None):
    """["name: old -> new"] of flags that differ.

    Args:
        old, new: {name: value}.
        defaults: values of flags that one side does not know yet.
    """
    defaults = defaults or {}
    old, new = ({**defaults, **json.loads(json.dumps(side))} for side in (old, new))
    old, new = (json.loads(json.dumps(side)) for side in (old, new))  # defaults may be tuples
    names = sorted(set(old) | set(new))
    return [
        f"{name}: {old.get(name)} -> {new.get(name)}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def render_table(methods, configs, entries):
    """README's table of methods: a row a config with results.

    A method none of whose rows has a number of its paper shows a config that has one, "not run"; a
    method without results shows one in any case.

    Args:
        methods: {name: the paragraph of its paper (`zoo.registry.reference`)}.
        configs: {(method, stem): {"path", "command", "paper"}}.
        entries: {(method, stem): entry}.

    Returns:
        A Markdown table.
    """
    lines = _header("method", "paper", "config", "paper's number", "our number", "command")
    for method, reference in methods.items():
        for stem in _shown(method, configs, entries):
            found, config = entries.get((method, stem)), configs.get((method, stem), {})
            paper = found["paper"] if found else config.get("paper", {})
            command = found["command"] if found else config.get("command")
            cells = (
                method,
                _paper_link(reference),
                stem or "-",
                _figures(paper),
                _reached(found),
                _code(command),
            )
            lines.append(_row(*cells))
    return "\n".join(lines)


def _shown(method, configs, entries):
    """The stems of a method in README's table."""
    ran = [stem for name, stem in sorted(entries) if name == method]
    others = [key for key in sorted(configs) if key[0] == method and key not in entries]
    published = [stem for name, stem in others if configs[name, stem].get("paper")]
    if any(entries[method, stem]["paper"] for stem in ran):
        return ran
    return ran + published[:1] or [stem for _, stem in others][:1] or [None]


def render_results(methods, configs, entries):
    """The text of RESULTS.md: methods side by side, then every config and every metric of each.

    Takes the arguments of `render_table`.
    """
    lines = [
        "# Results",
        "",
        "Generated by `python tools/report.py` from `results/*.json`; do not edit.",
        "",
    ]
    lines += ["Mean ± sample standard deviation over the seeds. Fractions lie in [0, 1].", ""]
    lines += _comparisons(methods, entries)
    for method, reference in methods.items():
        lines += [f"## {method}", ""] + ([_paper_link(reference), ""] if reference else [])
        stems = sorted({stem for name, stem in (*configs, *entries) if name == method})
        if not stems:
            lines += ["not run", ""]
        for stem in stems:
            lines += _config_section(
                method, stem, configs.get((method, stem)), entries.get((method, stem))
            )
    return "\n".join(lines).rstrip() + "\n"


def splice(readme, table):
    """README's text with `table` between its two marks."""
    if readme.count(_BEGIN) != 1 or readme.count(_END) != 1:
        raise ValueError(refusal("README.md", f"one {_BEGIN} and one {_END}", readme[:40]))
    head, rest = readme.split(_BEGIN)
    return f"{head}{_BEGIN}\n{table}\n{_END}{rest.split(_END)[1]}"


def _over_seeds(name, measured):
    """The entry of one metric from its measurement of each seed."""
    described = {key: measured[0].get(key) for key in _DESCRIBED}
    for found in measured[1:]:
        for key, value in described.items():
            same = found.get(key) == value
            if key == "protocol":  # its numbers may differ: the C that an SVM chose
                same = _NUMBER.sub("#", str(found.get(key))) == _NUMBER.sub("#", str(value))
            if not same:
                expected = f"{value!r} as of the first seed"
                raise ValueError(refusal(f"metrics.{name}.{key}", expected, found.get(key)))
    values = [found["value"] for found in measured]
    if not all(_is_number(value) for value in values):
        raise ValueError(refusal(f"metrics.{name}", "finite numbers", values))
    mean, std = aggregate(values)
    return {"values": values, "mean": mean, "std": std, **described}


def _comparisons(methods, entries):
    """A table a stem that three methods or more have results for: a row a method."""
    lines = []
    for stem in sorted({stem for _, stem in entries}):
        found = {name: entries[name, stem] for name in methods if (name, stem) in entries}
        if len(found) >= _COMPARED:
            lines += [f"### {stem}", "", *_comparison(found), ""]
    return ["## Comparisons", "", *lines] if lines else []


def _comparison(found):
    """Rows of {method: entry}; metrics that none has are left out."""
    measured = {metric for entry in found.values() for metric in entry["metrics"]}
    columns = _TOY_METRICS if "modes_covered" in measured else _IMAGE_METRICS
    columns = [metric for metric in columns if metric in measured]
    lines = _header("method", *columns, "steps", "seconds a seed", "seeds")
    for method, entry in found.items():
        values = [entry["metrics"].get(metric) for metric in columns]
        cells = ("-" if value is None else _spread(value) for value in values)
        length = f"{entry['flags'].get('steps', '-')}", f"{_seconds(entry):,.0f}"
        lines.append(_row(method, *cells, *length, len(entry["seeds"])))
    return lines


def _seconds(found):
    """Mean time of training a seed."""
    return statistics.fmean(found["seconds"]) if found["seconds"] else 0


def _config_section(method, stem, config, found):
    path = config["path"] if config else f"configs/{method}/{stem}.cfg (removed)"
    lines = [f"### {method}-{stem}", "", f"Config `{path}`."]
    if found is None:
        paper = _figures(config["paper"])
        lines += ["", "not run" + (f"; paper: {paper}" if config["paper"] else "")]
        return lines + ["", _code(config["command"]), ""]
    lines += ["", *_header("metric", "paper", "ours", *_DESCRIBED)]
    for name in _order(found):
        measured = found["metrics"].get(name)
        ours = _spread(measured) if measured else "not measured"
        described = [(measured or {}).get(key) for key in _DESCRIBED]
        paper = (
            _figures({name: found["paper"][name]}, named=False) if name in found["paper"] else "-"
        )
        lines.append(
            _row(name, paper, ours, *("-" if item is None else item for item in described))
        )
    seeds, machine = found["seeds"], found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(found["versions"].items()))
    sources = sorted({figure["source"] for figure in found["paper"].values() if figure["source"]})
    lines += [
        "",
        f"{_plural(len(seeds), 'seed')} ({', '.join(map(str, seeds))}), {_commits(found)}.",
    ]
    computer = f"{machine.get('cpu')}, {machine.get('cores')} cores, {machine.get('ram_gb')} GB"
    lines += [f"{_seconds(found):,.0f} s of training a seed on {computer}; {versions}."]
    if any(found["draws"]):
        drawn = "; ".join(
            f"seed {seed}: {_assignments(draw)}" for seed, draw in zip(seeds, found["draws"])
        )
        lines += [f"Drawn: {drawn}."]
    if sources:
        lines += [f"Paper's numbers: {'; '.join(sources)}."]
    lines += [
        "",
        f"![{method}-{stem}](results/{method}-{stem}.png)",
        "",
        _code(found["command"]),
        "",
    ]
    return lines


def _order(found):
    """Metrics with a figure of the paper first, then the others in the order of evaluation."""
    return [*found["paper"], *(name for name in found["metrics"] if name not in found["paper"])]


def _reached(found):
    """The cell "our number": metrics that the paper reports, else the few that tell most."""
    if found is None:
        return "not run"
    metrics = found["metrics"]
    telling = [name for name in _TELLING if name in metrics]
    telling += [name for name in metrics if name not in telling]
    shown = [name for name in found["paper"] if name in metrics] or telling[:_SHOWN]
    cell = "; ".join(f"{name} {_spread(found['metrics'][name])}" for name in shown)
    return f"{cell} ({_plural(len(found['seeds']), 'seed')}, {_commits(found)})"


def _commits(found):
    """The commits of the training, and those of the measurement where they are others."""
    trained = dict.fromkeys(commit[:7] for commit in found["commits"])
    measured = dict.fromkeys(commit[:7] for commit in found["measured_at"] if commit)
    noun = "commit" if len(trained) == 1 else "commits"
    later = f", measured at {', '.join(measured)}" if measured and measured != trained else ""
    changes = " with uncommitted changes" if found["dirty"] else ""
    return f"{noun} {', '.join(trained)}{later}{changes}"


def _spread(measured):
    """As in 13.4 ± 5.8: the deviation to two digits, the mean to as many decimals."""
    mean, std = measured["mean"], measured["std"]
    if std is None:
        return f"{mean:.4g}"
    if std == 0:
        return f"{mean:.4g} ± 0"
    decimals = max(0, 1 - math.floor(math.log10(std)))
    return (
        f"{mean:.{decimals}f} ± {std:.{decimals}f}" if decimals <= 8 else f"{mean:.4g} ± {std:.1e}"
    )


def _figures(paper, named=True):
    """The cell "paper's number"; figures that nobody read in the paper say so."""
    cells = []
    for name, figure in paper.items():
        value = (
            f"{figure['value']:.4g}"
            if _is_number(figure["value"])
            else str(figure["value"]).replace("+-", "±")
        )
        mark = "" if figure["status"] == "verified" else f" ({figure['status']})"
        cells.append(f"{name} {value}{mark}" if named else f"{value}{mark}")
    return "; ".join(cells) or "-"


def _paper_link(reference):
    """A paper's authors and title, linked to arXiv where the reference holds its number."""
    number = re.search(r"\b(\d{4}\.\d{4,5})\b", reference)
    if not number:
        return reference.split(". ")[0].rstrip(".") or "-"
    text = re.sub(r"[\s,;:(]*(arXiv)?[\s:]*$", "", reference[: number.start()], flags=re.I)
    return f"[{text or 'arXiv ' + number[1]}](https://arxiv.org/abs/{number[1]})"


def _assignments(draw):
    return ", ".join(f"{name}={value}" for name, value in draw.items())


def _plural(count, noun):
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _code(command):
    return f"`{command}`" if command else "-"


def _header(*cells):
    return [_row(*cells), _row(*("---" for _ in cells))]


def _row(*cells):
    return (
        "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"
    )


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _close(a, b):
    return a == b if a is None or b is None else math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
