"""Draws pictures of a trained run: grids of images or a scatter plot of 2-D data, and its curves.

    python tools/sample.py --run_dir=runs/ali-digits
    python tools/sample.py --model=ali-digits
    python tools/sample.py --run_dir=runs/ali-digits --images=a.png,b.png

With --images, instead: your own images beside their reconstructions (own-reconstructions.png), and
lines between the codes of the first and the second, the third and the fourth, and so on
(own-interpolations.png). Each is cropped at its centre and resized to the size of the data.

Prints the paths of the pictures, and what each shows.
"""

import pathlib
import sys
import types
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import captions
import code_arithmetic
import common
import drawing
import numpy as np

from zoo import data, pictures, plots, training
from zoo.errors import refusal
from zoo.training import logs

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.model import GenerativeModel

FLAGS = (
    *common.RUN_OR_MODEL,
    common.flag("n", "int", 64, "images of a grid; a scatter plot shows 5,000 points", at_least=1),
    common.flag("seed", "int", 0, "of the noise", at_least=0),
    common.flag(
        "out",
        "str",
        None,
        "directory of the pictures; samples/ of the run if None",
    ),
    common.flag(
        "split",
        "str",
        None,
        f"split of the real data; {common.SPLIT_DEFAULT}",
        choices=common.SPLITS,
    ),
    common.flag("images", "tuple", None, "image files of your own, separated by commas"),
    common.flag("image_labels", "tuple", None, "their classes, where the model is conditional"),
    common.WHICH,
    common.ALLOW,
    common.DATA_DIR,
)
_POINTS = 5_000  # of a scatter plot


def run(flags: types.SimpleNamespace) -> None:
    """A run's checkpoint to pictures."""
    run_dir = common.existing_run(flags)
    out = pathlib.Path(flags.out or common.output_folder(flags, run_dir) / "samples")
    common.load()
    recorded, dataset = common.described(run_dir, flags)
    flags.split = common.measured_split(flags.split, recorded, dataset)
    model = training.restore(run_dir, flags.which, flags.allow)
    if len(dataset.image_shape) == 1 and dataset.image_shape != (2,):
        raise ValueError(refusal("run_dir", "a run on images or on 2-D data", str(run_dir)))
    own = None
    if flags.images is not None or flags.image_labels is not None:
        own = own_images(model, flags.images, flags.image_labels, dataset.binary)
    out.mkdir(parents=True, exist_ok=True)
    if own is not None:
        found = drawing.own(model, *own, flags.seed)
    else:
        found = drawn(model, dataset, flags) | curves(run_dir / "metrics.jsonl", model.log_names)
    limit = pictures.REPORT_BYTES if len(dataset.image_shape) == 1 else None
    for name, picture in found.items():
        pictures.save_png(out / f"{name}.png", picture, limit)
        print(f"{out / name}.png: {captions.of(name, model)}")


def drawn(
    model: "GenerativeModel", dataset: "Dataset", flags: types.SimpleNamespace
) -> dict[str, np.ndarray]:
    """{name: picture} of a model and real data."""
    if len(dataset.image_shape) == 1:
        points = dataset.arrays(flags.split, _POINTS)
        shown = drawing.panels(model, points, dataset.modes, flags.seed)
        return {"scatter": plots.scatter_image(shown, dataset.modes)}
    shown = dataset.arrays(flags.split, flags.n)
    found = drawing.grids(model, shown, flags.n, flags.seed)
    if "sample" in model.capabilities:
        found["neighbours"] = drawing.neighbours(model, dataset, shown, flags.seed)
    if code_arithmetic.fits(model, dataset):
        found["arithmetic"] = code_arithmetic.picture(model, dataset, flags.split, flags.seed)
    if drawing.planar_part(model):
        real = dataset.arrays(flags.split, _POINTS)
        classes = real["y"] if dataset.num_classes else None
        found["codes"] = drawing.codes(model, real, classes, flags.seed)
    return found


def own_images(
    model: "GenerativeModel",
    paths: Sequence[str] | None,
    labels: Sequence[str] | None,
    binary: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """(x, y) of the user's own images as the model takes them, and their labels or None.

    Args:
        model: a GenerativeModel.
        paths: of image files.
        labels: their classes as text, for a conditional model.
        binary: whether the data are: then pixels of 1/2 and more become 1, others 0.
    """
    if not paths:
        raise ValueError(refusal("images", "image files, separated by commas", paths))
    if len(model.image_shape) != 3:
        raise ValueError(refusal("images", "None, as the run is not on images", paths))
    if "reconstruct" not in model.capabilities:
        expected = f"None, as {model.method} does not infer codes of images"
        raise ValueError(refusal("images", expected, paths))
    if model.num_attributes is not None:
        expected = f"None, as {model.method} is conditional on attributes"
        raise ValueError(refusal("images", expected, paths))
    y = own_labels(model, labels, len(paths))
    x = data.read_images(paths, model.image_shape)
    return np.where(x >= 0.5, np.float32(1), np.float32(0)) if binary else x, y


def own_labels(
    model: "GenerativeModel", labels: Sequence[str] | None, count: int
) -> np.ndarray | None:
    """int32 [count], or None of a model that takes no labels."""
    if not model.conditional:
        if labels is not None:
            raise ValueError(refusal("image_labels", "None, as the run has no labels", labels))
        return None
    valid = [str(label) for label in range(model.num_classes)]
    if labels is None or len(labels) != count or not set(labels) <= set(valid):
        expected = f"{count} classes in [0, {model.num_classes}), one an image"
        raise ValueError(refusal("image_labels", expected, labels))
    return np.array([int(label) for label in labels], np.int32)


def curves(path: pathlib.Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """{"curves": picture} of a run's metrics.jsonl; nothing of one that is too short for a line.

    Args:
        path: of the file.
        names: of what the model logs; gradient norms are left out.
    """
    lines = logs.read(path)
    logged = {name for line in lines for name in line}
    shown = [name for name in names if name in logged and not name.endswith("gradient_norm")]
    return {"curves": plots.curves_image(lines, shown)} if shown and len(lines) > 1 else {}


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
