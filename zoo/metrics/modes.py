"""Which modes of a mixture of Gaussians a generator reaches, and how many samples are good.

Two rules share one name in the literature and must not be compared with each other: ALI's counts a
mode that one sample is nearest to, however far away; VEEGAN's asks for a sample within 3 standard
deviations.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.data import Dataset
from zoo.metrics import fits
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.subject import Subject
from zoo.model import GenerativeModel

COVERED_SAMPLES = 10_000  # ALI's protocol
QUALITY_SAMPLES = 2_500  # VEEGAN's protocol


def modes_covered(samples: np.ndarray, modes: np.ndarray) -> Measure:
    """The number of modes with at least one sample assigned by mixture responsibility.

    Components of equal weight and one covariance sigma^2 I: the responsibility is largest for the
    nearest mean, so sigma does not enter.

    Args:
        samples: [N, D]; samples that are not finite belong to no mode.
        modes: [M, D].

    Reference: Dumoulin et al., ALI, arXiv 1606.00704, section 4.6.
    """
    mode, _ = assign(samples, modes)
    protocol = (
        f"of {len(modes)} modes those with at least one of the samples by mixture responsibility "
        "(ALI's rule)"
    )
    return Measure(float(_count(mode)), len(samples), protocol)


def modes_high_quality(
    samples: np.ndarray, modes: np.ndarray, stddev: float, radius: float = 3.0
) -> Measure:
    """The number of modes that are nearest to at least one high-quality sample.

    Args:
        samples: [N, D].
        modes: [M, D].
        stddev: sigma of every mode.
        radius: a sample is of high quality if |x - nearest mode| <= radius * sigma.

    Reference: Srivastava et al., VEEGAN, arXiv 1705.07761, section 5.1.
    """
    mode, distance = assign(samples, modes)
    protocol = (
        f"of {len(modes)} modes those nearest to at least one of the samples within {radius:g} "
        "standard deviations (VEEGAN's rule)"
    )
    return Measure(float(_count(mode[distance <= radius * stddev])), len(samples), protocol)


def high_quality_share(
    samples: np.ndarray, modes: np.ndarray, stddev: float, radius: float = 3.0
) -> Measure:
    """The share of samples within `radius` standard deviations of their nearest mode, in [0, 1].

    The data's own share in two dimensions is 1 - exp(-radius^2 / 2) = 0.989 at 3.

    Args and reference: as `modes_high_quality`.
    """
    _, distance = assign(samples, modes)
    protocol = (
        f"share of the samples within {radius:g} standard deviations of the nearest mode "
        "(VEEGAN's rule)"
    )
    return mean_of(distance <= radius * stddev, protocol)


def assign(samples: np.ndarray, modes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each sample's nearest mode, int [N] (-1: not finite), and its distance, [N] (then inf)."""
    samples, modes = np.asarray(samples, np.float64), np.asarray(modes, np.float64)
    finite = np.isfinite(samples).all(axis=1)
    samples = np.where(finite[:, None], samples, 0.0)
    distances = np.linalg.norm(samples[:, None] - modes[None], axis=-1)  # [N, M]
    mode = np.where(finite, distances.argmin(axis=1), -1)
    return mode, np.where(finite, distances.min(axis=1), np.inf)


def _count(mode: np.ndarray) -> int:
    return len(np.unique(mode[mode >= 0]))


# --- of a subject -----------------------------------------------------------------------------


def _on_modes(model: GenerativeModel, dataset: Dataset) -> bool:
    return fits.samples(model, dataset) and dataset.modes is not None


def _of_samples(n: int, measure: Callable[[np.ndarray, Any], Measure]) -> Callable[..., Measure]:
    """`measure(samples, dataset)` of n samples, beside its floor, as a function of a subject."""

    def measured(s: Subject) -> Measure:
        real = s.x[:n]
        note = f"floor: {len(real)} examples of the {s.split} split in the samples' place"
        found = measure(s.samples(n), s.dataset)._replace(floor=measure(real, s.dataset).value)
        return found.noted(f"samples: {s.samples_are}; {note}")

    return measured


def _of_quality(measure: Callable[..., Measure]) -> Callable[..., Measure]:
    """`measure(samples, modes, stddev)` as a function of a subject."""
    return _of_samples(QUALITY_SAMPLES, lambda x, data: measure(x, data.modes, data.mode_stddev))


METRICS = {
    "modes_covered": Metric(
        _on_modes,
        _of_samples(COVERED_SAMPLES, lambda x, data: modes_covered(x, data.modes)),
        help="modes of the mixture that are nearest to at least one sample, however far away",
        better="higher",
        of_samples=True,
    ),
    "modes_high_quality": Metric(
        _on_modes,
        _of_quality(modes_high_quality),
        help="modes of the mixture with at least one sample within 3 standard deviations",
        better="higher",
        of_samples=True,
    ),
    "high_quality_share": Metric(
        _on_modes,
        _of_quality(high_quality_share),
        help="share of samples within 3 standard deviations of a mode; 0.989 of the data are",
        better="higher",
        of_samples=True,
    ),
}
