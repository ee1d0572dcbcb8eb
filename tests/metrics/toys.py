"""Models and data whose every number is known, for the tests of what is measured."""

import contextlib
import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import distributions

tfd = tfp.distributions


class Data:
    """Splits of given arrays with the interface of `zoo.data.Dataset`."""

    default_split = "test"
    validation_in_train = False

    def __init__(self, num_classes=None, modes=None, binary=False, labels=None, **splits):
        self.splits, self.num_classes, self.binary = splits, num_classes, binary
        self.labels, self.modes, self.mode_stddev = labels, modes, 0.1
        self.num_attributes = None
        self.image_shape = splits["test"]["x"].shape[1:]

    def size(self, split):
        return len(self.splits[split]["x"])

    def arrays(self, split, limit=None):
        return {key: value[:limit] for key, value in self.splits[split].items()}

    def batches(self, split, batch_size):
        return tf.data.Dataset.from_tensor_slices(self.splits[split]).batch(batch_size)


class Linear:
    """z ~ N(0, I), x = z + N(0, I); q(z|x) = N(x / 2, I / 2) is the true posterior."""

    image_shape, density, conditional = (2,), "lower_bound", False
    num_attributes, dequantises, INFERRED = None, False, "q(z|x)"
    levels, parts, has_discriminator_features, has_features = 1, ("z",), False, True
    code_dim, code_classes = 2, None
    clusters = property(lambda self: self.code_classes)
    prior = property(lambda self: distributions.standard_normal(2))
    capabilities = frozenset({"sample", "encode", "decode", "reconstruct", "log_prob", "classify"})

    def __init__(self, **changes):
        self.proper, self.calls = True, []
        vars(self).update(changes)

    def sample(self, n, y=None, seed=None):
        return tf.random.stateless_normal([n, 2], [seed, 0]) * math.sqrt(2)

    def encode(self, x, y=None, level=1):
        return tfd.Independent(tfd.Normal(x / 2.0, tf.fill(x.shape, math.sqrt(0.5))), 1)

    def decode(self, z, y=None):
        return distributions.normal(z, 1.0)

    def inference(self):
        return contextlib.nullcontext()

    def decode_rows(self, z, rows, y=None):
        p = self.decode(z)
        return {"mean": p.mean(), "sample": distributions.sample_rows(p, rows, "x")}

    def features(self, x, y=None):
        return {f"row_{i}": tf.fill([len(x), 3, i + 1], float(i)) for i in range(5)}

    def reconstruct(self, x, y=None, level=1, seed=None):
        return x / 2.0

    def classify(self, x):
        return tf.stack([x[:, 0], -x[:, 0]], axis=1)

    def log_prob(self, x, y=None, samples=1, seed=None):
        self.calls.append((len(x), samples, seed))
        return tfd.MultivariateNormalDiag(tf.zeros(2), [math.sqrt(2)] * 2).log_prob(x)

    def proper_likelihood(self, binary):
        return self.proper


class Grey(Linear):
    """p(x|z) of images: a mass on 256 levels, in place of a density."""

    image_shape = (4, 4, 1)

    def decode(self, z, y=None):
        loc = tf.zeros([len(z), *self.image_shape])
        return distributions.one_event(distributions.DiscretisedLogistic(loc, loc + 0.1))


class Hierarchy(Linear):
    """Level 2 knows the second coordinate alone, and reconstructs the first with the other sign."""

    levels, has_discriminator_features = 2, True
    capabilities = frozenset({"encode", "decode", "reconstruct"})

    def encode(self, x, y=None, level=1):
        return super().encode(x if level == 1 else x[:, 1:])

    def reconstruct(self, x, y=None, level=1, seed=None):
        return x if level == 1 else x * [-1.0, 1.0]

    def features(self, x, y=None):
        return {"row_0": tf.zeros([len(x), 3]), "level_2_row_0": x}

    def discriminator_features(self, x):
        return x[:, :1] ** 3


class Clusters(Linear):
    """Four clusters: the side of each axis, the surer the farther; it may not know the names."""

    parts, code_classes = ("z", "y", "style"), 4
    capabilities = Linear.capabilities - {"classify"}

    def encode(self, x, y=None, level=1, part="z"):
        if part == "z":
            return super().encode(x)
        right, up = tf.cast(x[:, 0] > 0, tf.int32), tf.cast(x[:, 1] > 0, tf.int32)
        logits = 20.0 * tf.norm(x, axis=1)[:, None] * tf.one_hot(2 * right + up, 4)
        return tfd.Categorical(logits=logits)


def labelled(n, seed):
    """x ~ N(0, 2 I) with the first coordinate's signs pushed apart; label 0 right, 1 left."""
    x = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32) * np.float32(
        math.sqrt(2)
    )
    x[:, 0] += np.where(x[:, 0] > 0, 10, -10)
    return {"x": x, "y": (x[:, 0] < 0).astype(np.int32)}


LABELLED = Data(num_classes=2, train=labelled(600, 0), test=labelled(40, 1))
TOY = Data(
    num_classes=3,
    modes=np.array([[0.0, 0.0], [2.0, 0.0], [100.0, 0.0]]),
    test=labelled(40, 1),
    train=labelled(60, 0),
)


class Sign:
    """A judge of which side of the first axis x is on; blind to its size."""

    test_error = 0.0

    def predict(self, x):
        return (np.asarray(x)[:, 0] < 0).astype(int)
