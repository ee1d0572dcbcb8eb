"""Pictures that a visitor of the page draws or picks, and those that it shows."""

import base64
import io

import numpy as np
import pytest
from demo_page import own_images
from PIL import Image

from tests import helpers

SHAPE = (4, 6, 1)


def a_png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_drawing_becomes_the_image_that_the_model_takes():
    drawn = np.zeros((40, 60, 4), np.uint8)
    drawn[..., 3] = 255
    drawn[:, 30:, :3] = 255
    url = "data:image/png;base64," + base64.b64encode(a_png(drawn)).decode()
    x = own_images.from_url(url, SHAPE)
    assert x.shape == (1, *SHAPE) and x.dtype == np.float32
    np.testing.assert_allclose(x[0, :, [0, 1], 0], 0.0, atol=0.51 / 255)
    np.testing.assert_allclose(x[0, :, [4, 5], 0], 1.0, atol=0.51 / 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_goes_to_the_browser_as_it_is(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    content = base64.b64decode(own_images.to_url(pixels).partition(",")[2])
    decoded = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(decoded.reshape(pixels.shape), pixels)


def test_what_is_no_image_is_refused_without_the_name_of_a_temporary_file():
    with helpers.refused(ValueError, match="`image`.*3 bytes"):
        own_images.from_bytes(b"abc", SHAPE)
    with helpers.refused(ValueError, match="data:image/png"):
        own_images.from_url("javascript:alert(1)", SHAPE)
