"""What a metric returns: a number that cannot be separated from how it was measured."""

from typing import NamedTuple

import numpy as np


class Measure(NamedTuple):
    """One measured value.

    Attributes:
        value: float; fractions in [0, 1], likelihoods in nats unless the name says bits.
        n: int, examples or samples that were measured.
        protocol: one sentence.
        std: standard deviation over repeated draws, None without draws.
        standard_error: of a mean over the n examples, None where the value is no such mean.
    """

    value: float
    n: int
    protocol: str
    std: float | None = None
    standard_error: float | None = None

    def as_dict(self):
        """JSON-able, without the fields that do not apply."""
        return {name: entry for name, entry in self._asdict().items() if entry is not None}


def mean_of(values, protocol):
    """The `Measure` of a mean over examples, with the standard error s / sqrt(n).

    Args:
        values: float [N], one an example.
        protocol: one sentence.
    """
    values = np.asarray(values, np.float64)
    n = len(values)
    error = float(values.std(ddof=1)) / n**0.5 if n > 1 else None
    return Measure(float(values.mean()), n, protocol, standard_error=error)
