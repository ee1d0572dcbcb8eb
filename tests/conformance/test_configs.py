"""Every config parses, names only what exists, builds; those on built-in data train."""

import functools
import math
import re
import sys

import zoo
from tests import helpers

sys.path.insert(0, str(helpers.ROOT / "tools"))  # a tool finds `common` beside it
import common

# What zoo.data.load would say, without the data.
SHAPES = {
    "digits": (8, 8, 1),
    "gaussian_grid": (2,),
    "gaussian_ring": (2,),
    "mnist": (28, 28, 1),
    "fashion_mnist": (28, 28, 1),
    "binarized_mnist": (28, 28, 1),
    "stacked_mnist": (28, 28, 3),
    "cifar10": (32, 32, 3),
    "svhn_cropped": (32, 32, 3),
    "svhn_extra": (32, 32, 3),
    "celeb_a": (64, 64, 3),
    "imagenet_resized": (64, 64, 3),
}


@functools.cache
def parse(path):
    """The flags of a config; `common.parse` refuses names that it does not know."""
    return common.parse(["train.py", f"--flagfile={path}"], common.RUN_FLAGS)


@functools.cache
def load(dataset, reference, binarise, labels, label_seed):
    options = {"binarise": binarise, "labels": labels, "label_seed": label_seed}
    return zoo.data.load(dataset, reference=reference, **options)


def build(flags, image_shape):
    return zoo.create(flags.method, image_shape=image_shape, **flags.hyper_parameters)


def test_parses(method, config):
    path, flags, text = config, parse(config), config.read_text()
    common.check_run(flags)
    assert flags.method == method
    assert path.stem.split("-")[0] == flags.dataset.split(":")[0]
    assert not flags.given & {"run_dir", "seed", "data_dir"}
    header = text[: text.index("\n--")]
    for word in ("Network", "Command", "Result"):
        assert f"\n# {word}: " in header, f"{path.name} has no '# {word}: ...' in its header"
    assert f"results/{flags.method}-{path.stem}.json" in header
    assert f"--flagfile=configs/{flags.method}/{path.name}" in header
    assert flags.hyper_parameters["network"] in ("auto", *re.findall(r"\w+", header))
    if flags.best_metric is not None:
        cls = zoo.registry.get(flags.method)
        logs = *cls.LOGS, *(f"{player}_loss" for player in cls.PLAYERS)
        assert flags.best_metric.removeprefix("val_") in logs


def test_builds_for_its_data(method, built):
    """In `make test` the plainest config on each data set, in `make test-all` every one."""
    flags = parse(built)
    prefix, _, _ = flags.dataset.partition(":")
    shape = SHAPES[prefix]
    if flags.image_size is not None:
        shape = (flags.image_size, flags.image_size, shape[-1])
    model = build(flags, shape)
    assert model.image_shape == shape
    assert model.capabilities, f"{method} has no verbs: does it define `likelihood`, or another?"
    assert all(model.player_variables.values())


def test_trains_two_steps(method, built_in):
    """In `make test` the plainest config of a method, in `make test-all` every one."""
    flags = parse(built_in)
    names = ("dataset", "reference_dataset", "binarise", "labels", "label_seed")
    dataset = load(*(getattr(flags, name) for name in names))
    model = build(flags, dataset.image_shape)
    model.compile(run_eagerly=True)  # traced by the other properties
    model.adapt(dataset.arrays("train", limit=500)["x"])
    options = {"labelled_batch_size": flags.labelled_batch_size} if flags.labels else {}
    for batch in dataset.train(flags.batch_size, 0, **options).take(2):
        logs = model.train_step(batch)
    assert int(model.step) == 2
    assert set(logs) == set(model.log_names)
    assert all(math.isfinite(float(value)) for value in logs.values()), logs
