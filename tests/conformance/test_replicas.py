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
# Sums over replicas are rounded in another order: 6e-7 apart after ten steps. PixelVAE's jump to
# 1.4e-5 within a step or two, as when a ReLU whose input is zero to rounding switches. Faults are
# larger: a variance that cancels gave 1e-4 (HALI), statistics per replica 0.1 (ALI, PixelVAE).
TOLERANCE = 3e-5


def ten_steps(method, run_dir, strategy):
    """Trains; the newest checkpoint holds the result."""
    with strategy.scope():
        model = cases.sgd(cases.make(method, **SETTINGS))
    cases.train(model, run_dir, STEPS, log_every=5, checkpoint_every=0)


def result(run_dir):
    """{path: array} after the last step."""
    return checkpoints.read(checkpoints.newest(run_dir / "checkpoints"))[1]


@pytest.fixture(scope="session")
def one(method, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("one") / method
    ten_steps(method, run_dir, tf.distribute.get_strategy())
    return result(run_dir)


@pytest.fixture(scope="session")
def mirrored(two_cpus):
    """One for all tests: each new one numbers its collectives anew, and TensorFlow remembers."""
    return tf.distribute.MirroredStrategy(two_cpus)


def test_two_devices_are_one(method, one, mirrored, tmp_path):
    ten_steps(method, tmp_path, mirrored)
    helpers.assert_close(result(tmp_path), one, TOLERANCE)


@pytest.fixture(scope="session")
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
    helpers.assert_close(result(two_processes / method), one, TOLERANCE)
