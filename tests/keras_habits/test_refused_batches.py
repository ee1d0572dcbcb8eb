"""Batches that Keras or the graph would refuse in pages: of lists, of no rows, of wrong values."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.helpers import first_of, refused

X = np.linspace(0.001, 0.999, 24, dtype=np.float32).reshape(6, 2, 2, 1)
Y = np.arange(6) % 3


def made(method="tests.small:Bound", compiled=None, **options):
    model = zoo.create(method, image_shape=(2, 2, 1), latent_dim=1, **options)
    model.compile(**(compiled or {}))
    return model


@pytest.fixture(scope="module")
def model():
    return made()


@pytest.fixture(scope="module")
def eager():
    return made(compiled={"run_eagerly": True})


def stream(*batches, dtype=tf.float32):
    """Batches whose number and whose rows nobody could know before they come."""
    spec = tf.TensorSpec([None, 2, 2, 1], tf.float32)
    made = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec)
    return made.map(lambda x: tf.cast(255 * x, dtype)) if dtype == tf.uint8 else made


# --- beside x -------------------------------------------------------------------------------------


@pytest.mark.parametrize("y", first_of([[0] * 6, (0,) * 6, Y.tolist(), Y]))
def test_labels_that_are_left_aside_may_be_lists(eager, y):
    for door in (eager.fit, eager.evaluate):
        door(X, y, verbose=0)
        door({"x": X, "y": y, "row": list(range(6))}, verbose=0)
        door(iter([(X, y)]), verbose=0)
    eager.fit(X, validation_data=(X, y), verbose=0)
    eager.train_on_batch(X, y)


@pytest.mark.parametrize("name", ["y", "row"])
def test_what_lies_beside_x_has_as_many_rows(eager, name):
    few = {"x": X, name: Y[:3]}
    ways = [lambda door=door: door(few) for door in (eager.fit, eager.evaluate)]
    ways += [lambda: eager.train_on_batch(few), lambda: eager.fit(iter([few]), verbose=0)]
    ways.append(lambda: eager.fit(X, validation_data=few, verbose=0))
    if name == "y":
        ways += [lambda: eager.fit(X, Y[:3]), lambda: eager.evaluate(X, Y[:3].tolist())]
        ways.append(lambda: eager.fit(X, validation_data=(X, Y[:3]), verbose=0))
    for way in ways:
        with refused(ValueError, match=f"`{name}`: expected arrays of 6 rows, as x. Rec.*=3"):
            way()


@pytest.mark.parametrize("y", [[0, [1]] * 3, list("abcdef"), {"a": Y}])
def test_what_is_no_array_is_no_labels(eager, y):
    for door in (eager.fit, eager.evaluate):
        with refused(TypeError, match="`y`: expected None or labels of classes"):
            door(X, y)


# --- empty batches and streams --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", first_of([tf.float32, tf.uint8]))
def test_an_empty_batch_is_refused(model, dtype):
    for batches in (
        tf.data.Dataset.from_tensors(X[:0]),
        stream(X[:0], dtype=dtype),
        stream(X, X[:0], dtype=dtype),
    ):
        for door in (model.fit, model.evaluate, model.predict):
            with refused(ValueError, match=r"`x.shape`: expected numbers of .* with B >= 1"):
                door(batches, verbose=0)
        with refused(ValueError, match=r"`x.shape`: expected numbers of .* with B >= 1"):
            model.fit(X, validation_data=batches, verbose=0)


def test_a_stream_that_turns_out_empty_is_refused(model):
    empty = tf.data.Dataset.from_tensors(X).filter(lambda x: False)
    for batches in (empty, stream()):
        for door, options in (
            (model.fit, {}),
            (model.evaluate, {}),
            (model.evaluate, {"return_dict": True}),
            (model.predict, {}),
        ):
            with refused(ValueError, match="^Invalid `x`: expected a stream of at least one batch"):
                door(batches, verbose=0, **options)
        with refused(ValueError, match="^Invalid `validation_data`: expected a stream of at least"):
            model.fit(X, validation_data=batches, verbose=0)
    assert model.fit(X, epochs=0, verbose=0).history == {}


# --- what a stream's refusal tells ----------------------------------------------------------------


@pytest.mark.parametrize(
    "change, told",
    [
        (lambda x: 2 * x - 1, r"-\d\S* \.\. 0\.\d+'\. Pass \(x \+ 1\) / 2\.$"),
        (lambda x: 255 * x, r"0\.\d+ \.\. 25\d\S*'\. Divide by 255\.$"),
        (lambda x: np.where(x > 0.5, np.nan, x), "NaN or infinity among them'.$"),
    ],
)
def test_a_stream_is_refused_in_the_words_of_arrays(model, change, told):
    for door in (model.fit, model.evaluate, model.predict):
        for batches in (change(X), stream(X, change(X))):
            with refused(ValueError, match=f"^Invalid `x`: .*Received: x='{told}"):
                door(batches, verbose=0)


@pytest.mark.parametrize("shift, told", [(-1, r"'-1 \.\. 1'.*belong in x alone"), (3, "'3 .. 5'")])
def test_a_stream_tells_its_labels(shift, told):
    model = made("cvae", num_classes=3)
    with refused(ValueError, match=f"^Invalid `y`: expected int labels.*Received: y={told}"):
        model.fit(tf.data.Dataset.from_tensors((X, Y + shift)), verbose=0)
    with refused(ValueError, match=f"^Invalid `y`: expected int labels.*Received: y={told}"):
        model.as_batch((X, Y + shift))


@pytest.mark.parametrize("jit_compile", first_of([False, True]))
def test_assertions_do_not_stop_xla(jit_compile):
    model = made(compiled={"jit_compile": jit_compile})
    model.fit(stream(X, X[:4]), verbose=0)
    with refused(ValueError, match=r"Received: x='-\d"):
        model.fit(stream(2 * X - 1), verbose=0)
