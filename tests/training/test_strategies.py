"""Strategies: what TF_CONFIG may say; one replica, two devices and two processes train alike."""

import contextlib
import json
import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from zoo.training import checkpoints, strategies

HERE = pathlib.Path(__file__).parent


def test_unknown_name():
    with pytest.raises(ValueError, match="Did you mean 'mirrored'"):
        strategies.make("miror")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        '{"cluster": {}}',
        '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}',
    ],
)
def test_malformed_tf_config_is_refused_in_one_line(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="Invalid `TF_CONFIG`") as error:
        strategies.make("multi_worker")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("batch_size, fits", [(6, True), (7, False)])
def test_a_batch_that_the_replicas_cannot_share_is_refused(batch_size, fits):
    strategy = types.SimpleNamespace(num_replicas_in_sync=2)
    with contextlib.nullcontext() if fits else helpers.refused(match="number of replicas, 2"):
        strategies.check_batch_size(strategy, batch_size=batch_size, labelled_batch_size=None)
    with contextlib.nullcontext() if fits else helpers.refused(match="`labelled_batch_size`"):
        strategies.check_batch_size(strategy, batch_size=2, labelled_batch_size=batch_size)


def test_each_device_of_a_worker_gets_its_rows_of_every_part():
    batches = {"x": tf.reshape(tf.range(16), [2, 8]), "x_labelled": tf.reshape(tf.range(8), [2, 4])}
    found = list(strategies.by_device(tf.data.Dataset.from_tensor_slices(batches), 2))
    assert [part["x"].numpy().tolist() for part in found] == np.arange(16).reshape(4, 4).tolist()
    few = [part["x_labelled"].numpy().tolist() for part in found]
    assert few == np.arange(8).reshape(4, 2).tolist()


def test_one_process_trains_without_a_cluster():
    assert strategies.workers(strategies.make("none")) == 1


def start(strategy, run_dir, **environment):
    return helpers.start_python(HERE / "replicas.py", strategy, run_dir, **environment)


@pytest.mark.every  # of the methods: tests/conformance/test_processes.py
def test_one_replica_two_devices_and_two_processes_end_with_the_same_weights(tmp_path):
    cluster = {"worker": [f"localhost:{port}" for port in helpers.free_ports(2)]}
    workers = [
        start(
            "multi_worker",
            tmp_path / "multi_worker",
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
        )
        for index in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=600)[0] for process in workers]
        assert [process.returncode for process in workers] == [0, 0], outputs
        for strategy in ("none", "mirrored"):
            process = start(strategy, tmp_path / strategy)
            workers.append(process)
            output = process.communicate(timeout=600)[0]
            assert process.returncode == 0, output
    finally:
        for process in workers:
            process.kill()
    ends = {
        path.name: checkpoints.read(path / "checkpoints" / "step-00000010")[1]
        for path in tmp_path.iterdir()
    }
    assert sorted(ends) == ["mirrored", "multi_worker", "none"]
    assert "step 10/10" in outputs[0] and "step" not in outputs[1]  # the chief alone speaks
    for name, expected in ends["none"].items():
        for other in ("mirrored", "multi_worker"):
            np.testing.assert_allclose(ends[other][name], expected, rtol=0, atol=1e-5, err_msg=name)
