"""The Wasserstein distance of a model's samples from data, by a critic that the model never met.

The recipe, stated once. Data are divided by their root mean square distance from their mean, s, and
what the critic finds is multiplied by s, so that its penalty means the same at every scale. Images:
convolutions 5x5 of stride 2, each doubling the maps from 32, until the smaller side is at most 4.
Vectors: three dense layers of 128 units. Leaky ReLU, no normalisation, a linear score; WGAN-GP with
penalty weight 10; Adam, beta_1 0 and beta_2 0.9, learning rate 3e-4 with cosine decay to 0; 1,000
steps on batches of 64 images or 256 vectors.

A penalty is no bound: where the distance W is not small against 2 * 10 s, a critic that is a
straight line has slope 1 + W / (20 s), and finds that much more than W.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo import seeds
from zoo.errors import refusal
from zoo.losses import adversarial, penalty
from zoo.metrics import fits
from zoo.metrics.measure import Measure, Metric, one_of
from zoo.metrics.subject import Subject

SAMPLES = 10_000  # of the model that the critic learns from
STEPS, LEARNING_RATE, IMAGE_BATCH, VECTOR_BATCH = 1_000, 3e-4, 64, 256
PENALTY_WEIGHT = 10.0
ROWS = 1_000  # examples a call of the network: bounds memory


def wasserstein_critic(
    sample: Callable[[int, int], np.ndarray], held_out: np.ndarray, train: np.ndarray, seed: int = 0
) -> dict[str, Measure]:
    """E critic(data) - E critic(samples), in the L2 norm of x, on three sets of data.

    A random half of the held-out data trains the critic, against 10,000 samples; the other half
    measures the distance, against as many samples that the critic has not seen, which all three
    figures share. Where the last figure is below the first, the model is nearer to the examples
    that it learned from than to others: it over-fits.

    Args:
        sample: callable `(n, seed) -> [n, ...]`.
        held_out: [N, ...], N >= 4, data that the model did not learn from.
        train: [M, ...], data that it did.
        seed: of halves, samples, weights and batches.

    Returns:
        {name: Measure}: `wasserstein_critic` on the half that the critic has not seen,
        `wasserstein_critic_train` on the half it learned from (the difference is its own
        over-fitting), `wasserstein_critic_of_train_data` on `train`. The floor of the first two
        has `train` in the samples' place, scored by the same critic.

    Reference: Danihelka et al., Comparison of maximum likelihood and GAN-based training of Real
        NVPs, arXiv 1705.05263; Gulrajani et al., WGAN-GP, arXiv 1704.00028, algorithm 1. Networks,
        steps and halves are ours.
    """
    held_out = np.asarray(held_out, np.float32)
    if len(held_out) < 4:
        raise ValueError(refusal("held_out", "at least four examples", held_out.shape))
    # Stored order may mean something: the first half of MNIST's test split is the easier one.
    halves = np.array_split(np.random.default_rng(seed).permutation(len(held_out)), 2)
    known, unknown = (held_out[np.sort(half)] for half in halves)
    critic = Critic(known, sample(SAMPLES, seed), seed)
    of_samples = critic(sample(len(unknown), seed + 1))
    figures = {
        "wasserstein_critic": (unknown, "the other half"),
        "wasserstein_critic_train": (known, "the half that the critic learned from"),
        "wasserstein_critic_of_train_data": (
            train,
            "the first examples of the model's train split",
        ),
    }
    of_train = critic(train)
    return {
        name: _distance(
            critic(data),
            of_samples,
            None if data is train else of_train,
            f"difference of the mean scores of data ({what}) and of {len(unknown)} samples, in the "
            f"L2 norm of x; WGAN-GP critic of {STEPS} steps on {len(known)} held-out "
            f"examples and {SAMPLES} samples (the zoo's recipe)",
        )
        for name, (data, what) in figures.items()
    }


class Critic:
    """A network of slope about 1 that scores data high and samples low.

    Args:
        data: [N, ...].
        samples: [M, ...].
        seed: of the initial weights and of the batches.
    """

    def __init__(self, data: np.ndarray, samples: np.ndarray, seed: int = 0) -> None:
        data, samples = np.asarray(data, np.float32), np.asarray(samples, np.float32)
        spread = np.square(data - data.mean(axis=0)).reshape(len(data), -1).sum(axis=1).mean()
        self._scale = float(np.sqrt(spread)) or 1.0
        self._network = _network(data.shape[1:], seed)
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, STEPS)
        self._optimizer = keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9)
        self._optimizer.build(self._network.trainable_variables)
        train = tf.function(self._train, autograph=False)
        train(*(tf.constant(x / self._scale) for x in (data, samples)), seeds.fold(seed, "critic"))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Scores, float64 [N] in units of x."""
        x = np.asarray(x, np.float32) / self._scale
        scores = self._network.predict(x, batch_size=ROWS, verbose=0)[:, 0]
        return self._scale * scores.astype(np.float64)

    def _train(self, data: tf.Tensor, samples: tf.Tensor, seed: tf.Tensor) -> None:
        """All steps, in one graph."""
        size = IMAGE_BATCH if data.shape.rank == 4 else VECTOR_BATCH

        def update(step: tf.Tensor) -> tf.Tensor:
            """One step on a random batch (WGAN-GP, algorithm 1, lines 4 to 9)."""
            noises = (seeds.fold(seed, place, step) for place in ("data", "samples", "mix"))
            uniforms = [seeds.uniform([size], s) for s in noises]
            x_data, x_model = (_at(x, u) for x, u in zip((data, samples), uniforms))
            score = lambda x: self._network(x, training=True)[:, 0]
            with tf.GradientTape() as tape:
                loss = adversarial.wasserstein_critic(score(x_data), score(x_model))
                slope = penalty.gradient_penalty(score, x_data, x_model, mix=uniforms[2])
                loss = tf.reduce_mean(loss + PENALTY_WEIGHT * slope)
            variables = self._network.trainable_variables
            self._optimizer.apply(tape.gradient(loss, variables), variables)
            return step + 1

        tf.while_loop(lambda step: step < STEPS, update, (0,), parallel_iterations=1)


def _at(x: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Rows of x that numbers in [0, 1) name."""
    count = tf.shape(x)[0]
    rows = tf.cast(uniform * tf.cast(count, tf.float32), tf.int32)
    return tf.gather(x, tf.minimum(rows, count - 1))


def _distance(
    of_data: np.ndarray, of_samples: np.ndarray, of_train: np.ndarray | None, protocol: str
) -> Measure:
    """Difference of the means, with the standard error of independent draws."""
    variance = sum(x.var(ddof=1) / len(x) for x in (of_data, of_samples))
    value = float(of_data.mean() - of_samples.mean())
    floor = None if of_train is None else float(of_data.mean() - of_train.mean())
    error = float(variance**0.5)
    return Measure(value, len(of_data), protocol, standard_error=error, floor=floor)


def _network(shape: tuple[int, ...], seed: int) -> keras.Sequential:
    layers: list[Any] = []

    def add(kind: type[keras.layers.Layer], *arguments: Any, **options: Any) -> None:
        initial = keras.initializers.HeNormal(seed + len(layers))
        layers.append(kind(*arguments, kernel_initializer=initial, dtype="float32", **options))

    if len(shape) == 3:
        side, maps = min(shape[:2]), 32
        while side > 4:
            add(keras.layers.Conv2D, maps, 5, 2, "same", "channels_last", activation="leaky_relu")
            side, maps = -(-side // 2), 2 * maps
        layers.append(keras.layers.Flatten())
    else:
        for _ in range(3):
            add(keras.layers.Dense, 128, activation="leaky_relu")
    add(keras.layers.Dense, 1)
    return keras.Sequential([keras.Input(shape), *layers])


# --- of a subject -----------------------------------------------------------------------------


def _distances(s: Subject) -> dict[str, Measure]:
    train = s.dataset.arrays("train", max(1, len(s.x) // 2))["x"]
    found = wasserstein_critic(s.samples, s.x, train, s.seed)
    floor = f"floor: {len(train)} examples of the train split in the samples' place, same critic"
    noted = {name: each.noted(f"samples: {s.samples_are}") for name, each in found.items()}
    return {name: each if each.floor is None else each.noted(floor) for name, each in noted.items()}


METRICS = {
    "wasserstein_critic": Metric(
        fits.samples,
        one_of(_distances, "wasserstein_critic"),
        help="Wasserstein distance of samples from data by a fresh critic, in the L2 norm of x",
        better="lower",
        only_asked=True,
    ),
    "wasserstein_critic_train": Metric(
        fits.samples,
        one_of(_distances, "wasserstein_critic_train"),
        help="the same on the data that the critic learned from: what differs is its over-fitting",
        only_asked=True,
    ),
    "wasserstein_critic_of_train_data": Metric(
        fits.samples,
        one_of(_distances, "wasserstein_critic_of_train_data"),
        help="the same on data that the model learned from: lower where the model over-fits",
        only_asked=True,
    ),
}
