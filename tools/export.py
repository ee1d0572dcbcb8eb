"""Exports a run as a SavedModel that TensorFlow Serving and `zoo.load` read; prints its path.

python tools/export.py --run_dir=runs/ali-digits
"""

import pathlib
import sys
import types
from typing import Any

import common

from zoo import ledger, training
from zoo.errors import refusal

FLAGS = (
    common.RUN_DIR,
    common.flag("export_dir", "str", None, "where versions are kept; exported/<run name> if None"),
    common.WHICH,
)


def run(flags: types.SimpleNamespace) -> None:
    """A run's checkpoint to the next version below the export directory."""
    run_dir = common.existing_run(flags)
    export_dir = flags.export_dir or pathlib.Path("exported", run_dir.resolve().name)
    metrics = measured(run_dir / "evaluation.json")
    common.load()
    from zoo import serving

    model = training.restore(run_dir, flags.which)
    name = public_name(common.recorded(run_dir).dataset)
    print(serving.export(model, export_dir, data=name, metrics=metrics))


def measured(path: pathlib.Path) -> dict[str, Any] | None:
    """The metrics in a run's evaluation.json; None where the run was not measured.

    Raises:
        ValueError: the file is not as tools/evaluate.py writes it.
    """
    if not path.is_file():
        return None
    content = ledger.read_json(path)
    metrics = content.get("metrics") if isinstance(content, dict) else None
    if not isinstance(metrics, dict):
        expected = f'{{"metrics": {{name: ...}}}} in {path}'
        hint = "tools/evaluate.py writes it again."
        raise ValueError(refusal("evaluation.json", expected, content, hint))
    return metrics


def public_name(dataset: str) -> str:
    """A data set's name as others may read it: of own data the last part of the path alone."""
    prefix, _, path = dataset.partition(":")
    return f"{prefix}:{pathlib.Path(path).name}" if prefix in ("npz", "folder") else dataset


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
