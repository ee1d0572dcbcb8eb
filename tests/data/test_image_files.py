"""Images of the user's own, brought to the shape of a model: pixels known by hand."""

import numpy as np
import pytest
from PIL import Image

import zoo.data
from tests import helpers


def save(folder, name, pixels, mode=None):
    path = folder / name
    Image.fromarray(np.asarray(pixels, np.uint8), mode).save(path)
    return path


@pytest.mark.parametrize("shape", [(4, 4, 1), (3, 5, 3)])
def test_an_image_of_the_right_shape_is_taken_as_it_is(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = save(tmp_path, "a.png", pixels[..., 0] if shape[-1] == 1 else pixels)
    x = zoo.data.read_images([path, str(path)], shape)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, np.stack([pixels, pixels]) / np.float32(255))


@pytest.mark.parametrize(
    "size, shape, kept",
    [
        ((4, 8), (2, 2), (slice(0, 4), slice(2, 6))),  # a wide one to a square: its middle
        ((8, 4), (2, 2), (slice(2, 6), slice(0, 4))),
        ((6, 6), (2, 3), (slice(1, 5), slice(0, 6))),  # a square to 2:3: its middle rows
        ((3, 6), (1, 2), (slice(0, 3), slice(0, 6))),
    ],
)
def test_the_largest_centre_crop_of_the_shape_is_kept(tmp_path, size, shape, kept):
    pixels = np.full(size, 30)  # constant within the crop, so that resizing changes nothing
    pixels[kept] = 210
    x = zoo.data.read_images([save(tmp_path, "a.png", pixels)], (*shape, 1))
    np.testing.assert_array_equal(x, np.full((1, *shape, 1), 210 / 255, np.float32))


def test_an_image_is_what_the_folder_source_makes_of_it(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 3, 12, 9), np.uint8)
    (tmp_path / "pictures").mkdir()
    paths = [save(tmp_path / "pictures", f"{i:02d}.png", x[0]) for i, x in enumerate(pixels)]
    dataset = zoo.data.load(f"folder:{tmp_path / 'pictures'}", image_size=5)
    own = {x.tobytes() for x in zoo.data.read_images(paths, dataset.image_shape)}
    assert own == {x.tobytes() for x in dataset.arrays("train")["x"]}


GREY, COLOUR = np.full((2, 2), 100), np.full((2, 2, 3), [250, 0, 0])


@pytest.mark.parametrize(
    "name, pixels, channels, expected",
    [
        ("grey.png", GREY, 3, [100, 100, 100]),
        ("red.png", COLOUR, 1, [75]),  # 0.2989 * 250 = 74.7
        ("opaque.png", np.concatenate([COLOUR, GREY[..., None]], axis=-1), 3, [250, 0, 0]),
        ("opaque.png", np.concatenate([COLOUR, GREY[..., None]], axis=-1), 4, [250, 0, 0, 100]),
        ("opaque.png", np.concatenate([COLOUR, GREY[..., None]], axis=-1), 1, [75]),
        ("grey.jpg", GREY, 3, [100, 100, 100]),
        ("grey.bmp", np.repeat(GREY[..., None], 3, axis=-1), 1, [100]),
    ],
)
def test_channels_become_the_models(tmp_path, name, pixels, channels, expected):
    x = zoo.data.read_images([save(tmp_path, name, pixels)], (2, 2, channels))
    np.testing.assert_allclose(255 * x, np.broadcast_to(expected, (1, 2, 2, channels)), atol=1)


def test_what_cannot_be_read_is_refused_by_name(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with helpers.refused(ValueError, match="`images`: .*can be decoded.*a.png"):
        zoo.data.read_images([tmp_path / "a.png"], (2, 2, 1))
    with helpers.refused(FileNotFoundError, match="`images`: .*that exist.*b.png"):
        zoo.data.read_images([tmp_path / "b.png"], (2, 2, 1))
    with helpers.refused(ValueError, match="`images`: .*of 5 channels.*c.png"):
        zoo.data.read_images([save(tmp_path, "c.png", GREY)], (2, 2, 5))
    with helpers.refused(ValueError, match="`images`: .*at least one"):
        zoo.data.read_images([], (2, 2, 1))
