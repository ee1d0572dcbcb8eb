"""Agreement of clusters with classes, counted by hand."""

import math

import numpy as np
import pytest

from zoo.metrics import clustering


def one_hot(clusters, k):
    return np.eye(k)[clusters]


def test_the_most_probable_validation_example_names_its_cluster():
    # Most of cluster 0's validation examples have label 5, but the surest has 7; cluster 2 is no
    # example's most probable one, and still the third example is its surest.
    validation = np.array([[0.6, 0.3, 0.1], [0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.55, 0.4, 0.05]])
    test = np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    # Names: 7, 8, 8. Predicted: 7, 7, 8, 8.
    measure = clustering.clustering_error(validation, [5, 7, 8, 5], test, [7, 5, 8, 8])
    assert measure.value == 0.25 and measure.n == 4
    assert "3 clusters" in measure.protocol and "4 validation" in measure.protocol
    # s^2 of (0, 1, 0, 0) is 1/4; sqrt(1/4 / 4) = 1/4.
    assert measure.standard_error == pytest.approx(0.25)


def test_several_clusters_may_share_a_label_by_the_naming_rule_but_not_by_matching():
    y = np.array([0, 0, 0, 0, 1, 1])
    found = one_hot([0, 0, 0, 1, 2, 2], 3)
    assert clustering.clustering_error(found, y, found, y).value == 0.0
    measure = clustering.clustering_error_hungarian(found, y)
    assert measure.value == pytest.approx(1 / 6)  # the one in cluster 1, which is left over
    assert "1 clusters left over count as wrong" in measure.protocol


def test_matching_is_best_over_permutations_not_greedy():
    # Counts of (cluster, class): [[3, 2], [2, 0]]. Greedy takes 3 + 0; the best matching is 2 + 2.
    clusters, y = [0] * 5 + [1] * 2, [4, 4, 4, 9, 9, 4, 4]
    measure = clustering.clustering_error_hungarian(one_hot(clusters, 2), y)
    assert measure.value == pytest.approx(3 / 7) and "left over" not in measure.protocol


def test_fewer_clusters_than_classes_leave_a_class_wrong():
    measure = clustering.clustering_error_hungarian(one_hot([0, 0, 1, 1], 2), [0, 0, 1, 2])
    assert measure.value == 0.25


def test_information_and_rand_index():
    y = np.array([0, 0, 1, 1])
    renamed, blind = one_hot([1, 1, 0, 0], 2), one_hot([0, 1, 0, 1], 2)
    assert clustering.nmi(renamed, y).value == pytest.approx(1.0)
    assert clustering.ari(renamed, y).value == pytest.approx(1.0)
    assert clustering.nmi(blind, y).value == pytest.approx(0.0, abs=1e-9)
    # Pairs together in both: 0; expected 2 * 2 / 6; largest 2: (0 - 2/3) / (2 - 2/3).
    assert clustering.ari(blind, y).value == pytest.approx(-0.5)
    # Each example a cluster of its own: I = ln 2, entropies ln 2 and ln 4.
    apart = one_hot([0, 1, 2, 3], 4)
    assert clustering.nmi(apart, y).value == pytest.approx(math.log(2) / (1.5 * math.log(2)))
