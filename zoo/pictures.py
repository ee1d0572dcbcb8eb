"""Images become pictures: grids, lines of codes, PNG files, as uint8 arrays.

Needs NumPy and Pillow; knows nothing of models or of TensorFlow. Points and curves: `zoo.plots`.
"""

import io
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from zoo import files
from zoo.errors import refusal

REPORT_BYTES = 200_000  # the largest picture that goes beside a result
READABLE_PIXELS = 28  # smaller images are magnified to about this height

# --- grids of images --------------------------------------------------------------------------


def image_grid(
    images: np.ndarray,
    rows: int | None = None,
    columns: int | None = None,
    pad: int = 2,
    scale: int | None = None,
) -> np.ndarray:
    """One picture of many, row by row, on white.

    Args:
        images: [N, H, W, C] or [N, H, W]; float in [0, 1] (clipped; NaN is shown black) or uint8.
            One and three channels are shown as they are, any other number as the channels' mean.
        rows: int, or None for as many as the images need.
        columns: int, or None for a grid that is about square. Images beyond rows x columns are
            left out.
        pad: pixels between images and around them.
        scale: int, each pixel is shown as scale x scale; None magnifies small images to about
            28 pixels.

    Returns:
        uint8 [rows * (scale * H + pad) + pad, columns * (scale * W + pad) + pad, 1 or 3].

    Raises:
        ValueError: if there is no image, or the rank is wrong.
    """
    images = _as_bytes(images)
    scale = scale or max(1, round(READABLE_PIXELS / images.shape[1]))
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    rows, columns = grid_shape(len(images), rows, columns)
    images = images[: rows * columns]
    _, height, width, channels = images.shape
    cells = np.full((rows * columns, height + pad, width + pad, channels), 255, np.uint8)
    cells[: len(images), :height, :width] = images
    cells = cells.reshape(rows, columns, height + pad, width + pad, channels)
    grid = cells.transpose(0, 2, 1, 3, 4).reshape(rows * (height + pad), -1, channels)
    return np.pad(grid, ((pad, 0), (pad, 0), (0, 0)), constant_values=255)


def interleave(*columns: np.ndarray) -> np.ndarray:
    """[a_0, b_0, ..., a_1, b_1, ...]: in a grid of that many columns row i shows example i.

    Args:
        *columns: [N, ...] each, such as originals and their reconstructions.

    Returns:
        [len(columns) * N, ...].
    """
    first, *others = (np.asarray(column) for column in columns)
    for column in others:
        if column.shape != first.shape:
            expected = f"the shape of the first, {first.shape}"
            raise ValueError(refusal("columns", expected, column.shape))
    return np.stack([first, *others], axis=1).reshape(-1, *first.shape[1:])


def interpolate(z_from: np.ndarray, z_to: np.ndarray, steps: int = 8) -> np.ndarray:
    """Codes on straight lines, both ends included: (1 - t) z_from + t z_to for t = 0, ..., 1.

    Args:
        z_from: [N, d].
        z_to: [N, d].
        steps: int >= 2, codes a line.

    Returns:
        float32 [N * steps, d], line by line: `image_grid(decoded, columns=steps)` shows one a row.
    """
    t = np.linspace(0.0, 1.0, steps, dtype=np.float32)[None, :, None]
    lines = (1.0 - t) * np.asarray(z_from)[:, None] + t * np.asarray(z_to)[:, None]
    return lines.reshape(-1, lines.shape[-1])


def traverse(z: np.ndarray, dimensions: Sequence[int], values: np.ndarray) -> np.ndarray:
    """Codes with one dimension moved: dimension j of z_i takes each of the values in turn.

    Args:
        z: [N, d].
        dimensions: the J ones that are moved.
        values: [steps].

    Returns:
        float32 [N * J * steps, d], code by code, then dimension by dimension:
        `image_grid(decoded, columns=steps)` shows one dimension a row.
    """
    lines = np.asarray(z, np.float32)[:, None, None]
    lines = np.tile(lines, (1, len(dimensions), len(values), 1))  # [N, J, steps, d]
    for row, dimension in enumerate(dimensions):
        lines[:, row, :, dimension] = values
    return lines.reshape(-1, lines.shape[-1])


def interpolation_grid(
    decoded: np.ndarray,
    x_from: np.ndarray | None = None,
    x_to: np.ndarray | None = None,
    rows: int | None = None,
    **grid_options: Any,
) -> np.ndarray:
    """A grid with one line of decoded codes a row, between the real images it connects.

    Args:
        decoded: [N * steps, H, W, C], what a decoder makes of `interpolate(...)`.
        x_from: [N, H, W, C] or None, shown at the left end.
        x_to: [N, H, W, C] or None, shown at the right end.
        rows: N, needed only without `x_from` and `x_to`.
        **grid_options: `pad` and `scale` of `image_grid`.
    """
    ends = [x for x in (x_from, x_to) if x is not None]
    rows = len(ends[0]) if ends else rows
    if not rows:
        raise ValueError(refusal("rows", "the number of lines when there are no end images", rows))
    lines = np.asarray(decoded)
    lines = lines.reshape(rows, -1, *lines.shape[1:])
    left = [] if x_from is None else [np.asarray(x_from)[:, None]]
    right = [] if x_to is None else [np.asarray(x_to)[:, None]]
    lines = np.concatenate([*left, lines, *right], axis=1)
    return image_grid(lines.reshape(-1, *lines.shape[2:]), rows, lines.shape[1], **grid_options)


def stack(images: Iterable[np.ndarray], max_width: int = 600, gap: int = 8) -> np.ndarray:
    """Pictures one below the other on white, each at most `max_width` pixels wide.

    Args:
        images: uint8 [H, W, 1 or 3] each, of any size.
        max_width: wider ones are made smaller.
        gap: pixels between two.

    Returns:
        uint8 [sum of heights, largest width, 3].
    """
    shown = []
    for pixels in images:
        image = Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
        if image.width > max_width:
            height = max(1, round(image.height * max_width / image.width))
            image = image.resize((max_width, height), Image.Resampling.LANCZOS)
        shown.append(np.asarray(image))
    width = max(image.shape[1] for image in shown)
    padded = [
        np.pad(
            image,
            ((0, gap * (i < len(shown) - 1)), (0, width - image.shape[1]), (0, 0)),
            constant_values=255,
        )
        for i, image in enumerate(shown)
    ]
    return np.concatenate(padded)


def _as_bytes(images: Any) -> np.ndarray:
    """uint8 [N, H, W, 1 or 3]."""
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(refusal("images", "at least one image, [N, H, W, C]", images.shape))
    if images.shape[-1] not in (1, 3):
        images = images.mean(axis=-1, keepdims=True, dtype=np.float32)
        images = images if images.max(initial=0.0) <= 1.0 else images / 255.0
    if images.dtype == np.uint8:
        return images
    return np.rint(255.0 * np.clip(np.nan_to_num(images.astype(np.float32)), 0, 1)).astype(np.uint8)


def grid_shape(n: int, rows: int | None, columns: int | None) -> tuple[int, int]:
    """(rows, columns) of a grid that holds n images; about a square where both are None."""
    if columns is None:
        columns = int(np.ceil(n / rows)) if rows else int(np.ceil(np.sqrt(n)))
    return rows or int(np.ceil(n / columns)), columns


# --- files ------------------------------------------------------------------------------------


def save_png(path: str | os.PathLike, array: np.ndarray, max_bytes: int | None = None) -> None:
    """Write an optimised PNG in one step: a reader sees the old file or the whole new one.

    Args:
        path: file name.
        array, max_bytes: as of `png`.
    """
    files.write_bytes(path, png(array, max_bytes))


def png(array: np.ndarray, max_bytes: int | None = None) -> bytes:
    """The content of an optimised PNG file.

    Args:
        array: uint8 [H, W, 1 or 3] or [H, W], or float in [0, 1].
        max_bytes: None, or the largest size: fewer colours, then fewer pixels, until it fits.
    """
    array = np.asarray(array)
    pixels = _as_bytes(array[None] if array.ndim == 3 else array[None, ..., None])[0]
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    return _png_within(Image.fromarray(pixels), max_bytes)


def _png_within(image: Image.Image, max_bytes: int | None) -> bytes:
    content = _png(image)
    while max_bytes is not None and len(content) > max_bytes:
        for colours in (256, 64, 32):
            content = _png(image.quantize(colours))
            if len(content) <= max_bytes:
                return content
        smaller = [max(1, int(0.8 * side)) for side in image.size]
        image = image.resize(smaller, Image.Resampling.LANCZOS)
    return content


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
