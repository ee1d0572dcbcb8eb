"""Trains a method on a data set; started again, it continues where it stopped.

python tools/train.py --flagfile=configs/ali/digits.cfg
"""

import os
import pathlib
import sys
import types
from typing import TYPE_CHECKING

import common

from zoo import precision, pretrained, registry, training
from zoo.errors import refusal

if TYPE_CHECKING:
    from zoo.data import Dataset

FLAGS = (*common.RUN_FLAGS, common.ALLOW)
JIT_COMPILE = {"auto": "auto", "true": True, "false": False}
PATHS = ("run_dir", "init_from", "data_dir")  # flags.cfg holds them as absolute paths
# Flags that are arguments of `zoo.training.train`.
LOOP = (
    "steps",
    "batch_size",
    "seed",
    "init_from",
    "allow",
    "labelled_batch_size",
    "checkpoint_every",
    "keep",
    "sample_every",
    "log_every",
    "best_metric",
)


def run(flags: types.SimpleNamespace) -> None:
    """Flags to model and data set, then `zoo.training.train`."""
    common.check_run(flags)
    run_dir = training.check_run_dir(flags.run_dir or pathlib.Path("runs", common.run_name(flags)))
    described = {item.name: getattr(flags, item.name) for item in common.RUN_FLAGS}
    described["run_dir"] = run_dir
    for name in ("dataset", "reference_dataset"):
        described[name] = described[name] and common.absolute(described[name])
    for name in PATHS:
        if described[name] and not (name == "init_from" and pretrained.is_name(described[name])):
            described[name] = os.path.abspath(described[name])
    described |= flags.hyper_parameters
    common.check_recordable(described, flags.method_flags)
    common.load()
    from zoo.training import strategies

    if flags.threads is not None:
        training.set_threads(flags.threads)
    if flags.deterministic:
        training.set_determinism(flags.seed)
    strategy = strategies.make(flags.strategy)
    described["precision"] = precision.chosen(flags.precision, training.recorded_precision(run_dir))
    if slow := precision.warning(described["precision"]):
        print(f"Warning: {slow}", file=sys.stderr)
    dataset = common.load_data(flags)
    attributes = dataset.num_attributes if flags.attributes else None
    if flags.attributes and attributes is None:
        raise ValueError(refusal("attributes", f"false, as {dataset.name} has none", True))
    fill_labels(flags, dataset)
    with strategy.scope():
        model = registry.create(
            flags.method,
            image_shape=dataset.image_shape,
            num_attributes=attributes,
            seed=flags.seed,
            dtype=described["precision"],
            **flags.hyper_parameters,
        )
        model.compile(jit_compile=JIT_COMPILE[flags.jit_compile])
    training.train(
        model,
        dataset,
        run_dir,
        flags_text=common.flags_text(described),
        **{name: getattr(flags, name) for name in LOOP},
    )


def fill_labels(flags: types.SimpleNamespace, dataset: "Dataset") -> None:
    """`--num_classes` of a method that needs labels is the data's, unless it is given."""
    given = flags.attributes or flags.hyper_parameters.get("num_classes") is not None
    if given or not registry.get(flags.method).NEEDS_LABELS:
        return
    if dataset.num_classes is None:
        attributes = "--attributes" if dataset.num_attributes else ""
        expected = f"data with class labels, as {flags.method} is conditional"
        hint = f"Add {attributes}." if attributes else ""
        raise ValueError(refusal("dataset", expected, dataset.name, hint))
    if dataset.num_classes < 2:
        expected = f"data with two classes or more, as {flags.method} is conditional"
        raise ValueError(refusal("dataset", expected, dataset.name))
    flags.hyper_parameters["num_classes"] = dataset.num_classes


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
