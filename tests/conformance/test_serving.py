"""An export holds the model: its facts, and signatures that any server may call, C++ too."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance import cases
from zoo.serving.signatures import encoding
from zoo.verbs import FACTS


def test_facts(model, served):
    for name in FACTS:
        assert getattr(served, name) == getattr(model, name), name
    assert (model.density is not None) == ("log_prob" in model.capabilities)
    assert model.density in (None, "exact", "lower_bound")


def test_rows_depend_on_their_own_inputs_alone(model, served):
    fed, order = cases.inputs(model), np.array([3, 1, 4])
    for name, facts in served.manifest["signatures"].items():
        signature = served._module.signatures[name]
        whole = signature(**{k: tf.constant(fed[k]) for k in facts["inputs"]})
        part = signature(**{k: tf.constant(fed[k][order]) for k in facts["inputs"]})
        for output, value in whole.items():
            helpers.assert_close(part[output], value.numpy()[order], 1e-4, f"{name}/{output}")


def test_outputs_have_known_shapes_but_for_the_rows(served):
    for name, facts in served.manifest["signatures"].items():
        for output, described in facts["outputs"].items():
            rows, *axes = described["shape"]
            assert rows is None and None not in axes, f"{name}/{output}"


@pytest.mark.costly
def test_cpp_loader_gives_the_outputs_of_keras(model, served, tmp_path):
    fed = cases.inputs(model)
    rows, x, z = (tf.constant(fed[k]) for k in ("seed", "x", "z"))
    y = {"y": tf.constant(fed["y"])} if "y" in fed else {}
    expected = {}
    if "sample" in model.capabilities:
        expected["sample"] = {"x": model.sample_rows(rows, **y)}
    if "encode" in model.capabilities:
        wheres = [{"level": level} for level in range(1, model.levels + 1)]
        wheres += [{"part": part} for part in model.parts if part != "z"]
        for where in wheres:
            expected[encoding(**where)] = model.encode_rows(x, rows, **y, **where)
    if "decode" in model.capabilities:
        expected["decode"] = model.decode_rows(z, rows, **y)
    if "reconstruct" in model.capabilities:
        for verb in ("reconstruct", "redraw"):
            expected[verb] = {
                f"level_{k}": getattr(model, f"{verb}_rows")(x, rows, level=k, **y)
                for k in range(1, model.levels + 1)
            }
    if "log_prob" in model.capabilities:
        expected["log_prob"] = {"log_prob": model.log_prob_rows(x, rows, **y)}
    if "classify" in model.capabilities:
        expected["classify"] = {"logits": model.classify_rows(x)}
    # What stands behind `decode` is no verb, and the same in Python.
    for name, facts in served.manifest["signatures"].items():
        if name.startswith("decode_"):
            signature = served._module.signatures[name]
            expected[name] = signature(**{k: tf.constant(fed[k]) for k in facts["inputs"]})
    flat = {f"{v}/{name}": value for v, out in expected.items() for name, value in out.items()}
    helpers.assert_close(helpers.cc_answers(served.path, fed, tmp_path), flat, 1e-4)
