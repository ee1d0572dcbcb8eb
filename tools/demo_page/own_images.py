"""From a drawing or an uploaded file to the image that a model takes, and back to the browser."""

import base64
import io
import pathlib
import tempfile

import numpy as np
from PIL import Image

from zoo import data
from zoo.errors import refusal

_PREFIX = "data:image/png;base64,"


def from_bytes(content: bytes, image_shape: tuple[int, ...]) -> np.ndarray:
    """float32 [1, H, W, C] in [0, 1]: the file cropped at its centre and resized.

    Args:
        content: of an image file.
        image_shape: (H, W, C).

    Raises:
        ValueError: no image.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "image")
        path.write_bytes(content)
        try:
            return data.read_images([path], image_shape)
        except ValueError:
            expected = "an image file (PNG, JPEG, BMP, GIF)"
            raise ValueError(refusal("image", expected, f"{len(content)} bytes")) from None


def from_url(url: str, image_shape: tuple[int, ...]) -> np.ndarray:
    """The same of a canvas, which gives itself as a data URL."""
    if not url.startswith(_PREFIX):
        raise ValueError(refusal("image", f"a text that begins with {_PREFIX}", url))
    return from_bytes(base64.b64decode(url[len(_PREFIX) :]), image_shape)


def to_url(pixels: np.ndarray) -> str:
    """A picture, uint8 [H, W, 1 or 3], as a data URL of a PNG."""
    shown = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    buffer = io.BytesIO()
    Image.fromarray(shown).save(buffer, "PNG")
    return _PREFIX + base64.b64encode(buffer.getvalue()).decode()
