"""A registry of one pretrained model, made of a run that was never trained."""

import dataclasses
import json
import types

import pytest

from tests.conformance import cases
from tests.entries import a_run, an_entry
from zoo import pretrained
from zoo.differences import as_json
from zoo.training import checkpoints, run

NAME = "vae-digits"
MEASURED = {"value": 1.0, "n": 9, "split": "test", "protocol": "by hand"}
PRIVATE = "/somewhere/of/mine"


def evaluate(model):
    return {"step": int(model.step), "settings": None, "metrics": {"nll": dict(MEASURED)}}


def a_result(value=1.0, name="nll", **changes):
    measured = {name: {**MEASURED, "value": value, "seed": 0}}
    return an_entry(runs=[a_run(0, evaluation=measured)], **changes)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """The directory of a run whose weights are noise, its checkpoint at step 5."""
    folder = tmp_path_factory.mktemp("runs") / "vae-digits-seed0"
    model = cases.make("vae")
    model.compile()
    model.step.assign(5)
    identity = as_json(run.describe(model, "digits", 8, 0))
    checkpoints.save(model, folder / "checkpoints", 5, identity=identity)
    (folder / run.IDENTITY).write_text(json.dumps(identity))
    lines = "--method=vae\n--dataset=digits\n--batch_size=8\n--seed=0\n"
    lines += f"--run_dir={PRIVATE}/run\n--data_dir={PRIVATE}/data\n--init_from=none\n"
    (folder / run.FLAGS).write_text(lines + "--latent_dim=3\n--network=tiny_images\n")
    return folder


@pytest.fixture(scope="module")
def published(run_dir):
    """(entry, archive) of that run."""
    from zoo.publishing import publication

    return publication.publish(run_dir, NAME, a_result(), 0, evaluate)


@pytest.fixture
def shelf(published, tmp_path, monkeypatch):
    """The registry, its folder and the cache in a folder of the test's own."""
    entry, archive = published
    folder, cache = tmp_path / "package", tmp_path / "cache"
    folder.mkdir()
    (folder / entry.file).write_bytes(archive)
    path = folder / "registry.json"
    path.write_text(json.dumps([dataclasses.asdict(entry)]))
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    monkeypatch.setattr(pretrained, "REGISTRY", path)
    monkeypatch.setenv("ZOO_CACHE", str(cache))
    monkeypatch.delenv(pretrained.URL_VARIABLE, raising=False)
    return types.SimpleNamespace(folder=folder, cache=cache, entry=entry, archive=archive)
