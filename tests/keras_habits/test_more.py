"""What Keras users try next: rates, averages, files, graphs, slips, streams, sparse data."""

import warnings

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

import zoo
from tests.helpers import refused
from tests.small import AtOnce, Bound, D, batch, make, same, sgd, weights
from zoo.fields import field

K = keras.optimizers


@pytest.fixture(scope="module")
def model():
    """One player on vectors, compiled."""
    made = make(Bound)
    made.compile()
    return made


@pytest.fixture(scope="module")
def images():
    """One player on images [2, 2, 1], compiled with rate 0, not traced."""
    made = zoo.create("tests.small:Bound", image_shape=(2, 2, 1), latent_dim=1)
    return sgd(made, 0.0, run_eagerly=True)


# --- optimizers -----------------------------------------------------------------------------------


def test_an_assigned_learning_rate_is_every_players():
    model = make(AtOnce)
    model.compile({"generator": K.SGD(0.5)})
    rates = lambda: [float(o.learning_rate) for o in model.optimizers.values()]
    assert rates() == pytest.approx([2e-4, 0.5])
    model.optimizer.learning_rate.assign(0.25)
    assert rates() == [0.25, 0.25] and float(model.optimizer.learning_rate) == 0.25
    model.optimizer.learning_rate.assign(model.optimizer.learning_rate * 0.5)
    assert rates() == [0.125, 0.125]
    config = model.optimizer.get_config()
    assert config["learning_rate"] == 0.125
    assert config["players"]["generator"] == model.optimizers["generator"].get_config()


def test_no_rate_moves_where_one_player_has_a_schedule():
    model = make(AtOnce)
    model.compile({"generator": K.SGD(K.schedules.CosineDecay(0.5, 10))})
    for change in (
        lambda: model.optimizer.learning_rate.assign(0.25),
        lambda: setattr(model.optimizer, "learning_rate", 0.25),
    ):
        with refused(TypeError, match="`learning_rate`: expected no number, as generator has a"):
            change()
    assert float(model.optimizers["discriminator"].learning_rate) == pytest.approx(2e-4)


# --- files ----------------------------------------------------------------------------------------


def test_whole_models_are_no_hdf5(model, in_tmp_path):
    with refused(ValueError, match="`filepath`: expected a path that ends in .keras"):
        model.save("m.h5")
    before, x = weights(model)["model"], batch(4)
    with refused(ValueError, match="`filepath`: expected a path that ends in .keras"):
        model.fit(x, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint("ck.h5")])
    assert same(before, weights(model)["model"])  # before any work
    with refused(ValueError, match=r"must end in `.weights.h5`"):
        model.save_weights("w.h5")
    model.save_weights("w.weights.h5")
    other = make(Bound, seed=1)
    other.compile()
    other.load_weights("w.weights.h5")
    assert same(before, weights(other)["model"])


# --- graphs ---------------------------------------------------------------------------------------


def test_refusals_leave_a_users_graph_as_they_are(images):
    ints = np.full([3, 2, 2, 1], 25, np.int64)

    def encode(x):  # which AutoGraph rewrites
        return images.encode(x).mean()

    for use in (
        lambda: tf.function(encode)(ints),
        lambda: tf.data.Dataset.from_tensors(ints).map(encode),
        lambda: tf.function(images)(ints),
    ):
        with refused(TypeError, match=r"^Invalid `x.dtype`: expected pixels in \[0, 1\]"):
            use()


def test_a_model_is_a_function_for_tensorflow(images):
    x = np.random.default_rng(0).random((3, 2, 2, 1), np.float32)
    np.testing.assert_allclose(tf.function(images)(x), images(x), atol=1e-6)


# --- slips ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"image_shape": (D,), "dtype": "foo"}, "`dtype`: expected a Keras dtype policy"),
        ({"image_shape": (D,), "dtype": 3}, "`dtype`: expected a Keras dtype policy"),
        ({}, r"`image_shape`: expected \(H, W, C\) or \(D,\)"),
        ({"image_shape": (2**30,)}, "at most 67108864 numbers"),
        ({"image_shape": (2**13, 2**13, 3)}, "at most 67108864 numbers"),
    ],
)
def test_arguments_of_create(arguments, words):
    with refused(ValueError, TypeError, match=words):
        zoo.create("vae", **arguments)


def test_image_shape_is_required_by_the_signature():
    assert Bound.__signature__.parameters["image_shape"].default is Bound.__signature__.empty


@pytest.mark.parametrize("name, verb", [("likelihood", "sample"), ("posterior", "encode")])
def test_distributions_are_asked_for_by_name(name, verb):
    role = {"likelihood": "decoder", "posterior": "encoder"}[name]
    kind = type("Slip", (Bound,), {name: lambda self, x: self.apply(role, x)})
    kind.__dict__[name].__wrapped__.__name__ = name
    model, x = sgd(make(kind)), batch(4)
    ask = {"sample": lambda: model.sample(2), "encode": lambda: model.encode(x)}[verb]
    for use in (ask, lambda: model.fit(x, verbose=0), lambda: model(x)):
        with refused(TypeError, match=f"^Invalid `{name}`: expected a TFP distribution"):
            use()


@pytest.mark.parametrize("annotation", [int, float | None, tuple[int, ...], "int", "float | None"])
def test_a_field_without_a_value_is_refused_where_the_class_is_defined(annotation):
    with refused(TypeError, match="`q`: expected a value, as in q: .* = field"):
        type("Slip", (Bound,), {"__annotations__": {"q": annotation}})
    type("Fine", (Bound,), {"__annotations__": {"net": keras.Layer, "_q": int, "image_shape": int}})
    own = field("of q", default=1, at_least=0)
    assert type("Own", (Bound,), {"__annotations__": {"q": int}, "q": own}).q == 1


def test_no_choice_is_said_in_words():
    class Empty(Bound):
        """Nothing.

        Reference:
            A toy of the tests.
        """

        def make_networks(self):
            pass

    with refused(ValueError, match="`PLAYERS`: expected no name, as there is none to choose"):
        Empty(image_shape=(D,))


@pytest.mark.parametrize(
    "door, option, value",
    [
        ("fit", "batch_size", 0),
        ("fit", "batch_size", 2.5),
        ("fit", "epochs", -1),
        ("fit", "steps_per_epoch", 0),
        ("fit", "validation_split", 1),
        ("evaluate", "batch_size", 0),
        ("predict", "batch_size", -1),
        ("predict", "steps", 0),
    ],
)
def test_numbers_that_keras_would_ignore(model, door, option, value):
    with refused(ValueError, TypeError, match=f"^Invalid `{option}`: expected"):
        getattr(model, door)(batch(4), verbose=0, **{option: value})


# --- streams --------------------------------------------------------------------------------------


class Given(keras.utils.PyDataset):
    """A `PyDataset` of given batches."""

    def __init__(self, batches):
        super().__init__()
        self.batches, self.begun, self.ended = batches, 0, 0

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return (self.batches[index],)

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


STREAMS = {"generator": lambda batches: (each for each in batches), "PyDataset": Given}


@pytest.mark.parametrize("stream", STREAMS)
def test_batches_of_a_stream_are_read_one_by_one(images, stream):
    """Keras would cast all to the type of the first: greys of floats to black."""
    bytes_ = np.random.default_rng(0).integers(0, 256, (4, 2, 2, 1)).astype(np.uint8)
    floats = bytes_ / np.float32(255)
    batches = [bytes_, floats, floats[..., 0], floats[:2]]
    found = images.predict(STREAMS[stream](batches), verbose=0)
    plain = images.predict(np.concatenate([floats, floats, floats, floats[:2]]), verbose=0)
    np.testing.assert_allclose(found, plain, atol=1e-6)
    losses = [
        images.evaluate(STREAMS[stream](kind), verbose=0)[0]
        for kind in ([bytes_, floats], [floats, floats])
    ]
    assert losses[0] == pytest.approx(losses[1])
    for door, bad, words in (
        (images.fit, np.zeros([4, 3, 3, 1], np.float32), r"`x.shape`: .*\(4, 3, 3, 1\)"),
        (images.evaluate, floats * 9, r"`x`: expected pixels in \[0, 1\]"),
        (images.predict, bytes_.astype(np.int64), r"`x.dtype`"),
    ):
        with refused(ValueError, TypeError, match=f"^Invalid {words}"):
            door(STREAMS[stream]([floats, floats, bad]), verbose=0)


def test_a_stream_is_told_of_its_epochs(images):
    stream = Given([np.zeros([2, 2, 2, 1], np.float32)] * 2)
    images.fit(stream, epochs=3, verbose=0)
    assert stream.begun == 3 and stream.ended >= 3  # Keras ends one of them twice


def test_labels_of_a_stream_are_read_too():
    model = sgd(zoo.create("cvae", image_shape=(D,), latent_dim=1, num_classes=3), run_eagerly=True)
    x, y = batch(4), np.arange(4) % 3
    model.fit(((x, each) for each in (y, y[:, None])), verbose=0)
    with refused(ValueError, match="^Invalid `y`"):
        model.fit(((x, each) for each in (y, y + 1)), verbose=0)


def test_a_later_shape_of_a_tensorflow_stream():
    model = sgd(zoo.create("tests.small:Bound", image_shape=(2, 2, 1), latent_dim=1))
    batches = [np.zeros([3, 2, 2, 1], np.float32), np.zeros([3, 4, 4, 1], np.float32)]
    spec = tf.TensorSpec([None, None, None, 1], tf.float32)
    stream = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec)
    with refused(ValueError, match=r"`x.shape`: expected numbers of shape \[B, 2, 2, 1\]"):
        model.fit(stream, verbose=0)


def test_a_generator_is_fitted_without_a_warning_of_shuffling(images):
    with warnings.catch_warnings(record=True) as found:
        images.fit((np.zeros([2, 2, 2, 1], np.float32) for _ in range(1)), verbose=0)
    assert not [w for w in found if "shuffle" in str(w.message)]


# --- sparse and ragged data -----------------------------------------------------------------------

SPARSE = {
    "SparseTensor": (lambda x: tf.sparse.from_dense(x), r"tf.sparse.to_dense\({}\)"),
    "RaggedTensor": (lambda x: tf.RaggedTensor.from_tensor(x), r"{}.to_tensor\(\)"),
    "csr_matrix": (scipy.sparse.csr_matrix, r"{}.toarray\(\)"),
}


@pytest.mark.parametrize("kind", SPARSE)
def test_sparse_and_ragged_data_are_refused(model, kind):
    form, way = SPARSE[kind]
    data = form(batch(4))
    doors = [model.fit, model.evaluate, model.predict, model.train_on_batch, model]
    doors += [model.encode, model.log_prob]
    if kind != "csr_matrix":  # which tf.data does not know
        stream = lambda door: lambda x: door(tf.data.Dataset.from_tensors(x))
        doors += [*map(stream, (model.fit, model.predict)), tf.function(model.log_prob)]
    for door in doors:
        with refused(TypeError, match=f"^Invalid `x`: .*dense. .*'{kind}'. Pass {way.format('x')}"):
            door(data)
    with refused(TypeError, match=f"^Invalid `z`: .* Pass {way.format('z')}"):
        model.decode(data)
