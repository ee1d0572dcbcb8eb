"""Where exports are written: what ended processes left is swept, what others write stays."""

import os
import pathlib
import subprocess
import sys

import pytest

import zoo
from tests import helpers, small
from zoo import files
from zoo.serving import staging

PREFIX = ".staging-"


def test_a_folder_is_removed_however_the_block_ends(tmp_path):
    for end in (OSError, KeyboardInterrupt, SystemExit):  # SIGTERM is a SystemExit in tools
        with pytest.raises(end), staging.staging(tmp_path) as folder:
            (folder / "half").write_text("x")
            raise end
        assert os.listdir(tmp_path) == []


def test_what_was_moved_away_stays(tmp_path):
    with staging.staging(tmp_path) as folder:
        (folder / "whole").write_text("x")
        folder.rename(tmp_path / "1")
    assert os.listdir(tmp_path) == ["1"] and os.listdir(tmp_path / "1") == ["whole"]


def test_folders_of_ended_processes_are_swept_and_those_of_others_stay(tmp_path):
    program = (
        "import sys, pathlib; from zoo.serving import staging\n"
        "with staging.staging(pathlib.Path(sys.argv[1])) as folder:\n"
        "    print(folder, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=helpers.ROOT, **pipes) as other:
        theirs = pathlib.Path(other.stdout.readline().strip())
        with staging.staging(tmp_path) as mine:
            assert theirs.is_dir() and mine.is_dir() and theirs != mine
        assert theirs.is_dir()
        other.kill()
        other.wait()
    assert theirs.is_dir()  # nobody could remove it
    (tmp_path / f"{PREFIX}file").write_text("not a folder")
    (tmp_path / "1").mkdir()
    with staging.staging(tmp_path):
        assert not theirs.exists()
    assert sorted(os.listdir(tmp_path)) == [f"{PREFIX}file", "1"]


def test_a_folder_that_was_taken_for_ownerless_is_made_again(tmp_path, monkeypatch):
    made = staging.tempfile.mkdtemp
    taken = []

    def mkdtemp(**where):
        folder = made(**where)
        if not taken:
            taken.append(folder)
            os.rmdir(folder)  # another export swept it before it was locked
        return folder

    monkeypatch.setattr(staging.tempfile, "mkdtemp", mkdtemp)
    with staging.staging(tmp_path) as folder:
        assert folder.is_dir() and str(folder) not in taken


def test_a_file_system_without_locks_sweeps_nothing(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.fcntl, "flock", flock)
    (tmp_path / f"{PREFIX}other").mkdir()
    with staging.staging(tmp_path) as folder:
        assert folder.is_dir()
    assert os.listdir(tmp_path) == [f"{PREFIX}other"]


def test_versions_are_numbers_however_they_are_written(tmp_path):
    model = small.make(small.InTurn)
    zoo.export(model, tmp_path / "m").rename(tmp_path / "m" / "001")
    assert zoo.load(tmp_path / "m").path.name == "001"
    with pytest.raises(ValueError, match="version"):
        zoo.export(model, tmp_path / "m", version=1)
    assert zoo.export(model, tmp_path / "m").name == "2"


def test_the_card_shows_texts_from_outside_as_texts(tmp_path):
    metrics = {
        "fid\n\n# Free money": {
            "value": "1 | 2",
            "split": "<script>",
            "protocol": "[a](http://b)\n",
        },
        "one_nn_accuracy": 0.5,
    }
    path = zoo.export(small.make(small.InTurn), tmp_path / "m", data="x\n# y", metrics=metrics)
    card = (path / "model_card.md").read_text()
    lines = card.splitlines()
    assert [line for line in lines if line.startswith("# ")] == ["# m"]
    assert r"| fid \# Free money | 1 \| 2 | \[a\](http://b); split \<script\> |" in lines
    assert "| one_nn_accuracy | 0.5 |  |" in lines
    assert r"| trained on | x \# y, not stated; licence: not stated |" in lines
