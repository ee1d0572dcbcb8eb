"""What an export leaves in its directory, whole or interrupted."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers
from tests.serving.toys import make


def test_versions_stand_side_by_side(tmp_path):
    model, target = make("no_encoder"), tmp_path / "model"
    assert zoo.export(model, target).name == "1"
    assert zoo.export(model, target).name == "2"
    assert zoo.export(model, target, version=10).name == "10"
    assert zoo.load(target).path.name == "10"
    assert zoo.load(target / "2").path.name == "2"
    assert sorted(os.listdir(target)) == ["1", "10", "2"]
    with pytest.raises(ValueError, match=r"Received: version=2\."):
        zoo.export(model, target, version=2)
    for version, error in ((0, ValueError), (-1, ValueError), ("3", TypeError), (True, TypeError)):
        with pytest.raises(error, match="version"):
            zoo.export(model, target, version=version)


def test_a_folder_of_models_is_not_that_of_one(tmp_path):
    model = make("no_encoder")
    (tmp_path / "data" / "2024").mkdir(parents=True)  # holds no export
    zoo.export(model, tmp_path / "mine")
    for version in (None, 3):
        with helpers.refused(ValueError, match="`export_dir`.*one model.*It holds models: mine"):
            zoo.export(model, tmp_path, version)
    assert sorted(os.listdir(tmp_path)) == ["data", "mine"]


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError, match="export_dir"):
            zoo.export(make("no_encoder"), target)


@pytest.mark.parametrize(
    "wrong, kind",
    [
        ({"model": "vae"}, TypeError),
        ({"model": None}, TypeError),
        ({"model": zoo.model.GenerativeModel}, TypeError),
        ({"export_dir": ""}, ValueError),
        ({"export_dir": "a\0b"}, ValueError),
        ({"export_dir": 5}, TypeError),
        ({"export_dir": b"m"}, TypeError),
        ({"export_dir": None}, TypeError),
        ({"data": 5}, TypeError),
        ({"data": ["digits"]}, TypeError),
        ({"metrics": 5}, TypeError),
        ({"metrics": "nll"}, TypeError),
        ({"metrics": {1: 2.0}}, TypeError),
        ({"batch_sizes": 5}, TypeError),
        ({"batch_sizes": None}, TypeError),
        ({"quantise": "bfloat"}, ValueError),
        ({"quantise": np.array(["none", "bfloat16"])}, ValueError),
        ({"tflite": "no"}, TypeError),
        ({"tflite": 1}, TypeError),
        ({"tflite": None}, TypeError),
    ],
)
def test_other_arguments_are_refused_before_anything_is_written(in_tmp_path, wrong, kind):
    given = {"model": make("no_encoder"), "export_dir": "m"} | wrong
    (argument,) = wrong
    with helpers.refused(kind, match=f"Invalid `{argument}`: expected"):
        zoo.export(**given)
    assert os.listdir(in_tmp_path) == []


def test_an_export_is_not_exported_again(tmp_path):
    served = zoo.load(zoo.export(make("no_encoder"), tmp_path / "m"))
    with helpers.refused(TypeError, match="`model`: expected a model of zoo.create or zoo.restore"):
        zoo.export(served, tmp_path / "n")
    assert os.listdir(tmp_path) == ["m"]


def test_a_file_by_the_name_of_a_version_is_refused(tmp_path):
    (tmp_path / "1").write_text("mine")
    for version in (None, 1):
        with pytest.raises(ValueError, match="export_dir" if version is None else "version"):
            zoo.export(make("no_encoder"), tmp_path, version=version)
    assert os.listdir(tmp_path) == ["1"] and (tmp_path / "1").read_text() == "mine"


@pytest.mark.parametrize("place", ["zoo.serving.manifest.write", "os.rename"])
def test_a_failure_leaves_no_version(tmp_path, monkeypatch, place):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place, fail)
    with pytest.raises(OSError, match="No space"):
        zoo.export(make("no_encoder"), tmp_path / "model")
    assert os.listdir(tmp_path / "model") == []


def test_a_killed_export_leaves_no_version(tmp_path):
    program = (
        "import os, signal, sys, zoo, zoo.serving.manifest as manifest\n"
        "from tests import small\n"
        "manifest.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "zoo.export(small.InTurn(image_shape=(2,), latent_dim=2), sys.argv[1])"
    )
    target = tmp_path / "model"
    command = [sys.executable, "-c", program, str(target)]
    done = subprocess.run(command, cwd=helpers.ROOT, timeout=600)
    assert done.returncode == -9
    (left,) = os.listdir(target)  # half an export, under a name that no loader takes for a version
    assert left.startswith(".")
    with pytest.raises(FileNotFoundError, match="versions"):
        zoo.load(target)
    assert zoo.export(make("no_encoder"), target).name == "1"


def test_nothing_of_training_is_exported(tmp_path):
    model = make("no_encoder")
    model.compile()
    path = zoo.export(model, tmp_path / "model")
    names = [name for name, _ in tf.train.list_variables(str(path / "variables" / "variables"))]
    saved = [name for name in names if "VARIABLE_VALUE" in name]
    assert len(saved) == len(model.decoder.variables)
    content = (path / "saved_model.pb").read_bytes()
    assert b"Adam" not in content and b"adam" not in content
    assert os.path.dirname(zoo.__file__).encode() not in content  # nor where it was made
    assert b"_XlaMustCompile\x12\x02(\x01" not in content


def test_card_and_manifest_describe_the_export(tmp_path):
    model = make("bernoulli")
    metrics = {"elbo": {"value": -91.25, "n": 10000, "split": "test"}}
    path = zoo.export(model, tmp_path / "digits", data="digits", metrics=metrics)
    card = (path / "model_card.md").read_text()
    for words in (
        "# digits",
        "A toy of the tests.",
        "| elbo | -91.25 | split test, n 10000 |",
        "| `sample` | `seed` int64 [n] | `x` float32 [n, 8, 8, 1] |",
    ):
        assert words in card
    facts = json.loads((path / "zoo_manifest.json").read_text())
    signature = facts["signatures"]["encode"]
    assert signature["inputs"]["seed"] == {"dtype": "int64", "shape": [None]}
    assert signature["outputs"]["loc"] == {"dtype": "float32", "shape": [None, 3]}
    assert facts["distributions"]["decode"]["family"] == "bernoulli"
    twin = zoo.create(facts["method"], **facts["hyper_parameters"])
    assert twin.hyper_parameters == model.hyper_parameters
