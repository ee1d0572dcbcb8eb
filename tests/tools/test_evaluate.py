"""tools/evaluate.py: what it prints and keeps."""

import inspect

import common
import evaluate
import numpy as np
import pytest
import train

from zoo import files
from zoo.metrics import names

ALLOW = "--allow=tests.small"  # the module of the method that `trained` is of
FEW = ("--limit=50", "--svm_repeats=2", "--iwae_samples=2")


def test_evaluation_is_printed_and_kept(trained, run_tool):
    done = run_tool("evaluate.py", f"--run_dir={trained}", ALLOW, *FEW, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    numbers, legend, protocols = done.stdout.split("\n\n")
    header, *rows = numbers.splitlines()
    assert header.split() == ["metric", "value", "+-", "std", "floor", "n", "split"]
    evaluation = files.read_json(trained / "evaluation.json")
    assert evaluation["step"] == 4
    assert evaluation["settings"] == {
        "split": "test",
        "limit": 50,
        "iwae_samples": 2,
        "svm_features": "codes",
        "svm_repeats": 2,
        "ais_chains": 8,
        "ais_steps": 500,
        "inception_weights": None,
        "seed": 0,
    }
    assert [row.split()[0] for row in rows] == list(evaluation["metrics"])
    found = evaluation["metrics"]["reconstruction_mse"]
    assert found["n"] == 50 and found["split"] == "test" and found["protocol"]
    assert 0 < found["value"] < 1 and 0 < found["standard_error"] < found["value"]
    (row,) = (row.split() for row in rows if row.startswith("reconstruction_mse"))
    assert float(row[1]) == pytest.approx(found["value"], rel=1e-5)
    assert float(row[2]) == pytest.approx(found["standard_error"], rel=0.05)
    assert row[3:] == ["-", "-", "50", "test"]
    assert "standard error" in legend
    assert f"reconstruction_mse: {found['protocol']}" in protocols.replace("\n      ", " ")
    assert max(map(len, protocols.splitlines())) <= 80


def test_a_gan_of_images_gets_numbers_beside_their_floors(in_tmp_path, capsys):
    arguments = ["--method=tests.small:InTurn", "--dataset=digits", "--steps=1", "--run_dir=run"]
    assert common.main(train.run, train.FLAGS, ["train.py", *arguments, "--sample_every=0"]) == 0
    capsys.readouterr()
    assert common.main(evaluate.run, evaluate.FLAGS, ["evaluate.py", "--run_dir=run"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "floor the value of real data" in out
    found = files.read_json(in_tmp_path / "run" / "evaluation.json")["metrics"]
    assert list(found) == [
        "fid", "kid", "inception_score", "precision", "recall", "density", "coverage",
        "classes_covered", "classes_covered_five", "class_kl", "diversity", "sliced_wasserstein",
        "mmd", "copied_share", "train_distance_ratio", "birthday_support",
    ]  # fmt: skip
    assert all(m["n"] == 750 and m["split"] == "samples" and "floor" in m for m in found.values())
    # One step teaches nothing: far from the data, where other data are near.
    floor = {name: measure["floor"] for name, measure in found.items()}
    value = {name: measure["value"] for name, measure in found.items()}
    assert floor["fid"] < 0.1 * value["fid"] and floor["kid"] < 0.1 * value["kid"]
    assert value["coverage"] < 0.5 < floor["coverage"] and value["precision"] < floor["precision"]
    assert value["inception_score"] < floor["inception_score"] <= 10.0
    assert "the last hidden layer of the zoo's classifier, test err" in found["fid"]["protocol"]


def test_metrics_of_unlabelled_images_are_left_out_in_one_line(in_tmp_path, capsys):
    x = np.random.default_rng(0).uniform(size=(60, 6, 6)).astype(np.float32)
    np.savez("grey.npz", x=x)
    arguments = ["--method=tests.small:InTurn", "--dataset=npz:grey.npz", "--batch_size=8"]
    arguments += ["--steps=1", "--run_dir=run", "--sample_every=0"]
    assert common.main(train.run, train.FLAGS, ["train.py", *arguments]) == 0
    capsys.readouterr()
    assert common.main(evaluate.run, evaluate.FLAGS, ["evaluate.py", "--run_dir=run"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Left out: fid, kid, inception_score, precision, recall, density, cov")
    assert "data with class labels" in line and "--inception_weights=PATH" in line
    found = files.read_json(in_tmp_path / "run" / "evaluation.json")["metrics"]
    assert {"diversity", "sliced_wasserstein", "copied_share", "birthday_support"} <= set(found)


def test_a_table_of_numbers():
    measured = {
        "nll": {"value": 1.5, "standard_error": 0.123, "n": 9, "split": "test", "protocol": "so"},
        "active_units": {"value": 12.0, "n": 10, "split": "test", "protocol": "thus"},
    }
    assert evaluate.table(measured, seed=3).splitlines() == [
        "metric        value  +-    n   split",
        "nll           1.5    0.12  9   test",
        "active_units  12     -     10  test",
        "",
        "+- is the standard error over the n examples, 1 / (n + 1) for a share of 0 or 1, "
        "Wilson's bound, seed 3 of samples and draws.",
        "",
        "nll: so",
        "active_units: thus",
    ]
    measured["svm_error"] = measured["nll"] | {"std": 0.25}
    assert evaluate.table(measured).splitlines()[3].split() == [
        "svm_error", "1.5", "0.12", "0.25", "9", "test",
    ]  # fmt: skip


def test_the_last_metric_is_shown_while_it_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(evaluate.sys.stderr, "isatty", lambda: True, raising=False)
    evaluate.progress("nll", 1, 2)
    assert capsys.readouterr().err.endswith("2/2 nll")


def test_help_names_every_metric_without_tensorflow(run_tool):
    done = run_tool("evaluate.py", "--help", COLUMNS="90")
    assert done.returncode == 0, done.stderr
    for name, found in names.described().items():
        assert f"\n  {name}{f', {found.better} is better' if found.better else ''}" in done.stdout
    assert done.stderr == ""


def test_flags_have_the_defaults_of_the_library():
    from zoo import metrics

    signature = inspect.signature(metrics.evaluate).parameters
    for item in evaluate.SETTINGS:
        assert signature[item.name].default == item.default, item.name
