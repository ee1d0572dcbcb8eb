"""One run of every method: what it logs, and the same bits from its files."""

import json
import math

import keras

import zoo
from tests import helpers
from tests.conformance import cases


def test_logs_are_the_named_ones_and_finite(trained):
    assert set(trained.logs) == set(trained.model.log_names)
    assert all(math.isfinite(value) for value in trained.logs.values())
    lines = (trained.run_dir / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["step"] for record in records] == [4, 8, 12]
    assert set(trained.model.log_names) < set(records[0])
    assert int(trained.model.step) == 12 and int(trained.model.play_counter) >= 12


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


def test_restore_gives_the_model_of_the_run(trained):
    twin = zoo.restore(trained.run_dir)
    helpers.assert_same_bits(helpers.arrays(twin), helpers.arrays(trained.model))
