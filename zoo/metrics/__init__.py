"""Metrics: pure functions of arrays, or of a model's public verbs; each names its protocol.

    zoo.metrics.evaluate(model, dataset)    # {metric: {"value", "n", "split", "seed", "protocol"}}

A module a subject (`names.ROOMS`): its functions, and the table `METRICS` of what is made of them.
Importing this package loads no TensorFlow, so that the names of all metrics are known at once
(`zoo.metrics.names`); the names below load what they need.
"""

import importlib
from typing import Any

from zoo.metrics.names import ROOMS

_HOMES = {
    "METRICS": "evaluation",
    "applicable": "evaluation",
    "evaluate": "evaluation",
    "Measure": "measure",
    "Metric": "measure",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
