"""Draws pictures of a trained run: grids of images, or a scatter plot of 2-D data.

    python tools/sample.py --run_dir=runs/ali-digits

Prints the paths of the pictures.
"""

import pathlib
import sys

import common

from zoo import training
from zoo.errors import refusal

FLAGS = (
    common.RUN_DIR,
    common.flag("n", "int", 64, "images of a grid; a scatter plot shows 5,000 points", minimum=1),
    common.flag("seed", "int", 0, "of the noise", minimum=0),
    common.flag("out", "str", None, "directory of the pictures; <run_dir>/samples if None"),
    common.flag(
        "split", "str", "test", "split of the real data", choices=("train", "validation", "test")
    ),
    common.WHICH,
    common.DATA_DIR,
)
_POINTS = 5_000
_STEPS = 9  # images of one interpolation, both ends included


def run(flags):
    """A run's checkpoint to pictures."""
    run_dir = common.existing_run(flags)
    out = pathlib.Path(flags.out or run_dir / "samples")
    common.load()
    from zoo import pictures

    recorded = common.recorded(run_dir)
    recorded.data_dir = flags.data_dir or recorded.data_dir
    dataset = common.load_data(recorded)
    model = training.restore(run_dir, flags.which)
    images = len(dataset.image_shape) == 3
    if not images and dataset.image_shape != (2,):
        raise ValueError(refusal("run_dir", "a run on images or on 2-D data", str(run_dir)))
    out.mkdir(parents=True, exist_ok=True)
    if images:
        for name, grid in grids(
            model, dataset.arrays(flags.split, flags.n), flags.n, flags.seed
        ).items():
            pictures.save_png(out / f"{name}.png", grid)
            print(out / f"{name}.png")
    else:
        x = dataset.arrays(flags.split, _POINTS)["x"]
        pictures.scatter_panels(
            out / "scatter.png", panels(model, x, dataset.modes, flags.seed), dataset.modes
        )
        print(out / "scatter.png")


def grids(model, real, n, seed):
    """{name: picture} of an image model.

    Args:
        model: a GenerativeModel.
        real: {"x"[, "y"]}, real examples.
        n: images of a grid.
        seed: of the noise.
    """
    import numpy as np

    from zoo import pictures

    x, y = real["x"], real.get("y")
    if not model.conditional:
        y = None
    found = {}
    if "sample" in model.capabilities:
        labels = None if y is None else np.resize(y, (n, *y.shape[1:]))
        found["samples"] = pictures.image_grid(np.asarray(model.sample(n, y=labels, seed=seed)))
    if "reconstruct" in model.capabilities:
        x_hat = np.asarray(model.reconstruct(x, y=y, seed=seed))
        columns = 2 * max(1, round(len(x) ** 0.5 / 2))  # a pair never breaks over a line
        found["reconstructions"] = pictures.image_grid(
            pictures.interleave(x, x_hat), columns=2 * columns
        )
    if "decode" in model.capabilities:
        found["interpolations"] = interpolations(model, x, y, min(8, len(x) // 2) or 1, seed)
    return found


def interpolations(model, x, y, rows, seed):
    """Lines between codes of real images; between draws of the prior if there is no encoder.

    Args:
        model: a GenerativeModel that decodes.
        x: real images, at least 2 * rows where the model encodes (one image is taken twice).
        y: their labels, or None.
        rows: number of lines.
        seed: of the noise.
    """
    import numpy as np

    from zoo import pictures

    ends = np.arange(2 * rows) % len(x)
    real = {}
    if "encode" in model.capabilities:
        labels = None if y is None else y[ends]
        codes = np.asarray(model.encode(x[ends], y=labels).mean())
        real = {"x_from": x[ends][:rows], "x_to": x[ends][rows:]}
    else:
        codes = draw_prior(model, 2 * rows, seed)
    z = pictures.interpolate(codes[:rows], codes[rows:], steps=_STEPS)
    labels = None if y is None else np.repeat(y[ends][:rows], _STEPS, axis=0)
    return pictures.interpolation_grid(decode_mean(model, z, labels), rows=rows, **real)


def panels(model, x, modes, seed):
    """{title: points} of a model of 2-D data; what came from a data point has its colour."""
    import numpy as np

    from zoo import pictures

    colours = None if modes is None else pictures.nearest_mode(x, modes)

    def coloured(points):
        return points if colours is None else (points, colours)

    found = {"data": coloured(x)}
    if "sample" in model.capabilities:
        found["samples"] = np.asarray(model.sample(len(x), seed=seed))
    if "reconstruct" in model.capabilities:
        found["reconstructions"] = coloured(np.asarray(model.reconstruct(x, seed=seed)))
    if "encode" in model.capabilities and model.latent_dim == 2:
        found["codes"] = coloured(np.asarray(model.encode(x).sample(seed=seed)))
    return found


def draw_prior(model, n, seed):
    """n codes of the prior, [n, latent_dim]."""
    import numpy as np

    return np.asarray(model.prior.sample(n, seed=(seed % 2**31, 0)))


def decode_mean(model, z, y=None):
    """The mean of p(x|z); a draw where the likelihood has no mean."""
    import numpy as np

    likelihood = model.decode(z, y=y)
    try:
        return np.asarray(likelihood.mean())
    except NotImplementedError:
        return np.asarray(likelihood.sample(seed=(0, 0)))


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
