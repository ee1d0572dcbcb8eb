"""The page of models forgets no verb: every one that a model has is shown in some tab."""

import json
import zipfile

import numpy as np
import pytest
from demo_page import abilities, ability, classes, codes, controls
from demo_page.about import About

import zoo
from tests.conformance import cases
from tests.tools.test_demo import SHAPE, SIZE, Point, Transparent, assert_pixels, cells, shown
from zoo import pictures, pretrained

VERBS = "sample decode encode reconstruct inpaint log_prob classify read log_ratio".split()


class Talkative(Transparent):
    """Has every verb, and notes which ones were `asked`."""

    def __init__(self, *verbs, **changes):
        super().__init__(*verbs, **changes)
        self.asked = set()

    def __getattribute__(self, name):
        if name in VERBS:
            self.asked.add(name)
        return super().__getattribute__(name)

    def inpaint(self, x, known, y=None, steps=20, seed=None):
        return self.reconstruct(x)

    def read(self, x, y=None):
        return Point(self.reading)

    def log_ratio(self, x):
        return np.reshape(x, (len(x), -1)).mean(axis=1) * 10 - 2


def like(name):
    """A model of a pretrained one's hyper-parameters, but with the smallest networks."""
    entry = pretrained.find(name)
    archive = entry.archive(pretrained.FOLDER)
    if not archive.is_file():  # it is downloaded when somebody asks for it
        return cases.make(entry.method, "images")
    with zipfile.ZipFile(archive) as opened:
        recorded = json.loads(opened.read("identity.json"))["hyper_parameters"]
    small = {"image_shape": (8, 8, 1), "network": cases.tiny_networks()["images"]}
    return zoo.create(entry.method, **{**recorded, **small})


@pytest.mark.parametrize("name", zoo.list_pretrained())
def test_every_verb_of_a_pretrained_model_has_a_tab(name):
    model = like(name)
    found = abilities.abilities_of(model)
    assert found and set().union(*(each.verbs for each in found)) >= model.capabilities


@pytest.mark.parametrize("kind", abilities.ABILITIES)
def test_an_ability_asks_the_verbs_that_it_says(kind):
    changes = {"code_classes": 4} if kind is classes.Classes else {}
    model = Talkative(*kind.verbs, "sample", levels=2, reading=[[0.0, 0.0]], **changes)
    model.density = "exact"
    made = kind(model)
    assert kind.fits(model) or kind is codes.Draws
    shown(made)
    assert made.verbs <= model.asked


def test_a_log_ratio_is_told_in_words_with_both_data_sets(tmp_path):
    model = Talkative("log_ratio")
    about = About(data="mnist", reference="fashion_mnist")
    ratio = abilities.Ratio(model, about)
    nats, words = (each.caption for each in shown(ratio))  # 10 / 2 - 2
    assert nats == "log p(x) / q(x) is +3.00 nats; p is mnist, q is fashion_mnist."
    expected = f"{np.exp(3):.1f} times likelier in mnist than in fashion_mnist."
    assert words == f"The model finds image A {expected}"
    black = np.zeros((1, *SHAPE), np.float32)
    words = shown(abilities.Ratio(model), black)[1].caption  # -2
    expected = f"{np.exp(2):.1f} times likelier in the reference data than in the data."
    assert words == f"The model finds image A {expected}"
    values = np.array([0.8, 0.2, 0.6])
    pixels = np.tile(values[:, None, None, None], (1, *SHAPE))
    pictures.save_png(tmp_path / "samples.png", pictures.image_grid(pixels))
    row = shown(abilities.Ratio(model, About(examples=tmp_path / "samples.png")))[-1]
    assert row.columns == ("A", "+0.0", "+4.0", "+6.0")
    assert_pixels(cells(row, 4, ability.SIDE), np.reshape([0.5, 0.2, 0.6, 0.8], (4, 1, 1)))


def test_a_ratio_beyond_all_numbers_is_more_than_a_million():
    model = Talkative("log_ratio")
    model.log_ratio = lambda x: [-2000.0]
    assert "more than a million times" in shown(abilities.Ratio(model))[1].caption


def test_what_infogan_reads_is_a_category_and_numbers():
    known = {"continuous_codes": 2}
    logs = np.log([[0.25, 0.75]])
    model = Talkative("read", code_classes=2, hyper_parameters=known)
    model.reading = np.concatenate([logs, [[0.5, -0.25]]], axis=1)
    category, numbers = shown(classes.Read(model))
    assert category.shares == pytest.approx({"0": 0.25, "1": 0.75})
    assert numbers.caption == "z 2 (continuous): +0.50, z 3 (continuous): -0.25"
    model.code_classes, model.reading = None, [[0.5, -0.25]]
    assert shown(classes.Read(model)) == [
        controls.Sentence("z 0 (continuous): +0.50, z 1 (continuous): -0.25")
    ]
    of_classes = Talkative("read", "classify", reading=logs)
    (found,) = shown(classes.Read(of_classes))
    assert found.caption == "q(class | image A)" and found.shares["1"] == pytest.approx(0.75)


def test_dimensions_are_named_as_the_model_tells():
    model = Transparent("decode", code_classes=2, hyper_parameters={"continuous_codes": 1})
    named = [ability.dimension(model, j) for j in (1, 2, 3)]
    assert named == ["z 1 (category)", "z 2 (continuous)", "z 3 (noise)"]
    latents = codes.Latents(model)
    slider = latents.controls[-1]
    assert slider.label == "z 9 (noise)"
    assert latents.label(slider, {"first": 7}) == "z 14 (noise)"
    _, rows = shown(latents, first=2)
    assert rows.rows[:2] == ("z 2 (continuous)", "z 3 (noise)") and len(rows.rows) == 8
    assert rows.columns[:2] == ("-2", "-1.5") and rows.columns[4] == "0"


def test_codes_of_a_uniform_prior_stay_within_it():
    known = {"prior_family": "uniform", "continuous_codes": 2}
    model = Transparent("decode", code_dim=40, code_classes=3, manifest={"hyper_parameters": known})
    z = ability.prior_codes(model, 50, 0)
    np.testing.assert_array_equal(z[:, :3].sum(axis=1), 1)
    assert 0.95 < np.abs(z[:, 3:]).max() <= 1
    known["prior_family"] = "normal"
    z = ability.prior_codes(model, 50, 0)
    assert np.abs(z[:, 3:5]).max() <= 1 < 2 < np.abs(z[:, 5:]).max()


def test_classes_without_an_encoder_are_categories_of_the_code():
    model = Transparent("sample", "decode", code_classes=3)
    assert classes.Classes.fits(model)
    (table,) = shown(classes.Classes(model), seed=1)
    found = cells(table, 3, ability.SIDE).reshape(4, 3, SIZE)
    assert_pixels(found[..., :3], np.eye(3))
    assert_pixels(found[:, 0, 3:], found[:, 1, 3:])
    assert table.columns == ("0", "1", "2") and len(table.rows) == 4


def test_a_code_that_cannot_be_decoded_is_shown_with_the_nearest_examples(tmp_path):
    values = np.array([0.9, 0.4, 0.7])
    pixels = np.tile(values[:, None, None, None], (1, *SHAPE))
    pictures.save_png(tmp_path / "samples.png", pictures.image_grid(pixels))
    made = codes.Code(Transparent("encode"), About(examples=tmp_path / "samples.png"))
    said, bars, nearest = shown(made)
    assert said.caption == f"The code has {SIZE} numbers, from 0.50 to 0.50."
    assert bars.pixels.dtype == np.uint8
    expected = np.reshape([0.5, 0.4, 0.7, 0.9], (4, 1, 1))
    assert_pixels(cells(nearest, 4, ability.SIDE), expected)


def test_the_first_image_is_a_sample_an_example_or_a_digit(tmp_path):
    assert_pixels(abilities.first_image(Transparent("sample"), 3), 0.28)
    pixels = np.tile(np.reshape([0.2, 0.6], (2, 1, 1, 1)), (1, *SHAPE))
    pictures.save_png(tmp_path / "samples.png", pictures.image_grid(pixels))
    about, model = About(examples=tmp_path / "samples.png"), Transparent("classify")
    assert_pixels(abilities.first_image(model, 0, about), 0.2)
    assert_pixels(abilities.first_image(model, 3, about), 0.6)
    for shape in ((28, 28, 1), (8, 8, 3)):
        model.image_shape = shape
        first, other = (abilities.first_image(model, seed) for seed in (0, 13))
        assert first.shape == (1, *shape) and first.dtype == np.float32
        assert first.min() == 0 and 0.5 < first.max() <= 1 and abs(first - other).max() > 0.3
