"""From a drawing or an uploaded file to the image that a model takes, and back to the browser."""

import base64
import io
import pathlib
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo import data, pictures
from zoo.errors import refusal

_PREFIX = "data:image/png;base64,"
_PAD = 2  # white pixels around the images of a grid


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


def examples(path: pathlib.Path | None, image_shape: tuple[int, ...]) -> np.ndarray:
    """The images of a grid that `zoo.pictures.image_grid` made, float32 [N, H, W, C]; N may be 0.

    Args:
        path: of the picture, or None.
        image_shape: (H, W, C) of the images.
    """
    height, width, channels = image_shape
    if path is None:
        return np.empty((0, *image_shape), np.float32)
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"), np.float32) / 255
    scale = max(1, round(pictures.READABLE_PIXELS / height))
    down, across = scale * height + _PAD, scale * width + _PAD
    rows, columns = (pixels.shape[0] - _PAD) // down, (pixels.shape[1] - _PAD) // across
    cells = pixels[_PAD : _PAD + rows * down, _PAD : _PAD + columns * across]
    cells = cells.reshape(rows, down, columns, across, channels).swapaxes(1, 2)
    found = cells[:, :, : scale * height : scale, : scale * width : scale]
    found = found.reshape(-1, *image_shape)
    return found[(found < 1).any(axis=(1, 2, 3))]  # a last row may end in white


def digit(number: int, image_shape: tuple[int, ...]) -> np.ndarray:
    """A written digit, white on black, float32 [1, H, W, C]."""
    height, width, channels = image_shape
    side = 8 * min(height, width)  # drawn large, so that its edges are smooth
    image = Image.new("L", (8 * width, 8 * height))
    font = ImageFont.load_default(0.9 * side)
    middle, bold = (4 * width, 4 * height), {"stroke_width": side // 40}
    ImageDraw.Draw(image).text(middle, str(number), 255, font, "mm", **bold)
    small = image.resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)[None, ..., None] / 255
    return pixels.repeat(channels, axis=-1)
