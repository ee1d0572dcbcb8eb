"""The ledger: aggregates, checks, and the texts made from it."""

import copy
import math

import pytest

from zoo import results


def a_run(seed, value=1.0, **changes):
    measured = {"value": value, "n": 100, "split": "test", "protocol": "by hand, C = 1", "seed": 0}
    return {
        "seed": seed,
        "draws": {},
        "commit": "0123456789abcdef",
        "measured_at": "0123456789abcdef",
        "dirty": False,
        "seconds": 60.0,
        "versions": {"keras": "3.15.1"},
        "machine": {"cpu": "a CPU", "cores": 2, "ram_gb": 8},
        "evaluation": {"nll": measured},
        **changes,
    }


def an_entry(values=(1.0, 2.0, 6.0), paper=None, **changes):
    return results.entry(
        **{
            "method": "vae",
            "dataset": "digits",
            "variant": None,
            "flags": {"steps": 10},
            "runs": [a_run(seed, value) for seed, value in enumerate(values)],
            "paper": paper or {},
            "command": "python tools/reproduce.py --flagfile=configs/vae/digits.cfg --seeds=3",
            **changes,
        }
    )


def test_aggregate_is_the_mean_and_the_sample_deviation():
    mean, std = results.aggregate([1.0, 2.0, 6.0])
    assert mean == pytest.approx(3.0)
    assert std == pytest.approx(math.sqrt((4 + 1 + 9) / 2))  # n - 1 = 2 below the line


def test_one_value_has_no_deviation():
    assert results.aggregate([5.0]) == (5.0, None)


def test_entry_orders_runs_by_seed():
    runs = [a_run(2, 30.0, seconds=3.0), a_run(0, 10.0, seconds=1.0), a_run(1, 20.0, seconds=2.0)]
    entry = an_entry(runs=runs)
    assert entry["seeds"] == [0, 1, 2]
    assert entry["metrics"]["nll"]["values"] == [10.0, 20.0, 30.0]
    assert entry["seconds"] == [1.0, 2.0, 3.0]


def test_entry_is_dirty_if_any_run_was():
    assert an_entry(runs=[a_run(0), a_run(1, dirty=True)])["dirty"]
    assert not an_entry(runs=[a_run(0), a_run(1)])["dirty"]


def test_runs_of_an_entry_make_the_entry_again():
    entry = an_entry()
    assert an_entry(runs=list(results.runs(entry).values())) == entry


def test_metrics_that_not_all_seeds_have_are_left_out():
    more = a_run(1)
    more["evaluation"]["elbo"] = more["evaluation"]["nll"]
    assert set(an_entry(runs=[more, a_run(0)])["metrics"]) == {"nll"}
    assert set(an_entry(runs=[a_run(0), more])["metrics"]) == {"nll"}


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
    assert an_entry(runs=[a_run(0), other])["metrics"]["nll"]["protocol"] == "by hand, C = 1"


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
    ],
)
def test_damaged_entries_are_refused_in_one_line(damage, tmp_path):
    entry = copy.deepcopy(an_entry())
    damage(entry)
    with pytest.raises((ValueError, TypeError), match="Received") as refused:
        results.write(tmp_path / "vae-digits.json", entry)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_entries_outlive_the_file(tmp_path):
    results.write(tmp_path / "deep" / "vae-digits.json", an_entry())
    assert results.read(tmp_path / "deep" / "vae-digits.json") == an_entry()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["vae-digits.json"]


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "vae-digits.json").write_text("{")
    with pytest.raises(ValueError, match="vae-digits.json"):
        results.read(tmp_path / "vae-digits.json")


def test_differences_name_the_flags():
    assert results.differences({"a": 1, "b": (1, 2)}, {"a": 2, "b": [1, 2]}) == ["a: 1 -> 2"]


def test_a_flag_that_one_side_does_not_know_has_its_default():
    assert results.differences({}, {"beta": 1.0}, {"beta": 1.0}) == []
    assert results.differences({}, {"beta": 2.0}, {"beta": 1.0}) == ["beta: 1.0 -> 2.0"]


def test_paper_numbers_lie_beside_the_configs(tmp_path):
    figure = {"value": 1.0, "source": "table 1", "status": "verified"}
    results.write_json(tmp_path / "paper.json", {"digits": {"nll": figure}})
    assert results.read_paper(tmp_path / "digits.cfg") == {"nll": figure}
    assert results.read_paper(tmp_path / "mnist.cfg") == {}


METHODS = {"gan": "", "vae": "Kingma, Welling: Auto-encoding variational Bayes, arXiv 1312.6114."}
CONFIGS = {
    ("vae", stem): {"path": f"configs/vae/{stem}.cfg", "command": f"run {stem}", "paper": {}}
    for stem in ("digits", "mnist")
}


def table_rows(paper, **changes):
    entries = {("vae", "digits"): an_entry(paper=paper, **changes)}
    return results.render_table(METHODS, CONFIGS, entries).splitlines()[2:]


def test_table_shows_value_spread_seeds_and_commit():
    not_run, row = table_rows({"nll": {"value": 2.5, "source": "table 1", "status": "verified"}})
    assert not_run == "| gan | - | - | - | not run | - |"
    assert "nll 3.0 ± 2.6 (3 seeds, commit 0123456)" in row  # sqrt(7) = 2.6458
    assert (
        "[Kingma, Welling: Auto-encoding variational Bayes](https://arxiv.org/abs/1312.6114)" in row
    )
    assert "| nll 2.5 |" in row
    assert "recalled" not in row


def test_a_published_number_is_shown_before_it_ran():
    figure = {"nll": {"value": 79.03, "source": "table 1", "status": "verified"}}
    published = {("vae", "mnist"): CONFIGS["vae", "mnist"] | {"paper": figure}}
    rows = lambda paper: results.render_table(
        METHODS, CONFIGS | published, {("vae", "digits"): an_entry(paper=paper)}
    ).splitlines()[2:]
    ran, not_run = rows({})[1:]
    assert "| digits | - |" in ran and "| mnist | nll 79.03 | not run | `run mnist` |" in not_run
    assert len(rows(figure)[1:]) == 1  # a row that ran has one


def test_recalled_figures_say_so():
    paper = {"nll": {"value": "2.5 +- 0.1", "source": "memory", "status": "recalled"}}
    assert "| nll 2.5 ± 0.1 (recalled) |" in table_rows(paper)[1]


def test_a_later_measurement_names_its_own_commit():
    later = table_rows({}, runs=[a_run(0, measured_at="fedcba98")])[1]
    assert "(1 seed, commit 0123456, measured at fedcba9)" in later
    unknown = table_rows({}, runs=[a_run(0, measured_at=None)])[1]
    assert "(1 seed, commit 0123456)" in unknown


def test_uncommitted_changes_are_told():
    row = table_rows({}, runs=[a_run(0, dirty=True)])[1]
    assert "(1 seed, commit 0123456 with uncommitted changes)" in row


def test_results_tell_what_was_not_run():
    text = results.render_results(METHODS, CONFIGS, {("vae", "digits"): an_entry()})
    gan, vae = text.split("## gan")[1].split("\n## vae")
    assert "not run" in gan
    digits, mnist = vae.split("### vae-mnist")
    assert "not run" not in digits
    assert "not run" in mnist and "`run mnist`" in mnist
    assert "| nll | - | 3.0 ± 2.6 | 100 | test | by hand, C = 1 |" in digits
    assert "results/vae-digits.png" in digits


def measured(method, values, steps=10, seconds=60.0):
    """An entry of one seed with these metrics."""
    how = {"n": 9, "split": "test", "protocol": "by hand", "seed": 0}
    evaluation = {name: {"value": value, **how} for name, value in values.items()}
    runs = [a_run(0, evaluation=evaluation, seconds=seconds)]
    return an_entry(method=method, runs=runs, flags={"steps": steps})


THREE = ("wgan", "ali", "vae")  # the registry's order need not be the alphabet's


def compared(stem, values):
    """The lines of RESULTS.md before the methods' sections."""
    entries = {
        (method, stem): measured(method, found, steps=100 * i)
        for i, (method, found) in enumerate(values.items())
    }
    text = results.render_results(dict.fromkeys(THREE, ""), {}, entries)
    return text.split("\n## wgan")[0].splitlines()


def test_three_methods_on_one_stem_are_compared():
    lines = compared(
        "mnist-budget",
        {
            "ali": {"label_agreement": 0.5, "nll": 3.0, "label_agreement_level_2": 0.4},
            "vae": {"one_nn_accuracy": 0.9, "label_agreement": 0.25},
            "wgan": {"nll": 2.0},
        },
    )
    place = lines.index("## Comparisons")
    assert lines[place:] == [
        "## Comparisons",
        "",
        "### mnist-budget",
        "",
        "| method | one_nn_accuracy | label_agreement | steps | seconds a seed | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
        "| wgan | - | - | 200 | 60 | 1 |",
        "| ali | - | 0.5 | 0 | 60 | 1 |",
        "| vae | 0.9 | 0.25 | 100 | 60 | 1 |",
    ]


def test_mixtures_in_the_plane_are_compared_by_their_modes():
    found = {"reconstruction_ratio": 0.1, "modes_covered": 25.0}
    lines = compared("gaussian_grid", {m: {**found, "reconstruction_mse": 0.3} for m in THREE})
    columns = "modes_covered | reconstruction_mse"
    assert f"| method | {columns} | steps | seconds a seed | seeds |" in lines
    assert "| wgan | 25 | 0.3 | 0 | 60 | 1 |" in lines


def test_two_methods_make_no_comparison():
    assert "## Comparisons" not in compared("digits", {"ali": {"nll": 1.0}, "vae": {"nll": 2.0}})


def test_results_show_what_the_seeds_drew():
    runs = [a_run(0, draws={"beta": 0.1}), a_run(1, draws={"beta": 0.7})]
    text = results.render_results(METHODS, {}, {("vae", "digits"): an_entry(runs=runs)})
    assert "Drawn: seed 0: beta=0.1; seed 1: beta=0.7." in text


def test_splice_replaces_only_what_lies_between_the_marks():
    readme = "# Zoo\n<!-- methods:begin -->\nold\n<!-- methods:end -->\nrest\n"
    expected = "# Zoo\n<!-- methods:begin -->\n| a |\n<!-- methods:end -->\nrest\n"
    assert results.splice(readme, "| a |") == expected
    assert results.splice(expected, "| a |") == expected


def test_splice_refuses_a_readme_without_marks():
    with pytest.raises(ValueError, match="methods:begin"):
        results.splice("# Zoo\n", "| a |")
