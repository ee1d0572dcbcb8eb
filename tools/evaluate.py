"""Measures a trained run by every metric that its capabilities allow.

    python tools/evaluate.py --run_dir=runs/ali-digits
    python tools/evaluate.py --model=ali-digits

Prints a table, and how each number was measured; writes evaluation.json in the run's directory, of
a pretrained model in pretrained/NAME.
"""

import pathlib
import shutil
import sys
import textwrap
import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import common

from zoo import ledger, training
from zoo.metrics import names

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.model import GenerativeModel

# How a run is measured: the arguments of `zoo.metrics.evaluate`.
SETTINGS = (
    *common.MEASURE_FLAGS,
    common.flag("seed", "int", 0, "of samples, draws and pairings", at_least=0, at_most=2**31 - 1),
)
FLAGS = (*common.RUN_OR_MODEL, *SETTINGS, common.WHICH, common.ALLOW, common.DATA_DIR)
FILE = "evaluation.json"


def run(flags: types.SimpleNamespace) -> None:
    """A run's checkpoint to evaluation.json."""
    common.measure_settings(flags)
    run_dir = common.existing_run(flags)
    measured, askable = measure(run_dir, flags, common.output_folder(flags, run_dir))
    if measured:
        print(table(measured, flags.seed))
    else:
        print(f"No metric fits unasked. Ask for some of --metrics={','.join(askable) or 'none'}")


def measure(
    run_dir: pathlib.Path, flags: types.SimpleNamespace, out: pathlib.Path
) -> tuple[dict, list[str]]:
    """Measures a run and writes evaluation.json in the folder `out`.

    Returns:
        ({metric: what `zoo.metrics.evaluate` says of it}, the metrics that could be asked for).
    """
    common.load()
    from zoo import metrics

    recorded, dataset = common.described(run_dir, flags)
    model = training.restore(run_dir, flags.which, flags.allow)
    evaluation = evaluated(model, recorded, dataset, flags)
    ledger.write_json(out / FILE, evaluation)
    return evaluation["metrics"], metrics.applicable(model, dataset)


def evaluated(
    model: "GenerativeModel",
    recorded: types.SimpleNamespace,
    dataset: "Dataset",
    flags: types.SimpleNamespace,
) -> dict:
    """What evaluation.json holds of the model of a run, measured as the flags say."""
    from zoo import metrics

    settings = {item.name: getattr(flags, item.name) for item in SETTINGS}
    settings["split"] = common.measured_split(flags.split, recorded, dataset)
    without: dict[str, list[str]] = {}
    try:
        measured = metrics.evaluate(
            model,
            dataset,
            progress=progress,
            left_out=lambda name, reason: without.setdefault(reason, []).append(name),
            **settings,
        )
    finally:
        on_terminal("")
    for reason, left_out in without.items():
        print(f"Left out: {', '.join(left_out)}: {reason}", file=sys.stderr)
    del settings["metrics"]  # which ones, not how
    evaluation = {"step": int(model.step), "which": flags.which, "settings": settings}
    return {**evaluation, "metrics": measured}


def progress(name: str, index: int, count: int) -> None:
    """Says on a terminal what is being measured."""
    on_terminal(f"{index + 1}/{count} {name}")


def on_terminal(line: str) -> None:
    """Puts a line in the place of the last one, on a terminal alone."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


# --- text -------------------------------------------------------------------------------------


def table(measured: Mapping[str, dict], seed: int = 0) -> str:
    """What `zoo.metrics.evaluate` returned as aligned columns, and the protocols below."""
    # Columns that some metric fills; the standard error is always shown.
    shown = [key for key in ("std", "floor") if any(key in found for found in measured.values())]
    rows = [["metric", "value", "+-", *shown, "n", "split"]]
    for name, found in measured.items():
        error, std, floor = (found.get(key) for key in ("standard_error", "std", "floor"))
        cells = {"std": number(std, 2), "floor": number(floor, 4)}
        numbers = number(found["value"]), number(error, 2), *(cells[key] for key in shown)
        rows.append([name, *numbers, str(found["n"]), found["split"]])
    legend = [f"+- is the standard error over the n examples, {ledger.OF_NONE}"]
    legend += ["std the deviation over draws"] if "std" in shown else []
    legend += ["floor the value of real data in the samples' place"] if "floor" in shown else []
    legend += [f"seed {seed} of samples and draws"]
    protocols = {name: found["protocol"] for name, found in measured.items()}
    lines = [*aligned(rows), "", f"{', '.join(legend)}.", "", *explained(protocols)]
    return "\n".join(lines)


def number(value: float | None, digits: int = 6) -> str:
    """A number of so many digits; "-" if there is none."""
    return "-" if value is None else f"{value:.{digits}g}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of as many cells each as lines of equally wide columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def explained(texts: Mapping[str, str]) -> list[str]:
    """Lines "name: text", wrapped to the terminal's width."""
    width = shutil.get_terminal_size((100, 20)).columns
    return [
        line
        for name, text in texts.items()
        for line in textwrap.wrap(f"{name}: {text}", width, subsequent_indent="      ")
    ]


def metrics_help() -> str:
    """All metrics and how each is read, for `--help`; without TensorFlow."""
    texts = {}
    for name, found in names.described().items():
        marks = [f"{found.better} is better"] if found.better else []
        marks += ["only if asked for"] if found.only_asked else []
        texts[", ".join([f"  {name}", *marks])] = found.help
    return "\n".join(["Metrics:", *explained(texts)])


if __name__ == "__main__":
    __doc__ = f"{__doc__}\n{metrics_help()}"  # heads the help
    sys.exit(common.main(run, FLAGS))
