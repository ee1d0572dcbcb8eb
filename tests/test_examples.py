"""The scripts of examples/ run, in this process, and their pictures show what they say."""

import runpy
import types

import numpy as np
import pytest
from PIL import Image
from scipy import optimize

import zoo
from tests import helpers
from tests.conformance import cases

SCALE, CELL = 4, 4 * 8 + 2  # an image of 8 x 8 in a grid, and its line


@pytest.fixture(scope="module")
def example(repository):
    """The function `main` of a script, by its name."""

    def main_of(name):
        return runpy.run_path(str(repository / "examples" / f"{name}.py"))["main"]

    return main_of


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """Of a tiny VAE of digits."""
    run_dir = tmp_path_factory.mktemp("runs") / "vae-digits"
    cases.train(cases.make("vae", "images"), run_dir, steps=2)
    return run_dir


def images(path, columns):
    """The images of a grid of 8 x 8 ones, float32 [rows, columns, 8, 8]."""
    pixels = np.asarray(Image.open(path).convert("L"), np.float32)[2:, 2:] / 255
    blocks = pixels.reshape(-1, CELL, columns, CELL)[:, : CELL - 2 : SCALE, :, : CELL - 2 : SCALE]
    return blocks.swapaxes(1, 2)


def assert_shows(found, expected):
    np.testing.assert_allclose(found, np.reshape(expected, found.shape), atol=0.51 / 255)


def test_own_images_are_joined_by_lines_of_codes(example, run_dir, in_tmp_path, capsys):
    model = zoo.restore(run_dir)
    zoo.export(model, "exported/vae")
    x = zoo.data.load("digits").arrays("test", 3)["x"]
    paths = [f"{index}.png" for index in range(3)]
    for path, image in zip(paths, x):
        zoo.pictures.save_png(path, image)
    example("interpolate_own_images")([*paths, "--model=exported/vae", "--steps=4"])
    assert capsys.readouterr().out == "interpolations.png\n"
    found = images("interpolations.png", 6)
    assert found.shape[0] == 2
    x = np.rint(255 * x) / np.float32(255)  # as files hold them
    assert_shows(found[:, 0], x[:2])
    assert_shows(found[:, -1], x[1:])
    x_hat = np.asarray(model.decode(model.encode(x).mean()).mean())
    assert_shows(found[:, 1], x_hat[:2])
    assert_shows(found[:, -2], x_hat[1:])


def test_one_image_makes_no_line(example, capsys):
    with pytest.raises(SystemExit) as stop:
        example("interpolate_own_images")(["a.png", "--model=nowhere"])
    assert stop.value.code == 2 and "two images" in capsys.readouterr().err


def test_a_model_learns_from_other_data(example, run_dir, in_tmp_path):
    digits = zoo.data.load("digits").arrays("train", 200)["x"]
    np.savez("inverted.npz", x=1 - digits)
    arguments = [f"--model={run_dir}", "--data=npz:inverted.npz", "--steps=100"]
    example("fine_tune")([*arguments, "--learning_rate=1e-2", "--batch_size=20"])
    x, before, after = images("fine_tuned.png", 12)
    data = zoo.data.load("npz:inverted.npz")
    own = data.arrays(data.default_split, 12)["x"]
    assert_shows(x, own)
    assert_shows(before, np.asarray(zoo.restore(run_dir).reconstruct(own, seed=0)))
    assert_shows(after, np.asarray(zoo.load("exported/fine_tuned").reconstruct(own, seed=0)))
    # Two steps of training leave grey, an error of about the data's second moment around 1/2;
    # a decoder that only learned the mean image has the data's variance as its error.
    assert ((x - after) ** 2).mean() < 0.6 * ((x - before) ** 2).mean()


@pytest.mark.parametrize(
    "methods", [("vae",), pytest.param(("vae", "vae_gan", "ali"), marks=pytest.mark.every)]
)
def test_methods_are_compared_on_own_data(example, in_tmp_path, capsys, methods):
    np.savez("mine.npz", x=zoo.data.load("digits").arrays("train", 60)["x"])
    arguments = ["--data=npz:mine.npz", "--steps=2", "--batch_size=10", "--latent_dim=2"]
    metrics = ["reconstruction_mse", *["reconstruction_ratio"] * (len(methods) > 1)]
    example("compare_methods")([*arguments, "--methods", *methods, "--metrics", *metrics])
    header, *rows, path = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["method", *metrics] and path == "comparison.png"
    assert [row.split("\t")[0] for row in rows] == list(methods)
    values = np.array([row.split("\t")[1:] for row in rows], float)
    assert (values > 0).all() and (values[:, 0] < 1).all()
    data = zoo.data.load("npz:mine.npz")
    x = data.arrays(data.default_split, 12)["x"]
    found = images(path, len(x))
    assert len(found) == 3 * len(methods)
    for index in range(len(methods)):
        assert_shows(found[3 * index + 1], x)


@pytest.mark.parametrize("steps", helpers.first_of([3, 400]))
def test_classes_are_learned_from_few_labels_of_ones_own(example, in_tmp_path, capsys, steps):
    data = zoo.data.load("digits", labels=50)
    few, test = data.labelled_arrays(), data.arrays("test")
    np.savez("all.npz", x=data.arrays("train")["x"])
    np.savez("some.npz", **few, x_test=test["x"], y_test=test["y"])
    example("few_labels")(["--data=npz:all.npz", "--labelled=npz:some.npz", f"--steps={steps}"])
    own, nearest, path = capsys.readouterr().out.splitlines()
    apart = np.square(test["x"][:, None] - few["x"]).sum(axis=(2, 3, 4))
    wrong = np.mean(few["y"][apart.argmin(axis=1)] != test["y"])
    assert nearest == f"nearest\terror {wrong:.3f}"
    error = float(own.removeprefix("vat\terror "))
    truth = zoo.data.load("npz:all.npz")
    found = np.load(path)
    assert found.shape == (truth.size("train"),) and {*found} <= {*range(10)}
    assert error < 0.1 or steps == 3


# --- ratios of Gaussians --------------------------------------------------------------------------


@pytest.mark.every
def test_each_ratio_loss_finds_the_log_ratio_of_gaussians(example, capsys):
    example("gaussian_ratio")(["--seeds=1", "--steps=200"])
    header, *rows = capsys.readouterr().out.splitlines()
    found = {row.split("\t")[0]: float(row.split("\t")[1]) for row in rows}
    assert header.startswith("loss") and len(found) == 13
    assert 0.0 < min(found.values()) and max(found.values()) < 0.4, found


# --- two disjoint lines ---------------------------------------------------------------------------


def test_the_distance_of_two_lines_is_that_of_the_best_pairs(repository):
    """Of 300 evenly spread points a side; their squares' mean is off by 1 / 300^2 of 1/3."""
    distance = runpy.run_path(str(repository / "examples" / "disjoint_lines.py"))["distance"]
    a, b, w = np.random.default_rng(0).normal(size=(3, 4))
    model = types.SimpleNamespace(decode=lambda z: types.SimpleNamespace(mean=lambda: b + z * w))
    t = (np.arange(300) + 0.5) / 150 - 1
    costs = np.square(np.outer(t, a)[:, None] - (b + np.outer(t, w))[None]).sum(axis=-1)
    best = costs[optimize.linear_sum_assignment(costs)].mean()
    np.testing.assert_allclose(distance(model, a), np.sqrt(best), rtol=1e-4)


@pytest.mark.every
def test_disjoint_lines_stop_minimax_alone(example, in_tmp_path, capsys):
    example("disjoint_lines")(["--steps=1000"])
    header, *rows, path = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["game", "first", "last"] and path == "disjoint_lines.png"
    # Orthonormal vectors: W^2 = |b|^2 + (|a|^2 + |w|^2) / 3 = 5/3.
    left = {}
    for row in rows:
        name, first, last = row.split("\t")
        assert float(first) == pytest.approx((5 / 3) ** 0.5, abs=1e-4)
        left[name] = float(last) / float(first)
    assert left.pop("minimax") > 0.5
    assert all(0 <= each < 0.5 for each in left.values()), left
    assert Image.open(path).size == (700, 450)
