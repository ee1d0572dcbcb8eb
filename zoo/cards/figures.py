"""Figures as text: a mean with its spread or error, and what a paper prints."""

import math
import re
import statistics
from collections.abc import Collection

from zoo.ledger import OF_NONE, Metric, checked, share_error

# How figures are read; the pages of results say it once, in results/metrics.md.
LEGEND = (
    "Fractions lie in [0, 1]. ± is the sample standard deviation over seeds; with one seed, the "
    f"standard error over the n examples (sqrt(p (1 - p) / n) for a share p, {OF_NONE}; of FID, "
    "KID and others that are no mean over examples, by how examples or subsets move them). The "
    "latter does not say how much another seed would differ. Without ±, the error is unknown."
)
REAL_DATA = (
    "In brackets: the value of other real examples in the samples' place, which a perfect model "
    "would reach."
)
DENSITY_LEGEND = (
    "*density*: of a normal p(x|z) of pixels as real numbers in [0, 1], to be compared with others "
    "of the kind alone; without the word, of the pixels' levels of grey."
)
OPTIMISTIC = " †"  # beside a figure whose settings were chosen on what is measured
OPTIMISTIC_LEGEND = (
    "† Hyper-parameters were chosen on the test error of one seed, so the figure is optimistic."
)
LIKELIHOODS = ("nll", "bits_per_dim", "elbo", "ais")
_THOUSAND = 1000
# Shares of the n examples, of which the binomial error can be said.
_SHARE = re.compile(r"\w+_(error|accuracy|share|agreement)(_hungarian)?(_level_\d+)?")


def uncertainty(name: str, metric: Metric) -> float | None:
    """What stands after ±, as `LEGEND` says; None where nothing is known.

    Args:
        name: the metric's.
        metric: its values.

    Raises:
        ValueError: a number of it is outside `zoo.bounds`.
    """
    checked(metric, name)
    if len(metric.values) > 1:
        return metric.std
    error = metric.standard_errors[0] if metric.standard_errors else None
    if not error and _SHARE.fullmatch(name):
        return share_error(metric.mean, metric.n)
    return error


def reached(name: str, metric: Metric) -> str:
    """As in 13.4 ± 5.8 (real data 15): `value`, and `real_data` where it is known."""
    shown, real = value(name, metric), real_data(metric)
    return shown + (f" (real data {real})" if real else "")


def value(name: str, metric: Metric) -> str:
    """As in 13.4 ± 5.8: what stands after ± to two digits, the mean to as many decimals."""
    error = uncertainty(name, metric)
    if error == 0 and len(metric.values) > 1:
        return f"{_short(metric.mean)} ({len(metric.values)} equal seeds)"
    return _with_error(metric.mean, error)


def real_data(metric: Metric) -> str:
    """The floor: the mean over the seeds that have it; "" where none has."""
    floors = [floor for floor in metric.floors or () if floor is not None]
    return _short(statistics.fmean(floors), 3) if floors else ""


def has_likelihood(measured: Collection[str]) -> bool:
    """Whether `log_prob` of the data was measured: of grey pixels and p(x|z) of bits it is none."""
    return "nll" in measured


def is_density(name: str, protocol: str) -> bool:
    """Whether a figure is a likelihood of pixels as real numbers, not of their levels of grey.

    Args:
        name: of the metric.
        protocol: how it was measured.
    """
    return name in LIKELIHOODS and "a density of pixels" in protocol


def _with_error(mean: float, error: float | None) -> str:
    if error is None:
        return _short(mean)
    if error <= 1e-12 * abs(mean):  # rounding alone
        return f"{_short(mean)} ± 0"
    decimals = 1 - math.floor(math.log10(error))
    if decimals > 8:
        return f"{mean:.4g} ± {error:.1e}"
    digits = f",.{max(0, decimals)}f"
    return f"{round(mean, decimals):{digits}} ± {round(error, decimals):{digits}}"


def _short(value: float, digits: int = 4) -> str:
    """A number to so many digits, from 1000 on to four, from 10,000 on with commas."""
    size = abs(value)
    if size < _THOUSAND:
        return f"{value:.{digits}g}"
    rounded = round(value, 3 - math.floor(math.log10(size)))
    return f"{rounded:.0f}" if size < 10 * _THOUSAND else f"{rounded:,.0f}"


def published(figure: dict, quoted: bool = True) -> str:
    """A paper's number; one that nobody read in the paper says so, in italics.

    Args:
        figure: as `paper.json` has it.
        quoted: whether those that another paper quotes say more than their italics.
    """
    value = figure["value"]
    value = str(value).replace("+-", "±") if isinstance(value, str) else f"{value:.4g}"
    if figure["status"] == "verified":
        return value
    silent = figure["status"] == "secondary" and not quoted
    return f"*{value}*" if silent else f"*{value} ({figure['status']})*"
