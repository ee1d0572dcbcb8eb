"""Precision, recall, density and coverage: balls around examples stand for where data are.

A ball reaches to the k-th nearest neighbour of its centre among its own kind. None of the four need
be 1 for a perfect model: read them beside their floors.
"""

from collections.abc import Mapping

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

from zoo.errors import refusal
from zoo.metrics import features, fits
from zoo.metrics.measure import Measure, Metric, mean_of, one_of
from zoo.metrics.subject import Subject

PRECISION_NEIGHBOURS = 3  # of precision and recall, as their authors
COVERAGE_NEIGHBOURS = 5  # of density and coverage, as theirs
BLOCK_BYTES = 2**26  # of one block of distances


def manifold_scores(
    samples: np.ndarray,
    reference: np.ndarray,
    *,
    precision_neighbours: int = PRECISION_NEIGHBOURS,
    coverage_neighbours: int = COVERAGE_NEIGHBOURS,
) -> dict[str, Measure]:
    """Where samples are among data, and data among samples.

        precision  share of samples within the ball of any example of data, edges within
        recall     share of data within the ball of any sample, edges within
        density    mean over samples of the number of balls of data around them, over k, no edges
        coverage   share of data with a sample in their ball, no edges

    Of the data's own distribution density is 1 on average, and coverage of N samples and N data is,
    in any dimension, 1 - prod_{i=1..k} (N - i) / (2 N - i), about 1 - 2^-k.

    Args:
        samples: [N, F], N > precision_neighbours.
        reference: [M, F], data; M larger than both numbers of neighbours.
        precision_neighbours: k of precision and recall.
        coverage_neighbours: k of density and coverage.

    Returns:
        {name: Measure} of these four.

    Reference: Kynkaanniemi et al., Improved precision and recall metric, arXiv 1904.06991,
        equations 1 and 2; Naeem et al., Reliable fidelity and diversity metrics, arXiv 2002.09797,
        equations 3 to 5.
    """
    k_precision, k_coverage = precision_neighbours, coverage_neighbours
    of_data = radii(reference, k_precision), radii(reference, k_coverage)
    of_samples = radii(samples, k_precision)
    precise, counts = [], []
    recalled, covered = np.zeros(len(reference), bool), np.zeros(len(reference), bool)
    rows = max(1, BLOCK_BYTES // (8 * len(reference)))
    for start in range(0, len(samples), rows):
        block = slice(start, start + rows)
        distances = euclidean_distances(samples[block], reference)
        within = distances < of_data[1]
        precise.append((distances <= of_data[0]).any(axis=1))
        counts.append(within.sum(axis=1) / k_coverage)
        recalled |= (distances <= of_samples[block, None]).any(axis=0)
        covered |= within.any(axis=0)
    n, m = len(samples), len(reference)
    ball = "a ball reaches to nearest neighbour number"
    figures = {
        "precision": (
            np.concatenate(precise),
            f"share of samples in the ball of any of {m} examples of data; {ball} {k_precision}",
        ),
        "recall": (
            recalled,
            f"share of examples of data in the ball of any of {n} samples; {ball} {k_precision}",
        ),
        "density": (
            np.concatenate(counts),
            f"mean number of balls of {m} examples of data that a sample is in, over {k_coverage}; "
            f"{ball} {k_coverage}",
        ),
        "coverage": (
            covered,
            f"share of examples of data with one of {n} samples in their ball; {ball} {k_coverage}",
        ),
    }
    return {name: mean_of(values, protocol) for name, (values, protocol) in figures.items()}


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """The distance of each row from its k-th nearest other row, [N]."""
    if not 1 <= k < len(x):
        raise ValueError(refusal("k", f"an int in 1, ..., {len(x) - 1}, fewer than the rows", k))
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(x)
    return search.kneighbors()[0][:, -1]  # without an argument, a row is no neighbour of itself


# --- of a subject -----------------------------------------------------------------------------


def _scores(s: Subject) -> Mapping[str, Measure]:
    return features.beside_floor(s, manifold_scores)


METRICS = {
    "precision": Metric(
        fits.compares_images,
        one_of(_scores, "precision"),
        help="share of samples that lie among data: what is made is good",
        better="higher",
        of_samples=True,
    ),
    "recall": Metric(
        fits.compares_images,
        one_of(_scores, "recall"),
        help="share of data that lie among samples: what there is is made",
        better="higher",
        of_samples=True,
    ),
    "density": Metric(
        fits.compares_images,
        one_of(_scores, "density"),
        help="how many examples of data are around a sample, 1 as around data; above 1 if too many",
        of_samples=True,
    ),
    "coverage": Metric(
        fits.compares_images,
        one_of(_scores, "coverage"),
        help="share of data with a sample nearby, nearer than their fifth neighbour",
        better="higher",
        of_samples=True,
    ),
}
