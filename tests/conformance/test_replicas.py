"""One replica, two devices and two processes train alike: ten steps of SGD."""

import json
import pathlib

import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance import cases
from zoo.training import checkpoints

HERE = pathlib.Path(__file__).parent
STEPS = 10
SETTINGS = {"clip_norm": 1.0, "ema_decay": 0.5}


def ten_steps(method, run_dir):
    """{path: array} after ten steps under the current strategy."""
    with tf.distribute.get_strategy().scope():
        model = cases.sgd(cases.make(method, **SETTINGS))
    cases.train(model, run_dir, STEPS, log_every=5, checkpoint_every=0)
    return checkpoints.read(checkpoints.newest(run_dir / "checkpoints"))[1]


@pytest.fixture(scope="session")
def one(method, tmp_path_factory):
    return ten_steps(method, tmp_path_factory.mktemp("one") / method)


def test_two_devices_are_one(method, one, two_cpus, tmp_path):
    with tf.distribute.MirroredStrategy(two_cpus).scope():
        found = ten_steps(method, tmp_path)
    helpers.assert_close(found, one)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """Run directories that two workers trained together, every method in turn."""
    folder = tmp_path_factory.mktemp("workers")
    addresses = [f"localhost:{port}" for port in helpers.free_ports(2)]
    workers = [
        helpers.start_python(
            HERE / "worker.py",
            folder,
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    helpers.finish(*workers)
    return folder


@pytest.mark.slow
def test_two_processes_are_one(method, one, two_processes):
    newest = checkpoints.newest(two_processes / method / "checkpoints")
    helpers.assert_close(checkpoints.read(newest)[1], one)
