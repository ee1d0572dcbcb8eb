"""From a command line to `run(flags)` and back to an exit code: flags, help, one-line refusals.

A tool is a list of flags and a function `run(flags)`; `main` does the rest. A flag is described as
a hyper-parameter is (`zoo.fields.HyperParameter`), so both are parsed, checked and explained by
the same code. Nothing here loads TensorFlow: `--help` and most refusals come before it.

Exit codes: 0 done; 1 what failed while running (NaN, full disk); 2 refused before any work; 130
Ctrl-C; 141 nobody reads the output any more; 143 SIGTERM.
"""

import contextlib
import difflib
import errno
import gc
import importlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import textwrap
import threading
import traceback
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NoReturn

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the tools of a clone use its own library, installed or not
sys.path.append("")  # and find the user's modules in the working directory, after all others
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import flags as absl_flags  # noqa: E402

from zoo import fields, registry  # noqa: E402
from zoo.errors import printable, refusal  # noqa: E402
from zoo.fields import HyperParameter  # noqa: E402

_LARGEST = 2**20  # bytes of a flagfile
REFUSED, FAILED, INTERRUPTED, BROKEN_PIPE, TERMINATED = 2, 1, 130, 141, 143
Flags = Sequence[HyperParameter]


def flag(name: str, kind: str, default: Any, help: str, **bounds: Any) -> HyperParameter:
    """A tool's flag; optional where its default is None.

    Args:
        name: without dashes.
        kind: "int", "float", "bool", "str" or "tuple" (of strings, separated by commas).
        default: value without the flag.
        help: its meaning.
        **bounds: `choices` and the bounds of `HyperParameter`.
    """
    items = "str" if kind == "tuple" else None
    optional = default is None
    return HyperParameter(name, kind, default, optional=optional, items=items, help=help, **bounds)


# Flags whose values are paths; of "init_from" and "model" also names.
_PATHS = {"run_dir", "export_dir", "data_dir", "results_dir", "runs_dir", "root", "out"}
_PATHS |= {"init_from", "model"}
_SHARED = (
    flag("flagfile", "str", None, "file with one --flag=value a line; later flags win"),
    flag("debug", "bool", False, "show the traceback of an error"),
    flag("help", "bool", False, "show this text; with --method=NAME also its hyper-parameters"),
)


def main(
    run: Callable[[types.SimpleNamespace], None],
    flags: Flags,
    argv: Sequence[str] | None = None,
    repeated: Collection[str] = (),
    expand: bool = True,
) -> int:
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
    if hasattr(sys.stdout, "reconfigure"):  # what the terminal cannot show ends no tool
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _sigterm_ends():
            namespace = parse(argv, flags, repeated, expand)
            if namespace.help:
                docstring = sys.modules[run.__module__].__doc__
                print(help_text(tool, docstring, flags, namespace.method_flags))
                return 0
            run(namespace)
            if sys.stdout is not None:
                sys.stdout.flush()
            return 0
    except KeyboardInterrupt:
        code, line = INTERRUPTED, "interrupted"
    except BrokenPipeError:  # who read the output has enough of it, as of `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
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


def parse(
    argv: Sequence[str],
    flags: Flags,
    repeated: Collection[str] = (),
    expand: bool = True,
    allow: Collection[str] | None = None,
) -> types.SimpleNamespace:
    """The namespace of flags that `run` gets; raises `ValueError` in one line.

    Args:
        argv, flags, repeated, expand: as of `main`.
        allow: modules that may be imported for `--method=module:Class`, None for any: give it
            where `argv` names a file that the user did not write, such as a run's flags.cfg.
    """
    configs, plain = _without_flagfiles(argv)
    argv = list(argv) if expand else plain
    known = {item.name: item for item in (*flags, *_SHARED)}
    first = _read(argv, known, repeated, known_only=True)  # finds --method, in a flagfile too
    hyper_parameters = {}
    method = first["method"].value if "method" in known else None
    if method is not None:
        if ":" in method:  # the module of a class outside the package loads TensorFlow
            registry.check_allowed(method, allow)
            load()
        described = registry.hyper_parameters(method, allow)
        both = known.keys() & {"seed"}  # of the run and of its model: one value
        hyper_parameters = {n: item for n, item in described.items() if n not in both}
        if clash := hyper_parameters.keys() & known.keys():
            expected = f"hyper-parameters beside the tool's own flag --{min(clash)}"
            raise ValueError(refusal("method", expected, method))
    asks = first["help"].value and not hyper_parameters  # of a method not given yet, perhaps
    every = known | hyper_parameters
    values = _read(argv, every, repeated, known_only=asks)
    namespace = types.SimpleNamespace(**{name: values[name].value for name in known})
    for name in _PATHS & known.keys():
        if isinstance(values[name].value, str):  # a shell leaves the ~ of --run_dir=~/run alone
            setattr(namespace, name, os.path.expanduser(values[name].value))
    namespace.flagfile = configs[-1] if configs else None
    namespace.given = {name for name in every if values[name].present}
    namespace.method_flags = list(hyper_parameters.values())
    namespace.hyper_parameters = {name: values[name].value for name in hyper_parameters}
    if hyper_parameters:
        fixed = registry.fixed_values(method)
        fields.check_effects(hyper_parameters, fixed | namespace.hyper_parameters)
    return namespace


def load(module: str = "tensorflow") -> types.ModuleType:
    """Imports a module that loads TensorFlow, without what TensorFlow prints while it loads.

    `TF_CPP_MIN_LOG_LEVEL` does not silence those lines, and a refusal is one line. They are shown
    if the import fails.
    """
    if "tensorflow" not in sys.modules:
        with _silent(), _quick():
            importlib.import_module("tensorflow")
            importlib.import_module("keras")
    return importlib.import_module(module)


@contextlib.contextmanager
def _quick() -> Iterator[None]:
    """Imports inside take two thirds of the time, by leaving out what tools do not need.

    Keras imports scikit-learn and matplotlib where they are installed, for parts that no tool uses,
    and the garbage collector would look again and again through what stays anyway.
    """
    absent = [name for name in ("sklearn", "matplotlib") if name not in sys.modules]
    collects = gc.isenabled()
    gc.disable()
    sys.modules.update(dict.fromkeys(absent))  # None: "is not installed"
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
        gc.freeze()
        if collects:
            gc.enable()


def flags_text(values: Mapping[str, Any]) -> str:
    """The text of a flagfile that gives these flags."""
    return "".join(f"--{name}={_as_text(value)}\n" for name, value in values.items())


def help_text(tool: str, docstring: str | None, flags: Flags, method_flags: Flags = ()) -> str:
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


def _as_text(value):
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


@contextlib.contextmanager
def _sigterm_ends() -> Iterator[None]:
    """Within the block SIGTERM is an exit, so that what was begun is cleaned up."""
    if threading.current_thread() is not threading.main_thread():  # the others get no signals
        yield
        return

    def end(number: int, frame: types.FrameType | None) -> NoReturn:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
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
        described = _Parser(item), None, item.name, item.default, item.help
        if item.name in repeated:
            entry = absl_flags.MultiFlag(*described)
        else:
            short = "h" if item.name == "help" else None
            entry = absl_flags.Flag(*described, short, boolean=item.kind == "bool")
        absl_flags.DEFINE_flag(entry, values)
    for path in (paths := _without_flagfiles(argv)[0]):
        _check_flagfile(path)
    values.set_gnu_getopt(True)  # "--flag value" of a flag not known yet must not end the parse
    try:
        rest = values(argv, known_only=known_only)[1:]
    except absl_flags.UnrecognizedFlagError as error:
        near = difflib.get_close_matches(error.flagname, known, n=1, cutoff=0.5)
        hint = f"Did you mean '--{near[0]}'?" if near else ""
        if "method" in known and values["method"].value is None:
            hint = f"{hint} Hyper-parameters are flags once --method is given.".strip()
        expected, received = "a flag that --help lists", f"--{error.flagname}"
        raise ValueError(refusal("flag", expected, received, hint)) from None
    except absl_flags.IllegalFlagValueError as error:
        if error.__context__ is None:  # absl's own: a --flagfile without a name
            raise ValueError(refusal("flag", "--name=value", printable(error))) from None
        raise error.__context__ from None
    except absl_flags.CantOpenFlagFileError:
        raise FileNotFoundError(refusal("flagfile", "a readable file", paths[-1])) from None
    except UnicodeDecodeError:
        expected = "a text file with one --flag=value a line"
        raise ValueError(refusal("flagfile", expected, paths[-1])) from None
    except absl_flags.Error as error:
        raise ValueError(refusal("flag", "--name=value", printable(error))) from None
    if rest and not known_only:
        raise ValueError(refusal("argument", "flags of the form --name=value only", rest[0]))
    return values


def _check_flagfile(path, within=()):
    """Refuses a pipe or a device, which may have no end, what is too long for flags, and circles.

    Args:
        path: of a flagfile, or None; those that it names are checked too.
        within: the files that name it.
    """
    if path is None or not os.path.exists(path):
        return
    if not os.path.isfile(path) or os.path.getsize(path) > _LARGEST:
        expected = f"a regular file of at most {_LARGEST} bytes"
        raise ValueError(refusal("flagfile", expected, path))
    own = os.path.realpath(path)
    if own in within:
        raise ValueError(refusal("flagfile", "a file that does not name itself in turn", path))
    with open(path, errors="replace") as file:
        inner, _ = _without_flagfiles(map(str.strip, file))
    for each in filter(None, inner):
        _check_flagfile(os.path.expanduser(each), (*within, own))


def _without_flagfiles(argv):
    """(the `--flagfile`s of a command line, the command line without any)."""
    paths, rest, words = [], [], iter(argv)
    for word in words:
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name == "flagfile":
            paths.append(value if equals else next(words, None))
        else:
            rest.append(word)
    return paths, rest


def _help_lines(item, width):
    default = ",".join(map(str, item.default)) if isinstance(item.default, tuple) else item.default
    head = f"  --{item.name}={'|'.join(item.choices) if item.choices else item.kind}"
    text = f"{printable(item.help).rstrip('.') or 'no description'}. Default: {default}."
    return [head, *textwrap.wrap(text, width, initial_indent="      ", subsequent_indent="      ")]


def _explain(error):
    """(exit code, one line) of an error."""
    code = getattr(error, "exit_code", None)
    if code is not None:  # zoo.training's: what failed while running
        return code, printable(error)
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            return FAILED, f"{error.strerror}. Received: path={error.filename!r}."
        if error.errno is None:
            return REFUSED, printable(error)
        return REFUSED, f"{error.strerror}. Received: path={error.filename!r}."
    if isinstance(error, (ValueError, TypeError)):
        return REFUSED, printable(error) or type(error).__name__
    if isinstance(error, NotImplementedError):
        return REFUSED, printable(error) or "not implemented by this method"
    return FAILED, f"{type(error).__name__}: {printable(error)} (--debug shows where)"
