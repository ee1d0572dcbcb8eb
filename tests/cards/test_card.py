"""The model card: what it says of a model, and what hubs read of it."""

import json

import pytest

from tests.entries import a_run, an_entry
from zoo import cards
from zoo.cards import failures, metadata
from zoo.metrics import names

FACTS = {
    "capabilities": ["sample", "encode"],
    "step": 2400,
    "hyper_parameters": {"latent_dim": 2},
    "signatures": {
        "sample": {
            "inputs": {"seed": {"dtype": "int64", "shape": [None]}},
            "outputs": {"x": {"dtype": "float32", "shape": [None, 8, None, 1]}},
        }
    },
}


class Model:
    """A model.

    Reference:
        Somebody: A paper, arXiv 1234.56789.
    """

    method, image_shape, density = "vae", (8, 8, 1), "exact"
    conditional, num_classes, num_attributes = False, None, None


def measured(value, error=None, protocol="by hand", n=100, **further):
    found = {"value": value, "n": n, "split": "test", "protocol": protocol, **further}
    return found if error is None else {**found, "standard_error": error}


METRICS = {
    "active_units": measured(3.0, protocol="of 4 dimensions those"),
    "nll": measured(2.0, 0.25),
    "fid": measured(25.8, floor=0.5, n=10_000) | {"split": "samples"},
}


def published():
    """Of seed 1, which measured 3 where seed 0 measured 2."""
    evaluation = {"nll": {**measured(3.0), "seed": 0}}
    first = a_run(0, evaluation={"nll": {**measured(2.0), "seed": 0}})
    runs = [first, a_run(1, evaluation=evaluation, seconds=90.0)]
    paper = {"nll": {"value": 1.5, "source": "table 1", "status": "recalled"}}
    return cards.Published(an_entry(runs=runs, paper=paper), 1, "samples.png", 1234, "float16")


def front_of(card):
    """The fields before the first line that are one JSON each."""
    lines = card.split("---\n")[1].splitlines()
    fields = dict(line.split(": ", 1) for line in lines if line[0].isalpha() and line[-1] != ":")
    results = [json.loads(line[4:]) for line in lines if line.startswith("  - ")]
    return {key: json.loads(value) for key, value in fields.items()}, results


def test_the_card_of_a_pretrained_model():
    card = cards.render("vae-digits", Model(), FACTS, "digits", METRICS, published())
    for words in (
        "![Samples](samples.png)",
        'model = zoo.load("vae-digits")\nx = model.sample(16, seed=0)  # [16, 8, 8, 1], pixels in',
        "`--init_from=vae-digits`",
        "| method | `vae`: Somebody: A paper, arXiv 1234.56789. |",
        "[licence: CC BY 4.0](https://archive.ics.uci.edu/dataset/80) |",
        "| takes | float32 [n, 8, 8, 1], pixels in [0, 1] |",
        "| trained for | 2,400 steps, 90 s on a CPU, 2 cores |",
        "| weights | 1,234; as they were measured, matrices and kernels in float16 |",
        "| result | `vae-digits`, seed 1: `python tools/reproduce.py",
        "| metric | value | paper | of |",
        "| nll | 2.00 ± 0.25 | *1.5 (recalled)* | 100 examples, test split |",
        "| active_units | 3 | of 4 dimensions those; split test, n 100 |",
        "| fid | 25.8 (floor 0.5) |  | 10,000 samples |",
        "- Dimensions of the code that carry nothing: 1 of 4.",
        "- Not measured: whether samples repeat training examples (memorisation).",
        "| `sample` | `seed` int64 [n] | `x` float32 [n, 8, ?, 1] |",
        "learned from (CC BY 4.0). To cite: Somebody: A paper, arXiv 1234.56789.",
    ):
        assert words in card, words
    shown, folded = card.split("<details><summary>All metrics</summary>")
    assert "| active_units |" not in shown and "| nll |" in folded


def test_hubs_read_the_values_of_the_ledger():
    card = cards.render("vae-digits", Model(), FACTS, "digits", METRICS, published())
    fields, (result,) = front_of(card)
    assert fields["library_name"] == "keras" and fields["license"] == "apache-2.0"
    assert fields["datasets"] == ["digits"] and fields["metrics"] == ["nll"]
    assert fields["tags"] == ["generative-zoo", "vae", "generative-model", "likelihood"]
    assert '\n- name: "vae-digits"\n' in card
    assert result["dataset"] == {"name": "digits", "type": "digits", "split": "test"}
    (metric,) = result["metrics"]
    assert metric["type"] == "nll" and metric["value"] == 3.0  # of its seed
    assert metric["args"] == {"protocol": "by hand"}


def test_the_card_of_an_export_names_its_folder_and_promises_nothing():
    card = cards.render("mine", Model(), FACTS)
    assert 'zoo.load("exported/mine")' in card and "samples.png" not in card
    assert "It was not measured." in card and "| trained on | not stated |" in card
    assert "model-index" not in card and "init_from" not in card


def test_labels_stand_in_the_lines_that_load():
    model = Model()
    model.conditional, model.num_classes = True, 10
    card = cards.render("mine", model, FACTS)
    assert "model.sample(16, y=[0] * 16, seed=0)" in card
    assert "| labels | `y`, int32 [n] in [0, 10) |" in card
    model.num_classes, model.num_attributes = None, 3
    card = cards.render("mine", model, FACTS)
    assert "y=[[0.0] * 3] * 16" in card and "| labels | `y`, float32 [n, 3] |" in card


def test_vectors_are_no_images():
    model = Model()
    model.image_shape = (2,)
    card = cards.render("mine", model, FACTS, "gaussian_grid")
    assert "# [16, 2], vectors" in card and "pipeline_tag" not in card
    assert "drawn by the zoo; licence: none needed" in card


def test_metadata_without_results_has_no_index():
    text = metadata.front("m", "gan", None, None, True, {})
    assert text.startswith("---\nlicense:") and text.endswith("---")
    assert "null" not in text and "model-index" not in text


@pytest.mark.parametrize(
    "metrics, sentence",
    [
        (
            {"modes_covered": measured(23.0, protocol="of 25 modes those", n=10_000)},
            "Samples reach 23 of the 25 modes of the data, 10,000 being drawn.",
        ),
        (
            {"high_quality_share": measured(0.61)},
            "39.0 % of samples lie beyond 3 standard deviations from any mode.",
        ),
        ({"classification_error": measured(0.042)}, "4.2 % of test examples get a wrong class."),
        (
            {"clustering_error": measured(0.25)},
            "25.0 % of test examples lie in a cluster of mostly another class.",
        ),
        (
            {"label_agreement": measured(0.9)},
            "10.0 % of reconstructions of test images look, to the zoo's classifier, like another "
            "class than the image's.",
        ),
        (
            {"classes_covered": measured(9.0, protocol="of 10 classes those", n=2_000)},
            "Samples are of 9 of the 10 classes to the zoo's classifier, 2,000 being drawn.",
        ),
        (
            {"class_kl": measured(0.0328, floor=0.0004)},
            "Classes are not equally frequent among samples: the KL divergence of their shares "
            "from equal ones is 0.033 nats (of real examples in the samples' place: 0.0004).",
        ),
        (
            {"coverage": measured(0.45, floor=0.97)},
            "55.0 % of training examples have no sample near them (of real examples in the "
            "samples' place: 3.0 %).",
        ),
        (
            {"class_agreement": measured(0.98, n=750, confused=[[8, 1, 6], [9, 4, 2]])},
            "2.0 % of samples of a class look, to the zoo's classifier, like another class; of "
            "750 most often 8 for 1 (6), 9 for 4 (2).",
        ),
        (
            {"copied_share": measured(0.25, n=40, floor=0.001)},
            "25.0 % of 40 samples are as near to a training example as a copy would be (of real "
            "examples in the samples' place: 0.1 %).",
        ),
        (
            {"train_distance_ratio": measured(1.094)},
            "Samples lie 1.09 times as far from the nearest training example as new examples do; "
            "copies would lie at 0.",
        ),
        (
            {"nll": measured(85.0), "nll_of_train_data": measured(81.5)},
            "Training examples score 3.5 nats better than test examples.",
        ),
    ],
)
def test_what_the_evaluation_knows_is_said(metrics, sentence):
    said = failures.known(metrics, frozenset({"sample", "encode", "reconstruct"}), True)
    assert sentence in said
    silent = [line for line in said if line.startswith("Not measured")]
    assert len(silent) == 3 and len(said) == 4


def test_what_is_told_of_are_metrics():
    assert set(failures.METRICS) <= set(names.described())


def test_what_no_verb_can_show_is_not_asked():
    said = failures.known({}, frozenset({"sample"}), False)
    assert not [line for line in said if "class" in line or "code" in line]
