"""What the tools share: flags, help, one-line refusals and exit codes.

A tool is a list of flags and a function `run(flags)`; `main` does the rest. A flag is described as
a hyper-parameter is (`zoo.registry.HyperParameter`), so both are parsed, checked and explained by
the same code. Nothing here loads TensorFlow: `--help` and most refusals come before it.

Exit codes: 0 done; 1 what failed while running (NaN, full disk); 2 refused before any work; 130
Ctrl-C; 143 SIGTERM.
"""

import contextlib
import difflib
import errno
import importlib
import os
import pathlib
import shutil
import sys
import tempfile
import textwrap
import traceback
import types

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(
    0, str(ROOT)
)  # the tools of a clone use the library of that clone, installed or not
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import flags as absl_flags  # noqa: E402

from zoo import data, registry  # noqa: E402
from zoo.errors import refusal, unknown  # noqa: E402
from zoo.fields import HyperParameter  # noqa: E402

REFUSED, FAILED, INTERRUPTED, TERMINATED = 2, 1, 130, 143


def flag(name, kind, default, help, **bounds):
    """A tool's flag; optional where its default is None.

    Args:
        name: without dashes.
        kind: "int", "float", "bool", "str" or "tuple" (of strings, separated by commas).
        default: value without the flag.
        help: its meaning.
        **bounds: `choices`, `minimum`, `maximum`, `above`, `below` of `HyperParameter`.
    """
    for old, new in (("minimum", "at_least"), ("maximum", "at_most")):
        if old in bounds:
            bounds[new] = bounds.pop(old)
    items = "str" if kind == "tuple" else None
    return HyperParameter(
        name, kind, default, optional=default is None, items=items, help=help, **bounds
    )


DATA_DIR = flag(
    "data_dir", "str", None, "where TensorFlow Datasets keeps its files; None means TFDS_DATA_DIR"
)
RUN_DIR = flag("run_dir", "str", None, "directory of the run")
WHICH = flag("which", "str", "newest", "checkpoint of the run", choices=("newest", "best"))
_SEEDS = {"minimum": 0, "maximum": 2**31 - 1}
# The flags that describe a run: what flags.cfg holds, beside the method's hyper-parameters.
RUN_FLAGS = (
    flag("method", "str", None, "what to train: one of the methods below, or package.module:Class"),
    flag("dataset", "str", None, f"one of {', '.join(data.list_sources())}"),
    DATA_DIR,
    flag("binarise", "str", None, "how pixels become 0 or 1", choices=data.BINARISE),
    flag("labels", "int", None, "labelled training examples, equally many of a class", minimum=1),
    flag("label_seed", "int", 0, "which examples are labelled", **_SEEDS),
    flag("labelled_batch_size", "int", None, "labelled examples a step", minimum=1),
    flag("attributes", "bool", False, "condition the method on the data's attribute vectors"),
    flag("image_size", "int", None, "crop to a square and resize to this side", minimum=1),
    flag("batch_size", "int", 100, "examples a step, over all replicas", minimum=1),
    flag("steps", "int", 10_000, "length of the run", minimum=1),
    flag("seed", "int", 0, "of initial weights, order of the data and all noise", **_SEEDS),
    flag("init_from", "str", None, "run directory whose networks a new run begins with"),
    flag("run_dir", "str", None, "where the run is kept; None means runs/<method>-<config stem>"),
    flag(
        "strategy",
        "str",
        "none",
        "where to compute",
        choices=("none", "mirrored", "multi_worker", "tpu"),
    ),
    flag("precision", "str", "float32", "of the networks", choices=("float32", "mixed_bfloat16")),
    flag(
        "jit_compile",
        "str",
        "auto",
        "XLA; auto means on accelerators only",
        choices=("auto", "true", "false"),
    ),
    flag("deterministic", "bool", False, "same bits on devices that would not give them (slower)"),
    flag("threads", "int", None, "threads of TensorFlow; None means one a core", minimum=1),
    flag(
        "checkpoint_every",
        "int",
        1000,
        "steps between checkpoints; 0: the last step only",
        minimum=0,
    ),
    flag("keep", "int", 3, "checkpoints that stay", minimum=1),
    flag("sample_every", "int", 1000, "steps between pictures; 0: none", minimum=0),
    flag("log_every", "int", 100, "steps of which a line of metrics.jsonl is the mean", minimum=1),
    flag(
        "best_metric",
        "str",
        None,
        "log whose best checkpoint is kept too; val_<log>: on validation data",
    ),
)
# How a run is measured: arguments of `zoo.metrics.evaluate`.
MEASURE_FLAGS = (
    flag("split", "str", "test", "split that is measured", choices=("train", "validation", "test")),
    flag("limit", "int", None, "measure on the first so many examples; None means all", minimum=1),
    flag(
        "metrics", "tuple", None, "names of metrics, separated by commas; None means all that apply"
    ),
    flag(
        "iwae_samples",
        "int",
        100,
        "importance samples of nll where log_prob is a lower bound",
        minimum=1,
    ),
    flag(
        "svm_features",
        "str",
        "codes",
        "features of svm_error; hidden as in ALI",
        choices=("codes", "hidden"),
    ),
    flag("svm_repeats", "int", 100, "labelled draws of svm_error", minimum=1),
    flag("ais_chains", "int", 8, "chains an example of ais and ais_gap", minimum=1),
    flag("ais_steps", "int", 500, "steps of each of these chains", minimum=2),
)
_SHARED = (
    flag("flagfile", "str", None, "file with one --flag=value a line; later flags win"),
    flag("debug", "bool", False, "show the traceback of an error"),
    flag(
        "help",
        "bool",
        False,
        "show this text; with --method=NAME also the method's hyper-parameters",
    ),
)


def main(run, flags, argv=None, repeated=(), expand=True):
    """Parses the command line, calls `run(flags)` and turns errors into one line.

    Args:
        run: function of a namespace: every flag by name, `hyper_parameters` (if `--method` is among
            the flags) and `given`, the names on the command line. Its module's docstring heads
            the help.
        flags: list of `flag(...)`.
        argv: command line, `sys.argv` by default.
        repeated: names of flags that may come several times; their values are lists.
        expand: whether the flags in a flagfile are this tool's own.

    Returns:
        The exit code.
    """
    argv = list(sys.argv if argv is None else argv)
    tool = pathlib.Path(argv[0]).name
    debug = any(item in ("--debug", "--debug=true") for item in argv)
    try:
        namespace = parse(argv, flags, repeated, expand)
        if namespace.help:
            print(
                help_text(tool, sys.modules[run.__module__].__doc__, flags, namespace.method_flags)
            )
            return 0
        run(namespace)
        sys.stdout.flush()
        return 0
    except KeyboardInterrupt:
        code, line = INTERRUPTED, "interrupted"
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        code, line = FAILED, str(stop.code)
    except Exception as error:
        code, line = _explain(error)
        if debug:
            traceback.print_exc()
    print(f"{tool}: error: {line}", file=sys.stderr)
    return code


def parse(argv, flags, repeated=(), expand=True):
    """The namespace of flags that `run` gets; raises `ValueError` in one line."""
    config = _flagfile(argv)
    if not expand:
        argv = _without_flagfile(argv)
    takes_method = any(item.name == "method" for item in flags)
    known = {item.name: item for item in (*flags, *_SHARED)}
    first = _read(argv, known, repeated, known_only=True)  # finds --method, in a flagfile too
    hyper_parameters = {}
    if takes_method and first["method"].value is not None:
        described = registry.hyper_parameters(first["method"].value)
        hyper_parameters = {name: item for name, item in described.items() if name not in known}
    known |= hyper_parameters
    values = _read(argv, known, repeated, known_only=first["help"].value and not hyper_parameters)
    namespace = types.SimpleNamespace(
        **{name: values[name].value for name in known if name not in hyper_parameters}
    )
    namespace.flagfile = config
    namespace.given = {name for name in known if values[name].present}
    namespace.method_flags = list(hyper_parameters.values())
    namespace.hyper_parameters = {name: values[name].value for name in hyper_parameters}
    return namespace


def help_text(tool, docstring, flags, method_flags=()):
    """What `--help` prints."""
    width = min(110, shutil.get_terminal_size((100, 20)).columns)
    lines = [f"{tool}: {(docstring or '').strip()}", "", "Flags:"]
    lines += [line for item in (*flags, *_SHARED) for line in _help_lines(item, width)]
    if method_flags:
        lines += ["", "Hyper-parameters of this method:"]
        lines += [line for item in method_flags for line in _help_lines(item, width)]
    elif any(item.name == "method" for item in flags):
        lines += ["", f"Methods: {', '.join(registry.list_methods())}."]
        lines += ["`--help --method=NAME` also shows the hyper-parameters of a method."]
    return "\n".join(lines)


def load(module="tensorflow"):
    """Imports a module that loads TensorFlow, without what TensorFlow prints while it loads.

    `TF_CPP_MIN_LOG_LEVEL` does not silence those lines, and a refusal is one line. They are shown
    if the import fails.
    """
    if "tensorflow" not in sys.modules:
        with _silent():
            importlib.import_module("tensorflow")
            importlib.import_module("keras")
    return importlib.import_module(module)


def one_line(text):
    """`text` without line breaks."""
    return " ".join(str(text).split())


def run_name(flags):
    """<method>-<config stem>, or <method>-<dataset> without a config."""
    stem = (
        pathlib.Path(flags.flagfile).stem
        if flags.flagfile
        else one_line(flags.dataset).split(":")[0]
    )
    return f"{flags.method.split(':')[-1].lower()}-{stem}"


def existing_run(flags):
    """The run directory that `--run_dir` names, refused if there is no run in it."""
    if not flags.run_dir:
        raise ValueError(refusal("run_dir", "the directory of a run", flags.run_dir))
    run_dir = pathlib.Path(flags.run_dir)
    if not (run_dir / "flags.cfg").is_file():
        near = difflib.get_close_matches(run_dir.name, _runs(run_dir.parent), n=1)
        hint = f"Did you mean {str(run_dir.parent / near[0])!r}?" if near else ""
        raise FileNotFoundError(
            refusal("run_dir", "the directory of a run (with flags.cfg)", str(run_dir), hint)
        )
    return run_dir


def recorded(run_dir):
    """The namespace of flags that a run's `flags.cfg` records."""
    return parse(["train.py", f"--flagfile={pathlib.Path(run_dir) / 'flags.cfg'}"], RUN_FLAGS)


def check_run(flags):
    """Refuses, without TensorFlow, what can be refused of the flags of a run."""
    if flags.method is None:
        raise unknown("method", None, registry.list_methods())
    prefix, _, rest = str(flags.dataset).partition(":")
    if flags.dataset not in data.list_sources() and not (rest and prefix in data.PREFIXES):
        raise unknown("dataset", flags.dataset, data.list_sources())


def flags_text(values):
    """The text of a flagfile that gives these flags."""
    return "".join(f"--{name}={_as_text(value)}\n" for name, value in values.items())


def load_data(flags):
    """The data set that the flags of a run name."""
    names = ("data_dir", "binarise", "labels", "label_seed", "image_size")
    return data.load(flags.dataset, **{name: getattr(flags, name) for name in names})


def _as_text(value):
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _runs(directory):
    return (
        [path.parent.name for path in directory.glob("*/flags.cfg")] if directory.is_dir() else []
    )


class _Parser(absl_flags.ArgumentParser):
    """Leaves the text to the flag's description."""

    def __init__(self, described):
        super().__init__()
        self.described = described

    def parse(self, argument):
        try:
            return self.described.parse(argument) if isinstance(argument, str) else argument
        except TypeError as error:  # absl keeps no kind apart; on a command line everything is text
            raise ValueError(str(error)) from None


def _read(argv, known, repeated, known_only):
    """absl's parse of `argv`; unknown flags and stray words are refused unless `known_only`."""
    values = absl_flags.FlagValues()
    for item in known.values():
        if item.name in repeated:
            entry = absl_flags.MultiFlag(_Parser(item), None, item.name, item.default, item.help)
        else:
            short = "h" if item.name == "help" else None
            entry = absl_flags.Flag(
                _Parser(item),
                None,
                item.name,
                item.default,
                item.help,
                short,
                boolean=item.kind == "bool",
            )
        absl_flags.DEFINE_flag(entry, values)
    values.set_gnu_getopt(True)  # "--flag value" of a flag not known yet must not end the parse
    try:
        rest = values(argv, known_only=known_only)[1:]
    except absl_flags.UnrecognizedFlagError as error:
        near = difflib.get_close_matches(error.flagname, known, n=1, cutoff=0.5)
        hint = f"Did you mean '--{near[0]}'?" if near else ""
        if "method" in known and values["method"].value is None:
            hint = f"{hint} Hyper-parameters are flags once --method is given.".strip()
        raise ValueError(
            refusal("flag", "a flag that --help lists", f"--{error.flagname}", hint)
        ) from None
    except absl_flags.IllegalFlagValueError as error:
        raise error.__context__ or error from None
    except absl_flags.CantOpenFlagFileError:
        raise FileNotFoundError(refusal("flagfile", "a readable file", _flagfile(argv))) from None
    except UnicodeDecodeError:
        raise ValueError(
            refusal("flagfile", "a text file with one --flag=value a line", _flagfile(argv))
        ) from None
    except absl_flags.Error as error:
        raise ValueError(refusal("flag", "--name=value", one_line(error))) from None
    if rest and not known_only:
        raise ValueError(refusal("argument", "flags of the form --name=value only", rest[0]))
    return values


def _flagfile(argv):
    """The last `--flagfile` of a command line, or None."""
    found = [following if word is None else word for word, following in _flagfiles(argv).values()]
    return found[-1] if found else None


def _without_flagfile(argv):
    """A command line without its `--flagfile`."""
    places = _flagfiles(argv)
    gone = {*places, *(place + 1 for place, (word, _) in places.items() if word is None)}
    return [item for place, item in enumerate(argv) if place not in gone]


def _flagfiles(argv):
    """{place: (value after "=", or None; the next word)} of each `--flagfile` of a command line."""
    found = {}
    for place, (item, following) in enumerate(zip(argv, [*argv[1:], None])):
        name, equals, value = item.lstrip("-").partition("=")
        if item.startswith("-") and name == "flagfile":
            found[place] = (value if equals else None, following)
    return found


def _help_lines(item, width):
    default = ",".join(map(str, item.default)) if isinstance(item.default, tuple) else item.default
    head = f"  --{item.name}={'|'.join(item.choices) if item.choices else item.kind}"
    text = f"{one_line(item.help).rstrip('.') or 'no description'}. Default: {default}."
    return [head, *textwrap.wrap(text, width, initial_indent="      ", subsequent_indent="      ")]


def _explain(error):
    """(exit code, one line) of an error."""
    code = getattr(error, "exit_code", None)
    if code is not None:  # zoo.training's: what failed while running
        return code, one_line(error)
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            return FAILED, f"{error.strerror}. Received: path={error.filename!r}."
        if error.errno is None:
            return REFUSED, one_line(error)
        return REFUSED, f"{error.strerror}. Received: path={error.filename!r}."
    if isinstance(error, (ValueError, TypeError)):
        return REFUSED, one_line(error) or type(error).__name__
    if isinstance(error, NotImplementedError):
        return REFUSED, one_line(error) or "not implemented by this method"
    return FAILED, f"{type(error).__name__}: {one_line(error)} (--debug shows where)"


@contextlib.contextmanager
def _silent():
    """File descriptor 2 goes to a temporary file, which is shown if the block fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            noise.seek(0)
            sys.stderr.write(noise.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
