"""Metrics: pure functions of arrays, or of a model's public verbs; each names its protocol.

    zoo.metrics.evaluate(model, dataset)    # {metric: {"value", "n", "split", "seed", "protocol"}}

The functions live in `reconstruction`, `classifier`, `neighbours`, `svm`, `clustering`, `modes`,
`likelihood`, `ais`, `parzen`, `critic` and `latents`.
"""

from zoo.metrics.evaluate import METRICS, applicable, evaluate
from zoo.metrics.measure import Measure

__all__ = ["METRICS", "Measure", "applicable", "evaluate"]
