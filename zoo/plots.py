"""Points and curves become pictures: scatter plots of 2-D data and codes, learning curves.

Needs NumPy and matplotlib's Agg canvas; knows nothing of models or of TensorFlow.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from zoo import pictures
from zoo.errors import refusal

DRAWN_POINTS = 5_000  # of a scatter plot: more hide each other and do not compress
LATENT = ("codes", "prior")  # titles of panels that are not in data space
Panels = Mapping[str, np.ndarray | tuple[np.ndarray, np.ndarray]]  # points, or (points, colours)


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
    max_bytes: int = pictures.REPORT_BYTES,
) -> None:
    """Write the picture of `scatter_image` as a PNG of at most `max_bytes`."""
    pictures.save_png(path, scatter_image(panels, modes, latent), max_bytes)


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

    rows, columns = pictures.grid_shape(len(panels), None, None)
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
