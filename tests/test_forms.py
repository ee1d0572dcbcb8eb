"""All doors read the same array alike: what is taken, what is refused, and in which words."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import forms as doors
from tests.helpers import refused
from tests.small import Bound, D, batch, make, same, weights
from zoo import forms


def test_every_seventh_cell_of_the_page_is_true(tmp_path):
    """Tables are 7 to 10 doors wide: each door and each form is met."""
    said = doors.read(doors.PAGE.read_text())
    found = doors.tables(tmp_path, lambda number: number % 7 == 3)
    for title, rows in found.items():
        assert list(rows) == list(said[title])
        for form, cells in rows.items():
            assert cells.items() <= said[title][form].items(), (title, form)
    assert {door for rows in found.values() for cells in rows.values() for door in cells} == {
        door for rows in said.values() for cells in rows.values() for door in cells
    }


@pytest.mark.every
def test_the_page_of_docs_says_what_every_door_does(tmp_path):
    found = doors.page(doors.tables(tmp_path))
    assert found == doors.PAGE.read_text(), "write it anew: python -m tests.forms"


def test_hints_are_safe_to_follow_to_the_letter():
    words = lambda x: str(pytest.raises(TypeError, forms.images, x, (2, 2, 1)).value)
    levels = np.linspace(0, 65535, 8).astype(np.uint16).reshape(2, 2, 2, 1)
    assert "(x / 65535).astype('float32')" in words(levels)
    assert "(x / 255).astype('float32')" in words(levels // 257)
    assert "value of white" in words(levels.astype(np.int64) * 2)
    followed = (levels / 65535).astype("float32")
    np.testing.assert_array_equal(forms.images(followed, (2, 2, 1)), followed)
    with refused(ValueError, match=r"Pass \(x \+ 1\) / 2"):
        forms.images(followed * 2 - 1, (2, 2, 1))


def test_rounding_may_leave_the_unit_interval_by_a_quarter_of_a_grey_level():
    for value in (-9e-4, 1 + 9e-4):
        assert forms.images(np.full([1, 1, 1, 1], value), (1, 1, 1)) == np.float32(value)
    for value in (-2e-3, 1 + 2e-3):
        with refused(ValueError, match=r"pixels in \[0, 1\]"):
            forms.images(np.full([1, 1, 1, 1], value), (1, 1, 1))


def test_weights_of_rows_are_refused_by_every_door():
    x, model = batch(4), make(Bound)
    model.compile(run_eagerly=True)
    weight, classes = np.ones(4), {0: 1.0}
    for door in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with refused(ValueError, match="`sample_weight`: expected None"):
            door(x, x, sample_weight=weight)
    for door in (model.fit, model.train_on_batch):
        with refused(ValueError, match="`class_weight`: expected None"):
            door(x, x, class_weight=classes)
    with refused(ValueError, match="`sample_weight`"):
        model.fit(tf.data.Dataset.from_tensors((x, x, weight)))
    with refused(ValueError, match="`sample_weight`"):
        model.fit(x, validation_data=(x, x, weight))


def small_images(**options):
    model = zoo.create("tests.small:Bound", image_shape=(2, 2, 1), latent_dim=1)
    model.compile(**options)
    return model


def test_a_bad_batch_of_a_stream_is_refused_before_it_moves_a_weight():
    model, twin = (small_images() for _ in range(2))
    good, bad = np.full([4, 2, 2, 1], 0.5, np.float32), np.full([4, 2, 2, 1], 1.5, np.float32)
    stream = tf.data.Dataset.from_tensor_slices(np.stack([good, bad, good]))
    with refused(ValueError, match=r"^Invalid `x`: expected pixels in \[0, 1\]"):
        model.fit(stream, verbose=0)
    twin.fit(good, verbose=0)
    assert same(weights(model)["model"], weights(twin)["model"])  # moved by the first batch alone
    with refused(ValueError, match="^Invalid `x`"):
        model.fit((each for each in [(bad,)]), verbose=0)
    with refused(ValueError, match="^Invalid `x`"):
        model.predict(tf.data.Dataset.from_tensors(bad), verbose=0)
    with refused(TypeError, match="^Invalid `x.dtype`"):
        model.fit(tf.data.Dataset.from_tensors(good.astype(np.int64)), verbose=0)


def test_streams_are_checked_on_their_way_where_xla_drops_assertions():
    model = small_images(jit_compile=True)
    bad = tf.data.Dataset.from_tensors(np.full([4, 2, 2, 1], 1.5, np.float32))
    with refused(ValueError, match="^Invalid `x`"):
        model.fit(bad, verbose=0)
    assert int(model.step) == 0


def test_a_stream_is_fitted_without_a_warning(recwarn):
    stream = tf.data.Dataset.from_tensors(np.zeros([4, 2, 2, 1], np.float32))
    small_images(run_eagerly=True).fit(stream, verbose=0)
    assert not [w for w in recwarn if "shuffle" in str(w.message)]


def test_names_of_tensorflow_datasets():
    x, model = batch(4), make(Bound)
    found = model.as_batch({"image": x, "label": np.arange(4)})
    np.testing.assert_array_equal(found["x"], x)
    np.testing.assert_array_equal(found["y"], np.arange(4))
    with refused(ValueError, match="batches with images or vectors x"):
        model.as_batch({"images": x})


def test_inpaint_reads_no_hidden_pixel_and_no_grey_mask():
    x, known = batch(4), np.array([True, False])
    hidden = x.copy()
    hidden[:, 1] = np.nan
    model = make(Bound)
    found = [np.asarray(model.inpaint(each, known, steps=2, seed=0)) for each in (x, hidden)]
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(found[0], model.inpaint(x, known.astype(int), steps=2, seed=0))
    with refused(ValueError, match=r"`known`: .* known > 0.5"):
        model.inpaint(x, np.full(D, 0.5))
    with refused(ValueError, match="`x`: expected finite numbers"):
        model.inpaint(hidden, ~known)


@pytest.mark.filterwarnings("error:overflow")
@pytest.mark.parametrize("size", [1e300, np.longdouble(10) ** 400])
def test_numbers_beyond_float32_are_refused_before_they_are_infinite(tmp_path, size):
    model = make(Bound)
    model.compile(run_eagerly=True)
    x = np.ones([4, D], np.result_type(size))
    x[0, 0] = -size
    words = r"^Invalid `[xz]`: expected numbers within float32, at most 3.4e\+38 in size. Rec"
    verbs = (model, zoo.load(zoo.export(model, tmp_path / "export")))
    doors_ = [model, model.fit, model.predict]
    doors_ += [getattr(m, verb) for m in verbs for verb in ("encode", "reconstruct", "log_prob")]
    for door in doors_ + [m.decode for m in verbs]:
        with refused(ValueError, match=words):
            door(x)
    with refused(ValueError, match=words):
        model.inpaint(x, np.ones(D, bool), steps=1)
    with refused(ValueError, match="expected numbers within float32"):
        forms.labels(x, 4, num_attributes=D, argument="x")


def test_numbers_beyond_float32_are_refused_in_a_graph_too():
    model = make(Bound)
    model.compile()
    x = tf.constant([[1.0, 1e300]] * 4, tf.float64)
    with refused(ValueError, match="^Invalid `x`: expected numbers within float32"):
        model.fit(tf.data.Dataset.from_tensors(x), verbose=0)
    encoded = tf.function(lambda data: model.encode(data).mean())
    with pytest.raises(tf.errors.InvalidArgumentError, match="numbers within float32"):
        encoded(x)


def test_long_doubles_are_read_as_float64():
    x, model = batch(4).astype(np.longdouble), make(Bound)
    model.compile(run_eagerly=True)
    for y in (None, np.zeros(4, int)):
        model.fit(x, y, verbose=0)
    model.fit({"x": x, "y": np.ones([4, 3], np.longdouble)}, verbose=0)
    model.fit((each for each in [{"x": x, "y": np.ones([4, 3], np.longdouble)}]), verbose=0)
    for verb in (model, model.predict, lambda data: model.encode(data).mean()):
        np.testing.assert_array_equal(verb(x), verb(x.astype(np.float64)))
    with refused(ValueError, match="`y`: expected None or labels of classes"):
        model.fit(x, x, verbose=0)
    known = np.array([True, False])
    found = [model.inpaint(each, known, steps=1, seed=0) for each in (x, batch(4))]
    np.testing.assert_array_equal(*found)


class Data:
    """What `check_data` asks of a data set."""

    def __init__(self, **facts):
        self.name, self.image_shape = "mine", (D,)
        self.num_classes, self.num_attributes, self.labels = None, None, None
        vars(self).update(facts)


@pytest.mark.parametrize(
    "method, options, facts, words",
    [
        ("cvae", {"num_classes": 3}, {"num_classes": 10}, "`num_classes`: expected 10, as mine"),
        ("cvae", {"num_classes": 3}, {}, "`num_classes`: expected None, as mine has none"),
        ("ali", {"num_attributes": 2}, {"num_attributes": 40}, "`num_attributes`: expected 40"),
        ("vae", {}, {"image_shape": (3,)}, r"`image_shape`: expected \(3,\)"),
        ("vae", {}, {"reference": Data()}, "`reference_dataset`: expected None"),
        (
            "density_ratio",
            {"latent_dim": None},
            {"reference": None},
            "`reference_dataset`: expected a second",
        ),
        (
            "vae",
            {},
            {"num_classes": 3, "labels": 6},
            "`labels`: expected None.*labels=6.$",
        ),
        ("hali", {}, {"num_classes": 3, "labels": 6}, "Add --num_classes=3.$"),
        (
            *("ali", {}, {"num_classes": 3, "labels": 6}),
            "Add --num_classes=3 --label_use=classify.$",
        ),
        (
            *("ali", {"num_classes": 3}, {"num_classes": 3, "labels": 6}),
            "Add --label_use=classify.$",
        ),
    ],
)
def test_data_of_other_labels_are_refused(method, options, facts, words):
    model = zoo.create(method, image_shape=(D,), **({"latent_dim": 2} | options))
    with refused(ValueError, match=words):
        model.check_data(Data(**facts))
    own = {"num_classes": model.num_classes, "num_attributes": model.num_attributes}
    model.check_data(Data(**own, reference=Data() if model.NEEDS_REFERENCE else None))


def test_forms_may_change_from_call_to_call():
    model, x = small_images(), np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 2, 2, 1)
    stream, y = lambda data: tf.data.Dataset.from_tensors(data), np.arange(4)
    for data in (x, x[..., 0], stream(x[..., 0]), stream(x), stream((x, y)), x[..., 0]):
        model.fit(data, verbose=0)
        model.evaluate(data, verbose=0)
    for data in (x, x[..., 0], stream(x[..., 0]), stream(x)):
        assert model.predict(data, verbose=0).shape == x.shape
    for bad in (stream(x[0]), stream(np.zeros([4, 3, 3, 1], np.float32))):
        with refused(ValueError, match=r"`x.shape`: expected numbers of shape \[B, 2, 2, 1\]"):
            model.fit(bad, verbose=0)
    model.fit((each for each in [x, x]), verbose=0)
    model.fit(x, validation_data=[x, y], verbose=0)


def test_no_data_and_a_data_set_of_the_zoo_are_told_apart():
    model = small_images()
    for data in (None, zoo.data.load("digits")):
        with refused(TypeError, match="`x`: expected arrays, or a stream such as data.train"):
            model.fit(data)


def test_evaluate_returns_the_loss_first():
    model, x = small_images(), np.full([4, 2, 2, 1], 0.5, np.float32)
    values, logs = (model.evaluate(x, verbose=0, return_dict=r) for r in (False, True))
    assert model.metrics_names[0] == "loss" and values[0] == pytest.approx(logs["loss"])
    assert dict(zip(model.metrics_names, values)) == pytest.approx(logs)
