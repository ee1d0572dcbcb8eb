"""Figures as text: a mean with its spread or error, and what a paper prints."""

import math
import re
import statistics

from zoo.ledger import OF_NONE, Metric, share_error

LEGEND = (
    "Fractions lie in [0, 1]. What stands after ±: with several seeds, the sample standard "
    "deviation over them. With one seed, the standard error of the mean over the n examples, as "
    "it was measured, or, where the ledger does not hold it, the binomial error "
    f"sqrt(p (1 - p) / n) of a share p; {OF_NONE}. Neither says what another seed would give. "
    "Without ±, no error is known."
)
OPTIMISTIC = " †"  # beside a figure whose settings were chosen on what is measured
OPTIMISTIC_LEGEND = "† Its settings were chosen by the test error of one seed: it is optimistic."
# Shares of the n examples, of which the binomial error can be said.
_SHARE = re.compile(r"\w+_(error|accuracy|share|agreement)(_hungarian)?(_level_\d+)?")


def uncertainty(name: str, metric: Metric) -> float | None:
    """What stands after ±, as `LEGEND` says; None where nothing is known.

    Args:
        name: the metric's.
        metric: its values.
    """
    if len(metric.values) > 1:
        return metric.std
    error = metric.standard_errors[0] if metric.standard_errors else None
    if not error and _SHARE.fullmatch(name):
        return share_error(metric.mean, metric.n)
    return error


def reached(name: str, metric: Metric) -> str:
    """As in 13.4 ± 5.8: what stands after ± to two digits, the mean to as many decimals.

    In brackets the floor, where there is one: the mean over the seeds that have it.
    """
    floors = [floor for floor in metric.floors or () if floor is not None]
    floor = f" (floor {statistics.fmean(floors):.4g})" if floors else ""
    return _with_error(metric.mean, uncertainty(name, metric)) + floor


def _with_error(mean: float, error: float | None) -> str:
    if error is None:
        return f"{mean:.4g}"
    if error == 0:
        return f"{mean:.4g} ± 0"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    if decimals > 8:
        return f"{mean:.4g} ± {error:.1e}"
    return f"{mean:.{decimals}f} ± {error:.{decimals}f}"


def published(figure: dict) -> str:
    """A paper's number; one that nobody read in the paper says so, in italics."""
    value = figure["value"]
    value = str(value).replace("+-", "±") if isinstance(value, str) else f"{value:.4g}"
    return value if figure["status"] == "verified" else f"*{value} ({figure['status']})*"
