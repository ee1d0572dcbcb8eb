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
