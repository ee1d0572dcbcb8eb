"""What tools/train.py tells the model of its data."""

import common
import numpy as np
import pytest
import train


@pytest.mark.parametrize("asked", [False, True])
def test_attributes_are_given_when_asked_for(asked, tmp_path, monkeypatch):
    x, y = np.zeros((6, 8, 8, 1), np.float32), np.zeros((6, 3), np.float32)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    given = {}

    def create(method, **arguments):
        given.update(arguments)
        raise SystemExit("seen")

    monkeypatch.setattr(train.registry, "create", create)
    flags = ("--method=tests.small:Bound", f"--dataset=npz:{tmp_path / 'a.npz'}", "--batch_size=2")
    line = ["train.py", *flags, f"--run_dir={tmp_path / 'run'}", f"--attributes={asked}"]
    assert common.main(train.run, train.FLAGS, line) == 1
    assert given["num_attributes"] == (3 if asked else None)


def test_attributes_are_refused_where_the_data_have_none(tmp_path, capsys):
    flags = ("--method=tests.small:Bound", "--dataset=digits", "--attributes")
    line = ["train.py", *flags, f"--run_dir={tmp_path / 'run'}"]
    assert common.main(train.run, train.FLAGS, line) == 2
    assert "Invalid `attributes`" in capsys.readouterr().err and not (tmp_path / "run").exists()
