"""What a learned density ratio says of its two data sets."""

import numpy as np

from zoo.data import Dataset
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.subject import Subject
from zoo.model import GenerativeModel


def _compares(model: GenerativeModel, dataset: Dataset) -> bool:
    return "log_ratio" in model.capabilities and dataset.reference is not None


def _forward(s: Subject) -> Measure:
    log_r = np.asarray(s.model.log_ratio(s.x))
    return mean_of(log_r, "mean of log r(x) over the data, r = p / q as the model estimates it")


def _backward(s: Subject) -> Measure:
    log_r, split = _of_reference(s)
    protocol = f"mean of -log r(x) over the reference's {split} split, r = p / q as estimated"
    return mean_of(-log_r, protocol)


def _error(s: Subject) -> Measure:
    """An example is taken for one of the set in which it is likelier; of equal ratios half are."""
    log_r, split = _of_reference(s)
    wrong = np.concatenate([-np.asarray(s.model.log_ratio(s.x)), log_r])
    protocol = f"share of examples of the data with log r(x) < 0, and of the reference's {split} "
    return mean_of(np.heaviside(wrong, 0.5), f"{protocol}split with log r(x) > 0")


def _of_reference(s: Subject) -> tuple[np.ndarray, str]:
    """log r of the reference's examples, and the split that they are of."""
    reference = s.dataset.reference
    assert reference is not None
    split = s.split if s.split in reference.splits else reference.default_split
    x = reference.arrays(split, s.protocol.limit)["x"]
    return np.asarray(s.model.log_ratio(x)), split


METRICS = {
    "kl_from_reference": Metric(
        _compares,
        _forward,
        help="KL(p || q) of the data from the reference by the estimated ratio, nats",
    ),
    "kl_of_reference": Metric(
        _compares,
        _backward,
        help="KL(q || p) of the reference from the data by the estimated ratio, nats",
    ),
    "ratio_error": Metric(
        _compares,
        _error,
        help="share of examples of the data and the reference that are taken for the other set's",
        better="lower",
    ),
}
