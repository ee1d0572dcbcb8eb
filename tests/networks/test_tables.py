"""Tables against the papers, and the automatic rule on odd sizes."""

import math

import numpy as np
import pytest
import tensorflow as tf

from zoo import networks
from zoo.networks import tables
from zoo.networks.stack import Pair


def make(network, role, image_shape, outputs, *inputs, like=None):
    """A built network of a role."""
    made = networks.make(
        network,
        role,
        like=like,
        image_shape=image_shape,
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


# --- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", networks.list_tables())
def test_every_table_builds_and_runs(name):
    table = tables.TABLES[name]
    image_shape, d = table.image_shape or (2,), 8
    x = tf.zeros([2, *image_shape])
    shapes = {"encoder": ((2 * d,), image_shape), "decoder": (image_shape, (d,))}
    shapes |= {"discriminator": ((), image_shape, (d,)), "code_discriminator": ((), (d,))}
    shapes |= {"class_discriminator": ((), (10,)), "classifier": ((10,), image_shape)}
    shapes |= {"code_encoder": ((2 * d,), (d,)), "code_decoder": ((d,), (d,))}
    assert table.reference
    for role in table.roles:
        outputs, *inputs = shapes[role]
        network = make(name, role, image_shape, outputs, *inputs)
        values = [x if shape == image_shape else tf.zeros([2, *shape]) for shape in inputs]
        assert network(*values).shape == (2, *outputs)


def like(network, role, other, outputs, *inputs):
    """A built network of a role that a table may not know."""
    return make(network, role, (2,), outputs, *inputs, like=other)


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
    encoder = make("bigan_mlp", "encoder", (28, 28, 1), (50,), (28, 28, 1))
    rows = 784 * 1024 + 2 * 1024, 1024 * 1024 + 2 * 1024
    assert trainable(encoder) == sum(rows) + 1024 * 50 + 50
    discriminator = make("bigan_mlp", "discriminator", (28, 28, 1), (), (28, 28, 1), (50,))
    assert trainable(discriminator) == sum(rows) + 2 * 50 * 1024 + (1024 + 50) + 1
    slopes = [block.activation for block in discriminator.blocks[:2]]
    assert [round(float(slope.negative_slope), 6) for slope in slopes] == [0.2, 0.2]
    decoder = make("bigan_mlp", "decoder", (28, 28, 1), (28, 28, 1), (50,))
    assert [row.activation for row in decoder.rows] == ["relu", "relu", "linear"]
    assert decoder(tf.zeros([2, 50])).shape == (2, 28, 28, 1)


def test_ali_cifar10_by_hand():
    def weights(kernel, inputs, outputs):
        return kernel * kernel * inputs * outputs

    def normed(kernel, inputs, outputs):
        return weights(kernel, inputs, outputs) + 2 * outputs  # gamma and beta, no bias

    encoder = make("ali_cifar10", "encoder", (32, 32, 3), (128,), (32, 32, 3))
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
    decoder = make("ali_cifar10", "decoder", (32, 32, 3), (32, 32, 3), (64,))
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
    d = make("ali_cifar10", "discriminator", (32, 32, 3), (), (32, 32, 3), (64,))
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
    encoder = make(name, "encoder", table.image_shape, (2 * d,), table.image_shape)
    assert sizes(encoder) == printed["sizes"]
    if name != "ali_tiny_imagenet":  # its wide rows are built once, above
        pair = make(name, "discriminator", table.image_shape, None, table.image_shape, (d,))
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
    encoder = make("auto", "encoder", image_shape, (12,), image_shape)
    found = [b.output_example for b in encoder.blocks if b.row.op == "conv"]
    assert found == [(*side, 32 * 2**i) for i, side in enumerate(halvings)]
    x, z = tf.zeros([2, *image_shape]), tf.zeros([2, 6])
    assert encoder(x).shape == (2, 12)
    decoder = make("auto", "decoder", image_shape, image_shape, (6,))
    assert decoder(z).shape == (2, *image_shape)
    discriminator = make("auto", "discriminator", image_shape, None, image_shape, (6,))
    assert discriminator(x, z).shape == (2,)
    alone = make("auto", "discriminator", image_shape, None, image_shape)
    assert alone.z is None
    assert alone(x).shape == (2,)


def test_auto_of_vectors_is_the_papers_toy():
    # Section 4.6: 4-400-400-2 on (x, noise), 2-400-400-400-400-2, 3 maxout layers of 200 x 5.
    encoder = make("auto", "encoder", (2,), (2,), (2,), (2,))
    decoder = make("auto", "decoder", (2,), (2,), (2,))
    pair = make("auto", "discriminator", (2,), None, (2,), (2,))

    def shapes(stack):
        return [tuple(block.linear.kernel.shape) for block in stack.blocks]

    assert shapes(encoder) == [(4, 400), (400, 400), (400, 2)]
    assert shapes(decoder) == [(2, 400), *[(400, 400)] * 3, (400, 2)]
    assert shapes(pair.joint) == [(4, 1000), (200, 1000), (200, 1000), (200, 1)]
    assert pair(tf.zeros([3, 2]), tf.zeros([3, 2])).shape == (3,)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, maps", [("improved_gan_svhn", 64), ("improved_gan_cifar10", 96)])
def test_improved_gan_s_convolutions(name, maps):
    d = make(name, "discriminator", (32, 32, 3), (10,), (32, 32, 3))
    assert sizes(d.x) == [32, 32, 16, 16, 16, 8, 6, 6, 6, 2 * maps]  # the last one averages maps
    wide = 2 * maps
    kernels = [(9 * 3, maps), *[(9 * maps, maps)] * 2, (9 * maps, wide), *[(9 * wide, wide)] * 3]
    kernels += [(wide, wide)] * 2
    rows = sum(inputs * outputs + outputs for inputs, outputs in kernels)  # scales are not trained
    assert trainable(d) == rows + wide * 10 + 10 + 10
    x = tf.random.stateless_normal([2, 32, 32, 3], [0, 0])
    *_, maps_of_last, means, logits = d.trace(x)
    assert logits.shape == (2, 10)
    np.testing.assert_allclose(means, np.mean(maps_of_last, axis=(1, 2)), rtol=1e-4, atol=1e-6)
    decoder = make(name, "decoder", (32, 32, 3), (32, 32, 3), (100,))
    assert [block.output_example for block in decoder.blocks[1:]] == [
        *((4, 4, 512), (8, 8, 256), (16, 16, 128), (32, 32, 3))
    ]


@pytest.mark.parametrize(
    "name, heights, kernels",
    [
        (
            "ladder_mnist_conv",
            [32, 16, 14, 16, 8, 6, 6],
            [(25, 1, 32), (9, 32, 64), (9, 64, 64), (9, 64, 128), (1, 128, 10), (1, 10, 10)],
        ),
        (
            "ladder_cifar10",
            [30, 32, 34, 17, 15, 17, 15, 8, 6, 6, 6],
            [(9, 3, 96), *[(9, 96, 96)] * 2, (9, 96, 192), *[(9, 192, 192)] * 3]
            + [(1, 192, 192), (1, 192, 10)],
        ),
    ],
)
def test_ladders_of_images(name, heights, kernels):
    shape = tables.TABLES[name].image_shape
    encoder = make(name, "encoder", shape, (10,), shape)
    maps = [block.output_example for block in encoder.blocks if len(block.output_example) == 3]
    assert [side for side, *_ in maps] == heights
    assert trainable(encoder) == sum(k * inputs * maps + maps for k, inputs, maps in kernels)
    assert encoder(tf.zeros([2, *shape])).shape == (2, 10)


def test_wrong_tables_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"shape \(28, 28, 1\).*network='ali_cifar10'") as told:
        make("ali_cifar10", "encoder", (28, 28, 1), (16,), (28, 28, 1))
    assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match="Did you mean 'ali_cifar10'"):
        make("ali_cifar", "encoder", (32, 32, 3), (16,), (32, 32, 3))
    with pytest.raises(ValueError, match="the role 'discriminator'.*Received: network='vae_mnist'"):
        make("vae_mnist", "discriminator", (28, 28, 1), None, (28, 28, 1))


UNROLLED = {
    "unrolled_mlp": (
        [(256, 128, 1.4), (128, 128, 1.4), (128, 2, 1.4)],
        [(2, 128, 1.4), (128, 128, 1.4), (128, 1, 1.4)],
    ),
    # The ring has half the paper's radius: G's last row makes half as much, and D's first one,
    # which takes a quarter of x in the paper, a half.
    "unrolled_relu": (
        [(256, 128, 0.8), (128, 128, 0.8), (128, 2, 0.8 / 2)],
        [(2, 128, 0.8 / 4 * 2), (128, 1, 0.8)],
    ),
}


@pytest.mark.parametrize("table", UNROLLED)
def test_unrolled_gan_s_networks_start_as_large_as_scaled_orthogonal_weights(table):
    # A matrix of orthonormal rows or columns, n x m, has n m numbers of mean square 1 / max(n, m).
    decoder = make(table, "decoder", (2,), (2,), (256,))
    discriminator = make(table, "discriminator", (2,), (), (2,)).joint
    for network, sizes in zip((decoder, discriminator), UNROLLED[table], strict=True):
        for block, (n, m, scale) in zip(network.blocks, sizes, strict=True):
            weights = block.linear.kernel.numpy()
            assert weights.shape == (n, m)
            # The deviation of n m numbers is known to 1 / sqrt(2 n m) of itself; four of these.
            np.testing.assert_allclose(
                weights.std(), scale / max(n, m) ** 0.5, rtol=4 / (2 * n * m) ** 0.5
            )


@pytest.mark.parametrize(
    "name, maps, joint, units",
    [("infogan_mnist", 64, 1024, 128), ("infogan_mnist_small", 32, 256, 64)],
)
def test_infogan_s_q_has_a_hidden_row_of_its_own(name, maps, joint, units):
    discriminator = make(name, "discriminator", (28, 28, 1), (13,), (28, 28, 1))
    first, second = (block.linear for block in discriminator.x.blocks)
    assert (first.kernel.shape, second.kernel.shape) == ((4, 4, 1, maps), (4, 4, maps, 2 * maps))
    last = discriminator.joint.blocks[-1].linear
    assert trainable(last.first) == joint + 1
    # `units` with gamma and beta, then the parameters of 10 categories and 2 codes.
    assert trainable(last.others) == joint * units + 2 * units + units * 12 + 12
    plain = make(name, "discriminator", (28, 28, 1), (), (28, 28, 1))
    assert trainable(plain.joint.blocks[-1].linear) == joint + 1  # a GAN's, that tells no more
    blocks = make(name, "decoder", (28, 28, 1), (28, 28, 1), (74,)).blocks
    assert [block.output_example for block in blocks] == [
        *((joint,), (98 * maps,), (7, 7, 2 * maps), (14, 14, maps), (28, 28, 1))
    ]


def test_vat_s_logits_and_the_last_row_of_improved_gan_s_generator():
    x = 5.0 + 3.0 * np.random.default_rng(0).standard_normal((60, 784)).astype(np.float32)
    logits = make("vat_mlp", "encoder", (28, 28, 1), (10,), (784,))(x, training=True)
    np.testing.assert_allclose(np.mean(logits, axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(np.std(logits, axis=0), 1.0, rtol=1e-3)
    generator = make("improved_gan_mlp", "decoder", (28, 28, 1), (784,), (100,))
    scale = generator.blocks[-1].linear.g
    assert scale.trainable and scale.shape == (784,)
