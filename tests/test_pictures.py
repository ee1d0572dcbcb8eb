"""Pictures: where each pixel of a grid comes from, and files that appear whole."""

import os

import numpy as np
import pytest
from PIL import Image

from zoo import pictures


def test_image_grid_places_images_row_by_row():
    images = np.stack([np.full((2, 3, 1), value) for value in (0.0, 0.2, 0.4)])
    grid = pictures.image_grid(images, columns=2, pad=1, scale=1)
    # Two rows of 2 pixels with 3 lines of padding; two columns of 3 pixels with 3 lines of padding.
    assert grid.shape == (7, 9, 1) and grid.dtype == np.uint8
    assert grid[1, 1, 0] == 0 and grid[1, 5, 0] == 51 and grid[4, 1, 0] == 102  # 255 * 0.2, 0.4
    assert (grid[[0, 3, 6]] == 255).all() and (grid[:, [0, 4, 8]] == 255).all()
    assert (grid[4:6, 5:8] == 255).all()  # the empty cell


@pytest.mark.parametrize("channels, shown", [(1, 1), (2, 1), (3, 3), (4, 1)])
def test_image_grid_channels(channels, shown):
    assert pictures.image_grid(np.zeros((5, 28, 28, channels))).shape[-1] == shown


def test_image_grid_scale_shape_and_cut():
    assert pictures.image_grid(np.zeros((16, 8, 8)), pad=0).shape == (4 * 32, 4 * 32, 1)  # 28 / 8
    assert pictures.image_grid(np.zeros((16, 28, 28)), rows=2, pad=0).shape == (56, 8 * 28, 1)
    assert pictures.image_grid(np.zeros((9, 28, 28)), rows=2, columns=2, pad=0).shape[:2] == (
        56,
        56,
    )


def test_image_grid_clips_and_shows_nan_black():
    image = np.array([[-1.0, 0.5], [2.0, np.nan]])[None]
    assert pictures.image_grid(image, pad=0, scale=1)[..., 0].tolist() == [[0, 128], [255, 0]]


def test_image_grid_refuses_vectors():
    with pytest.raises(ValueError, match=r"images.*Received: images=\(4, 2\)"):
        pictures.image_grid(np.zeros((4, 2)))


def test_interleave_puts_each_reconstruction_after_its_original():
    assert pictures.interleave([1, 2, 3], [10, 20, 30]).tolist() == [1, 10, 2, 20, 3, 30]
    assert pictures.interleave([1, 2], [10, 20], [3, 4]).tolist() == [1, 10, 3, 2, 20, 4]
    with pytest.raises(ValueError, match=r"`columns`.*Received: columns=\(1,\)"):
        pictures.interleave([1, 2], [1])


def test_interpolate_by_hand():
    codes = pictures.interpolate([[0.0, 0.0], [1.0, 1.0]], [[4.0, 2.0], [1.0, 3.0]], steps=3)
    assert codes.tolist() == [[0, 0], [2, 1], [4, 2], [1, 1], [1, 2], [1, 3]]


def test_traverse_by_hand():
    codes = pictures.traverse([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [0, 2], [-1.0, 7.0])
    assert codes.tolist() == [
        *([-1, 2, 3], [7, 2, 3], [1, 2, -1], [1, 2, 7]),
        *([-1, 5, 6], [7, 5, 6], [4, 5, -1], [4, 5, 7]),
    ]


def test_stack_puts_pictures_below_each_other_and_shrinks_wide_ones():
    grey, red = np.full((4, 10, 1), 100, np.uint8), np.zeros((6, 40, 3), np.uint8)
    red[..., 0] = 200
    stacked = pictures.stack([grey, red], max_width=20, gap=2)
    assert stacked.shape == (4 + 2 + 3, 20, 3)  # 6 x 40 becomes 3 x 20
    assert (stacked[:4, :10] == 100).all()
    assert (stacked[:4, 10:] == 255).all() and (stacked[4:6] == 255).all()
    assert (stacked[6:] == [200, 0, 0]).all()


def test_interpolation_grid_has_the_ends_at_the_ends():
    decoded, ends = np.full((6, 28, 28, 1), 0.5), np.zeros((2, 28, 28, 1))
    grid = pictures.interpolation_grid(decoded, ends, ends + 1.0, pad=0)
    assert grid.shape == (56, 5 * 28, 1)
    assert (
        (grid[:, :28] == 0).all()
        and (grid[:, 28:112] == 128).all()
        and (grid[:, 112:] == 255).all()
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_save_png_round_trip_leaves_no_other_file(tmp_path, channels):
    array = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    for _ in range(2):  # an existing file is replaced
        pictures.save_png(tmp_path / "a.png", array)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    read = np.asarray(Image.open(tmp_path / "a.png")).reshape(array.shape)
    np.testing.assert_array_equal(read, array)


def test_save_png_keeps_the_old_file_when_it_fails(tmp_path, monkeypatch):
    pictures.save_png(tmp_path / "a.png", np.zeros((4, 4, 1), np.uint8))
    before = (tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        pictures.save_png(tmp_path / "a.png", np.ones((4, 4, 1), np.uint8))
    assert (tmp_path / "a.png").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_save_png_fits_noise_into_the_limit(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (120, 120, 3), np.uint8)  # 43,200 bytes
    pictures.save_png(tmp_path / "a.png", noise, max_bytes=8_000)
    assert (tmp_path / "a.png").stat().st_size <= 8_000
