"""Measures a trained run by every metric that its capabilities allow.

    python tools/evaluate.py --run_dir=runs/ali-digits

Prints a table and writes evaluation.json in the run's directory.
"""

import sys

import common

from zoo import ledger, training

FLAGS = (
    common.RUN_DIR,
    *common.MEASURE_FLAGS,
    common.flag("seed", "int", 0, "of samples, draws and pairings", minimum=0, maximum=2**31 - 1),
    common.WHICH,
    common.DATA_DIR,
)


def run(flags):
    """A run's checkpoint to evaluation.json."""
    run_dir = common.existing_run(flags)
    common.load()
    from zoo import metrics

    recorded = common.recorded(run_dir)
    recorded.data_dir = flags.data_dir or recorded.data_dir
    dataset = common.load_data(recorded)
    model = training.restore(run_dir, flags.which)
    chosen = {item.name: getattr(flags, item.name) for item in common.MEASURE_FLAGS}
    measured = metrics.evaluate(model, dataset, seed=flags.seed, progress=progress, **chosen)
    evaluation = {"step": int(model.step), "which": flags.which, "metrics": measured}
    ledger.write_json(run_dir / "evaluation.json", evaluation)
    print(table(measured))


def progress(name, index, count):
    """Says on a terminal what is being measured."""
    if sys.stderr.isatty():
        print(f"\r\033[K{index + 1}/{count} {name}", end="", file=sys.stderr, flush=True)
        if index + 1 == count:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def table(measured):
    """{metric: {"value", "n", "split", "protocol"}} as aligned columns."""
    rows = [("metric", "value", "n", "split", "protocol")]
    for name, found in measured.items():
        value = found["value"]
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        rows.append((name, shown, *(str(found.get(key, "-")) for key in rows[0][2:])))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[4]])
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
