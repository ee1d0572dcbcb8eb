"""README's picture: samples above pairs of data and reconstruction, of three methods."""

import pathlib

import numpy as np
from PIL import Image

from zoo import pictures

NAME = "strip.png"
# Configs of one budget on one data set, whose pictures are laid out alike.
SHOWN = ("vae-mnist-budget", "vae_gan-mnist-budget", "ali-mnist-budget")
_ROWS = 4
_CELL = 30  # pixels of a digit and the line beside it
_WIDTH, _HEIGHT = 8 * _CELL + 2, _ROWS * _CELL + 2
_PAIRS = 8 * _CELL + 10  # where the pairs begin below the samples
_GAP = 12


def compose(folder: pathlib.Path) -> np.ndarray | None:
    """The picture, uint8 [H, W, 3], from those in `folder`; None if one of them is missing."""
    paths = [folder / f"{name}.png" for name in SHOWN]
    if not all(path.is_file() for path in paths):
        return None
    panels = [_panel(_pixels(path)) for path in paths]
    gap = np.full((len(panels[0]), _GAP, 3), 255, np.uint8)
    columns = [part for panel in panels for part in (panel, gap)]
    return np.concatenate(columns[:-1], axis=1)


def outdated(path: pathlib.Path, picture: np.ndarray) -> bool:
    """Whether the file is missing or shows something else: encoders may differ, pixels not."""
    return not path.is_file() or not np.array_equal(_pixels(path), picture)


def write(path: pathlib.Path, picture: np.ndarray) -> None:
    """Writes the picture."""
    pictures.save_png(path, picture)


def _panel(picture: np.ndarray) -> np.ndarray:
    """The first rows of a result's samples, and below them those of its pairs."""
    parts = picture[:_HEIGHT, :_WIDTH], picture[_PAIRS : _PAIRS + _HEIGHT, :_WIDTH]
    return pictures.stack(parts)


def _pixels(path: pathlib.Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))
