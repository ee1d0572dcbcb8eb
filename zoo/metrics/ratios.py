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
    reference = s.dataset.reference
    assert reference is not None
    split = s.split if s.split in reference.splits else reference.default_split
    log_r = np.asarray(s.model.log_ratio(reference.arrays(split, s.protocol.limit)["x"]))
    protocol = f"mean of -log r(x) over the reference's {split} split, r = p / q as estimated"
    return mean_of(-log_r, protocol)


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
}
