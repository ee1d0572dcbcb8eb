"""tools/compare.py: runs side by side."""

import json
import os
import shutil
import subprocess
import sys

import common
import compare
import pytest

SETTINGS = {"split": "test", "limit": None, "seed": 0}


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


def entry(value, protocol="so", **more):
    return {"value": value, "n": 9, "split": "test", "protocol": protocol, **more}


def a_run(path, metrics, data="digits", settings=SETTINGS):
    """The directory of a run that has been measured."""
    path.mkdir(parents=True)
    (path / "flags.cfg").write_text("--method=vae\n--dataset=digits\n")
    identity = {"method": "vae", "hyper_parameters": {}, "data": data}
    (path / "identity.json").write_text(json.dumps(identity))
    evaluation = {"step": 7, "which": "newest", "metrics": metrics}
    if settings is not None:
        evaluation["settings"] = settings
    (path / "evaluation.json").write_text(json.dumps(evaluation))
    return str(path)


def compared(capsys, *arguments):
    """What is printed for a command line, lines of cells."""
    assert compare.main(["compare.py", *arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out.splitlines()


def test_the_best_of_each_metric_is_marked(tmp_path, capsys):
    one = a_run(
        tmp_path / "one",
        {"nll": entry(2.5, standard_error=0.125), "elbo": entry(-3.0), "active_units": entry(4.0)},
    )
    two = a_run(
        tmp_path / "two",
        {"active_units": entry(5.0), "modes_covered": entry(1.0), "nll": entry(2.25)}
        | {"elbo": entry(-3.5), "of_tomorrow": entry(1.0)},
    )
    title, header, step, *rows = compared(capsys, one, two)
    assert title.startswith("digits; measured on test ")
    assert header.split() == ["metric", "better", "one", "two"] and step.split() == [
        "step",
        "7",
        "7",
    ]
    assert [" ".join(row.split()) for row in rows[:5]] == [
        "modes_covered higher - 1",
        "elbo higher -3 * -3.5",
        "nll lower 2.5 +- 0.12 2.25 *",
        "active_units 4 5",
        "of_tomorrow - 1",
    ]
    names = ("modes_covered", "elbo", "nll", "active_units", "of_tomorrow")
    assert rows[5:] == ["", *(f"{name}: so" for name in names)]


def test_equals_are_all_best_and_one_run_is_not(tmp_path, capsys):
    paths = [a_run(tmp_path / name, {"nll": entry(2.0)}) for name in ("one", "two")]
    assert compared(capsys, *paths)[3].split() == ["nll", "lower", "2", "*", "2", "*"]
    assert compared(capsys, paths[0])[3].split() == ["nll", "lower", "2"]


@pytest.mark.parametrize(
    "other, words",
    [
        ({"data": "digits, binarise=threshold"}, "digits, binarise=threshold; measured on test"),
        ({"settings": SETTINGS | {"split": "train"}}, "digits; measured on train"),
        ({"settings": SETTINGS | {"limit": 5}}, "digits; measured on test; limit 5"),
        ({"settings": None}, "digits; settings not recorded"),
    ],
)
def test_what_was_measured_otherwise_stands_apart(tmp_path, capsys, other, words):
    paths = [a_run(tmp_path / name, {"nll": entry(2.0)}) for name in ("one", "two")]
    paths.append(a_run(tmp_path / "three", {"nll": entry(1.0)}, **other))
    said, _, *lines = compared(capsys, *paths)
    assert said.startswith("2 tables: ")
    assert lines[1].split() == ["metric", "better", "one", "two"]
    assert lines[3].split() == ["nll", "lower", "2", "*", "2", "*"]
    assert lines[7].startswith(f"{words} (")
    assert lines[8].split() == ["metric", "better", "three"]
    assert lines[10].split() == ["nll", "lower", "1"]


def test_labels_that_a_run_learned_from_are_no_other_data(tmp_path, capsys):
    one = a_run(tmp_path / "one", {"nll": entry(2.0)})
    two = a_run(tmp_path / "two", {"nll": entry(1.0)}, data="digits, labels=50, label_seed=0")
    assert compared(capsys, one, two)[1].split() == ["metric", "better", "one", "two"]


def test_protocols_that_differ_are_told_apart(tmp_path, capsys):
    one = a_run(tmp_path / "one", {"nll": entry(2.0), "elbo": entry(1.0)})
    two = a_run(tmp_path / "two", {"nll": entry(1.0, "thus"), "elbo": entry(1.0)})
    assert compared(capsys, one, two)[-3:] == ["elbo: so", "nll, one: so", "nll, two: thus"]


def test_runs_of_one_name_are_told_by_their_paths(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    paths = [a_run(tmp_path / name / "run", {"nll": entry(2.0)}) for name in "ab"]
    assert compared(capsys, *paths)[1].split() == ["metric", "better", *paths]


def test_what_the_terminal_has_no_room_for_follows_below(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    paths = [a_run(tmp_path / f"run-{i}", {"nll": entry(float(i))}) for i in range(3)]
    lines = compared(capsys, *paths)
    assert lines[1].split() == ["metric", "better", "run-0", "run-1"]
    assert lines[5].split() == ["metric", "better", "run-2"]
    assert lines[3].split() == ["nll", "lower", "0", "*", "1"]


def test_rows_are_picked(tmp_path, capsys):
    one = a_run(tmp_path / "one", {"nll": entry(2.0), "elbo": entry(1.0)})
    lines = compared(capsys, "--metrics", "elbo", one)
    assert [line.split()[0] for line in lines[3:] if line] == ["elbo", "elbo:"]


def test_no_runs_and_no_run_are_refused(tmp_path, capsys):
    one = a_run(tmp_path / "one", {})
    for arguments, part in (([], "`run`"), ([one, str(tmp_path / "onne")], "Did you mean")):
        assert compare.main(["compare.py", *arguments]) == 2
        said = capsys.readouterr()
        assert part in said.err and said.err.count("\n") == 1 and said.out == ""


@pytest.mark.parametrize("name", ["flags.cfg", "identity.json"])
def test_a_pipe_in_a_run_is_not_waited_for(tmp_path, capsys, name):
    one = a_run(tmp_path / "one", {"nll": entry(2.0)})
    (tmp_path / "one" / name).unlink()
    os.mkfifo(tmp_path / "one" / name)
    assert compare.main(["compare.py", one]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "one" in said and "Did you mean" not in said


def test_runs_are_measured_first_and_once(trained, tmp_path, capsys):
    paths = [tmp_path / name for name in ("one", "two")]
    for path in paths:
        shutil.copytree(trained, path, ignore=shutil.ignore_patterns("evaluation.json"))
    flags = ("--limit=20", "--metrics=reconstruction_mse,svm_error", "--svm_repeats=2")
    title, header, _, mse, *_ = compared(capsys, *map(str, paths), "--allow=tests.small", *flags)
    assert title.startswith("digits; measured on test; limit 20; svm_repeats 2 (")
    assert header.split() == ["metric", "better", "one", "two"]
    assert mse.count(compare.BEST) == 2  # the same weights
    before = [(path / "evaluation.json").stat().st_mtime_ns for path in paths]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import compare\n"
        "assert compare.main(['compare.py', *sys.argv[2:]]) == 0\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, common.ROOT / "tools", *paths], check=True)
    assert [(path / "evaluation.json").stat().st_mtime_ns for path in paths] == before


def test_help_is_light(run_tool):
    done = run_tool("compare.py", "--help")
    assert done.returncode == 0 and "--evaluate" in done.stdout and done.stderr == ""


def test_a_metric_that_no_run_has_is_refused(tmp_path, capsys):
    one = a_run(tmp_path / "one", {"nll": entry(2.5), "elbo": entry(-3.0)})
    assert compare.main(["compare.py", "--metrics=nl", one]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert "Invalid `metrics`: expected one of elbo, nll." in captured.err
    assert "Did you mean 'nll'?" in captured.err
