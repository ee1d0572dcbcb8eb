"""The verbs: one list, asked of every model and of its export, which agree in all they say."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import helpers
from tests.conformance import cases

NEEDS = {  # each verb, and the capability that it asks for
    "sample": "sample",
    "encode": "encode",
    "decode": "decode",
    "reconstruct": "reconstruct",
    "log_prob": "log_prob",
    "classify": "classify",
    "log_ratio": "log_ratio",
    "inpaint": "reconstruct",
}
UNLABELLED = ("classify", "log_ratio")  # verbs that take no labels
DRAWS = ("sample", "reconstruct", "log_prob", "inpaint")  # verbs that take a seed


def inputs(model):
    """`cases.inputs`, and a chessboard of known pixels."""
    known = np.indices(model.image_shape).sum(axis=0) % 2 == 0
    return cases.inputs(model) | {"known": known}


def call(subject, verb, fed, **options):
    """A verb of a model or an export on the rows of `fed`, with labels where it takes them."""
    first = {"sample": (len(fed["x"]),), "decode": (fed["z"],), "inpaint": (fed["x"], fed["known"])}
    takes_y = "y" in fed and verb not in (*UNLABELLED, "discriminator_features")
    labels = {"y": fed["y"]} if takes_y else {}
    return getattr(subject, verb)(*first.get(verb, (fed["x"],)), **labels, **options)


def choices(model, verb):
    """What a verb is told, one call each: all levels and parts, and a seed where it draws."""
    found, levels = [{}], range(1, model.levels + 1)
    if verb in ("encode", "reconstruct"):
        found = [{"level": level} for level in levels]
    if verb == "encode":
        found += [{"part": part} for part in model.parts if part != "z"]
    if verb == "inpaint":  # of the top alone, as each level is traced anew
        found = [{"level": levels[-1], "steps": 2}]
    return [{**each, **({"seed": 3} if verb in DRAWS else {})} for each in found]


def refused_alike(model, served, match, verb, fed, **options):
    """Both refuse a call with the same error and words, in one line."""
    with helpers.refused(match=match) as expected:
        call(model, verb, fed, **options)
    with helpers.refused(type(expected.value)) as received:
        call(served, verb, fed, **options)
    assert str(received.value) == str(expected.value)
    return str(expected.value)


@pytest.mark.parametrize("verb", NEEDS)
def test_an_export_has_the_verbs_of_the_model(model, served, verb):
    fed = inputs(model)
    if NEEDS[verb] not in model.capabilities:
        match = f"{model.method} cannot {NEEDS[verb]}"
        message = refused_alike(model, served, match, verb, fed)
        assert all(have in message for have in model.capabilities)
        return
    for options in choices(model, verb):
        expected, found = (call(each, verb, fed, **options) for each in (model, served))
        if verb in ("encode", "decode"):
            same_distribution(found, expected, fed["x"])
            if verb == "decode":
                assert expected.event_shape == model.image_shape
            elif options == {"level": 1}:
                assert expected.event_shape == [model.code_dim]
            continue
        shape = {"log_prob": (5,), "log_ratio": (5,), "classify": (5, model.num_classes)}
        assert expected.shape == shape.get(verb, (5, *model.image_shape))
        assert expected.dtype == tf.float32 and np.isfinite(expected).all()
        helpers.assert_close(found, expected, 1e-4 if verb.startswith("log") else 1e-5)
        if verb in DRAWS:
            assert (np.asarray(call(model, verb, fed, **options)) == expected.numpy()).all()


def same_distribution(found, expected, x):
    """The same family and parameters; what has none is drawn, and scores x if it scores at all."""
    assert found.batch_shape == expected.batch_shape == [5]
    assert found.event_shape == expected.event_shape
    for each in (found, expected):
        z = each.sample(seed=0)
        assert z.shape == [5, *expected.event_shape] and np.isfinite(z).all()
    family, parameters = zoo.distributions.describe(expected)
    if parameters:
        assert type(found) is type(expected)
        assert zoo.distributions.describe(found)[0] == family
        helpers.assert_close(zoo.distributions.describe(found)[1], parameters)
    elif family == "autoregressive":
        helpers.assert_close(found.log_prob(x), expected.log_prob(x), 1e-4)


def test_what_only_the_model_has_is_said_by_the_export(model, served):
    fed = inputs(model)
    has = {
        "features": "encode" in model.capabilities
        and hasattr(model.networks.get("encoder"), "trace"),
        "discriminator_features": model.has_discriminator_features,
    }
    for verb, it_has in has.items():
        if it_has:
            found = call(model, verb, fed)
            for layer in found.values() if verb == "features" else [found]:
                assert layer.shape[0] == 5 and np.isfinite(layer).all()
        else:
            with helpers.refused(ValueError):
                call(model, verb, fed)
        with helpers.refused(ValueError, match=f"`{verb}`.*zoo.restore"):
            call(served, verb, fed)
    if model.levels > 1:
        assert len(call(model, "encode", fed, level=None).sample(seed=(0, 1))) == model.levels
        with helpers.refused(ValueError, match="`level`.*zoo.restore"):
            call(served, "encode", fed, level=None)


def test_a_sample_depends_on_its_own_seed_alone(model, served):
    fed = inputs(model)
    if "sample" not in model.capabilities:
        refused_alike(model, served, "`sample`|sample", "sample", fed)
        return
    y = (tf.constant(fed["y"]),) if "y" in fed else ()
    rows = model.row_function("sample_rows")
    changed = fed["seed"].copy()
    changed[2] += 1
    whole, other = (rows(tf.constant(each), *y).numpy() for each in (fed["seed"], changed))
    helpers.assert_close(np.delete(other, 2, 0), np.delete(whole, 2, 0))
    assert not np.allclose(other[2], whole[2], atol=1e-4)
    whole = call(model, "sample", fed, seed=np.int32(9))
    three = {key: value[:3] for key, value in fed.items()}
    helpers.assert_close(call(served, "sample", three, seed=9), whole[:3])
    assert not np.allclose(call(model, "sample", fed, seed=3), whole)


# --- refusals -------------------------------------------------------------------------------------


def test_bad_numbers_are_refused(model, served):
    fed = inputs(model)
    y = {"y": fed["y"]} if "y" in fed else {}
    bad = [("n", n) for n in (0, -1, 2.0, "2", True)] + [("seed", s) for s in ("a", 1.5)]
    for argument, value in bad if "sample" in model.capabilities else ():
        kind = ValueError if argument == "n" and value in (0, -1) else TypeError
        for subject in (model, served):
            with helpers.refused(kind, match=rf"`{argument}`.*Received: {argument}="):
                subject.sample(**{"n": 5, "seed": 0, **y, argument: value})


def test_labels_are_refused_by_models_without_and_wanted_by_models_with(model, served):
    fed = inputs(model)
    if model.conditional:
        bad = [{key: fed[key] for key in fed if key != "y"}, fed | {"y": fed["y"][:2]}]
    else:
        bad = [fed | {"y": np.zeros(5, np.int32)}, fed | {"y": "one"}]
    for verb in set(NEEDS) - set(UNLABELLED):
        for given in bad if NEEDS[verb] in model.capabilities else ():
            refused_alike(model, served, "`y", verb, given)


def test_bad_data_and_codes_are_refused(model, served):
    fed = inputs(model)
    x, z = fed["x"], fed["z"]
    bad = [x[0], np.concatenate([x, x], axis=1), x[:0], x * np.nan, "x"]
    if len(model.image_shape) == 3:
        bad.append(255 * np.ones_like(x))
    for verb in set(NEEDS) - {"sample", "decode"}:
        for value in bad if NEEDS[verb] in model.capabilities else ():
            refused_alike(model, served, "`x", verb, fed | {"x": value})
    if "decode" in model.capabilities:
        for value in (z[0], z[:, :-1], z * np.inf, "z"):
            refused_alike(model, served, "`z", "decode", fed | {"z": value})


def test_other_bad_arguments_are_refused(model, served):
    fed = inputs(model)
    bad = [(verb, "level", model.levels + 1) for verb in ("encode", "reconstruct", "inpaint")]
    bad += [("encode", "part", "style of nobody")]
    bad += [("log_prob", "samples", value) for value in (0, 1.5, "2")]
    bad += [("inpaint", "steps", 0)]
    for verb, argument, value in bad:
        if NEEDS[verb] in model.capabilities:
            refused_alike(model, served, f"`{argument}`", verb, fed, **{argument: value})
    if "reconstruct" in model.capabilities:
        refused_alike(model, served, "`known`", "inpaint", fed | {"known": [True] * 7})
    with helpers.refused(ValueError, match="`optimizers`"):
        model.compile({"nobody": None})
