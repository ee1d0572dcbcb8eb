"""The features by which samples are compared with data, and the reader that they come from.

The zoo's own classifier of the data, unless the user names a file of Inception's weights. Values by
different networks, or by one of other weights, are not to be compared: a protocol names both.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from zoo import files
from zoo.errors import refusal
from zoo.metrics import classifier
from zoo.metrics.halves import described, halves, samples
from zoo.metrics.kept import Arrays, kept
from zoo.metrics.measure import Measure
from zoo.metrics.subject import Subject

INCEPTION_SIDE = 299  # pixels that Inception v3 takes
INCEPTION_ROWS = 50  # images a call of it: bounds memory


class Reader(NamedTuple):
    """A network that tells features of images.

    Attributes:
        read: callable [N, H, W, C] -> (features [N, F], probabilities of classes [N, K]).
        words: what it is, which weights it has, and how good it is.
    """

    read: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    words: str


class Found(NamedTuple):
    """What a reader finds in samples and in each part of the data: (features, probabilities)."""

    samples: tuple[np.ndarray, np.ndarray]
    reference: tuple[np.ndarray, np.ndarray]
    other: tuple[np.ndarray, np.ndarray]
    words: str


def reader(s: Subject) -> Reader:
    """The network by whose features a subject is measured.

    Raises:
        ValueError: data without classes, and no weights of Inception.
    """
    if s.protocol.inception_weights is not None:
        return inception(s.protocol.inception_weights)
    if s.dataset.num_classes is None:
        expected = "data with class labels, whose classifier gives the features"
        hint = "--inception_weights=PATH takes those of Inception v3 instead."
        raise ValueError(refusal("dataset", expected, s.dataset.name, hint))
    judge = s.once(classifier.judged)
    words = (
        f"the last hidden layer of the zoo's classifier, test error {judge.test_error:.4f}, "
        f"weights {judge.digest}"
    )
    return Reader(judge.read, words)


def inception(path: str) -> Reader:
    """Inception v3 of Keras, with the weights of a file: 2,048 features, 1,000 classes.

    Images are made 299 x 299 by bilinear interpolation, their values -1 to 1; grey becomes RGB.
    Neither network nor weights are those of 2015 that the FID of papers is computed with.

    Args:
        path: of weights in Keras's format (`zoo.metrics.subject.INCEPTION_FILE`).

    Raises:
        OSError, ValueError: one line that names the file.
    """
    digest = hashlib.sha256()
    with files.open_regular(path) as file:
        while block := file.read(2**20):
            digest.update(block)
    network = keras.applications.InceptionV3(weights=None)
    try:
        network.load_weights(path)
    except Exception as error:  # whatever the reader of such files says of another one
        reason = " ".join(str(error).split())[:80]
        expected = f"weights of Keras's Inception v3 ({reason})"
        raise ValueError(refusal("inception_weights", expected, str(path))) from None
    both = keras.Model(network.inputs, [network.layers[-2].output, network.outputs[0]])

    @tf.function(autograph=False, reduce_retracing=True)
    def call(x: tf.Tensor) -> list[tf.Tensor]:
        x = tf.image.resize(x, [INCEPTION_SIDE] * 2)
        x = tf.tile(x, [1, 1, 1, 3]) if x.shape[-1] == 1 else x
        return both(2.0 * x - 1.0, training=False)

    def read(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if x.shape[-1] not in (1, 3):
            raise ValueError(refusal("dataset", "grey or RGB images for Inception", x.shape))
        blocks = np.array_split(x, -(-len(x) // INCEPTION_ROWS))
        parts = [[np.asarray(a) for a in call(tf.constant(block))] for block in blocks]
        features, probabilities = (np.concatenate(a) for a in zip(*parts))
        return features, probabilities

    return Reader(read, f"the pooling layer of Keras's Inception v3, sha256 {digest.hexdigest()}")


def found(s: Subject) -> Found:
    """The features of a subject's samples and data; those of the data are kept in a file."""
    real, network = s.once(halves), s.once(reader)
    names = ("reference", "other")

    def compute() -> Arrays:
        read = {name: network.read(getattr(real, name)["x"]) for name in names}
        return {f"{name}_{i}": part for name, pair in read.items() for i, part in enumerate(pair)}

    def use(arrays: Arrays) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(arrays[f"{name}_0"], arrays[f"{name}_1"]) for name in names]

    # A labelled subset decides no image.
    key = f"{s.dataset.with_all_labels().description}, {real.rows}, {network.words}"
    reference, other = kept(s.dataset.cache_dir, "features", key, compute, use)
    return Found(network.read(s.once(samples)), reference, other, network.words)


def beside_floor(
    s: Subject, measure: Callable[[np.ndarray, np.ndarray], Mapping[str, Measure]]
) -> dict[str, Measure]:
    """Each of `measure(samples, data)` of features, beside its floor."""
    of = s.once(found)
    floors = measure(of.other[0], of.reference[0])
    return {
        name: _noted(s, each._replace(floor=floors[name].value))
        for name, each in measure(of.samples[0], of.reference[0]).items()
    }


def of_features(
    measure: Callable[[np.ndarray, np.ndarray], Measure],
) -> Callable[[Subject], Measure]:
    """`measure(samples, data)` of features, beside its floor, as a function of a subject."""
    return lambda s: beside_floor(s, lambda *features: {"": measure(*features)})[""]


def of_probabilities(measure: Callable[[np.ndarray], Measure]) -> Callable[[Subject], Measure]:
    """`measure(p(y|x))` of samples, beside that of data, as a function of a subject."""

    def measured(s: Subject) -> Measure:
        of = s.once(found)
        return _noted(s, measure(of.samples[1])._replace(floor=measure(of.other[1]).value))

    return measured


def _noted(s: Subject, measure: Measure) -> Measure:
    return measure.noted(f"features: {s.once(found).words}; {described(s)}")
