"""The same bits: after `.keras`, after a stop, in another process."""

import json
import math
import pathlib
import shutil

import keras
import numpy as np
import pytest

import zoo
from tests import helpers
from tests.conformance import cases

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="session")
def fresh(train_once, tmp_path_factory):
    """Folder of what a fresh process loaded and trained, for all methods in one process."""
    folder = tmp_path_factory.mktemp("fresh")
    for method in cases.METHODS:
        train_once(method).model.save(folder / f"{method}.keras")
    helpers.finish(helpers.start_python(HERE / "fresh.py", folder))
    return folder


def read(path):
    with np.load(path) as held:
        return dict(held)


def test_logs_are_the_named_ones_and_finite(trained):
    assert set(trained.logs) == set(trained.model.log_names)
    assert all(math.isfinite(value) for value in trained.logs.values())
    lines = (trained.run_dir / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["step"] for record in records] == [2, 4]
    assert set(trained.model.log_names) < set(records[0])
    assert int(trained.model.step) == 4 and int(trained.model.play_counter) >= 4


def test_evaluation_reports_losses_and_changes_nothing(model, method):
    before = helpers.arrays(model)
    logs = model.evaluate(
        cases.data(method).batches("test", 20).take(1), verbose=0, return_dict=True
    )
    assert set(logs) <= set(model.log_names)
    assert {name for name in logs if name.endswith("_loss")}
    assert all(math.isfinite(value) for value in logs.values())
    helpers.assert_same_bits(helpers.arrays(model), before)


def test_keras_file_gives_the_same_model(trained, tmp_path):
    model = trained.model
    model.save(tmp_path / "model.keras")
    twin = keras.models.load_model(tmp_path / "model.keras")
    assert type(twin) is type(model) and twin.hyper_parameters == model.hyper_parameters
    assert twin.compiled and list(twin.optimizers) == list(model.optimizers)
    for player, optimizer in model.optimizers.items():
        assert twin.optimizers[player].get_config() == optimizer.get_config()
    helpers.assert_same_bits(helpers.arrays(twin), helpers.arrays(model))


def test_keras_file_loads_in_a_fresh_process(trained, method, fresh):
    problem = fresh / f"{method}.error"
    assert not problem.exists(), problem.read_text()
    helpers.assert_same_bits(read(fresh / f"{method}.loaded.npz"), helpers.arrays(trained.model))


def test_restore_gives_the_model_of_the_run(trained):
    twin = zoo.restore(trained.run_dir)
    helpers.assert_same_bits(helpers.arrays(twin), helpers.arrays(trained.model))


def test_resumed_is_unbroken(trained, method, tmp_path):
    """The same bits from the checkpoint in the middle; the kill itself is in tests/training."""
    shutil.copytree(trained.run_dir, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-00000004")
    model = cases.make(method, **cases.ALL)
    logs = cases.train(model, tmp_path / "run")
    helpers.assert_same_bits(helpers.arrays(model), helpers.arrays(trained.model))
    assert logs == trained.logs


def test_same_seed_same_bits_in_another_process(trained, method, fresh):
    helpers.assert_same_bits(read(fresh / f"{method}.trained.npz"), helpers.arrays(trained.model))
