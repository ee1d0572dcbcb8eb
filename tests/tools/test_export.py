"""tools/export.py: what it takes from a run's directory."""

import types

import command_line
import export
import pytest

from zoo.serving import config


@pytest.mark.parametrize("content", ["{}", "[]", "1", '{"metrics": [1]}', '{"metrics'])
def test_an_evaluation_that_is_none_is_refused_by_name(tmp_path, monkeypatch, capsys, content):
    (tmp_path / "flags.cfg").write_text("--method=vae\n--dataset=digits\n")
    (tmp_path / "evaluation.json").write_text(content)
    argv = ["export.py", f"--run_dir={tmp_path}"]
    assert command_line.main(export.run, export.FLAGS, argv) == command_line.REFUSED
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "evaluation.json" in line


def test_own_data_is_named_without_its_path():
    assert export.public_name("npz:/somewhere/of/mine/secret/cats.npz") == "npz:cats.npz"
    assert export.public_name("folder:../mine/cats/") == "folder:cats"
    assert export.public_name("digits") == "digits"
    assert export.public_name("tfds:a/b") == "tfds:a/b"


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--batch_sizes=1,x", "batch_sizes"),
        ("--batch_sizes=4,2", "batch_sizes"),
        ("--batch_sizes=0", "batch_sizes"),
        ("--quantise=int8", "quantise"),
        ("--version_labels=a-b", "version_labels"),
        ("--serving_config=false --version_labels=a", "serving_config"),
        ("--served_base=/models", "models.config"),
        ("--served_base=models", "served_base"),
        ("--served_base=./models", "served_base"),
    ],
)
def test_what_a_server_could_not_be_told_is_refused(tmp_path, capsys, flag, words):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "flags.cfg").write_text("--method=vae\n--dataset=digits\n")
    if words == "models.config":
        (tmp_path / words).write_text("{")
    argv = ["export.py", f"--run_dir={run_dir}", f"--export_dir={tmp_path / 'm'}", *flag.split()]
    assert command_line.main(export.run, export.FLAGS, argv) == command_line.REFUSED
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and words in line
    assert not (tmp_path / "m").exists()


def test_labels_without_the_extra_are_refused_and_nothing_is_written_unasked(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "available", lambda: False)
    flags = types.SimpleNamespace(version_labels=("stable",), served_base=None)
    with pytest.raises(ValueError, match="generative-zoo\\[serving\\]"):
        export.check_config(flags, tmp_path)
