"""Which metrics fit a model and its data: the conditions that several metrics share.

Each is a function (model, dataset) -> bool, or returns one.
"""

from collections.abc import Callable

import numpy as np
import tensorflow_probability as tfp

from zoo import distributions
from zoo.data import Dataset
from zoo.model import GenerativeModel


def can(*verbs: str) -> Callable[[GenerativeModel, Dataset], bool]:
    """Whether the model has all of these verbs."""
    return lambda model, dataset: model.capabilities.issuperset(verbs)


def samples(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether the model samples and needs no labels for it."""
    return "sample" in model.capabilities and not model.conditional


def compares(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether the model samples, of labels of the data if it needs any."""
    labels = dataset.num_classes if model.num_attributes is None else dataset.num_attributes
    return "sample" in model.capabilities and (labels is not None or not model.conditional)


def compares_images(model: GenerativeModel, dataset: Dataset) -> bool:
    """As `compares`, of images."""
    return compares(model, dataset) and len(model.image_shape) == 3


def compares_classes(model: GenerativeModel, dataset: Dataset) -> bool:
    """As `compares_images`, of data with classes, where no label says what a sample shall be."""
    named = dataset.num_classes is not None and not model.conditional
    return compares_images(model, dataset) and named


def compares_labels(model: GenerativeModel, dataset: Dataset) -> bool:
    """As `compares_images`, of data with classes, where a label says what a sample shall be."""
    named = dataset.num_classes is not None and model.num_attributes is None
    return compares_images(model, dataset) and named and model.conditional


def on_classes(verb: str) -> Callable[[GenerativeModel, Dataset], bool]:
    """Whether an unconditional model has this verb and the data have classes.

    The verbs of a conditional model are given the label, so they do not tell what it found; the
    labels of a toy mixture are its modes, which have metrics of their own.
    """

    def applies(model: GenerativeModel, dataset: Dataset) -> bool:
        labelled = dataset.num_classes is not None and dataset.modes is None
        return verb in model.capabilities and labelled and not model.conditional

    return applies


def encodes_normally(model: GenerativeModel, dataset: Dataset | None = None) -> bool:
    """Whether q(z|x) is Gaussian."""
    return "encode" in model.capabilities and distributions.is_normal(posterior(model))


def hidden_on_classes(model: GenerativeModel, dataset: Dataset) -> bool:
    """As `on_classes("encode")`, where the encoder's hidden layers are known."""
    return on_classes("encode")(model, dataset) and model.has_features


def exact_means(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether q(z|x) has a mean that is no average of draws."""
    return "encode" in model.capabilities and distributions.has_exact_mean(posterior(model))


def of_mass(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether a likelihood is of a probability mass, not of a density.

    Vectors have densities. So have images with a p(x|z) of real numbers; all others have levels of
    grey: by p(x|z) itself, pixel by pixel, or (`dequantises`) by noise that fills the levels.
    """
    if len(model.image_shape) != 3:
        return False
    decodes = "decode" in model.capabilities
    return not (decodes and distributions.is_density(likelihood(model)))


def posterior(model: GenerativeModel, level: int = 1) -> tfp.distributions.Distribution:
    """q(z|x) of one blank example x = 0: it shows what kind of distribution the verb gives."""
    x = np.zeros([1, *model.image_shape], np.float32)
    return model.encode(x, y=_label(model), level=level)


def likelihood(model: GenerativeModel) -> tfp.distributions.Distribution:
    """p(x|z) of one blank code z = 0."""
    return model.decode(np.zeros([1, model.code_dim], np.float32), y=_label(model))


def _label(model: GenerativeModel) -> np.ndarray | None:
    if not model.conditional:
        return None
    if model.num_attributes is not None:
        return np.zeros([1, model.num_attributes], np.float32)
    return np.zeros([1], np.int32)
