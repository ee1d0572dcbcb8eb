"""Weights of published runs: what the verbs use, in half precision, and nothing else is taken."""

import io
import pathlib
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance import cases
from zoo.publishing.weights import count, pack, precision, roles_in_use
from zoo.training import weights


@pytest.fixture(scope="module")
def model():
    found = cases.make("ali", ema_decay=0.5)
    for variable in found.state.values():
        if variable.dtype == "float32":
            noise = np.random.default_rng(0).uniform(0.5, 1.5, variable.shape)
            variable.assign(noise.astype(np.float32))
    found.step.assign(7)
    return found


@pytest.fixture(scope="module")
def packed(model):
    return pack(model)


def arrays_of(content):
    with np.load(io.BytesIO(content)) as archive:
        return {name: archive[name] for name in archive.files}


def written(path, arrays):
    np.savez(path, **arrays)
    return path


def test_the_networks_of_the_verbs_are_kept_with_their_averages(model, packed):
    found = arrays_of(packed)
    assert {name.partition("/")[0] for name in found} == {"encoder", "decoder", "step"}
    with model.inference():
        kernel = np.asarray(model.encoder.variables[0].value)
    assert found["encoder/000"].dtype == np.uint8 and found["encoder/000"].shape[0] == 2
    kept = weights.read_back(found["encoder/000"])
    np.testing.assert_allclose(kept, kernel, rtol=2**-8)  # half of the last of 8 bits
    assert (kept != np.asarray(model.encoder.variables[0].value)).any()  # another's average
    vectors = [array for array in found.values() if array.ndim == 1]
    assert vectors and all(array.dtype == np.float32 for array in vectors)
    assert count(packed) == sum(
        variable.shape.num_elements()
        for role in ("encoder", "decoder")
        for variable in (tf.convert_to_tensor(v) for v in model.networks[role].variables)
    )


def test_what_comes_back_has_the_same_verbs(model, packed, tmp_path):
    path = tmp_path / weights.FILE
    path.write_bytes(packed)
    twin = cases.make("ali", ema_decay=0.5, seed=1)
    before = np.asarray(twin.networks["discriminator"].variables[0].value)
    weights.restore(twin, path)
    x = cases.inputs(model)["x"]
    for verb in (lambda m: m.encode(x).mean(), lambda m: m.sample(5, seed=0)):
        np.testing.assert_allclose(verb(twin), verb(model), rtol=0.02, atol=0.02)
    assert int(twin.step) == 7
    np.testing.assert_array_equal(twin.networks["discriminator"].variables[0].value, before)
    assert twin.untrained == {"discriminator"} and not twin.has_discriminator_features
    with helpers.refused(ValueError, match="discriminator"):
        twin.discriminator_features(x)


@pytest.mark.parametrize(
    ("asked", "kind"),
    [("bfloat16", "uint8"), ("float16", "float16"), ("float32", "float32")],
)
def test_weights_are_stored_as_asked_for(model, asked, kind):
    content = pack(model, asked)
    arrays = arrays_of(content).values()
    assert {str(array.dtype) for array in arrays if array.ndim > 1} == {kind}
    assert precision(content) == asked


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_half_half_is_rounded_to_the_nearest_and_read_back(half):
    array = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    array[0] = [0.0, -1.5, 2.0**-10]  # held by both
    bits = {"bfloat16": 8, "float16": 11}[half]  # of the mantissa, the hidden one included
    found = weights.read_back(weights.kept(array, half))
    assert found.dtype == np.float32 and (found[0] == array[0]).all()
    np.testing.assert_allclose(found, array, rtol=2.0**-bits)
    assert np.abs(found[1:] / array[1:] - 1).max() > 2.0**-bits / 2  # and no more bits are kept


@pytest.mark.parametrize(("half", "large"), [("bfloat16", 3.4e38), ("float16", 1e6)])
def test_values_that_a_half_cannot_hold_stay_whole(half, large):
    array = np.array([[1.0, large]], np.float32)
    assert weights.kept(array, half) is array
    assert weights.kept(np.ones([2, 2], np.float32), half).dtype != np.float32


SPOILT = {
    "unknown": lambda a: a | {"own/000": np.zeros(3, np.float32)},
    "missing": lambda a: {name: v for name, v in a.items() if name != "encoder/001"},
    "shape": lambda a: a | {"encoder/000": np.zeros(3, np.float32)},
    "planes of a step": lambda a: a | {"step": np.zeros(2, np.uint8)},
    "one plane": lambda a: a | {"encoder/000": a["encoder/000"][:1]},
    "bytes": lambda a: a | {"encoder/000": a["encoder/000"][0]},
    "complex": lambda a: a | {"encoder/000": a["encoder/000"].astype(np.complex64)},
    "text": lambda a: a | {"step": np.array("x")},
    "no step": lambda a: {name: v for name, v in a.items() if name != "step"},
    "nothing": lambda a: {},
    "infinite": lambda a: a | {"encoder/001": a["encoder/001"] + np.inf},
    "no network": lambda a: {"step": a["step"]},
}


@pytest.mark.parametrize("name", SPOILT)
def test_other_weights_are_refused_and_nothing_is_assigned(model, packed, tmp_path, name):
    path = written(tmp_path / weights.FILE, SPOILT[name](arrays_of(packed)))
    before = [np.asarray(v.value) for v in model.state.values()]
    with helpers.refused(ValueError, match="weights.npz"):
        weights.restore(model, path)
    for old, variable in zip(before, model.state.values()):
        np.testing.assert_array_equal(old, variable.value)


def test_damage_and_pickles_are_refused(model, packed, tmp_path):
    path = pathlib.Path(tmp_path / weights.FILE)
    for content in (b"", packed[:300], packed[:-30]):
        path.write_bytes(content)
        with helpers.refused(ValueError, match="weights.npz"):
            weights.restore(model, path)
    np.savez(path, **{"encoder/000": np.array([{}], object)})
    with helpers.refused(ValueError, match="weights.npz"):
        weights.restore(model, path)


def test_a_method_whose_verbs_use_all_networks_keeps_all():
    model = cases.make("vae")
    assert roles_in_use(model) == ["encoder", "decoder"]
    assert tf.executing_eagerly()


HEADERS = {
    "unclosed": "{'descr': '<f2', 'shape': (3, 4",
    "deep": "[" * 3000,
    "no type": "{'descr': '<f999', 'fortran_order': False, 'shape': (2, 3), }",
    "wide": "{'descr': '<g', 'fortran_order': False, 'shape': (2, 3), }",
    "negative": "{'descr': '<f2', 'fortran_order': False, 'shape': (-2, -3), }",
    "object": "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }",
    "empty": "",
}


@pytest.mark.filterwarnings("ignore:Reading:UserWarning")  # what NumPy says of the strangest
@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_any_content_are_refused_in_one_line(tmp_path, name):
    header, path = HEADERS[name].encode(), tmp_path / weights.FILE
    with zipfile.ZipFile(path, "w") as archive:
        size = len(header).to_bytes(2, "little")
        archive.writestr("encoder/000.npy", b"\x93NUMPY\x01\x00" + size + header + bytes(200))
    with helpers.refused(ValueError, match="weights.npz"):
        weights._read(path, {"encoder/000": (2, 3)})


@pytest.mark.every
@pytest.mark.parametrize("method", cases.METHODS)
def test_the_verbs_of_every_method_come_back(method, tmp_path):
    model, twin = (cases.make(method, ema_decay=0.5) for _ in range(2))
    for network in twin.networks.values():
        for variable in network.variables:
            variable.assign(variable + tf.cast(1, variable.dtype))
    (tmp_path / weights.FILE).write_bytes(pack(model, "float32"))
    weights.restore(twin, tmp_path / weights.FILE)
    kept = set(twin.networks) - twin.untrained
    assert kept == set(roles_in_use(model))
    for role in kept:
        pairs = zip(twin.networks[role].variables, model.networks[role].variables, strict=True)
        assert all((a.numpy() == b.numpy()).all() for a, b in pairs)
    x, y = cases.inputs(model)["x"][:3], cases.inputs(model).get("y")
    fed = {"y": y[:3]} if model.conditional else {}
    verbs = {
        "sample": lambda m: m.sample(3, seed=0, **fed),
        "encode": lambda m: m.encode(x, **fed).sample(seed=(0, 1)),
        "classify": lambda m: m.classify(x),
        "log_ratio": lambda m: m.log_ratio(x),
    }
    asked = verbs.keys() & set(model.capabilities)
    assert asked
    for verb in asked:
        np.testing.assert_array_equal(verbs[verb](twin), verbs[verb](model))
