"""What the page of models says of a model beside its verbs."""

import types

import numpy as np
import pytest
from demo_page import about, own_images

import zoo
from zoo import pictures


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(zoo.pretrained.CACHE_VARIABLE, str(tmp_path))


def test_of_a_pretrained_model_its_data_licences_card_and_examples_are_known(cache):
    model = types.SimpleNamespace(method="density_ratio", capabilities={"log_ratio"})
    known = about.of_choice("density_ratio-mnist", model)
    assert known.name == "density_ratio-mnist" and known.says.startswith("Log ratios of mnist")
    assert (known.data, known.reference) == ("mnist", "fashion_mnist")
    assert known.learned_from == (
        "Learned from mnist (LeCun, Cortes and Burges; licence: CC BY-SA 3.0), compared with "
        "fashion_mnist (Zalando; licence: MIT)."
    )
    # The head of the page says the rest, and a picture's address would be asked for.
    assert known.card.startswith("r(x) = p(x) / q(x)") and "## How good it is" in known.card
    assert "![" not in known.card and "license:" not in known.card
    examples = own_images.examples(known.examples, (28, 28, 1))
    assert examples.shape == (40, 28, 28, 1) and examples.max(axis=(1, 2, 3)).min() > 0.5
    model.capabilities = {"sample"}
    assert about.of_choice("density_ratio-mnist", model).examples is None


def test_of_an_export_its_card_says_the_data(tmp_path):
    version = tmp_path / "mine" / "3"
    version.mkdir(parents=True)
    model = types.SimpleNamespace(method="vae", capabilities={"sample"}, path=version)
    assert about.of_choice(str(tmp_path / "mine"), model).learned_from == "Data: not stated."
    lines = "# mine", "", "Words.", "", "| trained on | digits, of somebody; licence: one |", ""
    (version / "model_card.md").write_text("\n".join(lines))
    known = about.of_choice(str(tmp_path / "mine"), model)
    assert known.name == "mine" and known.data == "digits" and known.card.startswith("Words.")
    assert "CC BY 4.0" in known.learned_from and known.says == zoo.registry.summary("vae")


def test_of_a_run_its_flags_say_the_data(tmp_path):
    (tmp_path / "flags.cfg").write_text("--dataset=digits\n--reference_dataset=none\n")
    model = types.SimpleNamespace(method="tests.small:Bound", capabilities={"sample"})
    known = about.of_choice(str(tmp_path), model)
    assert (known.data, known.reference, known.card, known.says) == ("digits", None, "", "")


@pytest.mark.parametrize("shape", [(8, 8, 1), (4, 6, 3), (40, 30, 1)])
def test_examples_are_the_images_of_a_grid(shape, tmp_path):
    x = np.random.default_rng(0).integers(0, 255, (7, *shape)).astype(np.uint8)
    pictures.save_png(tmp_path / "grid.png", pictures.image_grid(x, columns=3))
    found = own_images.examples(tmp_path / "grid.png", shape)
    np.testing.assert_allclose(found * 255, x, atol=1e-4)
    assert own_images.examples(None, shape).shape == (0, *shape)
