"""What tests/conftest.py does for a run of the suite."""

import signal
import time

import pytest

from tests import helpers, seconds

ENDLESS = """
import pathlib

import keras

import zoo
from tests import small


class Began(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pathlib.Path("began").touch()


def test_trains_for_ever(tmp_path):
    model = small.InTurn(image_shape=(2,), latent_dim=2)
    settings = {"batch_size": 8, "steps": 10**9, "progress": False, "callbacks": [Began()]}
    zoo.training.train(model, zoo.data.load("gaussian_ring"), tmp_path, **settings)


def test_comes_after():
    pathlib.Path("after").touch()
"""


@pytest.mark.every
def test_sigterm_ends_pytest_while_a_test_trains(in_tmp_path):
    (in_tmp_path / "test_endless.py").write_text(ENDLESS)
    command = ["-m", "pytest", "-p", "tests.conftest", "-q", "--rootdir=.", "test_endless.py"]
    process = helpers.start_python(*command)
    try:
        while not (in_tmp_path / "began").exists():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[0]
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "SIGTERM in test_endless.py::test_trains_for_ever" in said
    assert not (in_tmp_path / "after").exists()


def test_costs_are_added_up_by_method_and_by_property():
    costs = {
        "hali": {"verbs": 2.0, "own": 1.5},
        "ali": {"verbs": 0.5},
        "tests/test_a.py": {"all": 3.0},
        "tests/test_b.py": {"all": 4.25},
    }
    assert [line.split() for line in seconds.table(costs)] == [
        ["method", "own", "verbs", "all"],
        ["ali", "0.0", "0.5", "0.5"],
        ["hali", "1.5", "2.0", "3.5"],
        ["all", "methods", "1.5", "2.5", "4.0"],
        [],
        ["4.2", "tests/test_b.py"],
        ["3.0", "tests/test_a.py"],
        ["11.2", "in", "all"],
    ]
