"""How well the clusters that a model finds agree with the classes of the data."""

from collections.abc import Callable

import numpy as np
from scipy import optimize
from sklearn import metrics

from zoo.data import Dataset
from zoo.metrics import fits
from zoo.metrics.measure import Measure, Metric, jackknifed, mean_of
from zoo.metrics.subject import Subject
from zoo.model import GenerativeModel


def clustering_error(
    named_sureness: np.ndarray, named_y: np.ndarray, probabilities: np.ndarray, y: np.ndarray
) -> Measure:
    """The share of examples whose cluster bears another label than theirs.

    Cluster k bears the label of the example with the highest q(y = k|x) among those that name the
    clusters; several clusters may bear one label.

    Args:
        named_sureness: [V, K], of the examples that name the clusters (validation): q(y|x), or what
            rises with it.
        named_y: int [V], their labels.
        probabilities: [N, K], of the examples that are measured.
        y: int [N].

    Reference: Makhzani et al., Adversarial autoencoders, arXiv 1511.05644, section 6.
    """
    names = np.asarray(named_y)[np.argmax(named_sureness, axis=0)]  # [K]
    clusters = np.argmax(probabilities, axis=1)
    protocol = (
        f"each of {len(names)} clusters bears the label of the most probable of {len(named_y)} "
        "validation examples; share of examples with another label (AAE's rule)"
    )
    return mean_of(names[clusters] != np.asarray(y), protocol)


def clustering_error_hungarian(probabilities: np.ndarray, y: np.ndarray) -> Measure:
    """The least share of wrong examples over all one-to-one matchings of clusters and classes.

    The matching is chosen on the measured labels themselves. Where clusters outnumber classes, only
    one cluster a class is matched: this is not AAE's many-to-one rule.

    Args:
        probabilities: [N, K], q(y|x).
        y: int [N].
    """
    clusters = np.argmax(probabilities, axis=1)
    k = np.shape(probabilities)[1]
    classes, y = np.unique(y, return_inverse=True)
    counts = np.zeros((k, len(classes)), int)
    np.add.at(counts, (clusters, y), 1)
    matched = np.full(k, -1)
    rows, columns = optimize.linear_sum_assignment(counts, maximize=True)
    matched[rows] = columns
    protocol = (
        f"share of wrong examples under the best one-to-one matching of {k} clusters and "
        f"{len(classes)} classes, chosen on the same examples"
    )
    if k > len(classes):
        protocol += f"; those in the {k - len(classes)} clusters left over count as wrong"
    return mean_of(matched[clusters] != y, protocol)


def nmi(probabilities: np.ndarray, y: np.ndarray) -> Measure:
    """Mutual information of clusters and labels over the mean of their entropies, in [0, 1].

    Args as `clustering_error_hungarian`.
    """
    protocol = "mutual information of cluster and label over the arithmetic mean of their entropies"
    return _agreement(metrics.normalized_mutual_info_score, probabilities, y, protocol)


def ari(probabilities: np.ndarray, y: np.ndarray) -> Measure:
    """The adjusted Rand index of clusters and labels: 1 if they are one partition, 0 by chance.

    Args as `clustering_error_hungarian`.
    """
    protocol = "Rand index of clusters and labels, adjusted for chance"
    return _agreement(metrics.adjusted_rand_score, probabilities, y, protocol)


def _agreement(
    score: Callable[[np.ndarray, np.ndarray], float],
    probabilities: np.ndarray,
    y: np.ndarray,
    protocol: str,
) -> Measure:
    clusters = np.argmax(probabilities, axis=1)
    value, error = jackknifed(score, np.asarray(y), clusters)
    return Measure(value, len(clusters), protocol, standard_error=error)


# --- of a subject -----------------------------------------------------------------------------


def _clustering_error(s: Subject) -> Measure:
    """AAE's rule; on the validation split one half names the clusters, and the other is measured.

    So settings can be chosen on validation examples whose labels the clusters do not bear.
    """
    naming, found = s.held_out(s.clusters), s.clusters(s.split)
    if s.split == "validation":
        halves = ({name: rows[i::2] for name, rows in found.items()} for i in (0, 1))
        naming, found = halves
    measure = clustering_error(naming["log_odds"], naming["y"], found["probabilities"], found["y"])
    if s.split != "validation":
        return measure
    return measure.noted("named by every other one of the split, measured on the rest")


def _of_clusters(
    measure: Callable[[np.ndarray, np.ndarray], Measure],
) -> Callable[[Subject], Measure]:
    """`measure(probabilities, y)` as a function of a subject."""
    return lambda s: measure(*(s.clusters(s.split)[name] for name in ("probabilities", "y")))


def _clusters(model: GenerativeModel, dataset: Dataset) -> bool:
    # A model that was told the classes is measured by `classification_error`.
    verb = "encode" if "y" in model.parts else "read"
    unnamed = model.clusters is not None and "classify" not in model.capabilities
    return unnamed and fits.on_classes(verb)(model, dataset)


METRICS = {
    "clustering_error": Metric(
        _clusters,
        _clustering_error,
        help="share of examples whose cluster, named by its surest example, has another label",
        better="lower",
    ),
    "clustering_error_hungarian": Metric(
        _clusters,
        _of_clusters(clustering_error_hungarian),
        help="share of wrong labels under the best one-to-one matching of clusters and labels",
        better="lower",
    ),
    "nmi": Metric(
        _clusters,
        _of_clusters(nmi),
        help="mutual information of cluster and label over the mean of their entropies, in [0, 1]",
        better="higher",
    ),
    "ari": Metric(
        _clusters,
        _of_clusters(ari),
        help="Rand index of clusters and labels adjusted for chance; 1 if they agree, 0 by chance",
        better="higher",
    ),
}
