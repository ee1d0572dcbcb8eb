"""tools/export.py: what it takes from a run's directory."""

import command_line
import export
import pytest


@pytest.mark.parametrize("content", ["{}", "[]", "1", '{"metrics": [1]}', '{"metrics'])
def test_an_evaluation_that_is_none_is_refused_by_name(tmp_path, monkeypatch, capsys, content):
    (tmp_path / "flags.cfg").write_text("--method=vae\n--dataset=digits\n")
    (tmp_path / "evaluation.json").write_text(content)
    argv = ["export.py", f"--run_dir={tmp_path}"]
    assert command_line.main(export.run, export.FLAGS, argv) == command_line.REFUSED
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "evaluation.json" in line


def test_own_data_is_named_without_its_path():
    assert export.public_name("npz:/home/me/secret/cats.npz") == "npz:cats.npz"
    assert export.public_name("folder:../mine/cats/") == "folder:cats"
    assert export.public_name("digits") == "digits"
    assert export.public_name("tfds:a/b") == "tfds:a/b"
