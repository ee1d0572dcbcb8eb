"""Exports a run as a SavedModel that TensorFlow Serving and `zoo.load` read; prints its path.

python tools/export.py --run_dir=runs/ali-digits
python tools/export.py --model=ali-digits
"""

import pathlib
import sys
import types

import common

from zoo import ledger, training

FLAGS = (
    *common.RUN_OR_MODEL,
    common.flag("export_dir", "str", None, "where versions are kept; exported/<run name> if None"),
    common.WHICH,
    common.ALLOW,
)


def run(flags: types.SimpleNamespace) -> None:
    """A run's checkpoint to the next version below the export directory."""
    run_dir = common.existing_run(flags)
    own = common.output_folder(flags, run_dir)
    export_dir = flags.export_dir or pathlib.Path("exported", own.resolve().name)
    evaluation = run_dir / "evaluation.json"
    metrics = ledger.read_evaluation(evaluation)["metrics"] if evaluation.is_file() else None
    common.load()
    from zoo import serving

    model = training.restore(run_dir, flags.which, flags.allow)
    name = public_name(common.recorded(run_dir, flags.allow).dataset)
    print(serving.export(model, export_dir, data=name, metrics=metrics))


def public_name(dataset: str) -> str:
    """A data set's name as others may read it: of own data the last part of the path alone."""
    prefix, _, path = dataset.partition(":")
    return f"{prefix}:{pathlib.Path(path).name}" if prefix in ("npz", "folder") else dataset


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
