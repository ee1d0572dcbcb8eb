"""Pictures of models, by capability: a model that paints its code shows what was decoded."""

import types

import captions
import drawing
import numpy as np
import pytest

import zoo
from tests.conformance import cases
from tests.metrics.toys import Data
from tests.tools.painter import SIDE, Dreamer, Painter, cells, close, images

ALWAYS = {"samples", "interpolations", "traversals"}
INFERRING = ALWAYS | {"reconstructions", "inpaintings"}


@pytest.mark.parametrize(
    "model, names",
    [
        (Painter(encodes=False), ALWAYS),
        (Painter(), INFERRING),
        (Painter(levels=2), INFERRING | {"levels"}),
        (Dreamer(), INFERRING | {"draws"}),
        (Painter(code_dim=5, code_classes=3), INFERRING | {"classes"}),
        (Painter(code_dim=3, code_classes=3), INFERRING - {"traversals"} | {"classes"}),
        (Painter(conditional=True, num_classes=3), INFERRING - {"inpaintings"} | {"classes"}),
    ],
)
def test_a_model_gets_the_pictures_that_it_can(model, names):
    real = {"x": images(6), "y": np.arange(6, dtype=np.int32) % 3}
    assert set(drawing.grids(model, real, 9, 0)) == names


@pytest.mark.parametrize("bounded", [False, True])
def test_a_traversal_moves_one_dimension_a_row(bounded):
    x = images(3)
    shown = cells(drawing.traversals(Painter(bounded=bounded), x, None, 0), 1 + 9)
    assert len(shown) == 2 * 3  # images, dimensions
    reach = 0.25 if bounded else 0.5  # of a pixel, around 1/2: z to +-1 or +-2
    for row, line in enumerate(shown):
        code = x[row // 3].reshape(-1)
        close(line[0], code)
        for dimension in range(3):
            moved = np.linspace(0.5 - reach, 0.5 + reach, 9)
            close(line[1:, dimension], moved if dimension == row % 3 else code[dimension])


def test_a_traversal_leaves_the_categorical_part():
    x = images(2)
    shown = cells(drawing.traversals(Painter(5, code_classes=3), x, None, 0), 1 + 9)
    assert len(shown) == 2 * 2
    close(shown[0, 1:, :3], np.tile(x[0].reshape(-1)[:3], (9, 1)))
    close(shown[0, 1:, 3], np.linspace(0, 1, 9))


def test_a_traversal_leaves_the_noise_beside_a_code_that_is_told():
    model = Painter(5)
    model.told_dim = 2
    shown = cells(drawing.traversals(model, images(1), None, 0), 1 + 9)
    assert len(shown) == 2
    close(shown[:, 1:, 2:5], np.broadcast_to(images(1).reshape(-1)[2:5], (2, 9, 3)))


def test_without_encoder_the_prior_is_traversed_and_no_image_shown():
    shown = cells(drawing.traversals(Painter(encodes=False), images(2), None, 0), 9)
    close(shown[0, :, 0], np.linspace(0, 1, 9))


def test_a_class_a_column_with_the_latent_fixed():
    model = Painter(bounded=True, conditional=True, num_classes=4)
    shown = cells(drawing.classes(model, 0), 4)
    assert len(shown) == 8
    close(shown[:, :, -1], np.tile(np.arange(4) / 10, (8, 1)))
    assert (shown[:, :, :3] == shown[:, :1, :3]).all()
    assert len(np.unique(shown[:, 0, 0])) == 8


def test_a_cluster_a_column_with_the_style_fixed():
    shown = cells(drawing.classes(Painter(5, bounded=True, code_classes=3), 0), 3)
    one_hot = np.tile(np.eye(3), (8, 1, 1))
    close(shown[:, :, :3], (one_hot + 2.0) / 4.0)
    assert (shown[:, :, 3:5] == shown[:, :1, 3:5]).all()
    assert len(np.unique(shown[:, 0, 3])) == 8


def test_of_many_classes_the_first_are_shown():
    model = Painter(conditional=True, num_classes=100)
    assert len(cells(drawing.classes(model, 0), 20)) == 8


def test_each_attribute_is_turned_on_in_a_column():
    y = np.zeros((5, 4), np.float32)
    y[0, 1] = 1.0
    model, x = Painter(conditional=True, num_attributes=4), images(5)
    found = drawing.grids(model, {"x": x, "y": y}, 9, 0)
    shown = cells(found["classes"], 2 + 4)
    close(shown[:, 0], x.reshape(5, -1))
    close(shown[:, 1:, :3], np.repeat(x.reshape(5, 1, -1)[..., :3], 5, axis=1))  # codes stay
    close(shown[:, 1, -4:], y / 10)
    for attribute in range(4):
        close(shown[0, 2 + attribute, -4:], np.maximum(y[0], np.eye(4)[attribute]) / 10)


def test_draws_of_a_code_follow_its_image():
    x = images(3)
    shown = cells(drawing.draws(Dreamer(), x, None, 0), 9)
    close(shown[:, 0], x.reshape(3, -1))
    close(shown[:, 1:, :3], np.repeat(x.reshape(3, 1, -1)[..., :3], 8, axis=1))
    assert len(np.unique(shown[:, 1:, -1])) > 15  # 24 draws differ


def test_levels_are_columns():
    x = images(3)
    shown = cells(drawing.levels(Painter(levels=2), x, None, 0), 3)
    for column, divisor in enumerate((1, 1, 2)):
        close(shown[:, column], x.reshape(3, -1) / divisor)


def test_the_right_half_is_hidden_and_inpainted():
    x = images(3)
    shown = cells(drawing.inpaintings(Painter(), x, 0), 3).reshape(3, 3, SIDE, SIDE)
    close(shown[..., :2], np.repeat(x.reshape(3, 1, SIDE, SIDE)[..., :2], 3, axis=1))
    close(shown[:, 0, :, 2:], x[:, :, 2:, 0])
    close(shown[:, 1, :, 2:], np.full((3, SIDE, 2), 0.5))
    close(shown[:, 2, :, 2:], np.ones((3, SIDE, 2)))


def test_interpolations_go_from_code_to_code():
    x = images(4)
    shown = cells(drawing.interpolations(Painter(5, code_classes=3), x, None, 2, 0), 11)
    flat = x.reshape(4, -1)
    close(shown[:, 0], flat[:2])
    close(shown[:, 10], flat[2:])
    close(shown[:, 5, :5], (flat[:2, :5] + flat[2:, :5]) / 2)


def test_a_line_changes_its_label_after_the_middle():
    x, y = images(4), np.array([1, 2, 3, 4], np.int32)
    model = Painter(conditional=True, num_classes=10)
    shown = cells(drawing.interpolations(model, x, y, 2, 0), 11)
    close(shown[:, 1:10, -1], np.array([5 * [1] + 4 * [3], 5 * [2] + 4 * [4]]) / 10)


def test_own_images_are_reconstructed_and_joined_in_pairs_in_order():
    x = images(5)
    found = drawing.own(Painter(), x, None, 0)
    assert list(found) == ["own-reconstructions", "own-interpolations"]
    shown, flat = cells(found["own-reconstructions"], 2), x.reshape(5, -1)
    close(shown, np.stack([flat, flat], axis=1))  # the painter reconstructs x as it is
    lines = cells(found["own-interpolations"], 11)
    close(lines[:, 0], flat[[0, 2]])
    close(lines[:, 10], flat[[1, 3]])
    close(lines[:, 5, :3], (flat[[0, 2], :3] + flat[[1, 3], :3]) / 2)


def test_one_own_image_is_reconstructed_only():
    assert list(drawing.own(Painter(), images(1), None, 0)) == ["own-reconstructions"]


def test_own_images_of_a_conditional_model_keep_their_labels():
    y = np.array([1, 2, 3, 4], np.int32)
    found = drawing.own(Painter(conditional=True, num_classes=10), images(4), y, 0)
    lines = cells(found["own-interpolations"], 11)
    close(lines[:, 1:10, -1], np.array([5 * [1] + 4 * [2], 5 * [3] + 4 * [4]]) / 10)


def test_codes_without_labels_are_drawn_in_one_colour():
    model, x = Painter(2), images(1100)
    picture = drawing.codes(model, {"x": x}, None, 0)
    assert picture.shape == (600, 1200, 3)
    chroma = picture.max(axis=-1).astype(int) - picture.min(axis=-1)
    red, _, blue = picture[chroma > 100].T.astype(int)
    assert len(red) > 1000 and (blue > red).all()


@pytest.mark.parametrize("code_dim, code_classes", [(2, None), (5, 3)])
def test_codes_in_the_plane_come_row_by_row(code_dim, code_classes):
    model, x = Painter(code_dim, code_classes=code_classes), images(1100)
    expected = 4.0 * x.reshape(1100, -1)[:, code_dim - 2 : code_dim] - 2.0
    np.testing.assert_array_equal(drawing.draw_codes(model, x, None, 0), expected)
    picture = drawing.codes(model, {"x": x}, np.arange(1100) % 10, 0)
    assert picture.shape == (600, 1200, 3)  # codes and prior


def test_the_prior_of_another_level_is_not_shown_beside_the_codes():
    model = Painter(2, levels=2)
    model.prior = types.SimpleNamespace(sample=lambda n, seed: np.zeros((n, 7)))
    assert drawing.codes(model, {"x": images(9)}, np.arange(9), 0).shape == (600, 600, 3)


def test_points_of_a_conditional_model_have_their_labels():
    model = Painter(2, conditional=True, num_classes=3)
    real = {"x": images(5), "y": np.arange(5) % 3}
    found = drawing.panels(model, real, None, 0)
    assert list(found) == ["data", "samples", "reconstructions", "codes"]


def test_a_copy_stands_beside_the_training_image_that_it_is_of():
    x = images(40)
    copied = [31, 2, 17, 17, 9, 0, 39, 5]
    model = Painter(sample=lambda n, y=None, seed=0: x[copied])
    data = Data(train={"x": x}, test={"x": x[:3]})
    shown = cells(drawing.neighbours(model, data, {"x": x[:3]}, 0), 1 + 7)
    close(shown[:, 0], x[copied].reshape(8, -1))
    close(shown[:, 1], shown[:, 0])
    distances = np.linalg.norm(shown - shown[:, :1], axis=2)
    assert (np.diff(distances[:, 1:], axis=1) > -0.05).all()  # up to the rounding of both


@pytest.mark.parametrize("door", ["Keras", pytest.param("export", marks=pytest.mark.every)])
def test_rows_of_one_code_look_alike_where_p_has_no_mean(door, tmp_path):
    model = cases.make("pixel_vae")
    if door == "export":
        model = zoo.load(zoo.export(model, tmp_path / "m"))
    z = 1e4 * np.float32([[1.0, -1.0, 1.0]] * 2 + [[-1.0, 1.0, -1.0]])[:, : model.code_dim]
    first, again, other = drawing.decode_mean(model, z)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0
    ones = drawing.decode_mean(model, z[[0, 0, 0]], noise=np.array([0, 1, 1]))
    np.testing.assert_array_equal(ones[0], first)
    np.testing.assert_array_equal(ones[1], ones[2])
    assert np.abs(ones[1] - first).max() > 0


def test_rows_of_classes_differ_where_the_code_is_the_class_alone(monkeypatch):
    monkeypatch.setattr(drawing.pictures, "image_grid", lambda images, columns: images)
    model = cases.make("pixelgan", latent_dim=0)
    columns = drawing.number_of_classes(model)
    shown = drawing.classes(model, 0).reshape(-1, columns * 64)
    assert len(shown) > 2 and len({row.tobytes() for row in shown}) == len(shown)


def test_classes_are_captioned_by_what_they_show():
    model = Painter(capabilities=frozenset({"classify"}))
    assert captions.of("classes", model) == (
        "real images, in the order of the classes that the model gives them"
    )
    assert "a column a class" in captions.of("classes", Painter(code_classes=10))
    assert "own class" in captions.of("arithmetic", Painter(conditional=True, num_classes=2))
    attributes = Painter(conditional=True, num_classes=None)
    assert "with each attribute on" in captions.of("classes", attributes)
