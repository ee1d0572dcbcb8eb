"""An export is the model: in Python without the method's code, and in C++."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers
from tests.conformance import cases

BEHIND_DECODE = ("decode_parameters/", "decode_log_prob/")  # no verbs, but what `decode` is made of


@pytest.fixture(scope="session")
def served(model, method, tmp_path_factory):
    return zoo.load(zoo.export(model, tmp_path_factory.mktemp("exported") / method))


def labels(fed):
    return {"y": fed["y"]} if "y" in fed else {}


def test_facts(model, served):
    names = "method capabilities density conditional image_shape latent_dim num_classes levels"
    for name in (*names.split(), "num_attributes"):
        assert getattr(served, name) == getattr(model, name), name


def test_verbs_are_the_model_s(model, served):
    fed = cases.inputs(model)
    x, y = fed["x"], labels(fed)
    helpers.assert_close(served.sample(5, seed=3, **y), model.sample(5, seed=3, **y))
    if "encode" in model.capabilities:
        q, expected = served.encode(x, **y), model.encode(x, **y)
        assert q.batch_shape == expected.batch_shape and q.event_shape == expected.event_shape
        if not isinstance(expected, zoo.distributions.Implicit):
            helpers.assert_close(q.mean(), expected.mean())
            z = expected.sample(seed=0)
            helpers.assert_close(q.log_prob(z), expected.log_prob(z), 1e-4)
    if "decode" in model.capabilities:
        p, expected = served.decode(fed["z"], **y), model.decode(fed["z"], **y)
        assert p.batch_shape == expected.batch_shape and p.event_shape == expected.event_shape
        if isinstance(expected, zoo.distributions.Implicit):  # known by samples and scores
            x_p = np.round(expected.sample(2, seed=(0, 1)))
            helpers.assert_close(p.log_prob(x_p), expected.log_prob(x_p), 1e-4)
        else:
            assert type(p) is type(expected)
            helpers.assert_close(p.mean(), expected.mean())
    if "reconstruct" in model.capabilities:
        for level in range(1, model.levels + 1):
            helpers.assert_close(
                served.reconstruct(x, seed=3, level=level, **y),
                model.reconstruct(x, seed=3, level=level, **y),
            )
    if "log_prob" in model.capabilities:
        expected = model.log_prob(x, seed=3, **y)
        helpers.assert_close(served.log_prob(x, seed=3, **y), expected, 1e-4)
    if "classify" in model.capabilities:
        helpers.assert_close(served.classify(x), model.classify(x))


def test_refusals_are_the_model_s(model, served):
    fed = cases.inputs(model)
    y = labels(fed)
    calls = [
        ("sample", (0,), {}),
        ("sample", (2.5,), {}),
        ("sample", (5,), {"seed": "a", **y}),
        ("sample", (5,), {} if y else {"y": [1] * 5}),
        *((verb, (fed["x"][:, :1],), {}) for verb in ("encode", "reconstruct", "log_prob")),
        ("classify", (fed["x"][:, :1],), {}),
        ("decode", (fed["z"][:, :1],), {}),
    ]
    for verb, arguments, options in calls:
        with helpers.refused() as expected:
            getattr(model, verb)(*arguments, **options)
        with helpers.refused(type(expected.value)) as received:
            getattr(served, verb)(*arguments, **options)
        assert str(received.value) == str(expected.value)


def test_rows_depend_on_their_own_inputs_alone(model, served):
    fed, order = cases.inputs(model), np.array([3, 1, 4])
    for name, facts in served.manifest["signatures"].items():
        signature = served._module.signatures[name]
        whole = signature(**{k: tf.constant(fed[k]) for k in facts["inputs"]})
        part = signature(**{k: tf.constant(fed[k][order]) for k in facts["inputs"]})
        for output, value in whole.items():
            helpers.assert_close(part[output], value.numpy()[order], 1e-4, f"{name}/{output}")


@pytest.mark.costly
def test_cpp_loader_gives_the_outputs_of_keras(model, served, tmp_path):
    fed = cases.inputs(model)
    rows, x, z = (tf.constant(fed[k]) for k in ("seed", "x", "z"))
    y = {k: tf.constant(v) for k, v in labels(fed).items()}
    expected = {"sample": {"x": model.sample_rows(rows, **y)}}
    if "encode" in model.capabilities:
        expected["encode"] = model.encode_rows(x, rows, **y)
    if "decode" in model.capabilities:
        expected["decode"] = model.decode_rows(z, rows, **y)
    if "reconstruct" in model.capabilities:
        expected["reconstruct"] = {
            f"level_{k}": model.reconstruct_rows(x, rows, level=k, **y)
            for k in range(1, model.levels + 1)
        }
    if "log_prob" in model.capabilities:
        expected["log_prob"] = {"log_prob": model.log_prob_rows(x, rows, **y)}
    if "classify" in model.capabilities:
        expected["classify"] = {"logits": model.classify_rows(x)}
    flat = {f"{v}/{name}": value for v, out in expected.items() for name, value in out.items()}
    answers = helpers.cc_answers(served.path, fed, tmp_path)
    found = {k: v for k, v in answers.items() if not k.startswith(BEHIND_DECODE)}
    helpers.assert_close(found, flat, 1e-4)
