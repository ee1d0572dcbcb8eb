"""From a run to an archive: reproducible, without its maker's paths, and only what was measured."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest

from tests import helpers
from tests.entries import an_entry
from tests.published import NAME, PRIVATE, a_result, evaluate
from zoo import pictures, pretrained
from zoo.ledger import Metric
from zoo.pretrained import archives
from zoo.publishing import publication


def members(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        return {name: found.read(name) for name in found.namelist()}


def test_the_same_run_gives_the_same_bytes(run_dir, published):
    entry, archive = published
    again, same = publication.publish(run_dir, NAME, a_result(), 0, evaluate)
    assert same == archive and again == entry
    assert entry.bytes == len(archive) and entry.sha256 == hashlib.sha256(archive).hexdigest()


def test_the_archive_is_a_run_without_code_or_paths(published):
    entry, archive = published
    found = members(archive)
    assert list(found) == list(archives.MEMBERS)
    assert not [name for name, content in found.items() if PRIVATE.encode() in content]
    assert b"--network=tiny_images" in found["flags.cfg"] and b"run_dir" not in found["flags.cfg"]
    assert json.loads(found["evaluation.json"])["metrics"]["nll"]["value"] == 1.0
    with np.load(io.BytesIO(found["weights.npz"])) as arrays:
        assert {str(arrays[n].dtype) for n in arrays.files} == {"int64", "uint8", "float32"}
        whole = sum(arrays[n].size for n in arrays.files if arrays[n].dtype != np.uint8)
        planes = sum(arrays[n].size for n in arrays.files if arrays[n].dtype == np.uint8)
        count = whole - 1 + planes // 2  # the step is no weight; a matrix has two planes
    assert entry.parameters == count
    assert entry.metric == ("nll", 1.0) and entry.result == "vae-digits" == entry.name
    assert entry.licence == "CC BY 4.0" and entry.method == "vae" and entry.url is None


def test_figures_have_six_digits():
    measured = {"n": 1_234_567, "value": 0.123456789, "std": None, "pairs": [["a", 1 / 3]]}
    expected = {"n": 1_234_567, "value": 0.123457, "std": None, "pairs": [["a", 0.333333]]}
    assert publication.rounded({"fid": measured}) == {"fid": expected}
    assert publication.rounded(1_234_567.8) == 1_234_570.0 and publication.rounded(True) is True


def test_the_tolerance_is_half_an_error_or_a_hundredth():
    assert publication.tolerance(Metric([1.0, 3.0], 9, "test", "", [0.2, 0.4]), 1) == 0.2
    assert publication.tolerance(Metric([-30.0], 9, "test", ""), 0) == 0.3
    assert publication.tolerance(Metric([1.0, 2.0], 9, "test", "", [0.2, None]), 1) == 0.02


@pytest.mark.parametrize("measured, passes", [(0.89, 0), (0.91, 1), (1.09, 1), (1.11, 0)])
def test_a_model_measures_what_its_result_says(measured, passes):
    metric = Metric([5.0, 1.0], 9, "test", "", [0.1, 0.2])
    if passes:
        publication.check("nll", metric, 1, measured)
        return
    with helpers.refused(ValueError, match=r"nll 1 \+- 0.1"):
        publication.check("nll", metric, 1, measured)


def test_a_value_that_is_none_is_refused():
    with helpers.refused(ValueError, match="nll"):
        publication.check("nll", Metric([1.0], 9, "test", ""), 0, float("nan"))


@pytest.mark.parametrize(
    "result, words",
    [
        (a_result(2.0), "measures nll 2"),
        (a_result(name="active_units"), "whose result has one of classification_error"),
    ],
)
def test_a_run_of_another_result_is_refused(run_dir, result, words):
    with helpers.refused(ValueError, match=words):
        publication.publish(run_dir, NAME, result, 0, evaluate)


def test_methods_from_outside_are_not_published(tmp_path):
    identity = {"method": "own:Loss", "hyper_parameters": {}, "data": "digits"}
    (tmp_path / "identity.json").write_text(json.dumps(identity))
    with helpers.refused(ValueError, match="a method of the zoo"):
        publication.publish(tmp_path, NAME, a_result(), 0, evaluate)


@pytest.mark.parametrize(
    "name, verbs, conditional, labels, text",
    [
        (
            "AAE",
            {"sample", "encode", "decode"},
            False,
            None,
            "Codes and samples of digits, by AAE.",
        ),
        ("Grey", {"sample", "log_prob"}, False, None, "Samples of digits, by Grey."),
        ("Number", {"log_prob"}, False, None, "A model of digits, by Number."),
        ("GAN", {"sample", "decode"}, False, None, "Samples of digits, by GAN."),
        ("CGAN", {"sample"}, True, None, "Samples of a class of digits, by CGAN."),
        ("Flow", {"log_prob"}, False, None, "Likelihood bounds of digits, by Flow."),
        ("VAT", {"classify"}, False, 50, "Classes of digits, by VAT; learned from 50 labels."),
        (
            "VAE",
            {"sample", "encode", "log_prob"},
            False,
            None,
            "Codes, samples and density bounds of digits, by VAE.",
        ),
    ],
)
def test_a_description_says_what_the_model_gives(name, verbs, conditional, labels, text):
    model = type(name, (), {"density": "lower_bound", "conditional": conditional})()
    model.capabilities = frozenset(verbs)
    result = an_entry(variant="anything", flags={"labels": labels})
    protocols = {"VAE": "p(x) a density of pixels in [0, 1]", "Flow": "of 17 grey levels"}
    measured = {"nll": {"protocol": protocols[name]}} if name in protocols else {}
    assert publication.description(model, result, measured) == text


def test_a_ratio_is_of_one_data_set_to_another():
    model = type("Ratio", (), {"density": None, "conditional": False})()
    model.capabilities = frozenset({"log_ratio"})
    result = an_entry(flags={"reference_dataset": "moons"})
    assert publication.description(model, result, {}) == "Log ratios of digits to moons, by Ratio."


def test_every_pretrained_file_comes_with_the_package(repository):
    import configparser

    found = configparser.ConfigParser()
    found.read(repository / "setup.cfg")
    patterns = found["options.package_data"]["zoo.pretrained"].split(",")
    folder = repository / "zoo" / "pretrained"
    packed = {path for pattern in patterns for path in folder.glob(pattern.strip())}
    visible = {p for p in folder.iterdir() if p.name[0] != "."}  # others are a killed publish.py's
    assert packed == {p for p in visible if p.is_file() and p.suffix != ".py"}
    known = [e for e in pretrained.read_registry(folder / "registry.json") if e.url is None]
    assert {path.name for path in packed} <= {entry.file for entry in known} | {"registry.json"}
    assert all(entry.archive(folder).is_file() for entry in known)


def test_the_picture_of_a_ratio_shows_examples_by_their_ratio():
    class Ratio:
        capabilities = frozenset({"log_ratio"})
        log_ratio = staticmethod(lambda x: -x[:, 0, 0, 0])

    examples = np.linspace(0.0, 1.0, 40, dtype=np.float32).reshape(40, 1, 1, 1)
    expected = pictures.image_grid(examples[::-1], columns=publication._COLUMNS)
    assert publication._picture(Ratio(), examples) == pictures.png(expected)
