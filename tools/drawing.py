"""Pictures of a model of images or of 2-D data, as its capabilities allow.

Each function takes a `GenerativeModel` and returns a picture, uint8 [H, W, 1 or 3].
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import pictures, plots

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.model import GenerativeModel

BATCH = 500  # examples a call of `encode`
_STEPS = 9  # images of one interpolation or traversal, both ends included
ROWS = 8  # images, or draws of the prior, of a picture with a row for each
_DRAWS = 8  # of p(x|z) at one code, where it is not shown by a mean
_NEIGHBOURS = 7  # training images beside a sample
_TRAVERSED = 2  # images of which every dimension has a row
_DIMENSIONS = 8  # of a code, at most, in such a block of rows
CLASSES = 20  # columns at most: of more classes the first ones are shown
_ATTRIBUTES = 12  # columns at most


def grids(
    model: "GenerativeModel", real: dict[str, np.ndarray], n: int, seed: int
) -> dict[str, np.ndarray]:
    """{name: picture} of an image model: those that its capabilities allow.

    Of a density ratio the real images, from the smallest ratio to the largest.

    Args:
        model: a GenerativeModel.
        real: {"x"[, "y"]}, real examples.
        n: images of a grid.
        seed: of the noise.
    """
    x, y = real["x"], labels_of(model, real)
    shown = x[:ROWS], None if y is None else y[:ROWS]
    found = {}
    if "sample" in model.capabilities:
        labels = None if y is None else np.resize(y, (n, *y.shape[1:]))
        found["samples"] = pictures.image_grid(np.asarray(model.sample(n, y=labels, seed=seed)))
    elif "classify" in model.capabilities:
        from zoo.verbs import by_class  # loads TensorFlow

        found["classes"] = pictures.image_grid(by_class(model, x))
    if "reconstruct" in model.capabilities:
        x_hat = np.asarray(model.reconstruct(x, y=y, seed=seed))
        columns = 2 * max(1, round(len(x) ** 0.5 / 2))  # a pair never breaks over a line
        found["reconstructions"] = pictures.image_grid(
            pictures.interleave(x, x_hat), columns=2 * columns
        )
        if model.levels > 1:
            found["levels"] = levels(model, *shown, seed)
        if not model.conditional and hasattr(model, "inpaint"):
            found["inpaintings"] = inpaintings(model, shown[0], seed)
    if "log_ratio" in model.capabilities:
        found["ratios"] = pictures.image_grid(x[np.argsort(model.log_ratio(x))])
    if "decode" in model.capabilities:
        found["interpolations"] = interpolations(model, x, y, min(ROWS, len(x) // 2) or 1, seed)
        if not has_mean(model, *shown, seed):
            found["draws"] = draws(model, *shown, seed)
        if style(model):
            found["traversals"] = traversals(model, *shown, seed)
        if number_of_classes(model):
            found["classes"] = classes(model, seed)
        elif model.conditional:
            found["classes"] = attributes(model, *shown, seed)
    return found


def neighbours(
    model: "GenerativeModel", dataset: "Dataset", real: dict[str, np.ndarray], seed: int
) -> np.ndarray:
    """Whether samples are copies: a row is a sample, and the training images nearest to it.

    Args:
        model: a GenerativeModel that samples images.
        dataset: what it learned from.
        real: {"x"[, "y"]}, whose labels a conditional model is given.
        seed: of the samples.
    """
    from zoo.metrics import copies, halves  # loads TensorFlow

    y = labels_of(model, real)
    labels = None if y is None else np.resize(y, (ROWS, *y.shape[1:]))
    x = np.asarray(model.sample(ROWS, y=labels, seed=seed))
    near = copies.nearest_in_train(x, dataset, min(_NEIGHBOURS, dataset.size("train"))).rows
    found = halves.rows_of(dataset, "train", near.reshape(-1))["x"]
    rows = np.concatenate([x[:, None], found.reshape(*near.shape, *x.shape[1:])], axis=1)
    return pictures.image_grid(rows.reshape(-1, *x.shape[1:]), columns=rows.shape[1])


def own(
    model: "GenerativeModel", x: np.ndarray, y: np.ndarray | None, seed: int
) -> dict[str, np.ndarray]:
    """{name: picture}: images left of their reconstructions, and a line between each pair.

    Of an odd number the last one is reconstructed only.
    """
    x_hat = np.asarray(model.reconstruct(x, y=y, seed=seed))
    pairs = len(x) // 2
    found = {"own-reconstructions": pictures.image_grid(pictures.interleave(x, x_hat), columns=2)}
    if pairs:
        ends = np.arange(2 * pairs).reshape(pairs, 2).T.ravel()  # all first ones, all second ones
        y = None if y is None else y[ends]
        found["own-interpolations"] = interpolations(model, x[ends], y, pairs, seed)
    return found


def interpolations(
    model: "GenerativeModel", x: np.ndarray, y: np.ndarray | None, rows: int, seed: int
) -> np.ndarray:
    """Lines between codes of real images; between draws of the prior if there is no encoder.

    Args:
        model: a GenerativeModel that decodes.
        x: real images, at least 2 * rows where the model encodes (one image is taken twice).
        y: their labels, or None; a line has those of its first end up to its middle.
        rows: number of lines.
        seed: of the noise.
    """
    ends = np.arange(2 * rows) % len(x)
    labels = None if y is None else y[ends]
    z = start_codes(model, x[ends], labels, seed)
    z = pictures.interpolate(z[:rows], z[rows:], steps=_STEPS)
    real = {}
    if "encode" in model.capabilities:
        real = {"x_from": x[ends][:rows], "x_to": x[ends][rows:]}
    if labels is not None:
        middle = _STEPS // 2
        halves = [labels[:rows]] * (middle + 1) + [labels[rows:]] * middle
        labels = np.stack(halves, axis=1).reshape(-1, *labels.shape[1:])
    return pictures.interpolation_grid(decode_mean(model, z, labels), rows=rows, **real)


def draws(model: "GenerativeModel", x: np.ndarray, y: np.ndarray | None, seed: int) -> np.ndarray:
    """What the code leaves open: a row is a code (its image first), a column a draw of p(x|z)."""
    z = np.repeat(start_codes(model, x, y, seed), _DRAWS, axis=0)
    y = None if y is None else np.repeat(y, _DRAWS, axis=0)
    drawn = np.asarray(model.decode(z, y=y).sample(seed=(seed % 2**31, 1)))
    drawn = drawn.reshape(len(x), _DRAWS, *x.shape[1:])
    first = x if "encode" in model.capabilities else drawn[:, 0]
    rows = np.concatenate([np.asarray(first)[:, None], drawn], axis=1)
    return pictures.image_grid(rows.reshape(-1, *x.shape[1:]), columns=_DRAWS + 1)


def traversals(
    model: "GenerativeModel", x: np.ndarray, y: np.ndarray | None, seed: int
) -> np.ndarray:
    """A row a dimension of one image's code, moved over the prior's range; a block an image.

    The range is -2 to 2, or -1 to 1 where the prior ends there. A categorical part and noise stay.
    """
    n, dimensions = min(_TRAVERSED, len(x)), style(model)[:_DIMENSIONS]
    x, y = x[:n], None if y is None else y[:n]
    bounded = np.abs(draw_prior(model, 1_000, seed)[:, dimensions]).max() <= 1.0
    values = np.linspace(-1.0, 1.0, _STEPS) * (1.0 if bounded else 2.0)
    z = pictures.traverse(start_codes(model, x, y, seed), dimensions, values)
    labels = None if y is None else np.repeat(y, len(dimensions) * _STEPS, axis=0)
    rows = len(dimensions) * n
    real = np.repeat(x, len(dimensions), axis=0) if "encode" in model.capabilities else None
    return pictures.interpolation_grid(decode_mean(model, z, labels), real, rows=rows)


def classes(model: "GenerativeModel", seed: int) -> np.ndarray:
    """A row a draw of the prior and of noise, a column a class or a cluster: all else is fixed."""
    count = number_of_classes(model)
    shown = np.arange(min(count, CLASSES))
    z = np.repeat(draw_prior(model, ROWS, seed), len(shown), axis=0)
    y = np.tile(shown, ROWS).astype(np.int32)
    noise = np.repeat(np.arange(ROWS), len(shown))
    if model.conditional:
        decoded = decode_mean(model, z, y, noise)
    else:
        of_class = np.eye(count, dtype=np.float32)[y]
        decoded = decode_mean(model, np.concatenate([of_class, z[:, count:]], 1), noise=noise)
    return pictures.image_grid(decoded, columns=len(shown))


def attributes(
    model: "GenerativeModel", x: np.ndarray, y: np.ndarray | None, seed: int
) -> np.ndarray:
    """Columns: x, its reconstruction, then with each of the attributes on, the code being fixed.

    Reference: Dumoulin et al., ALI, arXiv 1606.00704, the figure of conditional generation.
    """
    z = start_codes(model, x, y, seed)
    changed = [y]
    for attribute in range(min(y.shape[1], _ATTRIBUTES)):
        changed.append(np.array(y))
        changed[-1][:, attribute] = 1.0
    real = [x] if "encode" in model.capabilities else []
    columns = [*real, *(decode_mean(model, z, each) for each in changed)]
    return pictures.image_grid(pictures.interleave(*columns), columns=len(columns))


def levels(model: "GenerativeModel", x: np.ndarray, y: np.ndarray | None, seed: int) -> np.ndarray:
    """Columns: x, then its reconstructions from level 1, level 2, ..."""
    found = [
        np.asarray(model.reconstruct(x, y=y, level=level, seed=seed))
        for level in range(1, model.levels + 1)
    ]
    return pictures.image_grid(pictures.interleave(x, *found), columns=1 + len(found))


def inpaintings(model: "GenerativeModel", x: np.ndarray, seed: int) -> np.ndarray:
    """Columns: x, x with its right half hidden, inpainted."""
    height, width, _ = x.shape[1:]
    known = np.zeros((height, width, 1), bool)
    known[:, : width // 2] = True
    hidden = np.where(known, x, np.float32(0.5))
    inpainted = np.asarray(model.inpaint(hidden, known, seed=seed))
    return pictures.image_grid(pictures.interleave(x, hidden, inpainted), columns=3)


def codes(
    model: "GenerativeModel", real: dict[str, np.ndarray], classes: np.ndarray | None, seed: int
) -> np.ndarray:
    """Draws of q(z|x) in the plane beside the prior's on the same axes.

    Args:
        model: a GenerativeModel with `planar_part`.
        real: {"x"[, "y"]}, real examples.
        classes: int [N], their colours; None draws all codes in one.
        seed: of the draws.
    """
    found = draw_codes(model, real["x"], labels_of(model, real), seed)
    shown = {"codes": found if classes is None else (found, classes)}
    prior = draw_prior(model, len(found), seed)[:, style(model).start :]
    if prior.shape == found.shape:  # of a hierarchy the prior is the top level's
        shown["prior"] = prior
    return plots.scatter_image(shown, latent=())


def panels(
    model: "GenerativeModel", real: dict[str, np.ndarray], modes: np.ndarray | None, seed: int
) -> dict[str, Any]:
    """{title: points} of a model of 2-D data; what came from a data point has its colour."""
    x, y = real["x"], labels_of(model, real)
    colours = None if modes is None else plots.nearest_mode(x, modes)

    def coloured(points):
        return points if colours is None else (points, colours)

    found = {"data": coloured(x)}
    if "sample" in model.capabilities:
        found["samples"] = np.asarray(model.sample(len(x), y=y, seed=seed))
    if "reconstruct" in model.capabilities:
        found["reconstructions"] = coloured(np.asarray(model.reconstruct(x, y=y, seed=seed)))
    if planar_part(model):
        found["codes"] = coloured(draw_codes(model, x, y, seed))
    return found


# --- what the pictures share ------------------------------------------------------------------


def labels_of(model: "GenerativeModel", real: dict[str, np.ndarray]) -> np.ndarray | None:
    """Labels for the verbs: None unless the model is conditional."""
    return real["y"] if model.conditional else None


def number_of_classes(model: "GenerativeModel") -> int | None:
    """Classes that samples can be asked for: labels, or a categorical part of the code; or None."""
    return model.num_classes if model.conditional else model.code_classes


def style(model: "GenerativeModel") -> range:
    """The dimensions of a code after its categorical part, and before noise that is beside it."""
    return range(model.code_classes or 0, getattr(model, "told_dim", model.code_dim))


def planar_part(model: "GenerativeModel") -> str | None:
    """The part of the code that is a point in the plane, or None."""
    can = "encode" in model.capabilities
    return plots.planar_part(model.code_dim, model.code_classes) if can else None


def start_codes(
    model: "GenerativeModel", x: np.ndarray, y: np.ndarray | None, seed: int
) -> np.ndarray:
    """Codes of real images, [N, code_dim]; as many draws of the prior if there is no encoder."""
    if "encode" in model.capabilities:
        return np.asarray(model.encode(x, y=y).mean())
    return draw_prior(model, len(x), seed)


def draw_codes(
    model: "GenerativeModel", x: np.ndarray, y: np.ndarray | None, seed: int
) -> np.ndarray:
    """A draw of q(z|x) of the part that is a point in the plane, [N, 2]."""
    from zoo import seeds

    part, drawn = planar_part(model), []
    for start in range(0, len(x), BATCH):
        rows = slice(start, start + BATCH)
        q = model.encode(x[rows], y=None if y is None else y[rows], part=part)
        drawn.append(np.asarray(q.sample(seed=seeds.fold(seed, "codes", start))))
    return np.concatenate(drawn)


def draw_prior(model: "GenerativeModel", n: int, seed: int) -> np.ndarray:
    """n codes of the prior, [n, code_dim]."""
    return np.asarray(model.prior.sample(n, seed=(seed % 2**31, 0)))


def has_mean(model: "GenerativeModel", x: np.ndarray, y: np.ndarray | None, seed: int) -> bool:
    """Whether p(x|z) has a mean; one without, such as an autoregressive one, is shown by draws."""
    z = start_codes(model, x[:1], None if y is None else y[:1], seed)
    try:
        model.decode(z, y=None if y is None else y[:1]).mean()
    except NotImplementedError:
        return False
    return True


def decode_mean(
    model: "GenerativeModel",
    z: np.ndarray,
    y: np.ndarray | None = None,
    noise: np.ndarray | None = None,
) -> np.ndarray:
    """The mean of p(x|z); without one a draw.

    Args:
        model: a GenerativeModel that decodes.
        z, y: codes [N, code_dim], and their labels or None.
        noise: [N], number of the noise that a row is drawn with; None: all rows have one, so that
            they differ by their codes alone.
    """
    likelihood = model.decode(z, y=y)
    try:
        return np.asarray(likelihood.mean())
    except NotImplementedError:
        from zoo import distributions, seeds

        noise = np.zeros(len(z), int) if noise is None else noise
        rows = np.asarray(seeds.row_seeds(noise.max() + 1, 0))[noise]
        if hasattr(likelihood, "sample_rows"):  # of an export
            return np.asarray(likelihood.sample_rows(rows))
        return np.asarray(distributions.sample_rows(likelihood, rows, "x"))
