"""Every metric that a model's capabilities and its data allow, each beside its protocol."""

import dataclasses
import functools
import importlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from zoo import bounds
from zoo.data import Dataset
from zoo.errors import refusal, unknown
from zoo.metrics import names
from zoo.metrics.measure import Metric
from zoo.metrics.subject import Features, Protocol, Subject
from zoo.model import GenerativeModel

METRICS: dict[str, Metric] = {
    name: metric
    for room in names.ROOMS
    for name, metric in importlib.import_module(f"zoo.metrics.{room}").METRICS.items()
}


def evaluate(
    model: GenerativeModel,
    dataset: Dataset,
    *,
    split: str | None = None,
    seed: int = Protocol.seed,
    limit: int | None = Protocol.limit,
    progress: Callable[[str, int, int], object] | None = None,
    left_out: Callable[[str, str], object] | None = None,
    iwae_samples: int = Protocol.iwae_samples,
    metrics: Sequence[str] | None = None,
    svm_features: Features = Protocol.svm_features,
    svm_repeats: int = Protocol.svm_repeats,
    ais_chains: int = Protocol.ais_chains,
    ais_steps: int = Protocol.ais_steps,
    inception_weights: str | None = Protocol.inception_weights,
) -> dict[str, dict]:
    """Measures a model on a data set.

    Args:
        model: a `GenerativeModel`.
        dataset: a `zoo.data.Dataset` of the model's image shape.
        split: what is measured; None takes test, without one `dataset.default_split`.
        progress: callable `(name, index, count)`, called before each metric.
        left_out: callable `(name, reason)`, called where a metric cannot be had of these data, such
            as a classifier's of one class; by default a warning says so. Only a metric that was
            asked for by name raises.
        metrics: names of the metrics to compute; None takes all that apply but those that are slow
            or tell little, which are measured only when they are asked for (`Metric.only_asked`).
            Those of reconstructions from a level above 1 end in `_level_<l>`.
        seed, limit, iwae_samples, svm_features, svm_repeats, ais_chains, ais_steps,
            inception_weights: as `zoo.metrics.subject.Protocol`.

    Returns:
        {metric: {"value", "n", "split", "seed", "protocol"[, "std"][, "standard_error"][,
        "floor"]}}, for JSON; the split of metrics of samples is "samples".

    Raises:
        ValueError: an unknown metric, one that does not fit the model or its data, data of another
            shape.
    """
    if tuple(dataset.image_shape) != tuple(model.image_shape):
        expected = f"data of the model's image shape {tuple(model.image_shape)}"
        raise ValueError(refusal("dataset.image_shape", expected, tuple(dataset.image_shape)))
    split = dataset.default_split if split is None else split
    protocol = Protocol(
        split=split,
        seed=seed,
        limit=limit,
        iwae_samples=iwae_samples,
        svm_features=svm_features,
        svm_repeats=svm_repeats,
        ais_chains=ais_chains,
        ais_steps=ais_steps,
        inception_weights=inception_weights,
    )
    chosen = _chosen(model, dataset, metrics)
    given = {each.name: getattr(protocol, each.name) for each in dataclasses.fields(Protocol)}
    usual = {each.name: each.default for each in dataclasses.fields(Protocol)}
    names.check_settings(metrics, {k: v for k, v in given.items() if v != usual[k]})
    subject = Subject(model, dataset, protocol)
    measured = {}
    for index, (name, metric) in enumerate(chosen.items()):
        if progress is not None:
            progress(name, index, len(chosen))
        try:
            found = _finite(metric.measure(subject).as_dict())
        except ValueError as error:
            reason = " ".join(str(error).split())
            if metrics is not None and reason.startswith(_REFUSALS):  # of another argument
                raise
            if metrics is not None:
                expected = f"metrics that can be had of {dataset.name} ({reason})"
                raise ValueError(refusal("metrics", expected, name)) from error
            (left_out or _warn)(name, reason)
            continue
        source = "samples" if metric.of_samples else split
        measured[name] = {**found, "split": source, "seed": seed}
    return measured


# What a metric may refuse by its own name: how it is measured.
_REFUSALS = tuple(f"Invalid `{field.name}`" for field in dataclasses.fields(Protocol))


def _finite(found: dict[str, Any]) -> dict[str, Any]:
    """What was found, if these are numbers that a result may have; `ValueError` if not."""
    for item in bounds.ITEMS:
        if bounds.fault(item, found.get(item)):
            raise ValueError(f"its {item.replace('_', ' ')} is {found.get(item)}")
    return found


def _warn(name: str, reason: str) -> None:
    warnings.warn(f"{name} is left out: {reason}", stacklevel=3)


def applicable(model: GenerativeModel, dataset: Dataset) -> list[str]:
    """Names of the metrics that fit a model and a data set, in the order of `METRICS`."""
    return list(_fitting(model, dataset))


def _fitting(model: GenerativeModel, dataset: Dataset) -> dict[str, Metric]:
    every = _metrics_of(model)
    return {name: metric for name, metric in every.items() if metric.applies(model, dataset)}


def _metrics_of(model: GenerativeModel) -> dict[str, Metric]:
    """{name: metric}: `METRICS`, the levelled ones once more for each level above 1."""
    found = {}
    for name, metric in METRICS.items():
        found[name] = metric
        for level in range(2, model.levels + 1) if metric.levelled else ():
            measure = functools.partial(metric.measure, level=level)
            found[f"{name}_level_{level}"] = metric._replace(measure=measure)
    return found


def _chosen(
    model: GenerativeModel, dataset: Dataset, metrics: Sequence[str] | None
) -> dict[str, Metric]:
    fitting = _fitting(model, dataset)
    if metrics is None:
        return {name: metric for name, metric in fitting.items() if not metric.only_asked}
    for name in metrics:
        if name not in _metrics_of(model):
            raise unknown("metrics", name, _metrics_of(model))
        if name not in fitting:
            expected = "metrics that fit the model and its data, " + ", ".join(fitting)
            raise ValueError(refusal("metrics", expected, name))
    return {name: metric for name, metric in fitting.items() if name in metrics}
