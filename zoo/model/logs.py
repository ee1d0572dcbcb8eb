"""What steps log: running means, and which way each of them is better."""

from collections.abc import Iterable, Sequence

import keras
import tensorflow as tf
from keras.src.trainers.compile_utils import MetricsList  # where callbacks look for directions

_RISING = ("accuracy", "elbo", "log_prob", "information", "marginal_entropy")


def rises(name: str) -> bool:
    """Whether higher values of a log are better: see `_RISING`; parts of names."""
    return any(word in name for word in _RISING)


class Logs(MetricsList):
    """Means of what a step logs, and `loss`, the sum of the players' losses.

    Args:
        names: of the logs.
        losses: those of them that are players' losses.
    """

    def __init__(self, names: Iterable[str], losses: Sequence[str]) -> None:
        means = [keras.metrics.Mean(name=name) for name in names]
        for mean in means:
            mean._direction = "up" if rises(mean.name) else "down"
        super().__init__(means, name="logs")
        self.by_name = {mean.name: mean for mean in means}
        self._losses = tuple(losses)

    def update(self, values: dict[str, tf.Tensor]) -> None:
        """Averages values, [B] or scalar, into the logs of their names."""
        for name, value in values.items():
            self.by_name[name].update_state(tf.cast(value, tf.float32))

    def result(self, names: Iterable[str] | None = None) -> dict[str, tf.Tensor]:
        """{log: mean}, `loss` first, of these names or of all."""
        found = {name: self.by_name[name].result() for name in names or self.by_name}
        return {"loss": tf.add_n([found[name] for name in self._losses]), **found}
