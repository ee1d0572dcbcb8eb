"""The ledger: aggregates, and the checks of what is read and written."""

import json
import math

import pytest

from tests import helpers
from tests.entries import a_run, an_entry
from zoo import ledger


def test_aggregate_is_the_mean_and_the_sample_deviation():
    mean, std = ledger.aggregate([1.0, 2.0, 6.0])
    assert mean == pytest.approx(3.0)
    assert std == pytest.approx(math.sqrt((4 + 1 + 9) / 2))  # n - 1 = 2 below the line


def test_one_value_has_no_deviation():
    assert ledger.aggregate([5.0]) == (5.0, None)


def test_entry_orders_runs_by_seed():
    runs = [a_run(2, 30.0, seconds=3.0), a_run(0, 10.0, seconds=1.0), a_run(1, 20.0, seconds=2.0)]
    entry = an_entry(runs=runs)
    assert entry.seeds == [0, 1, 2]
    assert entry.metrics["nll"].values == [10.0, 20.0, 30.0]
    assert entry.seconds == [1.0, 2.0, 3.0]


def test_entry_is_dirty_if_any_run_was():
    assert an_entry(runs=[a_run(0), a_run(1, dirty=True)]).dirty
    assert not an_entry(runs=[a_run(0), a_run(1)]).dirty


def test_runs_of_an_entry_make_the_entry_again():
    entry = an_entry()
    assert an_entry(runs=list(ledger.runs(entry).values())) == entry


def test_metrics_that_not_all_seeds_have_are_left_out():
    more = a_run(1)
    more["evaluation"]["elbo"] = more["evaluation"]["nll"]
    assert set(an_entry(runs=[more, a_run(0)]).metrics) == {"nll"}
    assert set(an_entry(runs=[a_run(0), more]).metrics) == {"nll"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "3"])
def test_values_that_are_no_finite_numbers_are_refused(value):
    with pytest.raises(ValueError, match=r"metrics\.nll.*finite"):
        an_entry((1.0, value))


@pytest.mark.parametrize(("key", "value"), [("n", 7), ("split", "train"), ("protocol", "other")])
def test_seeds_measured_by_different_protocols_are_refused(key, value):
    other = a_run(1)
    other["evaluation"]["nll"][key] = value
    with pytest.raises(ValueError, match=rf"metrics\.nll\.{key}.*Received"):
        an_entry(runs=[a_run(0), other])


def test_numbers_inside_a_protocol_may_differ():
    other = a_run(1)
    other["evaluation"]["nll"]["protocol"] = "by hand, C = 0.25"
    assert an_entry(runs=[a_run(0), other]).metrics["nll"].protocol == "by hand, C = 1"


def _without_seeds(entry):
    del entry["seeds"]


def _wrong_mean(entry):
    entry["metrics"]["nll"]["mean"] = 3.1


def _wrong_std(entry):
    entry["metrics"]["nll"]["std"] = None


def _value_too_few(entry):
    entry["metrics"]["nll"]["values"].pop()


def _commit_too_few(entry):
    entry["commits"].pop()


def _twice_a_seed(entry):
    entry["seeds"][1] = 0


def _stray_field(entry):
    entry["note"] = "hello"


def _text_for_flags(entry):
    entry["flags"] = "--steps=3"


def _unknown_status(entry):
    entry["paper"] = {"nll": {"value": 1, "source": "table 1", "status": "guessed"}}


def _text_for_an_error(entry):
    entry["metrics"]["nll"]["standard_errors"] = [0.1, "0.1", 0.1]


def _negative_error(entry):
    entry["metrics"]["nll"]["standard_errors"] = [0.1, -0.1, 0.1]


def _error_that_is_nan(entry):
    entry["metrics"]["nll"]["standard_errors"] = [0.1, float("nan"), 0.1]


def _of_no_examples(entry):
    entry["metrics"]["nll"]["n"] = 0


def _beyond_all_floats(entry):
    entry["metrics"]["nll"]["values"] = [1.0, 2.0, 10**400]


def _error_too_many(entry):
    entry["metrics"]["nll"]["standard_errors"] = [0.1, 0.1, 0.1, 0.1]


def _stray_field_of_a_metric(entry):
    entry["metrics"]["nll"]["spread"] = 0.1


def _no_metric(entry):
    entry["metrics"]["nll"] = 3.0


@pytest.mark.parametrize(
    "damage",
    [
        _without_seeds,
        _wrong_mean,
        _wrong_std,
        _value_too_few,
        _commit_too_few,
        _twice_a_seed,
        _stray_field,
        _text_for_flags,
        _unknown_status,
        _text_for_an_error,
        _negative_error,
        _error_that_is_nan,
        _of_no_examples,
        _beyond_all_floats,
        _error_too_many,
        _stray_field_of_a_metric,
        _no_metric,
    ],
)
def test_damaged_entries_are_refused_in_one_line(damage, tmp_path):
    content = json.loads(json.dumps(an_entry().as_json()))
    damage(content)
    (tmp_path / "vae-digits.json").write_text(json.dumps(content))
    with pytest.raises((ValueError, TypeError), match=r"vae-digits\.json.*Received") as refused:
        ledger.read(tmp_path / "vae-digits.json")
    assert "\n" not in str(refused.value)


def test_a_damaged_entry_is_not_written(tmp_path):
    entry = an_entry()
    entry.commits.pop()
    with pytest.raises(ValueError, match=r"commits.*one item a seed \(3\)"):
        ledger.write(tmp_path / "vae-digits.json", entry)
    assert not list(tmp_path.iterdir())


def with_errors(*errors):
    """An entry of one seed an error; None is a run measured before errors were kept."""
    made = [a_run(seed) for seed in range(len(errors))]
    for run, error in zip(made, errors):
        if error is not None:
            run["evaluation"]["nll"]["standard_error"] = error
    return an_entry(runs=made)


def test_measured_standard_errors_are_kept(tmp_path):
    entry = with_errors(None, 0.25)
    assert entry.metrics["nll"].standard_errors == [None, 0.25]
    ledger.write(tmp_path / "vae-digits.json", entry)
    assert ledger.read(tmp_path / "vae-digits.json") == entry
    assert an_entry(runs=list(ledger.runs(entry).values())) == entry


def test_floors_are_kept_and_are_numbers(tmp_path):
    made = [a_run(seed) for seed in range(2)]
    made[1]["evaluation"]["nll"]["floor"] = -0.5
    entry = an_entry(runs=made)
    assert entry.metrics["nll"].floors == [None, -0.5]
    assert ledger.parse(entry.as_json()) == entry
    assert an_entry(runs=list(ledger.runs(entry).values())) == entry
    content = entry.as_json()
    content["metrics"]["nll"]["floors"] = [0.1, "0.2"]
    with pytest.raises(ValueError, match="metrics.nll.floors: expected|floors.*finite"):
        ledger.parse(content)
    assert "floors" not in an_entry().as_json()["metrics"]["nll"]


def test_files_without_standard_errors_stay_readable_and_as_they_were(tmp_path):
    content = with_errors(None).as_json()
    assert "standard_errors" not in content["metrics"]["nll"]
    assert ledger.parse(content).metrics["nll"].standard_errors is None


def test_entries_outlive_the_file(tmp_path):
    ledger.write(tmp_path / "deep" / "vae-digits.json", an_entry())
    assert ledger.read(tmp_path / "deep" / "vae-digits.json") == an_entry()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["vae-digits.json"]


BEYOND = [
    *({"value": value} for value in (float("nan"), float("-inf"), None, True, "1", 10**400)),
    *({"n": n} for n in (0, -1, True, 2.0, None)),
    *({key: -0.1} for key in ("standard_error", "std")),
    *({key: float("inf")} for key in ("standard_error", "std", "floor")),
]


@pytest.mark.parametrize("changes", BEYOND)
def test_figures_out_of_bounds_are_refused_wherever_they_come_from(changes, tmp_path):
    measured = {"value": 1.0, "n": 9, "split": "test", "protocol": "by hand", **changes}
    (key,) = changes
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps({"step": 1, "metrics": {"nll": measured}}))
    with helpers.refused(ValueError, match=f"an evaluation with an? .* as {key} of the metric nll"):
        ledger.read_evaluation(path)
    if key != "std":  # computed there
        with helpers.refused(ValueError, match="metrics.nll"):
            an_entry(runs=[a_run(0, evaluation={"nll": measured})])


def test_figures_within_bounds_are_read(tmp_path):
    least = {"value": -1, "n": 1, "standard_error": 0.0, "std": None, "floor": -0.5}
    found = {"step": 1, "metrics": {"nll": {"split": "test", "protocol": "by hand", **least}}}
    ledger.write_json(tmp_path / "evaluation.json", found)
    assert ledger.read_evaluation(tmp_path / "evaluation.json") == found


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "vae-digits.json").write_text("{")
    with pytest.raises(ValueError, match="vae-digits.json"):
        ledger.read(tmp_path / "vae-digits.json")


def test_paper_numbers_lie_beside_the_configs(tmp_path):
    figure = {"value": 1.0, "source": "table 1", "status": "verified"}
    ledger.write_json(tmp_path / "paper.json", {"digits": {"nll": figure}})
    assert ledger.read_paper(tmp_path / "digits.cfg") == {"nll": figure}
    assert ledger.read_paper(tmp_path / "mnist.cfg") == {}
