"""Random affine changes of images: known maps, exact gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tests.small import batch
from zoo import augmentation


def images(rows=1, height=5, width=5, channels=2):
    random = np.random.default_rng(0)
    return random.random((rows, height, width, channels)).astype(np.float32)


IDENTITY = np.eye(2, 3, dtype=np.float32)


def changed(x, *entries):
    """Images under the map whose entries differ from the identity's by `entries`, row by row."""
    maps = np.tile(IDENTITY + np.reshape(np.float32(entries), (2, 3)), (len(x), 1, 1))
    return augmentation.affine(tf.constant(x), tf.constant(maps)).numpy()


def test_maps_are_a_rotation_of_a_slant_of_a_scale_and_a_shift():
    def maps(*u):
        return augmentation.affine_maps(tf.constant([u]), 40.0, 0.5, 0.1, 0.2).numpy()[0]

    np.testing.assert_allclose(maps(0.0, 0.0, 0.0, 0.0, 0.0, 0.0), IDENTITY, atol=1e-7)
    a = np.radians(-20.0)  # from rows to columns: the image of the first axis is (cos, sin)
    turned = [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0]]
    np.testing.assert_allclose(maps(-0.5, 0.0, 0.0, 0.0, 0.0, 0.0), turned, rtol=1e-6)
    # Columns go along with rows.
    np.testing.assert_allclose(maps(0.0, 1.0, 0.0, 0.0, 0.0, 0.0), [[1, 0, 0], [0.5, 1, 0]])
    scaled = [[np.exp(0.1), 0, 0], [0, np.exp(-0.05), 0]]
    np.testing.assert_allclose(maps(0.0, 0.0, 1.0, -0.5, 0.0, 0.0), scaled, rtol=1e-6)
    np.testing.assert_allclose(maps(0.0, 0.0, 0.0, 0.0, 1.0, -0.5)[:, 2], [0.2, -0.1], rtol=1e-6)
    # All at once: at first the scale, then the slant, then the turn; the shift is not turned.
    linear = np.array(turned)[:, :2] @ [[1, 0], [0.5, 1]] @ np.diag([np.exp(0.1), np.exp(-0.05)])
    everything = maps(-0.5, 1.0, 1.0, -0.5, 1.0, -0.5)
    np.testing.assert_allclose(everything, np.c_[linear, [0.2, -0.1]], rtol=1e-5)


def test_each_row_has_its_own_numbers():
    u = tf.constant(np.random.default_rng(0).uniform(-1, 1, (3, 6)).astype(np.float32))
    together = augmentation.affine_maps(u, 40.0, 0.5, 0.1, 0.2)
    for row in range(3):
        alone = augmentation.affine_maps(u[row : row + 1], 40.0, 0.5, 0.1, 0.2)
        np.testing.assert_allclose(together[row], alone[0], rtol=1e-6)


def test_the_identity_changes_nothing():
    for shape in ((3, 5, 5, 2), (2, 2, 7, 1)):
        x = images(*shape)
        np.testing.assert_allclose(changed(x, *np.zeros(6)), x, atol=1e-6)


def test_a_turn_is_rigid_and_a_slant_in_pixels_whatever_the_sides():
    x = np.zeros((1, 9, 33, 1), np.float32)
    x[0, 4, 14:19] = 1.0  # a bar of five pixels in the middle, (4, 16)
    across = augmentation.affine_maps(tf.constant([[1.0, 0, 0, 0, 0, 0]]), 90.0, 0.0, 0.0, 0.0)
    turned = np.zeros_like(x)
    turned[0, 2:7, 16] = 1.0
    np.testing.assert_allclose(augmentation.affine(tf.constant(x), across), turned, atol=1e-5)
    # A column c goes along with its row r by r - 4: (r, c) shows (r, c + r - 4).
    slant = augmentation.affine_maps(tf.constant([[0.0, 1, 0, 0, 0, 0]]), 0.0, 1.0, 0.0, 0.0)
    slanted = np.zeros_like(x)
    for row in range(2, 7):
        slanted[0, row, 20 - row] = 1.0
    np.testing.assert_allclose(augmentation.affine(turned, slant), slanted, atol=1e-5)
    # A shift of 1 is half the longer side: 16 pixels, of rows and of columns.
    shift = augmentation.affine_maps(tf.constant([[0.0, 0, 0, 0, 0.125, -0.5]]), 0.0, 0.0, 0.0, 1.0)
    moved = np.zeros_like(x)
    moved[0, 2, 22:27] = 1.0
    np.testing.assert_allclose(augmentation.affine(tf.constant(x), shift), moved, atol=1e-5)


def test_whole_pixels_turns_and_mirrors():
    x = images()
    # Five pixels lie 1/2 apart in [-1, 1]: the pixel at (i, j) shows (i + 1, j - 2).
    expected = np.zeros_like(x)
    expected[:, :4, 2:] = x[:, 1:, :3]
    np.testing.assert_allclose(changed(x, 0, 0, 0.5, 0, 0, -1), expected, atol=1e-6)
    np.testing.assert_allclose(changed(x, -2, 0, 0, 0, 0, 0), x[:, ::-1], atol=1e-6)
    # (i, j) shows (j, i), the transpose; then (j, -i), a quarter turn.
    transposed = x.transpose(0, 2, 1, 3)
    np.testing.assert_allclose(changed(x, -1, 1, 0, 1, -1, 0), transposed, atol=1e-6)
    np.testing.assert_allclose(changed(x, -1, 1, 0, -1, -1, 0), np.rot90(x, 1, (1, 2)), atol=1e-6)


def test_between_pixels_it_is_bilinear_and_beyond_them_zero():
    x = images(1, 2, 2, 1)
    ((a, b), (c, d)) = x[0, ..., 0]
    # Two pixels lie 2 apart: the first shows the point a quarter down and three quarters right.
    first = changed(x, 0, 0, 0.5, 0, 0, 1.5)[0, 0, 0, 0]
    np.testing.assert_allclose(
        first, 0.75 * (0.25 * a + 0.75 * b) + 0.25 * (0.25 * c + 0.75 * d), rtol=1e-6
    )
    # Half a pixel beyond the last row half of it is left, a whole one beyond nothing, and so on.
    for beyond, share in ((1, 0.5), (2, 0.0), (100, 0.0)):
        np.testing.assert_allclose(
            changed(x, 0, 0, beyond, 0, 0, 0)[0, 1], share * x[0, 1], atol=1e-6
        )
        np.testing.assert_allclose(
            changed(x, 0, 0, -beyond, 0, 0, 0)[0, 0], share * x[0, 0], atol=1e-6
        )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_each_row_has_its_own_map_and_gradients_are_exact(jit_compile):
    x, change = images(3, 4, 6), 0.3 * np.random.default_rng(1).uniform(-1, 1, (3, 2, 3))
    maps, weights = np.float32(IDENTITY + change), np.random.default_rng(2).normal(size=x.shape)

    @tf.function(jit_compile=jit_compile)
    def value(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = augmentation.affine(x, tf.constant(maps))
            total = tf.reduce_sum(y * tf.constant(np.float32(weights)))
        return y, tape.gradient(total, x)

    y, gradient = (each.numpy() for each in value(tf.constant(x)))
    for row in range(3):
        alone = changed(x[row : row + 1], *change[row])
        np.testing.assert_allclose(y[row : row + 1], alone, atol=1e-6)
    # The map is linear in x: the slope at a pixel is what its unit image gives.
    for at in ((0, 1, 2, 0), (1, 3, 5, 1), (2, 0, 0, 0)):
        unit = np.zeros_like(x)
        unit[at] = 1.0
        shown = augmentation.affine(tf.constant(unit), tf.constant(maps)).numpy()
        np.testing.assert_allclose(gradient[at], np.sum(shown * weights), rtol=1e-4, atol=1e-6)


def test_it_keeps_the_dtype_and_computes_places_in_float32():
    x, maps = images(2, 28, 28, 1), IDENTITY + 0.2 * batch(12)[:2, :1, None]
    exact = augmentation.affine(tf.constant(x), tf.constant(maps))
    rounded = augmentation.affine(tf.constant(x, tf.bfloat16), tf.constant(maps))
    assert rounded.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(rounded, tf.float32), exact, atol=0.03)  # 2^-8 of four terms
