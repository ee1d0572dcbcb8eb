"""TFLite models of encoders and decoders: which there are, and that they give Keras' outputs."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers, small
from tests.conformance import cases
from zoo.serving import lite, signatures

# Methods of which some or all is drawn pixel by pixel, or a function of noise.
NOTHING = {"pixel_cnn"}
NO_DECODER = {"pixel_vae", "pixelgan", "vlae"}
NO_ENCODER = {("avb", "vectors"), ("avb", "images"), ("gan_posthoc", "images")}


def outputs(path, **inputs):
    """{output: array} of a TFLite model, for any number of rows."""
    with lite._silent():
        runner = tf.lite.Interpreter(str(path)).get_signature_runner()
        return {name: value.copy() for name, value in runner(**inputs).items()}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(Keras model with averaged weights, its export with TFLite models)."""
    model = small.make(small.Bound, ema_decay=0.9)
    for average in model._averages:
        average.assign(average * 0.9 + 0.01)
    folder = tmp_path_factory.mktemp("exported") / "model"
    return model, zoo.load(zoo.export(model, folder, tflite=True))


def test_an_export_holds_what_keras_computes(exported):
    model, served = exported
    random = np.random.default_rng(3)
    x, z = (random.random((5, 2)).astype(np.float32) for _ in "xz")
    found = outputs(served.path / lite.FOLDER / "encode.tflite", x=x)
    q = model.encode(x)
    helpers.assert_close(found, {"loc": q.mean(), "scale": q.stddev()}, 1e-5)
    found = outputs(served.path / lite.FOLDER / "decode_parameters.tflite", z=z)
    helpers.assert_close(found["loc"], model.decode(z).mean(), 1e-5)
    said = served.manifest["tflite"]
    assert set(said) == {"encode", "decode_parameters"}
    assert all(0 <= difference < 1e-5 for difference in said.values())
    assert "tflite/encode.tflite" in served.manifest["files"]


def test_a_model_that_gives_other_numbers_is_refused(exported):
    model, served = exported
    function = signatures.seedless(model, signatures.families(model), ["encode"])["encode"]
    content = (served.path / lite.FOLDER / "encode.tflite").read_bytes()
    assert lite._difference("encode", content, function) < 1e-5
    other = tf.function(
        lambda x: {k: v + 0.01 for k, v in function(x).items()},
        [tf.TensorSpec([None, 2], tf.float32, "x")],
    ).get_concrete_function()
    with helpers.refused(ValueError, match="encode/(loc|scale) differs from the Keras model"):
        lite._difference("encode", content, other)


def test_operations_that_are_lacking_are_named():
    shifted = tf.function(
        lambda x: {"y": tf.bitwise.left_shift(x, x)}, [tf.TensorSpec([None], tf.int64, "x")]
    )
    with helpers.refused(ValueError, match="tflite.*LeftShift"):
        lite._converted("encode", shifted.get_concrete_function(), tf.Module())


def test_models_of_which_nothing_converts_are_refused_before_any_work(tmp_path):
    attempts = {
        "another type than float32": small.make(small.InTurn, dtype="mixed_bfloat16"),
        "known by draws": cases.make("pixel_cnn", "images"),
    }
    for words, model in attempts.items():
        with helpers.refused(ValueError, match=f"tflite.*{words}"):
            zoo.export(model, tmp_path / "m", tflite=True)
    assert not (tmp_path / "m").exists()


@pytest.mark.every
@pytest.mark.parametrize(("method", "family"), cases.CASES)
def test_every_method_converts_as_far_as_it_is_one_pass(method, family, tmp_path):
    model = cases.make(method, family)
    if method in NOTHING:
        with helpers.refused(ValueError, match="tflite"):
            lite.check(model)
        return
    lite.check(model)
    found = lite.write(model, tmp_path, signatures.families(model))
    decoder = "decode" in model.capabilities and method not in NO_DECODER
    encoder = "encode" in model.capabilities and (method, family) not in NO_ENCODER
    assert ("decode_parameters" in found, "encode" in found) == (decoder, encoder)
    for verb in ("classify", "log_ratio"):
        assert (verb in found) == (verb in model.capabilities)
    assert max(found.values()) < 1e-5
