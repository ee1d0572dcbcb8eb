"""The page of models, without its widgets: what can be picked, and what a model can show."""

import socket
import types

import demo
import numpy as np
import pytest
from demo_page import abilities, ability, classes, codes, controls, models
from tensorflow_probability import distributions as tfd

import zoo
from tests import helpers
from tests.conformance import cases

SHAPE = (4, 6, 1)
SIZE = 24  # numbers of an image, and of a code


class Point:
    """A distribution at one point; `draws` counts how often it was asked for one."""

    def __init__(self, value):
        self.value = np.asarray(value, np.float32)

    def mean(self):
        return self.value

    def sample(self, seed):
        return self.value

    def probs_parameter(self):
        return self.value


class Transparent:
    """A model whose code is its image, so what is shown says what was asked of it.

    Its samples are 1/4 plus a hundredth of the seed, or of the label where it takes labels.

    Args:
        verbs: its capabilities.
        **changes: attributes.
    """

    method, image_shape, code_dim, code_classes, levels, parts = "clear", SHAPE, SIZE, None, 1, "z"
    conditional, num_classes, num_attributes, density = False, None, None, None

    def __init__(self, *verbs, **changes):
        self.capabilities = frozenset(verbs)
        self.labels = []  # of each call
        vars(self).update(changes)

    def filled(self, n, value):
        return np.full((n, *self.image_shape), value, np.float32)

    def sample(self, n, y=None, seed=None):
        self.labels.append(y)
        x = self.filled(n, 0.25 + seed / 100)
        return x if y is None or np.ndim(y) > 1 else x + np.reshape(y, (n, 1, 1, 1)) / 100

    def encode(self, x, y=None, part="z"):
        self.labels.append(y)
        return Point([[0.25, 0.75]] if part == "y" else np.reshape(x, (len(x), -1)))

    def decode(self, z, y=None):
        self.labels.append(y)
        return Point(np.reshape(z, (len(z), *self.image_shape)))

    def reconstruct(self, x, y=None, level=1, seed=None):
        self.labels.append(y)
        return x / 2**level

    def inpaint(self, x, known, y=None, steps=20, seed=None):
        self.asked = {"known": known, "steps": steps, "seed": seed}
        return np.where(known, x, np.arange(len(x))[:, None, None, None] / 10)

    def classify(self, x):
        return [[0.0, np.log(3.0)]]

    def log_prob(self, x, y=None, seed=None):
        return [-SIZE * np.log(2.0)]


def shown(made, x=None, **values):
    """What an ability shows of images of these values, its other controls untouched."""
    images = np.full((made.images, *SHAPE), 0.5, np.float32) if x is None else x
    return made.show(abilities.defaults(made) | values, images)


def cells(picture, columns, side):
    """The images of a grid, float [N, H, W], from the bytes of its pixels."""
    scale = max(1, round(side / SHAPE[0]))
    height, width = scale * SHAPE[0], scale * SHAPE[1]
    inner = picture.pixels[2:, 2:, 0]
    rows = len(inner) // (height + 2)
    blocks = inner.reshape(rows, height + 2, columns, width + 2)[:, :height:scale, :, :width:scale]
    return blocks.swapaxes(1, 2).reshape(-1, *SHAPE[:2]) / 255


def assert_pixels(found, expected):
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=0.51 / 255)


def titles(model):
    return [each.title for each in abilities.abilities_of(model)]


ENCODES = ("sample", "encode", "decode", "reconstruct")


@pytest.mark.parametrize(
    "model, expected",
    [
        (Transparent("sample"), ["Sample"]),
        (Transparent("sample", "log_prob", code_dim=None), ["Sample", "Likelihood"]),
        (Transparent("sample", "decode"), ["Sample", "Latent sliders"]),
        (Transparent("sample", "decode", image_shape=(2,), code_dim=2), ["Sample"]),
        (
            Transparent(*ENCODES),
            ["Sample", "Latent sliders", "Reconstruct", "Inpaint", "Interpolate"],
        ),
        (
            Transparent(*ENCODES, "classify", levels=2),
            [
                *("Sample", "Latent sliders", "Reconstruct", "Inpaint", "Interpolate"),
                *("Levels", "Classify"),
            ],
        ),
        (
            Transparent(*ENCODES, code_classes=SIZE, parts=("z", "y", "style")),
            ["Sample", "Reconstruct", "Inpaint", "Interpolate", "Classes", "Classify"],
        ),
    ],
)
def test_capabilities_alone_decide_what_appears(model, expected):
    assert titles(model) == expected


def test_draws_of_one_code_appear_where_p_has_no_mean():
    class Drawn(Point):
        def mean(self):
            raise NotImplementedError

        def sample(self, seed):
            return self.value + np.arange(len(self.value))[:, None, None, None] / 100

    model = Transparent(*ENCODES)
    model.decode = lambda z, y=None: Drawn(np.reshape(z, (len(z), *SHAPE)))
    assert titles(model)[-1] == "Draws of one code"
    first, draws = shown(codes.Draws(model))
    assert_pixels(cells(first, 1, 168), 0.5)
    expected = 0.5 + np.arange(18) / 100
    assert_pixels(cells(draws, 6, 1.5 * ability.SIDE), expected[:, None, None])


def test_samples_have_the_seed_and_the_classes_that_were_chosen():
    (picture,) = shown(abilities.Sample(Transparent("sample")), seed=7)
    assert_pixels(cells(picture, 6, ability.SIDE), 0.32)
    model = Transparent("sample", conditional=True, num_classes=3)
    (each,) = shown(abilities.Sample(model), seed=1)
    expected = 0.26 + np.arange(36) % 3 / 100
    assert_pixels(cells(each, 6, ability.SIDE), expected[:, None, None])
    (one,) = shown(abilities.Sample(model), y=2)
    assert_pixels(cells(one, 6, ability.SIDE), 0.27)
    assert model.labels[-1].dtype == np.int32


def test_attributes_that_are_on_become_a_vector():
    model = Transparent("sample", conditional=True, num_attributes=3)
    sample = abilities.Sample(model)
    (control,) = [each for each in sample.controls if each.name == "y"]
    assert control.several and control.options == {0: "0", 1: "1", 2: "2"}
    shown(sample)
    assert model.labels[-1].shape == (36, 3) and not model.labels[-1].any()
    shown(sample, y=[2])
    np.testing.assert_array_equal(model.labels[-1][5], [0, 0, 1])


def test_vectors_are_points_of_the_plane():
    model = Transparent("sample", image_shape=(2,))
    model.sample = lambda n, y=None, seed=None: np.random.default_rng(seed).normal(size=(n, 2))
    (picture,) = shown(abilities.Sample(model))
    assert picture.pixels.shape[-1] == 3 and len(np.unique(picture.pixels)) > 2
    model.image_shape = (5,)
    model.sample = lambda n, y=None, seed=None: np.zeros((n, 5))
    assert shown(abilities.Sample(model)) == [controls.Sentence("2000 samples of 5 numbers each.")]


def test_sliders_move_the_dimensions_that_they_name():
    latents = codes.Latents(Transparent(*ENCODES))
    pair, rows = shown(latents, first=3, move_0=0.25, move_7=-0.25)
    was, moved = cells(pair, 2, 168)
    assert_pixels(was, 0.5)
    expected = np.full(SIZE, 0.5)
    expected[3], expected[10] = 0.75, 0.25
    assert_pixels(moved.ravel(), expected)
    rows = cells(rows, 9, ability.SIDE).reshape(8, 9, SIZE)  # dimensions 3 to 10, by -2 to 2
    assert_pixels(rows[:, 4], expected)  # the middle is where the sliders are
    assert_pixels(rows[0, 0], np.where(np.arange(SIZE) == 3, 0.0, expected))
    assert_pixels(rows[7, -1], np.where(np.arange(SIZE) == 10, 1.0, expected))


def test_a_categorical_part_has_no_slider_and_short_codes_need_no_first():
    latents = codes.Latents(Transparent(*ENCODES, code_classes=SIZE - 2))
    assert [each.label for each in latents.controls] == ["z 22 (style)", "z 23 (style)"]
    pair, _ = shown(latents, move_1=0.5)
    assert_pixels(cells(pair, 2, 168)[1].ravel(), [0.5] * (SIZE - 1) + [1.0])


def test_without_an_encoder_codes_are_standard_normal_draws_of_a_seed():
    model = Transparent("sample", "decode")
    latents = codes.Latents(model)
    assert latents.images == 0 and latents.controls[1].name == "seed"
    first, again, other = (ability.code(model, None, None, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 0.1
    many = np.concatenate([ability.code(model, None, None, seed) for seed in range(400)])
    # 9,600 draws: 5 standard errors of the mean, 1/98, and of the variance, sqrt(2)/98.
    assert abs(many.mean()) < 5 / 98 and abs(many.var() - 1) < 5 * 2**0.5 / 98


def test_codes_without_an_encoder_are_of_the_prior_or_one_hot_and_normal():
    served = types.SimpleNamespace(capabilities=frozenset({"decode"}), code_dim=5, code_classes=3)
    drawn = np.concatenate([ability.code(served, None, None, seed) for seed in range(60)])
    assert set(map(tuple, drawn[:, :3])) == set(map(tuple, np.eye(3)))
    assert np.abs(drawn[:, 3:]).max() > 1.5
    uniform = tfd.Independent(tfd.Uniform(-np.ones(5, np.float32), np.ones(5, np.float32)), 1)
    served.prior = uniform
    drawn = np.concatenate([ability.code(served, None, None, seed) for seed in range(60)])
    assert drawn.shape == (60, 5) and 0.9 < np.abs(drawn).max() <= 1.0


def test_reconstructions_and_levels_stand_by_their_images():
    model = Transparent(*ENCODES, levels=2)
    (pair,) = shown(codes.Reconstruct(model))
    assert pair.caption.endswith("mean squared error 0.0625")  # (1/2 - 1/4)^2
    assert_pixels(cells(pair, 2, 168), np.reshape([0.5, 0.25], (2, 1, 1)))
    (table,) = shown(codes.Levels(model), seed=1)
    columns = np.array([0.5] + [0.26] * 5)  # image A, then samples
    expected = np.concatenate([columns, columns / 2, columns / 4])
    assert_pixels(cells(table, 6, 1.5 * ability.SIDE), expected[:, None, None])


HIDDEN = {  # of 4 x 6 pixels
    "right": (slice(None), slice(3, 6)),
    "left": (slice(None), slice(0, 3)),
    "top": (slice(0, 2), slice(None)),
    "bottom": (slice(2, 4), slice(None)),
    "middle": (slice(1, 3), slice(2, 4)),
}


@pytest.mark.parametrize("part", HIDDEN)
def test_the_hidden_part_alone_is_filled_anew(part):
    model = Transparent(*ENCODES)
    pair, filled = shown(codes.Inpaint(model), hidden=part, steps=3, seed=4)
    known = np.ones(SHAPE[:2], bool)
    known[HIDDEN[part]] = False
    np.testing.assert_array_equal(model.asked["known"][..., 0], known)
    assert model.asked["steps"] == 3 and model.asked["seed"] == 4
    rows = np.arange(6)[:, None, None] / 10
    assert_pixels(cells(filled, 6, 2 * ability.SIDE), np.where(known, 0.5, rows))


def test_every_hidden_part_is_a_choice():
    (control,) = [c for c in codes.Inpaint(Transparent(*ENCODES)).controls if c.name == "hidden"]
    assert control.options.keys() == HIDDEN.keys()


def test_interpolation_goes_from_image_to_image_and_class_to_class():
    model = Transparent(*ENCODES, conditional=True, num_classes=4)
    x = np.stack([np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32)])
    (line,) = shown(codes.Interpolate(model), x, y=1, y_b=3)
    expected = [0.0, *np.linspace(0, 1, 9), 1.0]
    assert_pixels(cells(line, 11, 1.5 * ability.SIDE), np.reshape(expected, (11, 1, 1)))
    encoded, decoded = model.labels[-2:]
    np.testing.assert_array_equal(encoded, [1, 3])
    np.testing.assert_array_equal(decoded, [1] * 5 + [3] * 4)


def test_classes_are_columns_of_one_style_a_row():
    model = Transparent("sample", conditional=True, num_classes=3)
    (table,) = shown(classes.Classes(model), seed=2)
    expected = 0.27 + np.tile(np.arange(3), 4) / 100
    assert_pixels(cells(table, 3, ability.SIDE), expected[:, None, None])
    clusters = Transparent(*ENCODES, code_classes=2, parts=("z", "y", "style"))
    (table,) = shown(classes.Classes(clusters))
    found = cells(table, 2, ability.SIDE).reshape(4, 2, SIZE)
    assert_pixels(found[..., :2], np.eye(2))
    assert_pixels(found[..., 2:], 0.25)


def test_classes_and_clusters_have_their_probabilities():
    (of_classes,) = shown(classes.Classify(Transparent("sample", "classify")))
    assert of_classes.shares == pytest.approx({"0": 0.25, "1": 0.75})  # logits 0, ln 3
    (clusters,) = shown(classes.Classify(Transparent(*ENCODES, parts=("z", "y", "style"))))
    assert clusters.shares == pytest.approx({"0": 0.25, "1": 0.75})
    assert "cluster" in clusters.caption and "class" in of_classes.caption


def test_a_likelihood_is_said_in_nats_and_bits():
    model = Transparent("log_prob", density="exact")
    (exact,) = shown(abilities.Likelihood(model))
    assert exact.caption == "log p(x) is -16.6 nats: 1.000 bits per dimension."  # 24 ln 2
    model.density = "lower_bound"
    assert shown(abilities.Likelihood(model))[0].caption.startswith("A lower bound on log p(x)")


@pytest.fixture
def folders(in_tmp_path):
    for path in ("exported/a/1", "exported/b/2", "exported/empty", "runs/c", "alone/7"):
        (in_tmp_path / path).mkdir(parents=True)
    for path in ("exported/a/1", "exported/b/2", "alone/7"):
        (in_tmp_path / path / "saved_model.pb").touch()
    (in_tmp_path / "runs/c/flags.cfg").touch()


def test_exports_and_runs_are_found_in_folders_or_named(folders, monkeypatch):
    monkeypatch.setattr(models, "pretrained", lambda: ["ali-mnist"])
    assert models.found(["exported", "runs", "alone", "alone/7", "nowhere"]) == {
        "exported/a": "a (export)",
        "exported/b": "b (export)",
        "runs/c": "c (run)",
        "alone": "alone (export)",
        "alone/7": "7 (export)",
        "ali-mnist": "ali-mnist (pretrained)",
    }
    named = models.found(["ali-mnist", "runs"])
    assert list(named) == ["ali-mnist", "runs/c"]


def test_an_address_that_is_taken_is_refused_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with helpers.refused(ValueError, match=f"`port`: expected a port of 127.0.0.1.*{port}"):
            demo.check_free("127.0.0.1", port)
    demo.check_free("127.0.0.1", port)
    with helpers.refused(ValueError, match="no.such.host"):
        demo.check_free("no.such.host.invalid", port)


def test_no_model_at_all_is_refused_before_any_work(in_tmp_path, monkeypatch):
    monkeypatch.setattr(models, "pretrained", list)
    with helpers.refused(ValueError, match="`models`.*tools/export.py"):
        models.found(["exported", "runs"])


def test_pretrained_models_are_those_that_the_library_lists(monkeypatch):
    listed = types.SimpleNamespace(list_pretrained=lambda: {"a-digits": 1, "b-digits": 2})
    monkeypatch.setattr(models, "zoo", listed)
    assert models.pretrained() == ["a-digits", "b-digits"]


def test_a_run_is_restored_and_anything_else_loaded(folders, monkeypatch):
    calls = types.SimpleNamespace(restore=lambda p: ("run", p), load=lambda p: ("load", p))
    monkeypatch.setattr(models, "zoo", calls)
    models.opened.cache_clear()
    assert models.opened("runs/c") == ("run", "runs/c")
    assert models.opened("exported/a") == ("load", "exported/a")
    assert models.opened("ali-mnist") == ("load", "ali-mnist")
    models.opened.cache_clear()


IMAGES = [method for method in cases.METHODS if "images" in cases.families(method)]


@pytest.mark.every
@pytest.mark.parametrize("method", IMAGES)
def test_every_method_shows_all_that_its_capabilities_promise(method, tmp_path):
    """The Keras model and its export have the same tabs, and the same samples in them."""
    model = cases.make(method, "images")
    served = zoo.load(zoo.export(model, tmp_path))
    assert titles(served) == titles(model)
    x = np.concatenate([abilities.first_image(model, seed) for seed in (0, 1)])
    for made in abilities.abilities_of(served):
        for each in made.show(abilities.defaults(made), x[: made.images]):
            if isinstance(each, controls.Picture):
                assert each.pixels.dtype == np.uint8 and each.pixels.min() < each.pixels.max()
            elif isinstance(each, controls.Shares):
                assert sum(each.shares.values()) == pytest.approx(1.0, abs=1e-5)
