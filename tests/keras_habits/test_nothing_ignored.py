"""What Keras users write is obeyed or refused, never dropped."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import zoo
from tests.helpers import refused
from tests.small import Bound, D, batch, make


def own(*first):
    encoder = keras.Sequential([*first, layers.Dense(2 * D)])
    return lambda: zoo.create(
        "tests.small:Bound",
        image_shape=(D,),
        latent_dim=D,
        encoder=encoder,
        decoder_output="normal",
    )


class Added(layers.Layer):
    def call(self, x):
        self.add_loss(1e6 * tf.reduce_sum(x))
        return x


@pytest.fixture(scope="module")
def model():
    made = make(Bound)
    made.compile(run_eagerly=True)
    return made


def test_losses_of_own_networks_are_refused():
    own(layers.Dense(8, "relu"))()
    with refused(ValueError, match="`encoder`: expected a network without regularisers"):
        own(layers.Dense(8, kernel_regularizer=keras.regularizers.L2(1.0)))()
    with refused(ValueError, match="`encoder`: expected a network without regularisers"):
        own(Added())()


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(1e-2, loss_scale_factor=1024.0),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e-2)),
    ],
)
def test_optimizers_that_scale_the_loss_are_refused(optimizer):
    with refused(ValueError, match="an optimizer that scales no loss"):
        make(Bound).compile(optimizer())


def test_optimizers_that_put_averages_in_the_weights_place_are_refused():
    """`fit` would validate, and choose the best, by other weights than those that it leaves."""
    own = keras.optimizers.SGD(0.1, use_ema=True)
    with refused(ValueError, match=r"`optimizers\['model'\].use_ema`: expected False.*ema_decay"):
        make(Bound).compile(own)


def test_an_optimizer_is_set_by_compile_alone():
    model = make(Bound)
    model.compile()
    with refused(TypeError, match=r"`optimizer`: expected compile\(optimizer=...\) to set it"):
        model.optimizer = keras.optimizers.SGD(0.1)


def test_symbols_are_no_data():
    model = make(Bound)
    model.compile()
    for door in (model.fit, model.evaluate, model.predict):
        with refused(TypeError, match="`x`: expected arrays, or a stream"):
            door(keras.Input(model.image_shape))


def test_a_hyper_parameter_is_set_when_a_model_is_made_alone():
    model = make(Bound)
    for name, value in {"learning_rate": 1.0, "latent_dim": 3}.items():
        before = getattr(model, name)
        with refused(AttributeError, match=rf"`{name}`: expected a new model.*{name}=\.\.\."):
            setattr(model, name, value)
        assert getattr(model, name) == before


@pytest.mark.parametrize("door", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("data", ["digits", 3, {"x": "digits"}])
def test_what_is_neither_arrays_nor_a_stream_is_refused(model, door, data):
    with refused(TypeError, match="^Invalid `x`: expected arrays, or a stream"):
        getattr(model, door)(data)
    if door == "fit":
        with refused(TypeError, match="^Invalid `validation_data`: expected arrays, or a stream"):
            model.fit(batch(4), validation_data=data, verbose=0)


@pytest.mark.parametrize("door", ["train_on_batch", "test_on_batch", "predict_on_batch"])
def test_a_stream_is_no_batch(model, door):
    with refused(TypeError, match="^Invalid `x`: expected arrays. Received"):
        getattr(model, door)(tf.data.Dataset.from_tensors(batch(4)))


def test_iterators_are_streams(model):
    both = [batch(4), batch(2)]
    expected = model.predict(np.concatenate(both), verbose=0)
    for stream in (
        iter(both),
        zip(both),
        tf.data.Dataset.from_generator(
            lambda: iter(both), output_signature=tf.TensorSpec([None, D], tf.float32)
        ).as_numpy_iterator(),
    ):
        np.testing.assert_allclose(model.predict(stream, verbose=0), expected, rtol=1e-6)
    with refused(ValueError, match="^Invalid `x`: expected finite numbers"):
        model.fit(iter([batch(4), batch(4) * np.nan]), verbose=0)


def test_arrays_of_different_things_are_no_array(model):
    for given in ([batch(4), np.arange(4)], [batch(4), batch(2)]):
        for door in (model.fit, model, model.encode, lambda x: model.fit(iter([x]), verbose=0)):
            with refused(TypeError, match=r"^Invalid `x`: .* are a tuple, \(x, y\)\.$"):
                door(given)
    hidden = np.ma.masked_array(batch(4), batch(4) > 0)
    for door in (model.fit, model.predict, model, model.encode):
        with refused(TypeError, match=r"^Invalid `x`: .* none masked.* Pass x.filled\(0\)\.$"):
            door(hidden)
    np.testing.assert_array_equal(model(np.ma.masked_array(batch(4))), model(batch(4)))


def test_data_of_two_names_are_refused():
    model = zoo.create("cvae", image_shape=(D,), latent_dim=1, num_classes=3)
    model.compile(run_eagerly=True)
    x, y = batch(4), np.arange(4) % 3
    for name, data in {
        "x": {"x": x, "image": x, "y": y},
        "y": {"x": x, "label": y, "y": y},
        "y ": ({"x": x, "y": y}, y),
    }.items():
        with refused(ValueError, match=f"^Invalid `data`: expected one {name.strip()}"):
            model.fit(*data if isinstance(data, tuple) else (data,), verbose=0)
    model.fit({"x": x}, y[:, None], verbose=0)


@pytest.mark.parametrize("argument", ["jit_compile", "run_eagerly"])
def test_words_are_no_switches(argument):
    for value in ("no", 0, None):
        with refused(TypeError, match=f"^Invalid `{argument}`: expected True or False"):
            make(Bound).compile(**{argument: value})
    make(Bound).compile(**{argument: np.False_})


@pytest.mark.parametrize("name", ["sample_weight", "class_weight", "weights"])
def test_weights_of_rows_are_refused_in_a_dict_too(name):
    model, data = make(Bound), {"x": batch(4), name: np.zeros(4, np.float32)}
    model.compile()
    for door in (model.fit, model.evaluate):
        with refused(ValueError, match=f"`{name}`: expected None"):
            door(data)
    with refused(ValueError, match=f"`{name}`: expected None"):
        model.fit(tf.data.Dataset.from_tensors(data))


@pytest.mark.parametrize("rows", [1, 3])
def test_a_stream_has_as_many_labels_as_images(rows):
    model = zoo.create("cvae", image_shape=(D,), latent_dim=D, num_classes=3)
    model.compile()
    before = [v.numpy() for v in model.trainable_variables]
    x, y = np.full([4, D], 0.5, np.float32), np.zeros(rows, np.int32)
    specs = tf.TensorSpec([None, D], tf.float32), tf.TensorSpec([None], tf.int32)
    unknown = tf.data.Dataset.from_generator(lambda: iter([(x, y)]), output_signature=specs)
    for stream in (unknown, tf.data.Dataset.from_tensors((x, y))):
        with refused(ValueError, match="`y`: expected as many rows as its images"):
            model.fit(stream, verbose=0)
    for was, now in zip(before, model.trainable_variables):
        np.testing.assert_array_equal(was, now.numpy())


def test_labelled_images_need_their_labels():
    model = zoo.create("aae", image_shape=(D,), latent_dim=D, num_classes=3)
    model.compile()
    x = np.full([4, D], 0.5, np.float32)
    with refused(ValueError, match="batches with labels: x_labelled and y_labelled"):
        model.fit({"x": x, "x_labelled": x}, verbose=0)
    with refused(ValueError, match="`x_labelled`: expected arrays of 4 rows, as x"):
        model.fit({"x": x, "x_labelled": x[:2], "y_labelled": np.zeros(2, int)}, verbose=0)


# --- targets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 2, 1), (D,)])
@pytest.mark.parametrize("kind", ["of x's shape", "numbers"])
def test_a_target_is_refused(shape, kind):
    """What a method without labels would ignore, as in the denoising `fit(noisy, clean)`."""
    model = zoo.create("tests.small:Bound", image_shape=shape, latent_dim=1)
    model.compile(run_eagerly=True)
    noisy, clean = np.full([2, 4, *shape], 0.5, np.float32)
    pair = noisy, clean if kind == "of x's shape" else np.linspace(0, 1, 4)
    with_arrays = (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch)
    ways = [lambda door=door: door(*pair) for door in with_arrays]
    for door in (model.fit, model.evaluate):
        ways.append(lambda door=door: door(tf.data.Dataset.from_tensors(pair)))
        ways.append(lambda door=door: door(each for each in [pair]))
    ways.append(lambda: model.fit(noisy, verbose=0, validation_data=pair))
    if kind == "of x's shape" and len(shape) == 3:  # else attributes, perhaps
        ways.append(lambda: model.fit({"x": noisy, "y": clean}, verbose=0))
    for way in ways:
        with refused(ValueError, match="`y`: expected None or labels of classes, as .* of x alone"):
            way()


def test_labels_of_a_data_set_are_left_aside():
    model = zoo.create("tests.small:Bound", image_shape=(2, 2, 1), latent_dim=1)
    model.compile(run_eagerly=True)
    x, y = np.full([4, 2, 2, 1], 0.5, np.float32), np.arange(4)
    model.fit(x, y, verbose=0)
    model.fit(x, y[:, None].astype(np.uint8), verbose=0)
    attributes = {"x": x, "y": np.ones([4, 3], np.float32)}
    for data in (attributes, tf.data.Dataset.from_tensors(attributes), iter([attributes])):
        model.fit(data, verbose=0)


# --- streams --------------------------------------------------------------------------------------


class Empty(keras.utils.PyDataset):
    """No batches."""

    def __len__(self):
        return 0

    def __getitem__(self, index):
        raise IndexError(index)


def test_empty_streams_are_refused(model):
    stream = tf.data.Dataset.from_tensors(batch(4))
    for empty in (stream.take(0), Empty()):
        for door in (model.fit, model.evaluate, model.predict):
            with refused(ValueError, match="^Invalid `x`: expected a stream of at least one batch"):
                door(empty, verbose=0)
        with refused(ValueError, match="^Invalid `validation_data`: expected a stream of at least"):
            model.fit(stream, validation_data=empty, verbose=0)
    with refused(ValueError, match="^Invalid `x`: expected a stream of at least one batch"):
        model.evaluate(stream.filter(lambda x: False), verbose=0)  # which nobody could know


@pytest.mark.parametrize("kind", [tf.data.Dataset.from_tensors, dict])
def test_data_for_validation_are_checked_before_training(model, kind):
    bad = np.zeros([4, D + 1], np.float32)
    data = {"x": bad} if kind is dict else kind(bad)
    before = [v.numpy() for v in model.trainable_variables]
    with refused(ValueError, match="`x.shape`: expected numbers of shape"):
        model.fit(batch(4), validation_data=data, verbose=0)
    for was, now in zip(before, model.trainable_variables):
        np.testing.assert_array_equal(was, now.numpy())


@pytest.mark.parametrize("argument, value", [("batch_size", 2), ("validation_split", 0.5)])
def test_what_divides_arrays_is_refused_of_streams(model, argument, value):
    for stream in (tf.data.Dataset.from_tensors(batch(4)), (each for each in [batch(4)])):
        with refused(ValueError, match=f"^Invalid `{argument}`: expected None, as batches of a st"):
            model.fit(stream, verbose=0, **{argument: value})
    logs = model.fit(
        batch(4), batch_size=2, validation_data=tf.data.Dataset.from_tensors(batch(4)), verbose=0
    )
    assert "val_loss" in logs.history


# --- weights that a user sets ---------------------------------------------------------------------


def averaged():
    return make(Bound, ema_decay=0.9)


def test_verbs_use_the_weights_that_were_just_set(in_tmp_path):
    plain, x = make(Bound, seed=1), batch(3)
    for variable in plain.trainable_variables:
        variable.assign(variable + 0.1)
    expected = plain.encode(x).mean().numpy()
    plain.save_weights("plain.weights.h5")
    ways = {
        "set_weights": lambda model: model.set_weights(plain.get_weights()),
        "load_weights": lambda model: model.load_weights("plain.weights.h5"),
        "a network's": lambda model: model.encoder.set_weights(plain.encoder.get_weights()),
    }
    for way, set_ in ways.items():
        model = averaged()
        assert np.abs(model.encode(x).mean() - expected).max() > 1e-3, way
        set_(model)
        np.testing.assert_allclose(model.encode(x).mean(), expected, atol=1e-6, err_msg=way)


def test_averages_that_are_given_are_kept(in_tmp_path):
    model, x = averaged(), batch(8)
    model.compile({"model": keras.optimizers.SGD(0.5)})
    model.fit(x, batch_size=4, verbose=0)
    expected = model.encode(x).mean().numpy()
    own = [v.numpy() for v in model.encoder.variables]
    model.save_weights("own.weights.h5")
    for set_ in (
        lambda other: other.set_weights(model.get_weights()),
        lambda other: other.load_weights("own.weights.h5"),
    ):
        other = averaged()
        other.compile({"model": keras.optimizers.SGD(0.5)})
        set_(other)
        np.testing.assert_array_equal(other.encode(x).mean(), expected)
        assert all(np.array_equal(a, v) for a, v in zip(own, other.encoder.variables))
    model.restart_averages()
    assert np.abs(model.encode(x).mean() - expected).max() > 1e-4
