"""The verbs: what a model can do, what it refuses, and that rows are independent."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from tests.conformance import cases

VERBS = ("sample", "encode", "decode", "reconstruct", "log_prob", "classify")


def call(model, verb, fed, **more):
    """A verb on the rows of `fed`, with labels where the model needs them."""
    y = {"y": fed["y"]} if "y" in fed and verb != "classify" else {}
    if verb == "sample":
        return model.sample(len(fed["x"]), **y, **more)
    return getattr(model, verb)(fed["z" if verb == "decode" else "x"], **y, **more)


@pytest.mark.parametrize("verb", VERBS)
def test_capabilities_are_the_verbs_that_work(model, verb):
    fed = cases.inputs(model)
    if verb not in model.capabilities:
        with helpers.refused(ValueError, match=f"{model.method} cannot {verb}") as error:
            call(model, verb, fed)
        assert all(have in str(error.value) for have in model.capabilities)
        return
    found = call(model, verb, fed)
    if verb == "encode":
        assert found.batch_shape == [5]
        found = found.sample(seed=0)
    elif verb == "decode":
        assert tuple(found.event_shape) == model.image_shape and found.batch_shape == [5]
        found = found.sample(seed=0)
    shapes = {
        "encode": (5, model.code_dim),
        "log_prob": (5,),
        "classify": (5, model.num_classes),
    }
    assert tuple(found.shape) == shapes.get(verb, (5, *model.image_shape))
    assert found.dtype == tf.float32 and np.isfinite(found).all()


def test_density_is_named_where_there_is_one(model):
    assert (model.density is not None) == ("log_prob" in model.capabilities)
    assert model.density in (None, "exact", "lower_bound")


def test_verbs_draw_by_seed(model):
    fed = cases.inputs(model)
    for verb in {"sample", "reconstruct", "log_prob"} & model.capabilities:
        found = np.asarray(call(model, verb, fed, seed=3))
        assert (found == np.asarray(call(model, verb, fed, seed=3))).all(), verb
    other = model.sample(5, seed=4, **({"y": fed["y"]} if "y" in fed else {}))
    assert not np.allclose(call(model, "sample", fed, seed=3), other)


def test_a_sample_depends_on_its_own_seed_alone(model):
    fed = cases.inputs(model)
    y = tf.constant(fed["y"]) if "y" in fed else None
    whole = np.asarray(model.sample_rows(tf.constant(fed["seed"]), y))
    changed = fed["seed"].copy()
    changed[2] += 1
    other = np.asarray(model.sample_rows(tf.constant(changed), y))
    helpers.assert_close(np.delete(other, 2, 0), np.delete(whole, 2, 0))
    assert not np.allclose(other[2], whole[2], atol=1e-4)
    one = {"y": fed["y"][:3]} if "y" in fed else {}
    helpers.assert_close(model.sample(3, seed=9, **one), call(model, "sample", fed, seed=9)[:3])


@pytest.mark.parametrize(
    "argument, value, kind",
    [
        ("n", 0, ValueError),
        ("n", -1, ValueError),
        ("n", 2.0, TypeError),
        ("n", "2", TypeError),
        ("n", True, TypeError),
        ("seed", "a", TypeError),
        ("seed", 1.5, TypeError),
    ],
)
def test_bad_numbers_are_refused(model, argument, value, kind):
    fed = cases.inputs(model, rows=2)
    y = {"y": fed["y"]} if "y" in fed else {}
    with helpers.refused(kind, match=rf"`{argument}`.*Received: {argument}="):
        model.sample(**{"n": 2, "seed": 0, **y, argument: value})


def test_numpy_integers_are_integers(model):
    fed = cases.inputs(model, rows=2)
    y = {"y": fed["y"]} if "y" in fed else {}
    found = model.sample(np.int64(2), seed=np.int32(3), **y)
    helpers.assert_close(found, model.sample(2, seed=3, **y))


def test_labels_are_refused_by_models_without_and_wanted_by_models_with(model):
    fed = cases.inputs(model)
    for verb in model.capabilities - {"classify"}:
        if model.conditional:
            without = {k: v for k, v in fed.items() if k != "y"}
            wrong = fed | {"y": fed["y"][:2]}
        else:
            without = fed | {"y": np.zeros(5, np.int32)}
            wrong = fed | {"y": "one"}
        for bad in (without, wrong):
            with helpers.refused(match="`y"):
                call(model, verb, bad)


@pytest.mark.parametrize("what", ["rank", "side", "no rows", "NaN", "words", "0..255"])
def test_bad_data_are_refused(model, what):
    x = cases.inputs(model)["x"]
    bad = {
        "rank": x[0],
        "side": np.concatenate([x, x], axis=1),
        "no rows": x[:0],
        "NaN": x * np.nan,
        "words": "x",
        "0..255": 255 * np.ones_like(x),
    }[what]
    if what == "0..255" and len(model.image_shape) == 1:
        pytest.skip("vectors have no range")
    for verb in {"encode", "reconstruct", "log_prob", "classify"} & model.capabilities:
        with helpers.refused(match="`x"):
            call(model, verb, cases.inputs(model) | {"x": bad})


def test_bad_codes_are_refused(model):
    if "decode" not in model.capabilities:
        pytest.skip("cannot decode")
    z = cases.inputs(model)["z"]
    for bad in (z[0], z[:, :-1], z * np.inf, "z"):
        with helpers.refused(match="`z"):
            call(model, "decode", cases.inputs(model) | {"z": bad})


def test_other_bad_arguments_are_refused(model):
    fed = cases.inputs(model)
    for verb in {"encode", "reconstruct"} & model.capabilities:
        with helpers.refused(ValueError, match="`level`"):
            call(model, verb, fed, level=model.levels + 1)
    if "encode" in model.capabilities:
        with helpers.refused(ValueError, match="`part`"):
            call(model, "encode", fed, part="style of nobody")
    if "log_prob" in model.capabilities:
        for bad in (0, 1.5, "2"):
            with helpers.refused(match="`samples`"):
                call(model, "log_prob", fed, samples=bad)
    with helpers.refused(ValueError, match="`optimizers`"):
        cases.make(model.method).compile({"nobody": None})
