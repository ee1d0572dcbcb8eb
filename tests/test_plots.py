"""Plots: points in their colours and places, and a panel for each curve."""

import numpy as np
import pytest
from PIL import Image

from zoo import plots

GRID_MODES = np.array([(x, y) for x in (-2.0, 0.0, 2.0) for y in (-2.0, 0.0, 2.0)])


@pytest.mark.parametrize(
    "code_dim, code_classes, part",
    [(2, None, "z"), (3, None, None), (12, 10, "style"), (13, 10, None), (2, 2, None)],
)
def test_the_part_of_a_code_that_lies_in_the_plane(code_dim, code_classes, part):
    assert plots.planar_part(code_dim, code_classes) == part


def test_nearest_mode():
    assert plots.nearest_mode([[0.1, -0.2], [1.9, 2.5]], GRID_MODES).tolist() == [4, 8]


def test_scatter_image_colours_codes_by_the_mode_of_their_data_point():
    colours = np.array([0, 1])
    panels = {
        "data": (np.array([[-2.0, 0.0], [2.0, 0.0]]), colours),
        "codes": (np.array([[1.0, 0.0], [-1.0, 0.0]]), colours),  # left and right exchanged
    }
    picture = plots.scatter_image(panels).astype(int)
    _, width, _ = picture.shape
    half = width // 2
    (data_left, data_right), (code_left, code_right) = [
        [_colour(side[:, : half // 2]), _colour(side[:, half // 2 :])]
        for side in (picture[:, :half], picture[:, half:])
    ]
    np.testing.assert_allclose(data_left, code_right, atol=8)
    np.testing.assert_allclose(data_right, code_left, atol=8)
    assert np.abs(data_left - data_right).max() > 60


def _colour(pixels):
    """The most saturated pixel's RGB."""
    pixels = pixels.reshape(-1, 3)
    return pixels[np.argmax(pixels.max(axis=1) - pixels.min(axis=1))]


def test_scatter_panels_survives_hard_points_and_fits(tmp_path):
    samples = np.random.default_rng(0).normal(size=(10_000, 2))
    samples[0], samples[1] = np.nan, 1e30
    panels = {
        "data": samples[2:],
        "samples": samples,
        "reconstructions": samples,
        "codes": samples[2:],
    }
    plots.scatter_panels(tmp_path / "a.png", panels, GRID_MODES)
    assert (tmp_path / "a.png").stat().st_size <= 200_000
    assert Image.open(tmp_path / "a.png").size == (1200, 1200)


def test_scatter_panels_refuses_other_dimensions(tmp_path):
    with pytest.raises(ValueError, match=r"panels.*\[N, 2\]"):
        plots.scatter_panels(tmp_path / "a.png", {"data": np.zeros((4, 3))})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 2, 4])
def test_scatter_image_cuts_nothing_off(count):
    points = np.random.default_rng(0).normal(size=(100, 2))
    picture = plots.scatter_image({f"panel {i}": points for i in range(count)})
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 255).all()


def test_curves_have_a_panel_for_each_quantity():
    lines = [
        {"step": 10 * i, "seconds": i, "images_per_second": 5, "loss": 1 / i} for i in range(1, 20)
    ]
    one = plots.curves_image(lines, ["loss"])
    more = [{**line, "kl": 1.0, "nll": line["step"]} for line in lines]
    three = plots.curves_image(more, ["loss", "kl", "nll"])
    assert one.dtype == np.uint8 and one.shape[2] == 3
    # Two columns of two, to a pixel.
    assert three.shape[1] == 2 * one.shape[1] and abs(three.shape[0] - 2 * one.shape[0]) <= 1
    assert one.std() > 0
    other = plots.curves_image([{**line, "loss": -line["loss"]} for line in lines], ["loss"])
    assert (one != other).any()


@pytest.mark.parametrize("names", [[], ["kl"]])
def test_curves_of_nothing_are_refused(names):
    with pytest.raises(ValueError, match="names"):
        plots.curves_image([{"step": 1, "seconds": 2.0}], names)
