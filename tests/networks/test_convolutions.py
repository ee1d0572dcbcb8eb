"""Convolutions on blocks of pixels give what Keras' own give: values and all gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.networks import layers


def values_and_gradients(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = tf.reduce_sum(y * tf.cos(tf.range(tf.size(y), dtype=tf.float32) % 7.0 + 0.5)[0])
        loss += tf.reduce_sum(y**2 * tf.reshape(tf.linspace(0.5, 1.5, tf.size(y)), tf.shape(y)))
    return [y, *tape.gradient(loss, [x, *layer.trainable_variables])]


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("kind", ["Conv2D", "Conv2DTranspose"])
def test_blocks_equal_keras(kernel, stride, kind):
    channels, maps = 2, 5
    if kind == "Conv2D":
        x = tf.random.stateless_normal([3, 12, 6, channels], [1, 2])
        filters = maps
    else:
        x = tf.random.stateless_normal([3, 4, 2, maps], [1, 2])
        filters = channels
    ours = getattr(layers, kind)(filters, kernel, stride, "same", bias_initializer="normal")
    theirs = getattr(keras.layers, kind)(filters, kernel, stride, "same")
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    side = (None, 12, 6, channels)
    assert layers.blockable(ours, side, channels)
    pairs = zip(values_and_gradients(ours, x), values_and_gradients(theirs, x))
    for got, expected in pairs:
        np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("kind", ["Conv2D", "Conv2DTranspose"])
def test_products_equal_keras(kind):
    x = tf.random.stateless_normal([3, 4, 4, 6] if kind == "Conv2D" else [3, 1, 1, 6], [1, 2])
    ours = getattr(layers, kind)(5, 4, bias_initializer="normal")
    theirs = getattr(keras.layers, kind)(5, 4)
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    for got, expected in zip(values_and_gradients(ours, x), values_and_gradients(theirs, x)):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("shape, kernel, stride", [((4, 3), 4, 2), ((2, 4), 4, 2), ((3, 3), 3, 1)])
def test_kernels_that_cover_many_maps_equal_keras(shape, kernel, stride):
    x = tf.random.stateless_normal([2, *shape, 64], [1, 2])
    ours = layers.Conv2D(3, kernel, stride, "same", bias_initializer="normal")
    theirs = keras.layers.Conv2D(3, kernel, stride, "same")
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    assert layers._covering(ours, x.shape, ours.kernel.shape)
    for got, expected in zip(values_and_gradients(ours, x), values_and_gradients(theirs, x)):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-4)


def test_kernels_that_cover_little_or_few_maps_go_the_usual_way():
    covers = lambda layer, *shape: layers._covering(layer, (None, *shape), (*layer.kernel_size, 64))
    layer = layers.Conv2D(3, 4, 2, "same")
    assert covers(layer, 4, 4, 64)
    assert not covers(layer, 5, 4, 64) and not covers(layer, 1, 4, 64)
    assert not covers(layer, 4, 4, 63) and not covers(layers.Conv2D(3, 4, 2), 4, 4, 64)
    assert not covers(layers.Conv2D(3, 5, 2, "same"), 4, 4, 64)


def test_odd_sizes_and_many_channels_go_the_usual_way():
    layer = layers.Conv2D(4, 5, 2, "same")
    assert not layers.blockable(layer, (None, 7, 8, 1), 1)
    assert not layers.blockable(layer, (None, 8, 8, 16), 16)
    assert layer(tf.ones([1, 7, 8, 1])).shape == (1, 4, 4, 4)


def test_a_transposed_convolution_of_stride_1_is_one_of_an_image_with_a_border():
    x = tf.random.stateless_normal([2, 5, 4, 3], [1, 2])
    ours = layers.Conv2DTranspose(6, 3)
    ours.build(x.shape)
    kernel = tf.transpose(ours.kernel, [0, 1, 3, 2])[::-1, ::-1]
    bordered = tf.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]])
    np.testing.assert_allclose(ours(x), tf.nn.conv2d(bordered, kernel, 1, "VALID"), atol=1e-4)
