"""The smallest case of every method, on images and on vectors, without loading TensorFlow.

A method is covered as soon as its file lies in `zoo/methods/`. Where the defaults do not suffice,
its own test, `tests/methods/test_<method>.py`, says so in a literal that is read, not imported:

    CONFORMANCE = {
        "images": {"num_classes": 10},  # constructor arguments
        "vectors": None,  # not for vectors
        "data": {"labels": 20},  # arguments of zoo.data.load
        "train": {"labelled_batch_size": 4},  # arguments of zoo.training.train
    }

Methods that are another one but for its defaults share a test, `tests/methods/test_BASE_family.py`,
whose `CONFORMANCE` says the same by method.
"""

import ast
import functools
import re

import zoo
from tests.helpers import ROOT

METHODS = zoo.list_methods()
SOURCES = {"images": "digits", "vectors": "gaussian_ring"}
BUILT_IN = ("digits", "gaussian_grid", "gaussian_ring")
SMALL = {"latent_dim": 3}
STEPS = 12  # of the run that every property looks at
# Everything that leaves a trace in a model's state.
ALL = {
    "ema_decay": 0.5,
    "clip_norm": 1.0,
    "lr_schedule": "linear",
    "decay_from": 1,
    "decay_steps": 8,
}


@functools.cache
def tiny_networks():
    """Registers `network="tiny_images"` and `"tiny_vectors"`, and returns their names by family.

    Two rows a network: traced in no time. They are smooth, as rounding decides on which side of a
    kink an input falls, so that sums in another order would take another path. The tables of the
    papers have their tests in tests/networks and tests/conformance/test_configs.py.
    """
    from zoo.networks import tables
    from zoo.networks.stack import Reshape, conv, deconv, dense

    bent, linear, maps = {"activation": "tanh"}, dense(None, activation="linear"), (4, 4, 4)
    rows = dense(8, norm=True, **bent), linear
    codes = {f"code_{role}": rows for role in ("encoder", "decoder")}
    codes["code_discriminator"] = (dense(8, **bent), linear)

    def table(encoder, decoder, trunk):
        discriminator = {"x": trunk, "z": (), "joint": (dense(8, **bent), linear)}
        roles = {"encoder": encoder, "decoder": decoder, "discriminator": discriminator}
        return tables.Table({**roles, **codes})

    convolution = {"padding": "same", **bent}
    up = (
        dense(64, norm=True, **bent),
        Reshape(maps),
        deconv(None, 4, 2, size=(8, 8), padding="same", activation="linear"),
    )
    found = {
        "tiny_images": table(
            (conv(4, 4, 2, norm=True, **convolution), linear), up, (conv(4, 4, 2, **convolution),)
        ),
        "tiny_vectors": table(rows, rows, ()),
    }
    tables.TABLES.update(found)
    return {name.removeprefix("tiny_"): name for name in found}


def test_file(method):
    """The test of one method, its own or that of its family, which holds its descriptor."""
    folder = ROOT / "tests" / "methods"
    own = folder / f"test_{method}.py"
    shared = (p for p in folder.glob("test_*_family.py") if f'"{method}":' in p.read_text())
    return own if own.exists() else next(shared, own)


test_file.__test__ = False


@functools.cache
def descriptor(method):
    """The method's `CONFORMANCE`, or {}."""
    path = test_file(method)
    for node in ast.parse(path.read_text()).body if path.exists() else ():
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CONFORMANCE":
            found = ast.literal_eval(node.value)
            return found.get(method, {}) if path.stem.endswith("_family") else found
    return {}


def families(method):
    """The kinds of data that the method takes."""
    return [family for family in SOURCES if descriptor(method).get(family, {}) is not None]


CASES = [(method, family) for method in METHODS for family in families(method)]


def configs(method, built_in=False):
    """Paths of a method's configs, the plainest first; those on data that need no files alone."""
    found = (ROOT / "configs" / method).glob("*.cfg")
    own = [p for p in found if not built_in or _dataset(p) in BUILT_IN]
    return sorted(own, key=lambda path: (len(path.stem), path.stem))


@functools.cache
def first_configs(method):
    """The plainest config of a method on each data set."""
    return {_dataset(path): path for path in reversed(configs(method))}.values()


def _dataset(config):
    return re.search(r"^--dataset=(.*)$", config.read_text(), re.M)[1]


@functools.cache
def data(method, family=None):
    """The case's `zoo.data.Dataset`."""
    family = family or families(method)[0]
    own = descriptor(method).get("data", {}) if family == "images" else {}
    if zoo.registry.get(method).NEEDS_REFERENCE:
        own = own | {"reference": SOURCES[family]}
    return zoo.data.load(SOURCES[family], **own)


def make(method, family=None, **changes):
    """A new model for the case's data."""
    family = family or families(method)[0]
    own = {"network": tiny_networks()[family], **descriptor(method).get(family, {})}
    shape = data(method, family).image_shape
    fixed = zoo.registry.fixed_values(method)
    small = {name: value for name, value in SMALL.items() if name not in fixed}
    return zoo.create(method, image_shape=shape, **{**small, **own, **changes})


def train(model, run_dir, steps=STEPS, **changes):
    """Trains on the case's data; returns the last logs."""
    family = "images" if len(model.image_shape) == 3 else "vectors"
    settings = {"batch_size": 8, "checkpoint_every": 6, "log_every": 4, "sample_every": 0}
    settings["progress"] = False
    own = descriptor(model.method).get("train", {}) if family == "images" else {}
    return zoo.training.train(
        model,
        data(model.method, family),
        run_dir,
        steps=steps,
        **{**settings, **own, **changes},
    )


def sgd(model, rate=0.05):
    """Plain SGD for every player: Adam would magnify the last bits of gradients near zero."""
    import keras

    model.compile({player: keras.optimizers.SGD(rate) for player in model.players})
    return model


def batches(method, family, count=1, batch_size=8):
    """The first training batches of the case, dicts of tensors."""
    own = descriptor(method).get("train", {}) if family == "images" else {}
    names = {key: own[key] for key in ("labelled_batch_size",) if key in own}
    return list(data(method, family).train(batch_size, 0, **names).take(count))


def inputs(model, rows=5):
    """{"x", "z", "seed"[, "y"]}: arrays for the row-wise verbs."""
    import numpy as np

    from zoo import seeds

    random = np.random.default_rng(1)
    fed = {
        "x": random.integers(0, 2, size=(rows, *model.image_shape)).astype(np.float32),
        "z": random.normal(size=(rows, model.code_dim or 1)).astype(np.float32),
        "seed": seeds.row_seeds(rows, 7).numpy(),
    }
    if model.conditional and model.num_attributes is not None:
        fed["y"] = random.integers(0, 2, size=(rows, model.num_attributes)).astype(np.float32)
    elif model.conditional:
        fed["y"] = (np.arange(rows) % model.num_classes).astype(np.int32)
    return fed
