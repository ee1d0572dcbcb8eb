"""Layers against NumPy, tables against the paper, and the automatic rule on odd sizes."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import networks, seeds
from zoo.networks import tables
from zoo.networks.layers import BatchNorm, Maxout, UntiedBias
from zoo.networks.noise import Dropout, GaussianNoise, Shift
from zoo.networks.stack import Pair, Reshape, Stack, conv, dense


def make(network, role, image_shape, latent_dim, outputs, *inputs):
    """A built network of a role."""
    made = networks.make(
        network,
        role,
        image_shape=image_shape,
        latent_dim=latent_dim,
        inputs=inputs,
        outputs=outputs,
        init_stddev=None,
        init_seed=0,
        dtype=None,
    )
    made.build(*((None, *shape) for shape in inputs))
    return made


def sizes(stack):
    """Heights of the rows' outputs."""
    return [block.output_example[0] for block in stack.blocks]


def trainable(network):
    return sum(math.prod(v.shape) for v in network.trainable_variables)


# --- layers ---------------------------------------------------------------------------------------


def test_maxout_takes_the_largest_of_each_group():
    # 6 channels, 2 pieces: channel k competes with channel k + 3.
    x = tf.constant([[1.0, 5.0, -2.0, 3.0, 4.0, -1.0]])
    np.testing.assert_array_equal(Maxout(2)(x), [[3.0, 5.0, -1.0]])
    np.testing.assert_array_equal(Maxout(3)(x), [[4.0, 5.0]])  # (1, -2, 4), (5, 3, -1)


@pytest.mark.parametrize("shape", [(16, 3), (4, 5, 6, 3)])
@pytest.mark.parametrize("synchronised", [False, True])
def test_batch_norm_against_numpy(shape, synchronised):
    layer = BatchNorm(momentum=0.9, epsilon=1e-2)
    layer.build(shape)
    layer.gamma.assign([1.0, 2.0, -0.5])
    layer.beta.assign([0.0, 1.0, 3.0])
    x = np.random.default_rng(0).normal(2.0, 3.0, shape).astype(np.float32)
    if synchronised:
        gamma, beta = layer.gamma.value, layer.beta.value
        y, batch_mean, batch_variance = layer._synchronised(tf.constant(x), gamma, beta)
    else:
        y = layer(x, training=True)
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axis=axes), x.var(axis=axes)  # the biased variance
    expected = [1.0, 2.0, -0.5] * (x - mean) / np.sqrt(variance + 1e-2) + [0.0, 1.0, 3.0]
    np.testing.assert_allclose(y, expected, atol=2e-5)
    if synchronised:
        np.testing.assert_allclose(batch_mean, mean, rtol=1e-5)
        np.testing.assert_allclose(batch_variance, variance, rtol=1e-4)
        return
    # moving = 0.9 moving + 0.1 batch, from mean 0 and variance 1.
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance, rtol=1e-4)
    before = layer.moving_mean.numpy()
    y = layer(x, training=False)  # population statistics, left as they are
    scale = np.sqrt(0.9 + 0.1 * variance + 1e-2)
    expected = [1.0, 2.0, -0.5] * (x - 0.1 * mean) / scale + [0.0, 1.0, 3.0]
    np.testing.assert_allclose(y, expected, atol=2e-5)
    np.testing.assert_array_equal(layer.moving_mean, before)


def test_the_variance_over_replicas_does_not_cancel():
    """E x^2 - mean^2 would be off by 100^2 u = 6e-4, six times this variance."""
    x = (100.0 + 0.01 * np.random.default_rng(0).normal(size=(64, 3))).astype(np.float32)
    layer = BatchNorm()
    layer.build(x.shape)
    _, _, variance = layer._synchronised(tf.constant(x), tf.ones(3), tf.zeros(3))
    np.testing.assert_allclose(variance, x.astype(np.float64).var(axis=0), rtol=1e-3)


def test_batch_norm_without_scale_and_shift_learns_nothing():
    layer = BatchNorm(epsilon=1e-2, affine=False)
    layer.build((16, 3))
    assert not layer.trainable_variables and len(layer.variables) == 2
    x = np.random.default_rng(0).normal(2.0, 3.0, (16, 3)).astype(np.float32)
    expected = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-2)
    np.testing.assert_allclose(layer(x, training=True), expected, atol=2e-5)


def test_untied_bias_is_one_for_each_pixel_and_channel():
    layer = UntiedBias()
    layer.build((None, 2, 3, 4))
    bias = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    layer.bias.assign(bias)
    np.testing.assert_array_equal(layer(tf.ones([5, 2, 3, 4])), np.tile(1 + bias, (5, 1, 1, 1)))


def test_dropout():
    x, seed, n = tf.fill([200, 100], 3.0), seeds.fold(0, "a"), 20_000
    y = Dropout(0.2)(x, training=True, seed=seed).numpy()
    dropped = (y == 0).mean()
    assert abs(dropped - 0.2) < 4 * math.sqrt(0.2 * 0.8 / n)
    # The rest is scaled so that E y = x, for a rate within half of 1/256 of the one asked for.
    np.testing.assert_allclose(y[y != 0], 3.0 / 0.8, rtol=0.5 / 256 / 0.8)
    assert abs(y.mean() - 3.0) < 4 * 3.0 * math.sqrt(0.2 / 0.8 / n)
    np.testing.assert_array_equal(Dropout(0.2)(x, training=True, seed=seed), y)
    other = Dropout(0.2)(x, training=True, seed=seeds.fold(0, "b")).numpy()
    assert abs(((y == 0) == (other == 0)).mean() - 0.68) < 4 * math.sqrt(0.68 * 0.32 / n)
    np.testing.assert_array_equal(Dropout(0.2)(x), x)


def test_gaussian_noise():
    x, seed, n = tf.fill([200, 100], 3.0), seeds.fold(0, "a"), 20_000
    y = GaussianNoise(0.5)(x, training=True, seed=seed).numpy()
    assert abs(y.mean() - 3.0) < 4 * 0.5 / math.sqrt(n)
    assert abs(y.std() - 0.5) < 4 * 0.5 / math.sqrt(2 * n)
    np.testing.assert_array_equal(GaussianNoise(0.5)(x, training=True, seed=seed), y)
    assert np.abs(GaussianNoise(0.5)(x, training=True, seed=seeds.fold(1)) - y).max() > 0.1
    np.testing.assert_array_equal(GaussianNoise(0.5)(x), x)


def test_shift():
    """Of one bright pixel in the middle, each of the 5 x 3 places that moves can bring it to."""
    n = 3_000
    x = np.zeros([n, 7, 5, 2], np.float32)
    x[:, 3, 2] = 1.0, 2.0
    layer, seed = Shift(1), seeds.fold(0, "a")
    y = layer(x, training=True, seed=seed).numpy()
    np.testing.assert_array_equal(y.sum(axis=(1, 2)), np.tile([1.0, 2.0], (n, 1)))
    share = (y[..., 0] == 1.0).mean(axis=0)  # of each place
    assert np.abs(share[2:5, 1:4] - 1 / 9).max() < 4 * math.sqrt(1 / 9 * 8 / 9 / n)
    np.testing.assert_array_equal(layer(x, training=True, seed=seed), y)
    assert (layer(x, training=True, seed=seeds.fold(1)) != y).numpy().any()
    np.testing.assert_array_equal(layer(x), x)


def test_shift_loses_what_leaves_and_brings_in_zeros():
    x = tf.ones([400, 3, 3, 1])
    y = Shift(2)(x, training=True, seed=seeds.fold(0)).numpy()[..., 0]
    sizes = {(int(rows), int(columns)) for rows, columns in zip(y[:, 1].sum(1), y[:, :, 1].sum(1))}
    assert y.shape == (400, 3, 3) and set(np.unique(y)) == {0.0, 1.0}
    assert (y.sum(axis=(1, 2)) >= 1).all() and (y.sum(axis=(1, 2)) <= 9).all()
    assert {(3, 3), (2, 2)} <= sizes


def test_a_row_moves_its_images_when_training():
    """A bright pixel in the middle of 3 x 3, through an identity: it is moved, or it is there."""
    x = np.zeros([50, 3, 3, 1], np.float32)
    x[:, 1, 1] = 1.0
    stack = Stack([dense(9, shift=1, activation="linear")])
    stack.build(x.shape)
    stack.set_weights([np.eye(9, dtype=np.float32), np.zeros(9, np.float32)])
    places = np.argmax(stack(x, training=True, seed=seeds.fold(0)), axis=1)
    assert set(places) == set(range(9))
    np.testing.assert_array_equal(stack(x), x.reshape(50, 9))


def test_only_images_are_shifted():
    with pytest.raises(ValueError, match="shift.*no images.*shift=1"):
        Stack([dense(3, shift=1)]).build((None, 4))


@pytest.mark.parametrize(
    "kind, amount, shape",
    [(Dropout, 0.5, [4]), (GaussianNoise, 1.0, [4]), (Shift, 3, [8, 8, 1])],
)
def test_noise_on_two_replicas_is_the_noise_of_the_whole(monkeypatch, kind, amount, shape):
    layer = kind(amount)
    half, seed = tf.random.stateless_uniform([3, *shape], [0, 1]), seeds.fold(3)
    x = tf.concat([half, half], axis=0)
    whole = layer(x, training=True, seed=seed)
    halves = []
    for index in (0, 1):
        monkeypatch.setattr(seeds, "replica", lambda index=index: (2, index))
        halves.append(layer(half, training=True, seed=seed))
    np.testing.assert_array_equal(tf.concat(halves, axis=0), whole)


# --- stacks ---------------------------------------------------------------------------------------


def test_stack_config_round_trip():
    rows = (
        conv(4, 3, 2, norm=True, dropout=0.1),
        Reshape((4, 4, 1)),
        dense(6, activation="maxout", pieces=3, noise=0.2),
        dense(None, activation="linear", extra=True),
    )
    stack = Stack(rows, (5,), slope=0.3, init_stddev=0.1, init_seed=7, momentum=0.8, epsilon=1e-3)
    again = Stack.from_config(stack.get_config())
    assert again.get_config() == stack.get_config()
    for network in (stack, again):
        network.build((None, 5, 5, 1), (None, 2))
    x, extra = tf.random.stateless_normal([3, 5, 5, 1], [0, 1]), tf.ones([3, 2])
    np.testing.assert_array_equal(again(x, extra), stack(x, extra))  # the same initial weights
    assert stack(x, extra).shape == (3, 5)


def test_initial_weights_depend_on_seed_and_row():
    def kernel(seed, row):
        stack = Stack((dense(400), dense(400)), init_stddev=0.02, init_seed=seed)
        stack.build((None, 400))
        return stack.blocks[row].linear.kernel.numpy()

    np.testing.assert_array_equal(kernel(1, 0), kernel(1, 0))
    assert np.abs(kernel(1, 0) - kernel(1, 1)).max() > 0.01
    assert np.abs(kernel(1, 0) - kernel(2, 0)).max() > 0.01
    assert abs(kernel(1, 0).std() - 0.02) < 4 * 0.02 / math.sqrt(2 * 160_000)


@pytest.mark.parametrize("marked", [None, 1])
def test_extra_input_joins_its_row(marked):
    rows = [
        dense(3, activation="linear"),
        dense(4, activation="linear"),
        dense(2, activation="linear"),
    ]
    if marked is not None:
        rows[marked] = dense(4, activation="linear", extra=True)
    stack = Stack(rows, init_stddev=0.5)
    stack.build((None, 6), (None, 5))
    widths = [6, 3, 4]
    widths[marked or 0] += 5  # the first row where none is marked
    assert [block.linear.kernel.shape[0] for block in stack.blocks] == widths
    x = tf.ones([1, 6])
    first, second, _ = stack.trace(x, tf.zeros([1, 5]))
    first_, second_, _ = stack.trace(x, tf.ones([1, 5]))
    assert np.abs(second - second_).max() > 1e-3
    assert np.array_equal(first, first_) == (marked == 1)


def test_a_row_without_units_must_be_the_last():
    with pytest.raises(ValueError, match="Received: units=None"):
        Stack((dense(None), dense(3)), (3,)).build((None, 2))
    with pytest.raises(ValueError, match=r"ends in \(4,\).*Received: rows=\(3,\)"):
        Stack((dense(3),), (4,)).build((None, 2))


def test_leaky_slope_is_the_tables():
    stack = Stack((dense(1),), slope=0.25)
    stack.build((None, 1))
    stack.blocks[0].linear.kernel.assign([[1.0]])
    np.testing.assert_allclose(stack(tf.constant([[-2.0], [2.0]])), [[-0.5], [2.0]])


def test_pair_takes_both_inputs_and_gives_float32_logits():
    pair = Pair(Stack((dense(3),)), Stack((dense(2),)), Stack((dense(1, activation="linear"),)))
    pair.build((None, 2, 2, 1), (None, 4))
    assert pair.joint.blocks[0].linear.kernel.shape == (5, 1)  # 3 + 2
    x, z = (
        tf.random.stateless_normal([6, 2, 2, 1], [0, 1]),
        tf.random.stateless_normal([6, 4], [0, 2]),
    )
    assert pair(x, z).shape == (6,)
    assert np.abs(pair(x, z) - pair(x, -z)).max() > 1e-4
    assert np.abs(pair(x, z) - pair(-x, z)).max() > 1e-4
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(pair))
    again.build((None, 2, 2, 1), (None, 4))
    again.set_weights(pair.get_weights())
    np.testing.assert_array_equal(again(x, z), pair(x, z))


@pytest.mark.parametrize("codes", [True, False])
def test_a_pair_s_trace_is_the_trunk_on_x_then_the_joint(codes):
    trunk, hidden = Stack((dense(3), dense(5))), Stack((dense(4), dense(1, activation="linear")))
    pair = Pair(trunk, Stack((dense(2),)) if codes else None, hidden)
    pair.build((None, 6), *(((None, 4),) if codes else ()))
    x, z = tf.ones([7, 6]), tf.ones([7, 4])
    inputs = (x, z) if codes else (x,)
    rows = pair.trace(*inputs)
    assert [row.shape for row in rows] == [(7, 3), (7, 5), (7, 4), (7,)]
    np.testing.assert_array_equal(rows[1], trunk(x))
    np.testing.assert_array_equal(rows[-1], pair(*inputs))
    if codes:  # the trunk on x does not feel z
        others = pair.trace(x, -z)
        np.testing.assert_array_equal(rows[1], others[1])
        assert np.abs(rows[2] - others[2]).max() > 1e-4


def test_labels_join_a_pair_s_joint_network():
    pair = Pair(Stack(()), Stack(()), Stack((dense(4), dense(1, activation="linear"))))
    pair.build((None, 2), (None, 3), (None, 5))
    assert [b.linear.kernel.shape for b in pair.joint.blocks] == [(2 + 3 + 5, 4), (4, 1)]
    x, z = tf.ones([6, 2]), tf.ones([6, 3])
    found = (pair(x, z, value * tf.ones([6, 5])) for value in (0.0, 1.0))
    assert np.abs(np.subtract(*found)).max() > 1e-4


def test_an_extra_input_may_join_several_rows():
    rows = [dense(3, activation="linear", extra=True), dense(4, activation="linear")]
    stack = Stack([*rows, dense(2, activation="linear", extra=True)])
    stack.build((None, 6), (None, 5))
    kernels = [block.linear.kernel.shape for block in stack.blocks]
    assert kernels == [(6 + 5, 3), (3, 4), (4 + 5, 2)]
    x, extra = tf.ones([1, 6]), tf.constant([[1.0, -2.0, 0.5, 0.0, 3.0]])
    first, last = stack.blocks[0].linear.kernel, stack.blocks[2].linear.kernel
    first.assign(tf.concat([first[:6], tf.zeros([5, 3])], axis=0))
    change = stack(x, extra) - stack(x, tf.zeros([1, 5]))  # the first row is deaf now
    np.testing.assert_allclose(change, extra @ last[4:], rtol=1e-5)


# --- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", networks.list_tables())
def test_every_table_builds_and_runs(name):
    table = tables.TABLES[name]
    image_shape, d = table.image_shape or (2,), 8
    x = tf.zeros([2, *image_shape])
    shapes = {"encoder": ((2 * d,), image_shape), "decoder": (image_shape, (d,))}
    shapes |= {"discriminator": ((), image_shape, (d,)), "code_discriminator": ((), (d,))}
    shapes |= {"class_discriminator": ((), (10,))}
    shapes |= {"code_encoder": ((2 * d,), (d,)), "code_decoder": ((d,), (d,))}
    assert table.reference
    for role in table.roles:
        outputs, *inputs = shapes[role]
        network = make(name, role, image_shape, d, outputs, *inputs)
        values = [x if shape == image_shape else tf.zeros([2, *shape]) for shape in inputs]
        assert network(*values).shape == (2, *outputs)


def like(network, role, other, outputs, *inputs):
    """A built network of a role that a table may not know."""
    made = networks.make(
        network,
        role,
        like=other,
        image_shape=(2,),
        latent_dim=3,
        inputs=inputs,
        outputs=outputs,
        init_stddev=None,
        init_seed=0,
        dtype=None,
    )
    made.build(*((None, *shape) for shape in inputs))
    return made


def test_a_role_may_have_another_role_s_rows():
    units = lambda stack: [block.linear.kernel.shape[1] for block in stack.blocks]
    # The table's own come first, those of codes where it has none.
    assert units(like("aae_mlp", "class_discriminator", "code_discriminator", (), (5,))) == [
        *(1000, 1000, 1)
    ]
    assert units(like("auto", "class_discriminator", "code_discriminator", (), (5,))) == [
        *(256, 256, 1)
    ]
    assert units(like("auto", "encoder_2", "code_encoder", (8,), (3,))) == [256, 256, 8]
    joint = like("auto", "joint_discriminator", "discriminator", (), (2,), (3,))
    assert isinstance(joint, Pair) and joint.z is not None and joint.name == "joint_discriminator"
    alone = like("auto", "discriminator", None, (), (2,))
    assert alone.z is None
    with pytest.raises(ValueError, match="a table with the role 'critic'"):
        like("auto", "critic", None, (), (2,))


def test_discriminators_of_codes_have_no_batch_normalisation():
    for network in ("auto", "aae_mlp", "shared_mlp"):
        made = like(network, "code_discriminator", None, (), (5,))
        assert len(made.variables) == len(made.trainable_variables) == 6


def test_bigan_mlp_by_hand():
    # z joins the inputs of every row of D; batch-normalised rows have gamma, beta and no bias.
    encoder = make("bigan_mlp", "encoder", (28, 28, 1), 50, (50,), (28, 28, 1))
    rows = 784 * 1024 + 2 * 1024, 1024 * 1024 + 2 * 1024
    assert trainable(encoder) == sum(rows) + 1024 * 50 + 50
    discriminator = make("bigan_mlp", "discriminator", (28, 28, 1), 50, (), (28, 28, 1), (50,))
    assert trainable(discriminator) == sum(rows) + 2 * 50 * 1024 + (1024 + 50) + 1
    slopes = [block.activation for block in discriminator.blocks[:2]]
    assert [round(float(slope.negative_slope), 6) for slope in slopes] == [0.2, 0.2]
    decoder = make("bigan_mlp", "decoder", (28, 28, 1), 50, (28, 28, 1), (50,))
    assert [row.activation for row in decoder.rows] == ["relu", "relu", "linear"]
    assert decoder(tf.zeros([2, 50])).shape == (2, 28, 28, 1)


def test_ali_cifar10_by_hand():
    def weights(kernel, inputs, outputs):
        return kernel * kernel * inputs * outputs

    def normed(kernel, inputs, outputs):
        return weights(kernel, inputs, outputs) + 2 * outputs  # gamma and beta, no bias

    encoder = make("ali_cifar10", "encoder", (32, 32, 3), 64, (128,), (32, 32, 3))
    assert sizes(encoder) == [28, 13, 10, 4, 1, 1, 1]  # (32 - 5) + 1, (28 - 4) / 2 + 1, ...
    assert trainable(encoder) == (
        normed(5, 3, 32)
        + normed(4, 32, 64)
        + normed(4, 64, 128)
        + normed(4, 128, 256)
        + normed(4, 256, 512)
        + normed(1, 512, 512)
        + weights(1, 512, 128)
        + 128  # loc and log scale of 64 latents; untied bias of one pixel
    )
    decoder = make("ali_cifar10", "decoder", (32, 32, 3), 64, (32, 32, 3), (64,))
    assert sizes(decoder) == [4, 10, 13, 28, 32, 32, 32]  # (n - 1) stride + kernel
    assert trainable(decoder) == (
        normed(4, 64, 256)
        + normed(4, 256, 128)
        + normed(4, 128, 64)
        + normed(4, 64, 32)
        + normed(5, 32, 32)
        + normed(1, 32, 32)
        + weights(1, 32, 3)
        + 32 * 32 * 3  # untied bias
    )
    d = make("ali_cifar10", "discriminator", (32, 32, 3), 64, (), (32, 32, 3), (64,))
    assert sizes(d.x) == [28, 13, 10, 4, 1]
    assert d.joint.blocks[0].linear.kernel.shape == (1, 1, 512, 1024)  # 256 + 256 after maxout

    def tied(kernel, inputs, outputs):
        return weights(kernel, inputs, outputs) + outputs

    assert trainable(d) == (
        # Maxout of 2 pieces halves what the next row sees.
        tied(5, 3, 32)
        + tied(4, 16, 64)
        + tied(4, 32, 128)
        + tied(4, 64, 256)
        + tied(4, 128, 512)
        + tied(1, 64, 512)
        + tied(1, 256, 512)
        + tied(1, 512, 1024)
        + tied(1, 512, 1024)
        + tied(1, 512, 1)
    )


# Kernel/stride/maps as tables 3 to 6 print them, n: batch-normalised; T: transposed.
_PRINTED = {
    "ali_cifar10": {
        "slope": 0.1,
        "encoder": "5/1/32n 4/2/64n 4/1/128n 4/2/256n 4/1/512n 1/1/512n 1/1/None",
        "decoder": "T4/1/256n T4/2/128n T4/1/64n T4/2/32n T5/1/32n 1/1/32n 1/1/None",
        "x": "5/1/32 4/2/64 4/1/128 4/2/256 4/1/512",
        "z": "1/1/512 1/1/512",
        "joint": "1/1/1024 1/1/1024 1/1/None",
        "dropout": [0.2, 0.5, 0.5, 0.5, 0.5, 0.2, 0.5, 0.5, 0.5, 0.5],
        "joint_inputs": 512,
        "sizes": [28, 13, 10, 4, 1, 1, 1],
    },
    "ali_svhn": {
        "slope": 0.01,
        "encoder": "5/1/32n 4/2/64n 4/1/128n 4/2/256n 4/1/512n 1/1/512n 1/1/None",
        "decoder": "T4/1/256n T4/2/128n T4/1/64n T4/2/32n T5/1/32n 1/1/32n 1/1/None",
        "x": "5/1/32 4/2/64n 4/1/128n 4/2/256n 4/1/512n",
        "z": "1/1/512 1/1/512",
        "joint": "1/1/1024 1/1/1024 1/1/None",
        "dropout": [0.2] * 10,
        "joint_inputs": 1024,
        "sizes": [28, 13, 10, 4, 1, 1, 1],
    },
    "ali_celeba": {
        "slope": 0.02,
        "encoder": "2/1/64n 7/2/128n 5/2/256n 7/2/256n 4/1/512n 1/1/None",
        "decoder": "T4/1/512n T7/2/256n T5/2/256n T7/2/128n T2/1/64n 1/1/None",
        "x": "2/1/64 7/2/128n 5/2/256n 7/2/256n 4/1/512n",
        "z": "1/1/1024 1/1/1024",
        "joint": "1/1/2048 1/1/2048 1/1/None",
        "dropout": [0.2] * 10,
        "joint_inputs": 1536,
        "sizes": [63, 29, 13, 4, 1, 1],
    },
    "ali_tiny_imagenet": {
        "slope": 0.01,
        "encoder": (
            "4/2/64n 4/1/64n 4/2/128n 4/1/128n 4/2/256n 4/1/256n 1/1/2048n 1/1/2048n 1/1/None"
        ),
        "decoder": (
            "1/1/2048n 1/1/256n T4/1/256n T4/2/128n T4/1/128n T4/2/64n T4/1/64n T4/2/64n 1/1/None"
        ),
        "x": "4/2/64 4/1/64n 4/2/128n 4/1/128n 4/2/256n 4/1/256n",
        "z": "1/1/2048 1/1/2048",
        "joint": "1/1/4096 1/1/4096 1/1/None",
        "dropout": [0.2] * 11,
        "joint_inputs": 2304,
        "sizes": [31, 28, 13, 10, 4, 1, 1, 1, 1],
    },
}


def _print(rows):
    shown = []
    for row in rows:
        mark, normed = "T" if row.op == "deconv" else "", "n" if row.norm else ""
        assert row.padding == "valid"
        shown.append(f"{mark}{row.kernel}/{row.stride}/{row.units}{normed}")
    return " ".join(shown)


@pytest.mark.parametrize("name", _PRINTED)
def test_tables_are_the_papers(name):
    printed, table = _PRINTED[name], tables.TABLES[name]
    roles = {**table.roles, **table.roles["discriminator"]}
    for part in ("encoder", "decoder", "x", "z", "joint"):
        assert _print(roles[part]) == printed[part]
    assert [row.dropout for part in "x z joint".split() for row in roles[part]] == printed[
        "dropout"
    ]
    assert (table.slope, table.init_stddev, table.momentum, table.epsilon) == (
        printed["slope"],
        0.01,
        0.95,
        1e-4,
    )
    for part in ("encoder", "decoder"):
        assert (roles[part][-1].activation, roles[part][-1].bias) == ("linear", "untied")
    d = 64 if name == "ali_cifar10" else 256
    encoder = make(name, "encoder", table.image_shape, d, (2 * d,), table.image_shape)
    assert sizes(encoder) == printed["sizes"]
    if name != "ali_tiny_imagenet":  # its wide rows are built once, above
        pair = make(name, "discriminator", table.image_shape, d, None, table.image_shape, (d,))
        assert pair.joint.blocks[0].linear.kernel.shape[-2] == printed["joint_inputs"]


# --- the automatic rule ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image_shape, halvings",
    [
        ((13, 9, 3), [(7, 5), (4, 3)]),  # rounded up, until the smaller side is at most 4
        ((5, 5, 1), [(3, 3)]),
        ((28, 28, 1), [(14, 14), (7, 7), (4, 4)]),
        ((64, 48, 3), [(32, 24), (16, 12), (8, 6), (4, 3)]),
        ((3, 2, 1), [(2, 1)]),  # at least one
    ],
)
def test_auto_of_images(image_shape, halvings):
    encoder = make("auto", "encoder", image_shape, 6, (12,), image_shape)
    found = [b.output_example for b in encoder.blocks if b.row.op == "conv"]
    assert found == [(*side, 32 * 2**i) for i, side in enumerate(halvings)]
    x, z = tf.zeros([2, *image_shape]), tf.zeros([2, 6])
    assert encoder(x).shape == (2, 12)
    decoder = make("auto", "decoder", image_shape, 6, image_shape, (6,))
    assert decoder(z).shape == (2, *image_shape)
    discriminator = make("auto", "discriminator", image_shape, 6, None, image_shape, (6,))
    assert discriminator(x, z).shape == (2,)
    alone = make("auto", "discriminator", image_shape, 6, None, image_shape)
    assert alone.z is None
    assert alone(x).shape == (2,)


def test_auto_of_vectors_is_the_papers_toy():
    # Section 4.6: 4-400-400-2 on (x, noise), 2-400-400-400-400-2, 3 maxout layers of 200 x 5.
    encoder = make("auto", "encoder", (2,), 2, (2,), (2,), (2,))
    decoder = make("auto", "decoder", (2,), 2, (2,), (2,))
    pair = make("auto", "discriminator", (2,), 2, None, (2,), (2,))

    def shapes(stack):
        return [tuple(block.linear.kernel.shape) for block in stack.blocks]

    assert shapes(encoder) == [(4, 400), (400, 400), (400, 2)]
    assert shapes(decoder) == [(2, 400), *[(400, 400)] * 3, (400, 2)]
    assert shapes(pair.joint) == [(4, 1000), (200, 1000), (200, 1000), (200, 1)]
    assert pair(tf.zeros([3, 2]), tf.zeros([3, 2])).shape == (3,)


# --- refusals -------------------------------------------------------------------------------------


def test_wrong_tables_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"shape \(28, 28, 1\).*network='ali_cifar10'") as told:
        make("ali_cifar10", "encoder", (28, 28, 1), 8, (16,), (28, 28, 1))
    assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match="Did you mean 'ali_cifar10'"):
        make("ali_cifar", "encoder", (32, 32, 3), 8, (16,), (32, 32, 3))
    with pytest.raises(ValueError, match="the role 'discriminator'.*Received: network='vae_mnist'"):
        make("vae_mnist", "discriminator", (28, 28, 1), 8, None, (28, 28, 1))
