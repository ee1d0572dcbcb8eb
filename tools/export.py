"""Exports a run as a SavedModel that TensorFlow Serving and `zoo.load` read; prints its path.

    python tools/export.py --run_dir=runs/ali-digits
    python tools/export.py --model=ali-digits
    python tools/export.py --run_dir=runs/ali-digits --version_labels=stable --served_base=/models

Beside the export, in the folder that holds exports, it keeps the two files that a server of all of
them is started with: models.config and batching.config. What models.config says of other models
stays. BUILD.md has the server's command line.
"""

import os
import pathlib
import sys
import types

import common

from zoo import ledger, training
from zoo.errors import refusal

FLAGS = (
    *common.RUN_OR_MODEL,
    common.flag("export_dir", "str", None, "where versions are kept; exported/<run name> if None"),
    common.WHICH,
    common.ALLOW,
    common.flag(
        "quantise",
        "str",
        "none",
        "bfloat16: weights take half the bytes; the manifest says what outputs lose",
        choices=("none", "bfloat16"),
    ),
    common.flag("tflite", "bool", False, "write encoders and decoders as TFLite models, too"),
    common.flag(
        "batch_sizes",
        "tuple",
        None,
        "rows of a batch that a server may make of requests, ascending, separated by commas; None"
        " means those of batching.config, or 1,2,4,8,16,32",
    ),
    common.flag(
        "serving_config",
        "bool",
        True,
        "keep models.config and batching.config beside the export; models.config needs the extra"
        " serving, without which it is left out with a line on stderr",
    ),
    common.flag("version_labels", "tuple", (), "labels that this version gets in models.config"),
    common.flag(
        "served_base",
        "str",
        None,
        "the folder that holds exports as the server sees it, for models.config: an absolute path,"
        " or an address such as gs://bucket/models; None means what the file says of this model, or"
        " else of all others, or the path here",
    ),
)
# What asks for models.config, so that it is not left out in silence.
_ASK = ("serving_config", "version_labels", "served_base")
_EXTRA = "the extra serving: pip install 'generative-zoo[serving]'"


def run(flags: types.SimpleNamespace) -> None:
    """A run's checkpoint to the next version below the export directory."""
    run_dir = common.existing_run(flags)
    own = common.output_folder(flags, run_dir)
    export_dir = pathlib.Path(flags.export_dir or pathlib.Path("exported", own.resolve().name))
    evaluation = run_dir / "evaluation.json"
    measured = ledger.read_evaluation(evaluation) if evaluation.is_file() else None
    common.load()
    from zoo import serving
    from zoo.serving import config, warm_up

    base = pathlib.Path(os.path.abspath(export_dir)).parent
    sizes = batch_sizes(flags.batch_sizes)
    asked = bool(flags.given.intersection(_ASK))
    listed = flags.serving_config and (asked or config.available())
    if listed:
        check_config(flags, base)
    elif flags.version_labels or flags.served_base:
        raise ValueError(refusal("serving_config", "true with a label or a base", False))
    if flags.serving_config:
        sizes = sizes or config.batch_sizes(base)
    sizes = warm_up.checked_sizes(sizes or warm_up.BATCH_SIZES)
    model = training.restore(run_dir, flags.which, flags.allow)
    metrics = measured["metrics"] if measured else None
    if measured and measured["step"] != int(model.step):
        metrics, of = None, f"step {measured['step']}, not {int(model.step)}"
        print(f"Left out of the card: metrics of {of}; run tools/evaluate.py", file=sys.stderr)
    name = public_name(common.recorded(run_dir, flags.allow).dataset)
    more = {"batch_sizes": sizes, "quantise": flags.quantise, "tflite": flags.tflite}
    version = serving.export(model, export_dir, data=name, metrics=metrics, **more)
    if listed:
        config.add(version, flags.version_labels, flags.served_base)
    elif flags.serving_config:
        print(f"Left out: {config.MODELS}, which needs {_EXTRA}", file=sys.stderr)
    if flags.serving_config and (flags.batch_sizes or not (base / config.BATCHING).is_file()):
        config.write_batching(base, sizes)
    print(version)


def batch_sizes(texts: tuple[str, ...] | None) -> tuple[int, ...] | None:
    """`--batch_sizes` as numbers, or None where it is not given."""
    if texts is None:
        return None
    if not all(text.isascii() and text.isdecimal() and len(text) < 10 for text in texts):
        raise ValueError(refusal("batch_sizes", "ints, separated by commas", texts))
    return tuple(map(int, texts))


def check_config(flags: types.SimpleNamespace, base: pathlib.Path) -> None:
    """Refuses what `models.config` could not say, before any work."""
    from zoo.serving import config

    config.check_labels(flags.version_labels)
    config.check_base(flags.served_base)
    if not config.available():
        raise ValueError(refusal("serving_config", f"false, or {_EXTRA}", True))
    config.read(base)


def public_name(dataset: str) -> str:
    """A data set's name as others may read it: of own data the last part of the path alone."""
    prefix, _, path = dataset.partition(":")
    return f"{prefix}:{pathlib.Path(path).name}" if prefix in ("npz", "folder") else dataset


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
