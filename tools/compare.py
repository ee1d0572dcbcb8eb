"""Compares runs: their metrics side by side, a column a run, the best value of each marked.

    python tools/compare.py runs/ali-digits vae-digits

A word is the directory of a run, or the name of a pretrained model. Reads evaluation.json of each;
a run without one is measured first, by the flags below, and all are with --evaluate. Only what was
measured alike is compared: runs of different data, or measured with different settings, get tables
of their own. --metrics picks rows. `evaluate.py --help` says what each metric is.
"""

import collections
import pathlib
import re
import shutil
import sys
import types
from collections.abc import Mapping, Sequence

import common
import evaluate

from zoo import ledger, training
from zoo.errors import refusal, unknown
from zoo.metrics import names

FLAGS = (
    common.flag("run", "str", None, "a run or a pretrained model, as a word without --run= is"),
    common.flag("evaluate", "bool", False, "measure all runs again"),
    *evaluate.SETTINGS,
    common.WHICH,
    common.ALLOW,
    common.DATA_DIR,
)
BEST = "*"


def run(flags: types.SimpleNamespace) -> None:
    """Runs to tables."""
    if not flags.run:
        raise ValueError(refusal("run", "directories of runs", flags.run))
    common.measure_settings(flags)
    given = [types.SimpleNamespace(run_dir=None, model=x, version=None) for x in flags.run]
    paths = [common.existing_run(each) for each in given]
    outs = [common.output_folder(each, path) for each, path in zip(given, paths)]
    for path, out in zip(paths, outs):
        if flags.evaluate or not any((x / evaluate.FILE).is_file() for x in (out, path)):
            evaluate.measure(path, flags, out)
    tables: dict[str, dict] = collections.defaultdict(dict)
    for name, path, out in zip(titles(outs), paths, outs):
        own = out / evaluate.FILE
        found = ledger.read_evaluation(own if own.is_file() else path / evaluate.FILE)
        tables[measured_on(path, found)][name] = found
    known = {m for found in tables.values() for one in found.values() for m in one["metrics"]}
    for metric in flags.metrics or ():
        if metric not in known:
            raise unknown("metrics", metric, sorted(known, key=names.position))
    if len(tables) > 1:
        print(f"{len(tables)} tables: numbers of different data or settings do not compare.\n")
    print("\n\n".join(table(title, found, flags.metrics) for title, found in tables.items()))


def titles(paths: Sequence[pathlib.Path]) -> list[str]:
    """What each run is called: the name of its directory, or its path where names are equal."""
    counts = collections.Counter(path.resolve().name for path in paths)
    return [
        path.resolve().name if counts[path.resolve().name] == 1 else str(path) for path in paths
    ]


def measured_on(run_dir: pathlib.Path, evaluation: Mapping) -> str:
    """A run's data and the settings of its evaluation, in words that are equal if those are."""
    data = training.read_identity(run_dir)["data"]
    data = re.sub(r", labels=\d+, label_seed=\d+", "", data)  # they change what is learned alone
    settings = evaluation.get("settings")
    if settings is None:
        return f"{data}; settings not recorded"
    defaults = {item.name: item.default for item in evaluate.SETTINGS}
    unusual = {k: v for k, v in settings.items() if k != "split" and v != defaults.get(k)}
    said = [f"{name} {value}" for name, value in unusual.items()]
    return "; ".join([data, f"measured on {settings.get('split')}", *said])


def table(title: str, runs: Mapping[str, Mapping], metrics: Sequence[str] | None = None) -> str:
    """Evaluations {name of a run: content of its evaluation.json} side by side.

    Args:
        title: stands above.
        runs: of the same data, measured with the same settings.
        metrics: those that are shown; None shows all.
    """
    measured = {name: evaluation["metrics"] for name, evaluation in runs.items()}
    every = dict.fromkeys(metric for found in measured.values() for metric in found)
    shown = metrics or sorted(every, key=names.position)
    columns = [["metric", "step", *shown], ["better", "", *(names.better(m) or "" for m in shown)]]
    cells = {
        metric: marked(metric, [found.get(metric) for found in measured.values()])
        for metric in shown
    }
    for index, (name, evaluation) in enumerate(runs.items()):
        columns.append([name, str(evaluation["step"]), *(cells[m][index] for m in shown)])
    lines = [f"{title} ({BEST} best, +- standard error; {ledger.OF_NONE})"]
    lines += side_by_side(columns)
    return "\n".join([*lines, "", *evaluate.explained(protocols(measured, shown))])


def marked(metric: str, found: Sequence[Mapping | None]) -> list[str]:
    """A metric's cell of each run; the best of several is marked, "-" is none."""
    pick = {"higher": max, "lower": min, None: None}[names.better(metric)]
    values = [entry["value"] for entry in found if entry is not None]
    best = pick(values) if pick and len(values) > 1 else None
    return ["-" if entry is None else _cell(entry, entry["value"] == best) for entry in found]


def protocols(measured: Mapping[str, Mapping], shown: Sequence[str]) -> dict[str, str]:
    """{metric: how it was measured}, {metric, run: ...} where that is not the same for all."""
    texts = {}
    for metric in shown:
        said = {
            name: found[metric]["protocol"] for name, found in measured.items() if metric in found
        }
        if len(set(said.values())) == 1:
            texts[metric] = next(iter(said.values()))
        else:
            texts |= {f"{metric}, {name}": text for name, text in said.items()}
    return texts


def side_by_side(columns: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table; the columns of runs that the terminal has no room for follow below."""
    room, (names_, better, *runs) = shutil.get_terminal_size((100, 20)).columns, columns
    lines: list[str] = []
    while runs:
        count = 1
        while count < len(runs) and _width([names_, better, *runs[: count + 1]]) <= room:
            count += 1
        lines += [
            *([""] if lines else []),
            *evaluate.aligned(list(zip(names_, better, *runs[:count]))),
        ]
        runs = runs[count:]
    return lines


def _width(columns):
    return sum(max(map(len, column)) + 2 for column in columns) - 2


def _cell(entry, best):
    value = evaluate.number(entry["value"], 4)
    error = entry.get("standard_error", entry.get("std"))
    return value + ("" if error is None else f" +- {error:.2g}") + (f" {BEST}" if best else "")


def main(argv: Sequence[str]) -> int:
    """The exit code of a command line."""
    return common.main(run, FLAGS, [argv[0], *_words_as_flags(argv[1:])], repeated=("run",))


def _words_as_flags(argv):
    """Words that are no flags, nor the value of one, become --run=WORD."""
    takes_value = {f"--{item.name}" for item in FLAGS if item.kind != "bool"} | {"--flagfile"}
    return [
        word if word.startswith("-") or before in takes_value else f"--run={word}"
        for before, word in zip([None, *argv], argv)
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv))
