"""The models that come with the package are those that the registry says, and as good."""

import pytest

import zoo
from tests.helpers import ROOT
from zoo import ledger, pretrained
from zoo.metrics import names
from zoo.pretrained import archives
from zoo.publishing import publication

ENTRIES = pretrained.read_registry(ROOT / "zoo" / "pretrained" / "registry.json")
PACKAGED = [entry for entry in ENTRIES if entry.url is None]
IDS = [f"{entry.name}-{entry.version}" for entry in PACKAGED]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache that is empty at first."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("ZOO_CACHE", str(folder))
        yield folder


MOST = {"digits": 600_000, "mnist": 3_000_000}  # bytes of a model in the package, by its data


def test_all_is_within_28_megabytes_and_no_model_is_large():
    assert PACKAGED and sum(entry.bytes for entry in PACKAGED) < 28e6
    for entry in PACKAGED:
        assert 10_000 < entry.bytes <= MOST[entry.data], entry.name


@pytest.mark.parametrize("entry", PACKAGED, ids=IDS)
def test_an_archive_is_the_registered_one_and_its_result_is_in_the_ledger(entry, cache):
    folder = pretrained.fetch(entry.name, entry.version)  # compares size and sum
    evaluation = ledger.read_evaluation(folder / "evaluation.json")
    metric, value = entry.metric
    assert evaluation["metrics"][metric]["value"] == value
    result = ledger.read(ROOT / "results" / f"{entry.result}.json")
    assert (result.method, result.dataset) == (entry.method, entry.data)
    assert metric == names.headline(result.metrics)
    publication.check(metric, result.metrics[metric], 0, value)
    card = (folder / "README.md").read_text()
    assert f"\n# {entry.name}\n" in card and f'zoo.load("{entry.name}")' in card
    assert f"{entry.parameters:,}" in card
    assert (folder / "samples.png").read_bytes().startswith(b"\x89PNG")
    assert set(archives.MEMBERS) == {path.name for path in folder.iterdir()}


def test_one_of_them_samples(cache):
    verbs = lambda entry: zoo.registry.paragraph(entry.method, "Capabilities")
    sampling = [entry for entry in PACKAGED if verbs(entry).startswith("sample")]
    smallest = min(sampling, key=lambda entry: entry.bytes)
    model = zoo.restore(smallest.name, version=smallest.version)
    x = model.sample(2, seed=0, y=[0, 1] if model.conditional else None)
    assert x.shape == (2, *model.image_shape)


@pytest.mark.every
@pytest.mark.parametrize("entry", PACKAGED, ids=IDS)
def test_each_loads_and_measures_its_headline_again(entry, cache):
    served = zoo.load(entry.name, version=entry.version)
    if "sample" in served.capabilities:
        y = [0] * 4 if served.conditional else None
        assert served.sample(4, seed=0, y=y).shape == (4, *served.image_shape)
    metric, value = entry.metric
    result = ledger.read(ROOT / "results" / f"{entry.result}.json")
    flags = result.flags
    options = {"binarise": flags.get("binarise"), "reference": flags.get("reference_dataset")}
    data = zoo.data.load(entry.data, **options)
    model = zoo.restore(entry.name, version=entry.version)
    found = zoo.metrics.evaluate(model, data, metrics=[metric])[metric]["value"]
    publication.check(metric, result.metrics[metric], 0, found)
    assert found == pytest.approx(value, rel=1e-3)  # other threads add in another order
