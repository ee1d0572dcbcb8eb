"""One distribution, or more, of each family and constructor; what several files' tests share."""

import numpy as np
import tensorflow as tf

from zoo import distributions
from zoo.distributions import pixels

GRID = np.arange(256, dtype=np.float32) / 255
ROWS = 6
NAMES = [
    "normal",
    "fixed normal",
    "bernoulli",
    "discretised_logistic",
    "implicit",
    "vector_deterministic",
    "deterministic",
]


def masses(loc, scale):
    """[256] probabilities of a scalar discretised logistic."""
    p = distributions.DiscretisedLogistic(tf.constant(loc), tf.constant(scale))
    return np.exp(p.log_prob(GRID).numpy().astype(np.float64))


def implicit(rows=3, dims=2):
    """x = (10 i + noise) for row i."""
    offset = 10.0 * tf.range(rows, dtype=tf.float32)[:, None]
    return distributions.Implicit(lambda noise: offset + noise, dims, rows, (dims,))


def vectors():
    """Network outputs, [ROWS, 4]."""
    return tf.constant(np.random.default_rng(1).standard_normal((ROWS, 4)), tf.float32)


def images():
    """Network outputs, [ROWS, 2, 2, 2]."""
    return tf.constant(np.random.default_rng(2).standard_normal((ROWS, 2, 2, 2)), tf.float32)


def families():
    """{one of NAMES: distribution with a batch of ROWS}; row i differs from row j."""
    return {
        "normal": distributions.diagonal_normal(vectors()),
        "fixed normal": distributions.normal(images(), 0.3),
        "bernoulli": distributions.bernoulli(images()),
        "discretised_logistic": distributions.discretised_logistic(images()),
        "implicit": implicit(ROWS, 3),
        "vector_deterministic": distributions.deterministic(vectors()),
        "deterministic": distributions.deterministic(images()),
    }


def autoregressive():
    """ROWS images [2, 2, 1] whose pixels are 1 with probability 3/4, each on its own."""
    logit = tf.math.log(3.0)

    def sampler(pick, noise):
        head = lambda index, x: tf.fill([tf.shape(x)[0], 1], logit)
        return tf.reshape(pick(head, tf.reshape(noise, [-1, 1])), tf.shape(noise))

    family = pixels.FAMILIES["bernoulli"](1, 1)
    return distributions.Autoregressive(
        family, lambda x: tf.fill(tf.shape(x), logit), sampler, ROWS, (2, 2, 1)
    )


def flow():
    """Two maps, each of which shifts and widens an entry by the sum of those before it."""
    before = lambda z: tf.cumsum(z, axis=-1, exclusive=True)
    move = lambda z: tf.stack([before(z), 0.1 * before(z)], axis=-1)
    return distributions.autoregressive_flow([move, move], 3)


def one_hot():
    return distributions.one_hot(tf.math.log([0.5, 0.2, 0.3]))


def mixture():
    return distributions.mixture(*distributions.petals(3))


def component():
    return distributions.component(*distributions.petals(3), tf.constant([0, 1, 2, 0, 1, 2]))


# {constructor or class, and a word of what: its example}: all that the package makes.
MADE = {
    "standard_normal": lambda: distributions.standard_normal(3),
    "standard_normal wide": lambda: distributions.standard_normal(3, 2.0),
    "uniform": lambda: distributions.uniform(3),
    "uniform images": lambda: distributions.uniform((2, 2, 1), low=0.0),
    "one_hot": one_hot,
    "categorical": lambda: distributions.categorical(vectors()),
    "blocks": lambda: distributions.blocks(one_hot(), mixture()),
    "mixture": mixture,
    "component": component,
    "autoregressive_flow": flow,
    "diagonal_normal": lambda: distributions.diagonal_normal(vectors()),
    "unit_normal": lambda: distributions.unit_normal(vectors(), 0.6),
    "code normal": lambda: distributions.code("normal", vectors, ROWS, 2),
    "code deterministic": lambda: distributions.code("deterministic", vectors, ROWS, 4),
    "code implicit": lambda: distributions.code("implicit", lambda e: vectors() + e, ROWS, 4),
    "deterministic": lambda: distributions.deterministic(images()),
    "bernoulli": lambda: distributions.bernoulli(images()),
    "normal": lambda: distributions.normal(images(), 0.3),
    "scaled_normal": lambda: distributions.scaled_normal(images()),
    "discretised_logistic": lambda: distributions.discretised_logistic(images()),
    "likelihood bernoulli": lambda: distributions.likelihood("bernoulli", images(), 0.3),
    "likelihood normal": lambda: distributions.likelihood("normal", images(), 0.3),
    "likelihood deterministic": lambda: distributions.likelihood("deterministic", images(), 0.3),
    "likelihood discretised": lambda: distributions.likelihood(
        "discretised_logistic", images(), 0.3
    ),
    "Implicit": lambda: implicit(ROWS, 3),
    "Autoregressive": autoregressive,
}
