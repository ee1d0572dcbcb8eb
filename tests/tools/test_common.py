"""Flags, help and exit codes, without TensorFlow."""

import errno
import gc
import importlib
import subprocess
import sys

import command_line
import common
import pytest

from zoo import registry
from zoo.training import stops

TOOLS = ("train", "evaluate", "sample", "export", "reproduce", "report")
METHOD = "--method=tests.small:Bound"
HEAVY = ("tensorflow", "keras", "tensorflow_probability", "sklearn", "matplotlib")


def quiet(flags):
    """A tool that does nothing."""


def outcome(error, capsys, *arguments):
    """(exit code, lines on stderr) of a tool that fails with `error`."""

    def run(flags):
        raise error

    run.__module__ = __name__
    code = common.main(run, common.RUN_FLAGS, ["tool.py", *arguments])
    return code, capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("tool", TOOLS)
def test_help_answers_without_tensorflow(tool, repository):
    code = (
        f"import sys, runpy; sys.path.insert(0, 'tools'); sys.argv = ['{tool}.py', '--help']\n"
        f"try: runpy.run_path('tools/{tool}.py', run_name='__main__')\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tool}.py: ")
    assert done.stderr == ""


@pytest.mark.parametrize("where", ["line", "flagfile"])
def test_help_with_a_method_lists_its_hyper_parameters(where, run_tool, tmp_path):
    method = {"line": "tests.small:Bound", "flagfile": "vae"}[where]
    (tmp_path / "a.cfg").write_text(f"# header\n--method={method}\n--dataset=digits\n")
    given = {"line": METHOD, "flagfile": f"--flagfile={tmp_path / 'a.cfg'}"}[where]
    done = run_tool("train.py", "--help", given)
    assert done.returncode == 0
    for item in registry.hyper_parameters(method).values():
        assert f"--{item.name}=" in done.stdout
    known = registry.hyper_parameters(method)["decoder_output"]
    assert known.help in " ".join(done.stdout.split())
    assert "Default: bernoulli." in done.stdout


def test_every_hyper_parameter_is_explained():
    for method in registry.list_methods():
        for item in registry.hyper_parameters(method).values():
            assert item.help, f"{method}: {item.name}"


def parsed(*arguments):
    return common.parse(["train.py", *arguments], common.RUN_FLAGS)


def test_values_have_the_kinds_of_the_hyper_parameters():
    flags = parsed(METHOD, "--learning_rate=2", "--latent_dim", "3", "--ema_decay=none", "--seed=7")
    assert (
        flags.hyper_parameters["learning_rate"] == 2.0 and flags.hyper_parameters["latent_dim"] == 3
    )
    assert isinstance(flags.hyper_parameters["learning_rate"], float)
    assert flags.hyper_parameters["ema_decay"] is None
    assert flags.seed == 7 and "seed" not in flags.hyper_parameters
    assert {"method", "learning_rate", "seed"} <= flags.given and "steps" not in flags.given


def test_later_flags_win_over_the_flagfile(tmp_path):
    (tmp_path / "a.cfg").write_text(f"{METHOD}\n--learning_rate=3\n--steps=5\n")
    flags = parsed(f"--flagfile={tmp_path / 'a.cfg'}", "--steps=9")
    assert (flags.hyper_parameters["learning_rate"], flags.steps) == (3.0, 9)
    assert flags.flagfile == str(tmp_path / "a.cfg")


def test_booleans_need_no_value():
    assert parsed("--deterministic").deterministic
    assert not parsed("--deterministic", "--nodeterministic").deterministic


def test_flags_text_is_read_back_as_the_same_flags(tmp_path):
    before = parsed(METHOD, "--learning_rate=3e-5", "--deterministic", "--labels=10")
    names = [item.name for item in common.RUN_FLAGS]
    values = {name: getattr(before, name) for name in names} | before.hyper_parameters
    (tmp_path / "flags.cfg").write_text(common.flags_text(values))
    after = common.recorded(tmp_path, ("tests.small",))
    assert {name: getattr(after, name) for name in names} | after.hyper_parameters == values


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "bound-mnist-a"),
        (("--flagfile=x",), "bound-x"),
        (("--dataset=npz:/a.npz",), "bound-npz"),
    ],
)
def test_run_names(arguments, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for config in ("mnist-a.cfg", "x"):
        (tmp_path / config).write_text(f"{METHOD}\n--dataset=mnist\n")
    first = (METHOD,) if "npz" in name else ("--flagfile=mnist-a.cfg",)
    assert common.run_name(parsed(*first, *arguments)) == name


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("Bad `n`.\n Received: n=0."), 2, "Bad `n`. Received: n=0."),
        (TypeError("Bad kind. Received: n='a'."), 2, "Bad kind. Received: n='a'."),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.npz"), 2, "Received: path='a.npz'"),
        (NotImplementedError("gan has no `encode`"), 2, "gan has no `encode`"),
        (OSError(errno.ENOSPC, "No space left on device", "a"), 1, "No space left on device"),
        (stops.Diverged("Not finite at step 3"), 1, "Not finite at step 3"),
        (stops.DiskFull("No space for a"), 1, "No space for a"),
        (stops.Terminated("SIGTERM: stopped", 15), 143, "SIGTERM: stopped"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (SystemExit("outdated: README.md"), 1, "outdated: README.md"),
        (ZeroDivisionError("division\nby zero"), 1, "ZeroDivisionError: division by zero"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(error, code, line, capsys):
    got, lines = outcome(error, capsys)
    assert got == code
    assert len(lines) == 1
    assert lines[0].startswith("tool.py: error: ") and line in lines[0]


def test_debug_shows_the_traceback(capsys):
    code, lines = outcome(ValueError("Bad `n`."), capsys, "--debug")
    assert code == 2
    assert lines[0].startswith("Traceback") and lines[-1] == "tool.py: error: Bad `n`."


def test_done_is_exit_0():
    assert common.main(quiet, common.RUN_FLAGS, ["tool.py"]) == 0


def test_a_failed_import_shows_what_was_silenced(capfd, monkeypatch):
    def fail(name):
        print("libcudart is missing", file=sys.__stderr__, flush=True)
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", fail)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    with pytest.raises(ImportError):
        common.load()
    assert "libcudart is missing" in capfd.readouterr().err


def test_what_a_quick_import_leaves_out_is_there_afterwards(monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    with command_line._quick():
        assert not gc.isenabled()
        with pytest.raises(ImportError):
            importlib.import_module("matplotlib")
    assert gc.isenabled()
    assert importlib.import_module("matplotlib").__name__ == "matplotlib"


def test_a_flagfile_without_a_name_is_a_mistake_of_who_typed_it(capsys):
    assert common.main(quiet, common.RUN_FLAGS, ["tool.py", "--flagfile"]) == 2
    assert "`flag`: expected --name=value" in capsys.readouterr().err


def test_the_home_folder_is_one_in_paths(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    flags = parsed("--run_dir=~/a", "--data_dir=~/b", "--init_from=vae-digits")
    assert (flags.run_dir, flags.data_dir) == (str(tmp_path / "a"), str(tmp_path / "b"))
    assert flags.init_from == "vae-digits"


def test_threads_are_as_many_as_a_machine_may_have(capsys):
    assert common.main(quiet, common.RUN_FLAGS, ["tool.py", "--threads=100000000"]) == 2
    assert "`threads`" in capsys.readouterr().err
