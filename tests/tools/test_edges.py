"""Files of a run that are not what they should be, and surroundings that tools must bear."""

import io
import os
import shutil
import signal
import sys

import common
import evaluate
import export
import numpy as np
import pytest
import sample
import train

from tests import helpers
from zoo import pictures
from zoo.training import listeners

ALLOW = "--allow=tests.small"


def call(tool, *arguments):
    return common.main(tool.run, tool.FLAGS, [f"{tool.__name__}.py", *map(str, arguments)])


def refused(capsys, part):
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and part in said.err, said.err


@pytest.fixture
def copy(trained, tmp_path):
    """A run directory to spoil."""
    return shutil.copytree(trained, tmp_path / "copy")


@pytest.mark.parametrize("tool", helpers.first_of([evaluate, sample, export]))
def test_a_recorded_module_is_imported_only_if_it_is_allowed(tool, copy, capsys):
    (copy / "flags.cfg").write_text("--method=a_module.of_somebody:Loss\n--dataset=digits\n")
    (copy / "identity.json").write_text(
        '{"method": "a_module.of_somebody:Loss", "hyper_parameters": {}, "data": "digits"}'
    )
    assert call(tool, f"--run_dir={copy}") == 2
    refused(capsys, "a_module.of_somebody")


@pytest.mark.parametrize("line", ["--flagfile=/dev/zero", "--stepz=3", "steps", "--method=gan"])
def test_flags_that_no_run_wrote_are_refused_with_their_file(line, copy, capsys):
    with open(copy / "flags.cfg", "a") as file:
        file.write(line + "\n")
    assert call(evaluate, f"--run_dir={copy}") == 2
    refused(capsys, "flags.cfg")


@pytest.mark.parametrize("tool", [evaluate, sample])
def test_other_data_than_the_run_s_are_refused(tool, copy, tmp_path, capsys):
    np.savez(tmp_path / "mine.npz", x=np.zeros((80, 8, 8, 1), np.uint8))
    flags = (copy / "flags.cfg").read_text()
    changed = flags.replace("--dataset=digits", f"--dataset=npz:{tmp_path / 'mine.npz'}")
    assert changed != flags
    (copy / "flags.cfg").write_text(changed)
    before = sorted(copy.iterdir())
    assert call(tool, f"--run_dir={copy}", ALLOW) == 2
    refused(capsys, "Invalid `dataset`: expected what the run learned from, 'digits'. Received: ")
    assert sorted(copy.iterdir()) == before


@pytest.mark.parametrize(
    "given, part",
    [
        (["circle"], "does not name itself"),
        (["names_a_pipe"], "a regular file"),
        (["pipe", "empty"], "a regular file"),
    ],
)
def test_flagfiles_are_checked_before_one_is_read(given, part, in_tmp_path, capsys):
    for name, text in (("circle", "way"), ("way", "circle"), ("names_a_pipe", "pipe")):
        (in_tmp_path / name).write_text(f"--flagfile={text}\n")
    (in_tmp_path / "empty").write_text("")
    os.mkfifo(in_tmp_path / "pipe")
    assert call(train, *(f"--flagfile={name}" for name in given)) == 2
    refused(capsys, part)


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", "", '{"metrics": {}}', '{"step": 1, "metrics": {"nll": {"value": "low"}}}'],
)
def test_an_evaluation_of_any_content_is_named(text, copy, tmp_path, capsys):
    (copy / "evaluation.json").write_text(text)
    assert call(export, f"--run_dir={copy}", f"--export_dir={tmp_path / 'out'}") == 2
    refused(capsys, "evaluation.json")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", [b'{"step": 6, "model_lo', b"\0" * 99, b"\xff\n" + b"[" * 100_000])
def test_curves_are_drawn_of_a_log_that_was_cut(more, trained, tmp_path):
    path = tmp_path / "metrics.jsonl"
    whole = (trained / "metrics.jsonl").read_bytes()
    path.write_bytes(whole)
    expected = sample.curves(path, ["model_loss", "kl"])["curves"]
    path.write_bytes(whole + more)
    np.testing.assert_array_equal(sample.curves(path, ["model_loss", "kl"])["curves"], expected)


def test_no_curves_of_what_the_model_does_not_log(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "$\\\\x": 1}\n{"step": 2, "$\\\\x": 1}\n')
    assert sample.curves(tmp_path / "metrics.jsonl", ["loss", "a_gradient_norm"]) == {}


@pytest.mark.parametrize("written", ["{0}/a.png, {0}/b.png", "{0}/a.png,{0}/b.png,"])
def test_own_images_are_separated_by_commas_and_blanks(written, tmp_path):
    for name in "ab":
        pictures.save_png(tmp_path / f"{name}.png", np.zeros((9, 9, 1), np.uint8))
    flags = common.parse(["sample.py", f"--images={written.format(tmp_path)}"], sample.FLAGS)
    assert flags.images == (f"{tmp_path}/a.png", f"{tmp_path}/b.png")


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\udcff"])
def test_values_that_flags_cfg_would_not_give_back_are_refused(value, in_tmp_path, capsys):
    flags = ("--method=vae", "--dataset=digits", f"--run_dir={value}")
    assert call(train, *flags) == 2
    refused(capsys, "run_dir")
    assert not list(in_tmp_path.iterdir())


@pytest.mark.parametrize("value", ["/runs/a ", " /runs/a", "none", "a\nb"])
def test_recordable_is_what_is_read_back(value):
    with pytest.raises(ValueError, match="Received: data_dir="):
        common.check_recordable({"data_dir": value, "steps": 3}, [])
    common.check_recordable({"data_dir": "/runs/none", "steps": 3, "labels": None}, [])


def test_flags_cfg_means_the_same_in_every_directory(trained):
    flags = common.recorded(trained, ("tests.small",))
    assert os.path.isabs(flags.run_dir)
    assert common.absolute("npz:a.npz") == f"npz:{os.getcwd()}/a.npz"
    assert common.absolute("digits") == "digits" and common.absolute("tfds:a") == "tfds:a"


def test_sigterm_is_143_in_every_tool_and_cleans_up(tmp_path):
    ended = []

    def run(flags):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            ended.append(True)

    before = signal.getsignal(signal.SIGTERM)
    assert common.main(run, [], ["tool.py"]) == common.TERMINATED == 143
    assert ended == [True] and signal.getsignal(signal.SIGTERM) == before


def test_a_stdout_that_cannot_show_a_character_ends_nothing(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    progress = listeners.Progress(10)
    progress.on_call(5, {"loss": 1.0}, 1.0)
    progress.on_log(5, {})
    assert common.main(lambda flags: print("\u00b7 \u2192"), [], ["tool.py"]) == 0
    out.flush()
    line, printed = out.buffer.getvalue().decode("ascii").splitlines()
    assert line.startswith("step  5/10 ") and "?" in line and printed == "\\xb7 \\u2192"


def test_a_process_without_stdout_trains(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    progress = listeners.Progress(10)
    progress.on_call(5, {"loss": 1.0}, 1.0)
    progress.on_log(5, {})
    progress.close()
