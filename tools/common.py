"""What the tools share beside their command lines: the flags of a run, its directory, its data."""

import difflib
import os
import pathlib
import types
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

# A tool finds in `common` all that it needs of `command_line`.
from command_line import ROOT, TERMINATED, flag, flags_text, load, main, parse  # noqa: F401

from zoo import data, precision, pretrained, registry, training
from zoo.errors import printable, refusal, unknown
from zoo.fields import HyperParameter
from zoo.metrics import names

if TYPE_CHECKING:
    from zoo.data import Dataset

DATA_DIR = flag("data_dir", "str", None, "folder of TensorFlow Datasets; None means TFDS_DATA_DIR")
RUN_DIR = flag("run_dir", "str", None, "directory of the run")
MODEL = flag("model", "str", None, "a pretrained model by name, or a run by directory, instead")
VERSION = flag("version", "int", None, "of the pretrained model; the newest if None", at_least=1)
RUN_OR_MODEL = (RUN_DIR, MODEL, VERSION)
WHICH = flag("which", "str", "newest", "checkpoint of the run", choices=("newest", "best"))
ALLOW = flag(
    "allow",
    "tuple",
    (),
    "modules outside the zoo that a recorded run may import, separated by commas; an import runs"
    " their code",
)
SPLITS = ("train", "validation", "test")
_THREADS = {"at_least": 1, "at_most": 4096}
_PATHS = ("npz", "folder")  # prefixes of data sets that lie at a path
SPLIT_DEFAULT = "None means test, or what else was not trained on"
_STRATEGIES = ("none", "mirrored", "multi_worker", "tpu")
_JIT_COMPILE = ("auto", "true", "false")
_SEEDS = {"at_least": 0, "at_most": 2**31 - 1}
# The flags that describe a run: what flags.cfg holds, beside the method's hyper-parameters.
RUN_FLAGS = (
    flag("method", "str", None, "what to train: one of the methods below, or package.module:Class"),
    flag("dataset", "str", None, f"one of {', '.join(data.list_sources())}"),
    flag("reference_dataset", "str", None, "what the data are compared with, if they are"),
    DATA_DIR,
    flag("binarise", "str", None, "how pixels become 0 or 1", choices=data.BINARISE),
    flag("labels", "int", None, "labelled training examples, equally many of a class", at_least=1),
    flag("label_seed", "int", 0, "which examples are labelled", **_SEEDS),
    flag("labelled_batch_size", "int", None, "labelled examples a step", at_least=1),
    flag("attributes", "bool", False, "condition the method on the data's attribute vectors"),
    flag("image_size", "int", None, "crop to a square and resize to this side", at_least=1),
    flag("batch_size", "int", 100, "examples a step, over all replicas", at_least=1),
    flag("steps", "int", 10_000, "length of the run", at_least=1),
    flag("seed", "int", 0, "of initial weights, order of the data and all noise", **_SEEDS),
    flag("init_from", "str", None, "run or pretrained model whose networks a new run begins with"),
    flag("run_dir", "str", None, "where the run is kept; None means runs/<method>-<config stem>"),
    flag("strategy", "str", "none", "where to compute", choices=_STRATEGIES),
    flag(
        "precision",
        "str",
        "float32",
        "of the networks; auto: mixed_bfloat16 where processor or accelerator are fast at it;"
        " mixed_float16 is for GPUs that are older, and scales the losses",
        choices=precision.CHOICES,
    ),
    flag(
        "jit_compile",
        "str",
        "auto",
        "whether XLA compiles the step; auto means on accelerators only",
        choices=_JIT_COMPILE,
    ),
    flag(
        "deterministic",
        "bool",
        False,
        "make GPU kernels deterministic (slower); CPUs are deterministic without it",
    ),
    flag("threads", "int", None, "threads of TensorFlow; None means one a core", **_THREADS),
    flag(
        "checkpoint_every",
        "int",
        1000,
        "steps between checkpoints; 0: the last step only",
        at_least=0,
    ),
    flag("keep", "int", 3, "checkpoints that stay", at_least=1),
    flag("sample_every", "int", 1000, "steps between pictures; 0: none", at_least=0),
    flag(
        "log_every",
        "int",
        100,
        "steps between lines of metrics.jsonl; each line is the mean over them",
        at_least=1,
    ),
    flag(
        "best_metric",
        "str",
        None,
        "log whose best checkpoint is kept too; val_<log>: on validation data",
    ),
)
# How a run is measured: arguments of `zoo.metrics.evaluate`.
MEASURE_FLAGS = (
    flag("split", "str", None, f"split that is measured; {SPLIT_DEFAULT}", choices=SPLITS),
    flag(
        "limit",
        "int",
        None,
        "measure on the first so many examples; None means all, but for bounds that sum over "
        "classes, which are slow",
        at_least=1,
    ),
    flag(
        "metrics",
        "tuple",
        None,
        "names of metrics, separated by commas; None means all that apply",
    ),
    flag(
        "iwae_samples",
        "int",
        100,
        "importance samples of nll where log_prob is a lower bound",
        at_least=1,
    ),
    flag(
        "svm_features",
        "str",
        "codes",
        "features of svm_error; hidden as in ALI",
        choices=("codes", "hidden"),
    ),
    flag("svm_repeats", "int", 100, "labelled draws of svm_error", at_least=1),
    flag("ais_chains", "int", 8, "chains an example of ais and ais_gap", at_least=1),
    flag("ais_steps", "int", 500, "steps of each of these chains", at_least=2),
    flag(
        "inception_weights",
        "str",
        None,
        "file of Keras's Inception v3, in whose features samples are compared with data; None means"
        " the zoo's own classifier",
    ),
)


def measure_settings(flags: types.SimpleNamespace) -> dict[str, Any]:
    """{name: value} of the `MEASURE_FLAGS` that are set; one that nothing reads is refused."""
    values = {item.name: (getattr(flags, item.name), item.default) for item in MEASURE_FLAGS}
    given = {name: value for name, (value, default) in values.items() if value != default}
    names.check_settings(flags.metrics, given)
    return given


def run_name(flags: types.SimpleNamespace) -> str:
    """<method>-<config stem>, or <method>-<dataset> without a config."""
    stem = printable(flags.dataset).split(":")[0]
    if flags.flagfile:
        stem = pathlib.Path(flags.flagfile).stem
    return f"{flags.method.split(':')[-1].lower()}-{stem}"


def existing_run(flags: types.SimpleNamespace) -> pathlib.Path:
    """The directory that `--run_dir` or `--model` names, refused if there is no run in it.

    Of a pretrained model it lies in the cache and is laid out as a run's.
    """
    if flags.model and flags.run_dir:
        raise ValueError(refusal("model", "None, as --run_dir is given too", flags.model))
    if flags.version is not None and not flags.model:
        expected = "None with --run_dir: versions are of pretrained models"
        raise ValueError(refusal("version", expected, flags.version))
    given = flags.model or flags.run_dir
    if not given:
        expected = "the directory of a run (or --model=NAME of a pretrained one)"
        raise ValueError(refusal("run_dir", expected, given))
    run_dir = pathlib.Path(pretrained.resolve(flags.model, flags.version) if flags.model else given)
    if not (run_dir / "flags.cfg").is_file():
        others = [p.parent.name for p in run_dir.parent.glob("*/flags.cfg") if p.is_file()]
        near = difflib.get_close_matches(run_dir.name, others, n=1)
        hint = f"Did you mean {str(run_dir.parent / near[0])!r}?" if near else ""
        if flags.model and not run_dir.exists():
            hint = hint or pretrained.meant(flags.model)
        expected = "the directory of a run (with flags.cfg)"
        argument = "model" if flags.model else "run_dir"
        raise FileNotFoundError(refusal(argument, expected, str(run_dir), hint))
    return run_dir


def output_folder(flags: types.SimpleNamespace, run_dir: pathlib.Path) -> pathlib.Path:
    """Where a tool writes what it makes of a run: beside it, or in pretrained/<name>.

    Args:
        flags: of the tool.
        run_dir: what `existing_run` found. The cache, where pretrained models lie, stays as it is.
    """
    named = pretrained.is_name(flags.model)
    return pathlib.Path("pretrained", flags.model) if named else run_dir


def recorded(run_dir: pathlib.Path, allow: Collection[str]) -> types.SimpleNamespace:
    """The namespace of flags that a run's `flags.cfg` records.

    Args:
        run_dir: the directory.
        allow: modules that may be imported for its method.
    """
    line = [f"--{name}={text}" for name, text in training.read_flags(run_dir).items()]
    try:
        return parse(["train.py", *line], RUN_FLAGS, allow=allow)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{error} It stands in {run_dir / 'flags.cfg'}.") from None


def check_recordable(values: Mapping[str, Any], method_flags: Iterable[HyperParameter]) -> None:
    """Refuses flags whose values flags.cfg would not give back.

    Args:
        values: {name: value} of the flags that it will hold.
        method_flags: the hyper-parameters among them.
    """
    known = {item.name: item for item in (*RUN_FLAGS, *method_flags)}
    for name, value in values.items():
        text = flags_text({name: value})
        try:
            text.encode()
            first, *rest = text.splitlines()
            kept = not rest and known[name].parse(first.strip().partition("=")[2]) == value
        except ValueError:  # not Unicode, or a part of the value that is none of its own
            kept = False
        if not kept:
            expected = "a value that a line of flags.cfg gives back (no line break, no blanks at"
            expected += " its ends, not the word none)"
            raise ValueError(refusal(name, expected, value))


def absolute(dataset: str) -> str:
    """The name of a data set that means the same in every working directory."""
    prefix, _, path = dataset.partition(":")
    if not path or prefix not in _PATHS:
        return dataset
    return f"{prefix}:{os.path.abspath(os.path.expanduser(path))}"


def check_run(flags: types.SimpleNamespace) -> None:
    """Refuses, without TensorFlow, what can be refused of the flags of a run."""
    if flags.method is None:
        raise unknown("method", None, registry.list_methods())
    optional = [] if flags.reference_dataset is None else ["reference_dataset"]
    for name in ("dataset", *optional):
        value = getattr(flags, name)
        prefix, _, rest = str(value).partition(":")
        if value not in data.list_sources() and not (rest and prefix in data.PREFIXES):
            raise unknown(name, value, data.list_sources())


def load_data(flags: types.SimpleNamespace) -> "Dataset":
    """The data set that the flags of a run name."""
    names = ("data_dir", "binarise", "labels", "label_seed", "image_size")
    options = {name: getattr(flags, name) for name in names}
    return data.load(flags.dataset, reference=flags.reference_dataset, **options)


def described(
    run_dir: pathlib.Path, flags: types.SimpleNamespace
) -> tuple[types.SimpleNamespace, "Dataset"]:
    """(the flags that a run records, its data); refused if these are others today.

    Args:
        run_dir: the directory.
        flags: of a tool, with `allow` and `data_dir`.
    """
    found = recorded(run_dir, flags.allow)
    found.data_dir = flags.data_dir or found.data_dir
    dataset = load_data(found)
    training.check_data(run_dir, dataset.description)
    return found, dataset


def measured_split(split: str | None, recorded: types.SimpleNamespace, dataset: "Dataset") -> str:
    """The split that a run is measured or shown on: rows it learned from keep the name "train".

    Args:
        split: `--split`, or None.
        recorded: the flags of the run.
        dataset: its data.
    """
    split = split or dataset.default_split
    if split not in dataset.splits:
        raise unknown("split", split, dataset.splits)
    held_out = (recorded.best_metric or "").startswith("val_")
    if split == "validation" and dataset.validation_in_train and not held_out:
        expected = "test or train, as the run was trained on the validation rows"
        hint = "A run with --best_metric=val_... holds them out."
        raise ValueError(refusal("split", expected, split, hint))
    return split
