"""Exports with weights in bfloat16: half the bytes, the outputs of rounded weights, and no more."""

import json

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers, small
from tests.serving import server, toys
from zoo.serving import manifest, quantised, signatures


def fed(model, rows=4):
    random = np.random.default_rng(2)
    return {
        "x": random.random((rows, *model.image_shape)).astype(np.float32),
        "z": random.standard_normal((rows, model.latent_dim)).astype(np.float32),
        "seed": np.arange(rows, dtype=np.int64),
    }


MODELS = {
    "small": lambda: small.make(small.Bound, ema_decay=0.9),
    "images": lambda: toys.make("bernoulli"),
}


@pytest.fixture(scope="module", params=["small", pytest.param("images", marks=pytest.mark.every)])
def exported(request, tmp_path_factory):
    """(Keras model, its export with weights in bfloat16)."""
    model = MODELS[request.param]()
    folder = tmp_path_factory.mktemp("exported") / request.param
    return model, zoo.load(zoo.export(model, folder, quantise="bfloat16"))


def traced(model):
    """{signature: ConcreteFunction} of the model as it is."""
    return signatures.trace(model, signatures.families(model))


def test_outputs_are_those_of_rounded_kernels(exported):
    model, served = exported
    inputs = {name: tf.constant(value) for name, value in fed(model).items()}
    expected = {}
    kept = helpers.arrays(model)
    for variable in model.state.values():
        if len(variable.shape) > 1:
            variable.assign(tf.cast(tf.cast(variable.value, tf.bfloat16), tf.float32))
    x, z, rows = inputs["x"], inputs["z"], inputs["seed"]
    expected["sample"] = {"x": model.sample_rows(rows)}
    expected["encode"] = model.encode_rows(x, rows)
    expected["decode"] = model.decode_rows(z, rows)
    expected["log_prob"] = {"log_prob": model.log_prob_rows(x, rows)}
    for path, variable in model.state.items():
        variable.assign(kept[path])
    stand_in = server.Server(served.path)
    for name, outputs in expected.items():
        facts = served.manifest["signatures"][name]
        own = {each: inputs[each] for each in facts["inputs"]}
        helpers.assert_close(dict(served._module.signatures[name](**own)), outputs, 1e-5, name)
        answer = stand_in.predict(name, {each: value.numpy() for each, value in own.items()})
        helpers.assert_close(answer, outputs, 1e-5, name)


def test_the_manifest_says_what_it_costs(exported, tmp_path):
    model, served = exported
    said = served.manifest["quantised"]
    plain = zoo.load(zoo.export(model, tmp_path / "plain"))
    assert plain.manifest["quantised"] is None

    def stored(export):
        files = export.manifest["files"].items()
        return sum(file["bytes"] for name, file in files if name.startswith("variables/"))

    # The checkpoint holds the weights and an index of some hundred bytes a variable.
    assert 0 <= stored(served) - said["bytes"] < 5_000
    assert 0 <= stored(plain) - said["float32_bytes"] < 5_000
    kernels = {id(v.value): v for v in model.state.values() if len(v.shape) > 1}
    read = {id(v): v for f in traced(model).values() for v in f.graph.variables}
    halved = sum(kernels[key].shape.num_elements() for key in kernels.keys() & read.keys())
    assert said["float32_bytes"] - said["bytes"] == 2 * halved > 0  # vectors are as they were
    # What is said of an output is its distance at the same 16 rows.
    specs = {name: tf.TensorSpec(v.shape, v.dtype) for name, v in fed(model).items()}
    inputs = quantised._inputs(specs)
    for name in ("encode", "decode_parameters"):
        own = {each: inputs[each] for each in plain.manifest["signatures"][name]["inputs"]}
        exact, rounded = (e._module.signatures[name](**own) for e in (plain, served))
        for output, value in exact.items():
            largest = np.abs(rounded[output] - value).max()
            np.testing.assert_allclose(
                said["largest_differences"][f"{name}/{output}"], largest, rtol=1e-2, atol=1e-6
            )
    # Eight bits of a mantissa: a relative error of 2^-9 a weight.
    assert 1e-6 < said["largest_differences"]["sample/x"] < 0.02


def test_other_types_and_outputs_that_overflow_are_refused(tmp_path):
    model = small.make(small.InTurn)
    for wrong in ("int8", None, "float16"):
        with helpers.refused(ValueError, match="quantise"):
            zoo.export(model, tmp_path / "m", quantise=wrong)
    specs = {"seed": tf.TensorSpec([None], tf.int64, "seed")}

    def plus(value):
        add = lambda seed: {"x": tf.cast(seed, tf.float32) + value}
        return {"sample": tf.function(add, [specs["seed"]]).get_concrete_function()}

    assert quantised.measured(plus(2.0), plus(1.5), specs)["largest_differences"] == {
        "sample/x": 0.5
    }
    for lost in (np.inf, np.nan):
        with helpers.refused(ValueError, match="sample/x is not finite with weights of bfloat16"):
            quantised.measured(plus(lost), plus(1.0), specs)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "exact, rounded, words",
    [
        (np.nan, np.nan, "float32 already"),
        (np.nan, 1.0, "float32 already"),
        (-np.inf, 1.0, "float32 already"),
        ([np.nan, 1.0], [np.nan, np.inf], "bfloat16"),  # one that was finite is none any more
    ],
)
def test_outputs_that_were_not_finite_before_are_not_blamed_on_bfloat16(exact, rounded, words):
    exact, rounded = (np.broadcast_to(value, 2).astype(np.float32) for value in (exact, rounded))
    with helpers.refused(ValueError, match=rf"sample/x is not finite with weights of {words}\."):
        quantised._difference(rounded, exact, "sample/x")


def test_the_same_infinity_is_no_difference():
    exact, rounded = np.float32([-np.inf, 1.0, 2.0]), np.float32([-np.inf, 1.25, 1.0])
    assert quantised._difference(rounded, exact, "log_prob/log_prob") == 1.0
    assert quantised._difference(exact, exact, "log_prob/log_prob") == 0.0


def test_a_model_whose_weights_are_nan_is_told_so(tmp_path):
    model = small.make(small.InTurn)
    for variable in model.state.values():
        if variable.dtype == "float32":
            variable.assign(np.full(variable.shape, np.nan, np.float32))
    with helpers.refused(ValueError, match="is not finite with weights of float32 already"):
        zoo.export(model, tmp_path / "m", quantise="bfloat16")


def test_exports_of_before_are_read(exported):
    """Without the keys that were added."""
    path = exported[1].path / manifest.FILE_NAME
    content = path.read_text()
    facts = json.loads(content)
    for key in ("batch_sizes", "quantised", "tflite"):
        del facts[key]
    try:
        path.write_text(json.dumps(facts))
        found = manifest.read(path.parent)
    finally:
        path.write_text(content)
    assert (found["batch_sizes"], found["quantised"], found["tflite"]) == ([1], None, {})
