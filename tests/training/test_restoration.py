"""The model of a run from its directory, whatever lies in it."""

import json
import os
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
import zoo.data
from tests import helpers, small
from zoo import registry, training
from zoo.training import allowance, checkpoints, loop, run

EVIL = """
import pathlib
pathlib.Path(__file__).with_name("PWNED").write_text("")
from zoo.methods.vae import VAE
class Loss(VAE): pass
"""


def a_run(folder, method="vae", **hyper_parameters):
    """The directory of a run that was written by hand."""
    identity = {"method": method, "hyper_parameters": hyper_parameters, "data": "digits"}
    folder.mkdir(exist_ok=True)
    (folder / "identity.json").write_text(json.dumps(identity))
    return folder


@pytest.fixture
def evil(in_tmp_path, monkeypatch):
    """A folder from which modules are imported, with one that leaves a file when it is."""
    (in_tmp_path / "a_module_of_somebody.py").write_text(EVIL)
    monkeypatch.syspath_prepend(in_tmp_path)
    yield in_tmp_path
    sys.modules.pop("a_module_of_somebody", None)


@pytest.mark.parametrize(
    "method, arguments",
    [
        ("subprocess:run", {"args": "touch PWNED", "shell": True}),
        ("os:system", {"command": "touch PWNED"}),
        ("runpy:run_path", {"path_name": "a_module_of_somebody.py"}),
        ("a_module_of_somebody:Loss", {}),
        ("zoo.files:write_text", {"path": "PWNED", "text": ""}),
        ("zoo.model:GenerativeModel.compile", {}),
        ("vae", {"encoder": "a network", "image_shape": [8, 8, 1]}),
        ("vae", {"image_shape": "all"}),
        ("vae", {"image_shape": [10**9]}),
        ("vae", {"image_shape": [10**5, 10**5, 3]}),
        ("vae", {"image_shape": [8, 8, 1], "latent_dim": 10**9}),
        ("real_nvp", {"image_shape": [2], "hidden_units": 10**9}),
        ("hali", {"image_shape": [8, 8, 1], "upper_dims": [10**9]}),
        ("vlae", {"image_shape": [8, 8, 1], "prior_units": 10**9}),
        ("vae", {}),
        ("../vae", {}),
        ("", {}),
        (":", {}),
    ],
)
@pytest.mark.parametrize("door", ["restore", "init_from"])
def test_nothing_that_a_run_names_is_executed(evil, method, arguments, door):
    directory = a_run(evil / "run", method, **arguments)
    with helpers.refused(ValueError):
        if door == "restore":
            zoo.restore(directory)
        else:
            data, model = zoo.data.load("gaussian_ring"), small.make(small.Bound)
            settings = {"steps": 1, "batch_size": 2, "progress": False}
            loop.train(model, data, evil / "new", init_from=directory, **settings)
    assert not (evil / "PWNED").exists() and not (evil / "new").exists()


def test_a_module_of_a_run_is_imported_when_it_is_allowed(evil):
    directory = a_run(evil / "run", "a_module_of_somebody:Loss", image_shape=[8, 8, 1])
    with helpers.refused(ValueError, match=r"allow=\('a_module_of_somebody',\)"):
        zoo.restore(directory, allow=("another",))
    with helpers.refused(FileNotFoundError, match="newest checkpoint"):
        zoo.restore(directory, allow=("a_module_of_somebody",))
    assert (evil / "PWNED").exists()


def test_what_a_run_holds_is_what_its_model_may_have(tmp_path):
    none = allowance.of_run(tmp_path)
    with open(tmp_path / "hole.npz", "wb") as file:
        file.truncate(2**40)
    assert allowance.of_run(tmp_path) - none < 2**20
    (tmp_path / "step-00000001").mkdir()
    (tmp_path / "step-00000001" / "variables.npz").write_bytes(os.urandom(2**20))
    more = allowance.of_run(tmp_path) - none
    assert 2 * 2**20 <= more < 2 * 2**20 + 2**18  # and what a file system adds


def test_many_small_variables_are_many_numbers():
    with allowance.allowance(3 * 2**14):
        made = [tf.Variable(0.0) for _ in range(3)]
        with helpers.refused(ValueError, match=f"`weights`: expected at most {3 * 2**14} numbers"):
            tf.Variable(0.0)
    assert len(made) == 3
    with allowance.allowance(2**16):
        tf.Variable(tf.zeros([2**16]))
    with allowance.allowance(2**16), helpers.refused(ValueError, match=r"of shape \(65537,\)"):
        tf.Variable(lambda: tf.zeros([2**16 + 1]))


def test_the_best_is_another_checkpoint_than_the_newest(tmp_path):
    arguments = {"image_shape": [2], "latent_dim": 1}
    model = zoo.create("vae", **arguments)
    model.compile()
    for step, prefix in ((1, "best"), (2, "step")):
        model.step.assign(step)
        checkpoints.save(model, tmp_path / "checkpoints", step, prefix=prefix)
    a_run(tmp_path, "vae", **arguments)
    for step, which in ((1, "best"), (2, "newest")):
        assert int(zoo.restore(tmp_path, which=which).step) == step


def test_flags_of_another_method_are_refused(tmp_path):
    directory = a_run(tmp_path, "vae", image_shape=[8, 8, 1])
    (directory / "flags.cfg").write_text("--method=gan\n")
    with helpers.refused(ValueError, match="method is 'gan' in one, 'vae' in the other"):
        zoo.restore(directory)


@pytest.mark.parametrize("method", registry.list_methods())
def test_what_flags_say_of_a_run_is_what_its_model_says(tmp_path, method):
    """No method changes an argument that flags.cfg records too."""
    described = registry.hyper_parameters(method)
    text = "".join(f"--{name}={item.default}\n" for name, item in described.items())
    (tmp_path / "flags.cfg").write_text(f"--method={method}\n{text}")
    own = {name: item.default for name, item in described.items()}
    identity = {"method": method, "hyper_parameters": json.loads(json.dumps(own))}
    run.check_flags(tmp_path, identity, described)


@pytest.mark.parametrize("allow", [None, "my.module"])
def test_allow_is_a_collection_of_names(tmp_path, allow):
    with helpers.refused(TypeError, match="Received: allow="):
        zoo.restore(tmp_path, allow=allow)


def test_a_name_that_no_disk_takes_is_refused():
    with helpers.refused(ValueError, match="`run_dir`: expected a directory that can be read"):
        zoo.restore("x" * 5000)
    with helpers.refused(ValueError, match="`run_dir`: expected a directory that can be written"):
        run.check_run_dir("x" * 5000)
    for kind in ("npz", "folder"):
        with helpers.refused(FileNotFoundError, match=f"expected {kind}:PATH"):
            zoo.data.load(f"{kind}:{'x' * 5000}")


def test_what_a_run_names_moves_no_cursor(tmp_path):
    directory = a_run(tmp_path, "vae", image_shape=[2])
    identity = json.loads((directory / "identity.json").read_text())
    for networks in (
        {"\x1b[2Jencoder": {"class_name": "Dense", "module": "m", "config": {}}},
        {"encoder": {"class_name": "\x1b[2JDense", "module": "m", "config": {}}},
    ):
        (directory / "identity.json").write_text(json.dumps(identity | {"networks": networks}))
        with helpers.refused(ValueError, match=r"\\x1b\[2J") as error:
            zoo.restore(directory)
        assert str(error.value).isprintable()


@pytest.mark.parametrize("run_dir", [3, None, b"run"])
def test_a_run_directory_is_a_path(run_dir):
    with helpers.refused(TypeError, match="Received: run_dir="):
        zoo.restore(run_dir)


def trained_with(optimizers, folder, **changes):
    """A run of digits in two dimensions whose optimizer is the caller's."""
    model = zoo.create("vae", image_shape=(2,), latent_dim=2, decoder_output="normal")
    model.compile(optimizers)
    settings = {"steps": 2, "batch_size": 8, "sample_every": 0, "progress": False} | changes
    training.train(model, zoo.data.load("gaussian_ring"), folder, **settings)
    return model


@pytest.mark.parametrize(
    "optimizers",
    [
        lambda: "sgd",
        lambda: keras.optimizers.RMSprop(keras.optimizers.schedules.CosineDecay(0.1, 10)),
    ],
)
def test_a_run_with_optimizers_of_its_own_is_restored(tmp_path, optimizers):
    model = trained_with(optimizers(), tmp_path)
    again = zoo.restore(tmp_path)
    for name, variable in model.state.items():
        np.testing.assert_array_equal(again.state[name].numpy(), variable.numpy(), err_msg=name)
    configs = [o.get_config() | {"name": ""} for m in (model, again) for o in m.optimizers.values()]
    assert configs[0] == configs[1]


def test_a_run_is_not_continued_with_other_optimizers(tmp_path):
    trained_with(keras.optimizers.SGD(1e-4), tmp_path)
    with helpers.refused(ValueError, match="`run_dir`: .*differs in optimizers"):
        trained_with(keras.optimizers.SGD(2e-4), tmp_path, steps=3)
    trained_with(keras.optimizers.SGD(1e-4), tmp_path, steps=3)


@pytest.mark.parametrize(
    "config",
    [
        {"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}},
        {"module": "keras.optimizers", "class_name": "get", "config": {}},
        {
            "module": "keras.optimizers",
            "class_name": "SGD",
            "config": {
                "learning_rate": {"module": "builtins", "class_name": "function", "config": "exec"}
            },
        },
        {"class_name": "SGD"},
        "sgd",
        None,
    ],
)
def test_optimizers_that_are_not_keras_are_not_made(tmp_path, config, monkeypatch):
    trained_with("sgd", tmp_path)
    seen = []  # Keras would call whatever a configuration names
    monkeypatch.setattr(keras.optimizers, "deserialize", lambda *a, **b: seen.append(a))
    path = tmp_path / "identity.json"
    identity = json.loads(path.read_text())
    path.write_text(json.dumps(identity | {"optimizers": {"model": config}}))
    with helpers.refused(ValueError, match="optimizers can be made again"):
        zoo.restore(tmp_path)
    assert not seen
