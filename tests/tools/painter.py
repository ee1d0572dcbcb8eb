"""A model that paints its code, and the cells of a picture, for the tests of pictures."""

import types

import numpy as np

SIDE, SCALE, PAD = 4, 7, 2  # images of 4 x 4, shown seven times as large


class Point:
    """A distribution at one point."""

    def __init__(self, value):
        self.value = value

    def mean(self):
        return self.value

    def sample(self, seed=None):
        return self.value


class Painter:
    """Pixel j is (z_j + 2) / 4 for the code z, the last pixel y / 10; the code is read from there.

    Args:
        code_dim: width of the code.
        encodes: whether it can read.
        bounded: whether p(z) is U(-1, 1), else N(0, I).
        **changes: attributes.
    """

    image_shape = (SIDE, SIDE, 1)
    conditional, num_classes, code_classes, levels = False, None, None, 1

    def __init__(self, code_dim=3, encodes=True, bounded=False, **changes):
        self.code_dim, self.bounded = code_dim, bounded
        verbs = {"encode", "reconstruct"} if encodes else set()
        self.capabilities = frozenset({"sample", "decode"} | verbs)
        self.prior = types.SimpleNamespace(sample=self.draw)
        vars(self).update(changes)

    def draw(self, n, seed):
        generator = np.random.default_rng(seed)
        shape = n, self.code_dim
        return generator.uniform(-1, 1, shape) if self.bounded else generator.normal(size=shape)

    def encode(self, x, y=None, part="z"):
        z = 4.0 * np.reshape(x, (len(x), -1))[:, : self.code_dim] - 2.0
        return Point(z if part == "z" else z[:, self.code_classes :])

    def decode(self, z, y=None):
        assert (y is not None) == self.conditional
        x = np.zeros((len(z), SIDE * SIDE), np.float32)
        x[:, : self.code_dim] = (z + 2.0) / 4.0
        if y is not None:
            y = np.asarray(y).reshape(len(z), -1)
            x[:, -y.shape[1] :] = y / 10.0
        return Point(x.reshape(-1, SIDE, SIDE, 1))

    def sample(self, n, y=None, seed=0):
        return self.decode(self.draw(n, seed), y).mean()

    def reconstruct(self, x, y=None, level=1, seed=0):
        return x / level

    def inpaint(self, x, known, seed=0):
        return np.where(known, x, 1.0)


class Dreamer(Painter):
    """p(x|z) is known by its draws: the last pixel is free."""

    def decode(self, z, y=None):
        painted = super().decode(z, y).value

        class Drawn(Point):
            def mean(self):
                raise NotImplementedError

            def sample(self, seed):
                free = np.random.default_rng(seed).random(len(z))
                self.value[:, -1, -1, 0] = free
                return self.value

            def sample_rows(self, row_seeds):
                self.value[:, -1, -1, 0] = row_seeds / 2.0**62
                return self.value

        return Drawn(painted)

    def sample(self, n, y=None, seed=0):
        return self.decode(self.draw(n, seed), y).sample(seed)


def cells(grid, columns):
    """The images of a grid, [rows, columns, 16], in [0, 1]."""
    cell = SCALE * SIDE + PAD
    rows = (grid.shape[0] - PAD) // cell
    assert grid.shape == (rows * cell + PAD, columns * cell + PAD, 1)
    images = grid[PAD:, PAD:, 0].reshape(rows, cell, columns, cell).transpose(0, 2, 1, 3)
    return images[:, :, : SCALE * SIDE : SCALE, : SCALE * SIDE : SCALE].reshape(
        rows, columns, -1
    ) / np.float32(255)


def images(n, seed=0):
    return np.random.default_rng(seed).random((n, SIDE, SIDE, 1), np.float32)


def close(a, b):
    np.testing.assert_allclose(a, b, atol=0.6 / 255)  # half a level of eight bits
