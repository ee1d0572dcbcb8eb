"""What a card tells of failures: the sentences, and whether they tell of one."""

import pytest

from tests.cards.test_card import measured
from zoo.cards import failures
from zoo.metrics import names

# (what was measured, the sentence, whether it tells of a failure)
FINDINGS = [
    (
        {"modes_covered": measured(23.0, protocol="of 25 modes those", n=10_000)},
        "Samples reach 23 of the 25 modes of the data, 10,000 being drawn.",
        True,
    ),
    (
        {"modes_covered": measured(25.0, protocol="of 25 modes those", n=10_000)},
        "Samples reach 25 of the 25 modes of the data, 10,000 being drawn.",
        False,
    ),
    (
        {"high_quality_share": measured(0.61)},
        "39.0 % of samples lie beyond 3 standard deviations from any mode (of the data: 1.1 %).",
        True,
    ),
    # 2 % against 1.1 %, and the error sqrt(0.02 0.98 / 100) is 1.4 %
    (
        {"high_quality_share": measured(0.98)},
        "2.0 % of samples lie beyond 3 standard deviations from any mode (of the data: 1.1 %).",
        False,
    ),
    ({"classification_error": measured(0.042)}, "4.2 % of test examples get a wrong class.", True),
    ({"classification_error": measured(0.0)}, "0 % of test examples get a wrong class.", False),
    (
        {"classification_error": measured(0.0002)},
        "0.02 % of test examples get a wrong class.",
        True,
    ),
    (
        {"clustering_error": measured(0.25)},
        "25.0 % of test examples lie in a cluster of mostly another class.",
        True,
    ),
    (
        {"label_agreement": measured(0.9)},
        "10.0 % of reconstructions of test images look, to the zoo's classifier, like another "
        "class than the image's.",
        True,
    ),
    (
        {"classes_covered": measured(9.0, protocol="of 10 classes those", n=2_000)},
        "Samples are of 9 of the 10 classes to the zoo's classifier, 2,000 being drawn.",
        True,
    ),
    (
        {"classes_covered": measured(10.0, protocol="of 10 classes those", n=2_000)},
        "Samples are of 10 of the 10 classes to the zoo's classifier, 2,000 being drawn.",
        False,
    ),
    (
        {"class_kl": measured(0.0328, 0.01, floor=0.0004)},
        "Classes are not equally frequent among samples: the KL divergence of their shares "
        "from equal ones is 0.033 nats (of real examples: 0.0004).",
        True,
    ),
    (
        {"class_kl": measured(0.0328, 0.02, floor=0.0004)},
        "Classes are about equally frequent among samples: the KL divergence of their shares "
        "from equal ones is 0.033 nats (of real examples: 0.0004).",
        False,
    ),
    (
        {"coverage": measured(0.45, floor=0.97, protocol="with one of 2000 samples in")},
        "Of 100 training examples, 55.0 % have none of 2,000 samples near them (of real "
        "examples: 3.0 %).",
        True,
    ),
    # 1 point below the floor; the error is sqrt(0.96 0.04 / 100), 2 points
    (
        {"coverage": measured(0.96, floor=0.97)},
        "Of 100 training examples, 4.0 % have no sample near them (of real examples: 3.0 %).",
        False,
    ),
    (
        {"class_agreement": measured(0.98, n=750, confused=[[8, 1, 6], [9, 4, 2]])},
        "2.0 % of samples of a class look, to the zoo's classifier, like another class; of "
        "750 most often 8 taken for 1 (6), 9 taken for 4 (2).",
        True,
    ),
    (
        {"ratio_error": measured(0.02, n=500)},
        "2.0 % of 500 examples of the two data sets are taken for one of the other set (by the "
        "sign of log r).",
        True,
    ),
    (
        {"nll": measured(1260.6), "nll_independent_pixels": measured(918.4)},
        "Its likelihood is worse than that of independent pixels (nll 1,260.6 against 918.4 nats).",
        True,
    ),
    (
        {"nll": measured(79.8), "nll_independent_pixels": measured(107.4)},
        "Its likelihood is better than that of independent pixels (nll 79.8 against 107.4 nats).",
        False,
    ),
    (
        {"active_units": measured(4.0, protocol="of 4 dimensions those")},
        "Dimensions of the code that carry nothing: 0 of 4.",
        False,
    ),
    (
        {"copied_share": measured(0.25, n=40, floor=0.001)},
        "25.0 % of 40 samples are nearer to a training example than all but a thousandth of "
        "new examples are (of real examples: 0.1 %).",
        True,
    ),
    (
        {"copied_share": measured(0.0, n=40, floor=0.001)},
        "0 % of 40 samples are nearer to a training example than all but a thousandth of "
        "new examples are (of real examples: 0.1 %).",
        False,
    ),
    (
        {"train_distance_ratio": measured(1.094)},
        "Samples lie 1.09 times as far from the nearest training example as new examples do; "
        "copies would lie at 0.",
        False,
    ),
    (
        {"train_distance_ratio": measured(0.9)},
        "Samples lie 0.90 times as far from the nearest training example as new examples do; "
        "copies would lie at 0.",
        True,
    ),
    # the error of the difference is sqrt(1 + 1) = 1.41
    (
        {"nll": measured(85.0, 1.0), "nll_of_train_data": measured(81.5, 1.0)},
        "Training examples score 3.5 nats better than test examples.",
        True,
    ),
    (
        {"nll": measured(84.0, 1.0), "nll_of_train_data": measured(81.5, 1.0)},
        "Training examples score 2.5 nats better than test examples.",
        False,
    ),
]


@pytest.mark.parametrize("metrics, sentence, fails", FINDINGS)
def test_what_the_evaluation_knows_is_said(metrics, sentence, fails):
    said = failures.known(metrics, frozenset({"sample", "encode", "reconstruct"}), True)
    assert failures.Finding(sentence, fails) in said
    silent = [finding for finding in said if finding.text.startswith("Not measured")]
    assert len(said) - len(silent) == 1 and not any(finding.fails for finding in silent)


def test_what_is_told_of_are_metrics():
    assert set(failures.METRICS) <= set(names.described())


def test_what_no_verb_can_show_is_not_asked():
    said = failures.known({}, frozenset({"sample"}), False)
    assert not [text for text, _ in said if "class" in text or "code" in text]


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (0.09, "A baseline on the same labels is better (knn_error 8.0 %)."),
        (0.08, "No baseline on the same labels is better (knn_error 8.0 %)."),
    ],
)
def test_a_classifier_is_told_beside_the_best_baseline(own, words):
    rivals = {"knn_error": measured(0.08), "rbf_svm_error": measured(0.2)}
    found = {"classification_error": measured(own), **rivals}
    _, said = failures.known(found, frozenset({"classify"}), True)
    assert said == (words, own > 0.08)
