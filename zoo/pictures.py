"""Arrays become pictures: grids of images and scatter plots, as uint8 arrays or PNG files.

Needs NumPy, Pillow and matplotlib's Agg canvas; knows nothing of models or of TensorFlow.
"""

import io
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from zoo import files
from zoo.errors import refusal

REPORT_BYTES = 200_000  # the largest picture that goes beside a result
DRAWN_POINTS = 5_000  # of a scatter plot: more hide each other and do not compress
READABLE_PIXELS = 28  # smaller images are magnified to about this height
LATENT = ("codes", "prior")  # titles of panels that are not in data space
Panels = Mapping[str, np.ndarray | tuple[np.ndarray, np.ndarray]]  # points, or (points, colours)

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
    rows, columns = _grid_shape(len(images), rows, columns)
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


def _grid_shape(n: int, rows: int | None, columns: int | None) -> tuple[int, int]:
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


# --- scatter plots of 2-D data ----------------------------------------------------------------


def planar_part(code_dim: int, code_classes: int | None = None) -> str | None:
    """The part of a code that a scatter plot shows: "z", "style", or None if none is 2-D.

    Args:
        code_dim: width of the whole code.
        code_classes: width of its categorical part, or None.
    """
    if code_classes is not None:
        return "style" if code_dim - code_classes == 2 else None
    return "z" if code_dim == 2 else None


def nearest_mode(points: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """The index of each point's nearest mode, int [N]: its colour in `scatter_panels`."""
    differences = np.asarray(points)[:, None] - np.asarray(modes)[None]
    return np.argmin(np.sum(differences**2, axis=-1), axis=1)


def scatter_panels(
    path: str | os.PathLike,
    panels: Panels,
    modes: np.ndarray | None = None,
    latent: Collection[str] = LATENT,
    max_bytes: int = REPORT_BYTES,
) -> None:
    """Write the picture of `scatter_image` as a PNG of at most `max_bytes`."""
    save_png(path, scatter_image(panels, modes, latent), max_bytes)


def scatter_image(
    panels: Panels,
    modes: np.ndarray | None = None,
    latent: Collection[str] = LATENT,
    pixels: int = 1200,
) -> np.ndarray:
    """Scatter plots side by side: data, samples, reconstructions and codes of a model of 2-D data.

    A point has the colour of an integer: the mode of the data point that it came from, so a code
    or a reconstruction that landed among another mode's is seen at once. Points without colours
    take that of their nearest mode. Panels of data space share their axes, and say what share of
    the points lies outside.

    Args:
        panels: {title: points [N, 2], or (points [N, 2], colours int [N])}; four make two rows of
            two. Of more than 5,000 points a random 5,000 are drawn.
        modes: [M, 2] or None, marked by crosses in data space.
        latent: titles of the panels that are not in data space.
        pixels: side of a 2 x 2 picture.

    Returns:
        uint8 [H, W, 3].

    Reference: Dumoulin et al., ALI, arXiv 1606.00704, the figure of section 4.6.
    """
    from matplotlib.figure import Figure

    rows, columns = _grid_shape(len(panels), None, None)
    figure = Figure(figsize=(6.0 * columns, 6.0 * rows), dpi=pixels / 12.0, layout="tight")
    coloured = {
        title: _coloured(panel, None if title in latent else modes)
        for title, panel in panels.items()
    }
    in_data_space = [points for title, (points, _) in coloured.items() if title not in latent]
    data_box = _box(in_data_space[0] if modes is None else modes) if in_data_space else None
    for index, (title, (points, colours)) in enumerate(coloured.items()):
        axes = figure.add_subplot(rows, columns, index + 1)
        is_latent = title in latent
        box = _box(points) if is_latent else data_box
        _scatter(axes, title, points, colours, box)
        if modes is not None and not is_latent:
            x, y = np.asarray(modes).T
            axes.scatter(x, y, s=60, c="black", marker="+", linewidths=0.8, alpha=0.6)
    return _rendered(figure)


def curves_image(
    lines: Sequence[Mapping[str, float]], names: Sequence[str], pixels: int = 600
) -> np.ndarray:
    """Learning curves: a panel for each quantity, over the steps of training.

    The first tenth of a run may leave the panel: what comes after it sets the limits.

    Args:
        lines: of metrics.jsonl, dicts that hold "step" and what was logged.
        names: of the logs that are shown, each in a line at least.
        pixels: width of the picture.

    Returns:
        uint8 [H, W, 3].
    """
    from matplotlib.figure import Figure

    absent = [name for name in names if not any(name in line for line in lines)]
    if absent or not names:
        raise ValueError(refusal("names", "logs that are in the lines", absent))
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(4.0 * columns, 2.5 * rows), dpi=pixels / 8.0, layout="tight")
    for index, name in enumerate(names):
        points = np.array([(line["step"], line[name]) for line in lines if name in line], float)
        settled = points[len(points) // 10 :, 1]
        low, high = settled.min(), settled.max()
        margin = 0.05 * (high - low) or 0.5
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.plot(*points.T, linewidth=1.0)
        axes.set(ylim=(low - margin, high + margin))
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    return _rendered(figure)


def _rendered(figure: Any) -> np.ndarray:
    """uint8 [H, W, 3]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _coloured(panel: Any, modes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    points, colours = panel if isinstance(panel, tuple) else (panel, None)
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(refusal("panels", "points of shape [N, 2]", points.shape))
    if colours is None and modes is not None:
        colours = nearest_mode(points, modes)
    return points, None if colours is None else np.asarray(colours)


def _scatter(
    axes: Any, title: str, points: np.ndarray, colours: np.ndarray | None, box: Any
) -> None:
    (left, right), (bottom, top) = box
    inside = (points >= [left, bottom]).all(axis=1) & (points <= [right, top]).all(axis=1)
    colour = "tab:blue" if colours is None else _palette(int(colours.max(initial=0)) + 1)[colours]
    # Random order, or the last mode would lie on top of all others.
    order = np.random.default_rng(0).permutation(len(points))[:DRAWN_POINTS]
    size = np.clip(20_000 / max(1, len(order)), 4, 16)
    colour = colour if colours is None else colour[order]
    axes.scatter(*points[order].T, s=size, c=colour, linewidths=0)
    outside = "" if inside.all() else f" ({1.0 - inside.mean():.1%} outside)"
    axes.set_title(title + outside, fontsize=16)
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", box_aspect=1)
    axes.tick_params(labelsize=11)


def _box(points: Any) -> list[tuple[float, float]]:
    """A square around the points, three tenths wider: ((left, right), (bottom, top))."""
    points = np.asarray(points)[np.isfinite(points).all(axis=1)]
    low, high = (
        (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(2), np.ones(2))
    )
    half = 0.65 * max(1e-6, float((high - low).max()))
    return [(centre - half, centre + half) for centre in (low + high) / 2.0]


def _palette(n: int) -> np.ndarray:
    """RGB [n, 3]; neighbours in number differ in hue by the golden angle, and in brightness."""
    from matplotlib.colors import hsv_to_rgb

    index = np.arange(n)
    hue, value = (index * 0.618034) % 1.0, np.array([0.85, 0.6, 1.0])[index % 3]
    return hsv_to_rgb(np.stack([hue, np.full(n, 0.85), value], axis=1))
