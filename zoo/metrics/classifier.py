"""The zoo's own classifier, which judges reconstructions, and the errors of classifiers.

The recipe, stated once. Images whose smaller side is at least 16 pixels: convolutions of stride 2
(5x5, then 3x3), each halving the sides and doubling the maps from 32, until the smaller side is at
most 8, then a dense layer of 128 units. Smaller images, and vectors, which are standardised: two
dense layers of 256 units. ReLU; float32; Adam, learning rate 2e-3 with cosine decay to 0; batches
of 100; 3 epochs, at least 1,500 steps.
"""

import functools
import hashlib
import math
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from scipy import special

from zoo.data import Dataset
from zoo.errors import refusal
from zoo.metrics.kept import Arrays, kept
from zoo.metrics.measure import Measure, Metric, confusions, mean_of
from zoo.metrics.subject import Subject
from zoo.model import GenerativeModel

RECIPE = 1  # part of the name of a kept judge: to be raised when the recipe changes
EPOCHS, LEAST_STEPS, BATCH, LEARNING_RATE = 3, 1_500, 100, 2e-3
DROPOUT = 0.5  # before the logits, where only the labelled examples are learned from
SEED = 0  # of the judge, whatever the seed of an evaluation
ROWS = 1_000  # examples a call of the network: bounds memory


class Judge(Protocol):
    """What names the classes of data, and by whose features they are compared."""

    test_error: float | None

    @property
    def digest(self) -> str:
        """What tells judges apart: equal ones have equal sums."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The most probable class, int [N], of x [N, *image_shape]."""

    def read(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(features [N, F], probabilities of the classes [N, K]) of x."""


class Classifier:
    """A network from data to the logits of their classes.

    Args:
        image_shape: (H, W, C) or (D,).
        num_classes: K.
        seed: of the initial weights and of dropout.
        dropout: fraction in [0, 1) of the last hidden units.

    Attributes:
        test_error: share of wrong labels on the data's test split, None until it is measured.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        num_classes: int,
        *,
        seed: int = SEED,
        dropout: float = 0.0,
    ) -> None:
        self.network = _network(image_shape, num_classes, seed, dropout)
        self.test_error: float | None = None

    def fit(self, batches: tf.data.Dataset, steps_per_epoch: int) -> "Classifier":
        """Trains by the recipe.

        Args:
            batches: infinite `tf.data.Dataset` of (x, y).
            steps_per_epoch: how many of them are an epoch.
        """
        steps = max(LEAST_STEPS, EPOCHS * steps_per_epoch)
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.network.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
        self.network.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The most probable class, int [N], of x [N, *image_shape]."""
        return self.network.predict(x, batch_size=ROWS, verbose=0).argmax(axis=1)

    def read(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(last hidden layer [N, F], probabilities of the classes [N, K]) of x, float32."""
        features, logits = self._both.predict(x, batch_size=ROWS, verbose=0)
        return features, special.softmax(logits, axis=1)

    @functools.cached_property
    def _both(self) -> keras.Model:
        *_, hidden, _, logits = self.network.layers  # dropout, between them, does nothing here
        return keras.Model(self.network.inputs, [hidden.output, logits.output])

    @property
    def digest(self) -> str:
        """The first digits of the sha256 of the weights."""
        content = hashlib.sha256()
        for weight in self.network.get_weights():
            content.update(np.ascontiguousarray(weight).tobytes())
        return content.hexdigest()[:12]


class Stacked:
    """A judge of images whose channels are images of another data set: one of these for each.

    Args:
        judge: of one channel, of K classes.
        dataset: the stacked images; classes are numbers whose digits in base K are those of the
            channels, the first one first.
    """

    def __init__(self, judge: Judge, dataset: Dataset) -> None:
        self._judge, self.digest = judge, judge.digest
        self.test_error: float | None = _error(self, dataset)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The class, int [N], of x [N, H, W, C]."""
        return self.read(x)[1].argmax(axis=1)

    def read(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(hidden layers of all channels [N, C F], products of their probabilities [N, K^C])."""
        each = [self._judge.read(x[..., i : i + 1]) for i in range(x.shape[-1])]
        outer = lambda p, q: (p[:, :, None] * q[:, None, :]).reshape(len(p), -1)
        features = np.concatenate([features for features, _ in each], axis=1)
        return features, functools.reduce(outer, [probabilities for _, probabilities in each])


def judge(dataset: Dataset) -> Judge:
    """The fixed classifier of a data set, a function of the data alone.

    It learns from the whole of train, whatever `labels` the data set was loaded with; without a
    test split the validation rows are left out, and its error is theirs. It is trained once and
    kept in the data set's `cache_dir`; a damaged file is replaced.

    Args:
        dataset: a `zoo.data.Dataset` with class labels.

    Returns:
        A `Judge` with its `test_error`: a `Classifier`; of data whose channels are images of
        another data set, the `Stacked` judge of those.

    Raises:
        ValueError: data without class labels.
    """
    if dataset.num_classes is None:
        raise ValueError(refusal("dataset", "data with class labels", dataset.name))
    if dataset.channels is not None:
        return Stacked(judge(dataset.channels), dataset)
    num_classes, dataset = dataset.num_classes, dataset.with_all_labels()
    classifier = Classifier(dataset.image_shape, num_classes)

    def use(arrays: Arrays) -> Classifier:
        weights = [arrays[f"weight_{i}"] for i in range(len(arrays) - 1)]
        classifier.network.set_weights(weights)
        classifier.test_error = float(arrays["test_error"])
        return classifier

    key = f"{dataset.description}, recipe {RECIPE}"
    return kept(dataset.cache_dir, "judge", key, lambda: _train(classifier, dataset), use)


def supervised_error(dataset: Dataset, x: np.ndarray, y: np.ndarray, seed: int = 0) -> Measure:
    """The error of the judge's network when the labelled examples are all it learns from.

    Args:
        dataset: a `zoo.data.Dataset` loaded with `labels`.
        x: [N, *image_shape], what the error is measured on.
        y: int [N].
        seed: of initial weights, dropout and the order of examples.
    """
    labels: Any = dataset.labels  # an int, as are the classes that they are of
    classes: Any = dataset.num_classes
    rows = min(BATCH, labels)
    stream = dataset.train(1, seed, labelled_batch_size=rows)  # x, without labels, is not used
    stream = stream.map(lambda batch: (batch["x_labelled"], batch["y_labelled"]))
    classifier = Classifier(dataset.image_shape, classes, seed=seed, dropout=DROPOUT)
    classifier.fit(stream, labels // rows)
    protocol = (
        f"share of wrong labels of the zoo's classifier, dropout {DROPOUT:g}, trained on the "
        f"{labels} labelled examples alone"
    )
    return mean_of(classifier.predict(x) != y, protocol)


def _network(
    image_shape: tuple[int, ...], num_classes: int, seed: int, dropout: float
) -> keras.Sequential:
    initial = keras.initializers.GlorotUniform(seed)
    options: dict[str, Any] = {"dtype": "float32", "kernel_initializer": initial}
    hidden = {"activation": "relu", **options}
    layers: list[Any] = []
    widths: tuple[int, ...] = (256, 256)
    if len(image_shape) == 1:
        standardise = {"momentum": 0.9, "center": False, "scale": False, "dtype": "float32"}
        layers.append(keras.layers.BatchNormalization(**standardise))
    elif min(image_shape[:2]) >= 16:
        for i in range(math.ceil(math.log2(min(image_shape[:2]) / 8))):
            layers.append(
                keras.layers.Conv2D(32 * 2**i, 3 if i else 5, 2, "same", "channels_last", **hidden)
            )
        widths = (128,)
    layers.append(keras.layers.Flatten())
    layers += [keras.layers.Dense(width, **hidden) for width in widths]
    layers += [
        keras.layers.Dropout(dropout, seed=seed, dtype="float32"),
        keras.layers.Dense(num_classes, **options),
    ]
    return keras.Sequential([keras.Input(image_shape), *layers])


def _train(classifier: Classifier, dataset: Dataset) -> Arrays:
    """{"weight_0", ..., "test_error"} of what the classifier has become."""
    measured = dataset.splits[-1]  # test, if there is one
    held_out = {"validation_held_out": measured == "validation"}
    rows = min(BATCH, dataset.steps_per_epoch(1, **held_out))
    stream = dataset.train(rows, SEED, **held_out).map(lambda batch: (batch["x"], batch["y"]))
    classifier.fit(stream, dataset.steps_per_epoch(rows, **held_out))
    arrays = {f"weight_{i}": w for i, w in enumerate(classifier.network.get_weights())}
    return arrays | {"test_error": np.asarray(_error(classifier, dataset))}


def _error(judge: Judge, dataset: Dataset) -> float:
    """The share of wrong labels on the data's test split, or on validation without one."""
    batches = dataset.batches(dataset.splits[-1], ROWS).as_numpy_iterator()
    return float(np.concatenate([judge.predict(b["x"]) != b["y"] for b in batches]).mean())


# --- of a subject -----------------------------------------------------------------------------


def judged(s: Subject) -> Judge:
    """The fixed classifier of a subject's data."""
    return judge(s.dataset)


def _classification_error(s: Subject) -> Measure:
    found = np.argmax(np.asarray(s.model.classify(s.x)), axis=1)
    measure = mean_of(found != s.y, "share of examples whose largest logit is wrong")
    return measure._replace(confused=confusions(s.y, found))


def _classifies(model: GenerativeModel, dataset: Dataset) -> bool:
    return "classify" in model.capabilities and dataset.num_classes is not None


def learns_few_labels(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether the model learned the classes of the data from few labels."""
    return _classifies(model, dataset) and dataset.labels is not None


METRICS = {
    "classification_error": Metric(
        _classifies,
        _classification_error,
        help="share of wrong labels of the model's own classifier",
        better="lower",
    ),
    "supervised_error": Metric(
        learns_few_labels,
        lambda s: supervised_error(s.dataset, s.x, s.y, s.seed),
        help="share of wrong labels of a classifier that learned from the few labels alone",
    ),
}
