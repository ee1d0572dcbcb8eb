"""RESULTS.md, the gallery and the strip, from entries made by hand."""

import dataclasses
import json

import numpy as np
from pages import comparisons, gallery, marks, sources, strip

from tests.entries import a_run, an_entry
from tests.sources import made, measured
from zoo.pretrained import archives

# --- RESULTS.md -------------------------------------------------------------------------------


def lines_of(entries, **more):
    return comparisons.render(made(entries, **more)).splitlines()


def test_methods_on_one_stem_are_compared_by_what_two_of_them_have():
    lines = lines_of(
        {
            ("wgan", "mnist"): measured({"nll": 2.0}, flags={"steps": 200}),
            ("ali", "mnist"): measured({"label_agreement": 0.5, "nll": 3.0, "elbo": 1.0}),
            ("vae", "mnist"): measured({"one_nn_accuracy": 0.9, "label_agreement": 0.25}),
            ("gan", "mnist"): measured({"elbo": 1.0}),
        }
    )
    place = lines.index("## mnist")
    assert lines[place + 2 : place + 9] == [
        "All rows: n 9 (test).",
        "",
        "| method | nll ↓ | label_agreement ↑ | steps | seconds a seed | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
        "| [wgan](results/wgan.md#wgan-mnist) | 2 |  | 200 | 60 | 1 |",
        "| [ali](results/ali.md#ali-mnist) | 3 | 0.50 ± 0.17 | 10 | 60 | 1 |",  # 0.5 / sqrt(9)
        "| [vae](results/vae.md#vae-mnist) |  | 0.25 ± 0.14 | 10 | 60 | 1 |",
    ]


def test_what_a_comparison_is_about_comes_first_and_what_few_have_comes_last():
    few = {"reconstruction_ratio": 0.1, "one_nn_accuracy": 0.5, "classification_error": 0.5}
    columns, _ = comparisons.columns_of([(m, "d", measured(few)) for m in "ab"])
    assert columns == ["classification_error", "one_nn_accuracy", "reconstruction_ratio"]
    rows = [(m, "d", measured({"one_nn_accuracy": 0.5})) for m in "abc"]
    rows += [(m, "d", measured({"nll": 1.0, "one_nn_accuracy": 0.5})) for m in "de"]
    assert comparisons.columns_of(rows)[0] == ["one_nn_accuracy", "nll"]


def test_a_wide_comparison_is_a_table_a_group():
    few = ["fid", "kid", "inception_score", "precision", "recall", "svm_error", "nll"]
    wide = [*few, "coverage", "one_nn_accuracy"]
    flags = {"steps": 10, "network": "auto", "discriminator_steps": 5}
    games = {"a": flags, "b": {**flags, "steps": 20, "network": "mlp", "pretrain_steps": 1}}
    of = lambda names: {
        (m, "d"): measured(dict.fromkeys(names, 0.5), flags=flags) for m, flags in games.items()
    }
    narrow, lines = lines_of(of(few)), lines_of(of(wide))
    assert not [line for line in narrow if line.startswith("###")]
    assert [line for line in lines if line.startswith("###")] == [
        "### d: samples",
        "### d: codes",
        "### d: likelihood",
        "### d: training",
    ]
    place = lines.index("### d: training")
    assert lines[place + 2 : place + 6] == [
        "| method | network | steps | updates | seconds a seed | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
        "| [a](results/a.md#a-d) | auto | 10 | 60 | 60 | 1 |",  # 10 (5 + 1)
        "| [b](results/b.md#b-d) | mlp | 20 |  | 60 | 1 |",
    ]
    assert any(line.startswith("A step is one move of every player") for line in lines)


def test_every_compared_metric_has_a_group():
    members = [name for group in comparisons.GROUPS.values() for name in group]
    assert len(members) == len(set(members)) and set(members) == set(comparisons.COMPARED)


def test_what_real_data_reach_is_a_row_where_all_agree():
    entries = {}
    for method, floor in (("a", 0.5), ("b", 0.5)):
        found = {"value": 4.0, "n": 9, "split": "samples", "protocol": "by hand", "floor": floor}
        entries[method, "d"] = an_entry(runs=[a_run(0, evaluation={"fid": found})])
    lines = lines_of(entries)
    assert "| [a](results/a.md#a-d) | 4 | 60 | 1 |" in lines
    assert "| *real data* | 0.5 |  |  |" in lines
    other = dataclasses.replace(entries["b", "d"].metrics["fid"], floors=[0.75])
    entries["b", "d"].metrics["fid"] = other
    lines = lines_of(entries)
    assert "| [a](results/a.md#a-d) | 4 (real data 0.5) | 60 | 1 |" in lines
    assert not [line for line in lines if line.startswith("| *real data*")]


def test_settings_that_all_share_stand_above():
    flags = {"steps": 10, "labels": 50, "binarise": None}
    lines = lines_of({(m, "d"): measured({"nll": 1.0}, flags=flags) for m in ("a", "b")})
    assert "All rows: labels 50, steps 10, n 9 (test)." in lines
    assert "| method | nll ↓ | seconds a seed | seeds |" in lines


def test_a_variant_of_one_method_joins_the_comparison_of_its_data():
    entries = {(m, "mnist"): measured({"nll": 1.0}) for m in ("a", "b")}
    entries |= {(m, "mnist-budget"): measured({"nll": 1.0}) for m in ("a", "b")}
    entries["a", "mnist-2d"] = measured({"nll": 2.0})
    entries["a", "mnist-budget_long"] = measured({"nll": 2.0})
    entries["a", "mnistlike"] = measured({"nll": 2.0})
    tables = comparisons.compare(made(entries))
    assert {stem: len(rows) for stem, rows in tables.items()} == {"mnist": 3, "mnist-budget": 3}
    lines = lines_of(entries)
    assert any(line.startswith("| [a, 2d](results/a.md#a-mnist-2d) | 2 |") for line in lines)
    assert any(line.startswith("| [a, long](results/a.md#a-mnist-budget_long)") for line in lines)


def test_one_method_makes_no_comparison():
    lines = lines_of({("ali", "digits"): measured({"nll": 1.0})})
    assert "## digits" not in lines
    index = "| [ali](results/ali.md) | [Kingma 2013](https://arxiv.org/abs/1312.6114) | [digits]("
    assert any(line.startswith(index) for line in lines)


def test_densities_of_pixels_are_told_from_masses():
    flags = {"steps": 10, "decoder_output": "normal"}
    lines = lines_of(
        {
            ("vae", "digits"): measured({"nll": -39.0, "one_nn_accuracy": 0.5}, flags=flags),
            ("pixel_cnn", "digits"): measured({"nll": 157.0}),
            ("a", "gaussian_grid"): measured({"nll": 1.0}, flags=flags, dataset="gaussian_grid"),
            ("b", "gaussian_grid"): measured({"nll": 1.0}, flags=flags, dataset="gaussian_grid"),
        }
    )
    text = "\n".join(lines)
    assert "| -39 *density* |" in text and "| 157 |" in text and "| 1 |" in text
    assert text.count("*density*: of a normal p(x|z)") == 1


def test_independent_pixels_stand_below_the_likelihoods():
    figures = {"nll": 82.0, "nll_independent_pixels": 107.4, "one_nn_accuracy": 0.5}
    entries = {
        ("pixel_cnn", "digits"): measured({"nll": 90.0}),
        ("vlae", "digits"): measured(figures),
    }
    lines = lines_of(entries)
    assert "| *independent pixels* | 107.4 |  |  |" in lines
    entries["vlae", "digits"] = measured({"nll": 82.0})
    assert not any("independent" in line for line in lines_of(entries))


def test_on_what_settings_were_chosen_is_read_in_the_header_and_marked():
    text = "# Paper.\n# Chosen: on the test split,\n# by one seed.\n# Network: auto.\n\n--a=1\n"
    assert sources.paragraph("Chosen", text) == "on the test split, by one seed."
    assert sources.paragraph("Network", text) == "auto."
    assert sources.paragraph("Reason", text) == ""
    assert sources.Config("", "", {}, "on the test split, by one seed.").optimistic
    assert not sources.Config("", "", {}, "on validation examples.").optimistic


def test_rows_that_miss_something_are_marked_and_the_mark_is_explained():
    entries = {(m, "mnist"): measured({"nll": 1.0}) for m in ("a", "b")}
    found = made(entries)
    assert "‡" not in comparisons.render(found)
    found.configs["b", "mnist"] = sources.Config("b.cfg", "", {}, reason="why")
    lines = comparisons.render(found).splitlines()
    assert [line[:30] for line in lines if "‡" in line] == [
        "| [b](results/b.md#b-mnist) ‡ ",
        marks.LEGENDS[marks.MISSES][:30],
    ]


def test_what_was_not_run_is_listed_with_the_papers_number():
    figure = {"nll": {"value": 79.03, "source": "table 1", "status": "recalled"}}
    lines = lines_of({("vae", "digits"): an_entry()}, paper=figure, vae="mnist")
    assert lines[-1] == "- vae: [mnist](configs/vae/mnist.cfg) [nll *79.03 (recalled)*]"


# --- the gallery ------------------------------------------------------------------------------


def test_the_gallery_tells_densities_and_has_one_measure_of_all_that_sample(repository):
    text = gallery.pages(repository)[repository / gallery.PAGE].decode()
    rows = {line.split(" | ")[1]: line for line in text.splitlines() if line.startswith("| ![")}
    models = gallery.newest(repository)
    assert len(rows) == len(models)
    for entry in models:
        path = entry.archive(repository / "zoo" / "pretrained")
        measured = json.loads(archives.read(path, "evaluation.json"))["metrics"]
        *_, judged, fid, _ = rows[f"[{entry.name}](pretrained/{entry.name}.md)"].split(" | ")
        assert bool(fid) == ("fid" in measured), entry.name
        density = "a density of pixels" in measured[entry.metric[0]]["protocol"]
        assert judged.startswith(entry.metric[0]) and judged.endswith(" (density)") == density


# --- the strip --------------------------------------------------------------------------------


def test_the_strip_is_of_the_ledgers_pictures_and_small(repository, tmp_path):
    picture = strip.compose(repository / "results")
    assert picture.shape[0] < picture.shape[1] <= 800
    strip.write(tmp_path / strip.NAME, picture)
    assert (tmp_path / strip.NAME).stat().st_size <= 200_000
    assert not strip.outdated(tmp_path / strip.NAME, picture)
    assert strip.outdated(tmp_path / strip.NAME, picture[::-1])


def test_without_its_pictures_there_is_no_strip(tmp_path):
    assert strip.compose(tmp_path) is None
    assert strip.outdated(tmp_path / strip.NAME, np.zeros((2, 2, 3), np.uint8))
