"""The model card: what it says of a model, and what hubs read of it."""

import ast
import dataclasses
import json

import pytest

from tests.entries import a_run, an_entry
from zoo import cards
from zoo.cards import metadata
from zoo.cards.card import _UNKNOWN as UNKNOWN

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
    untrained = frozenset({"judge", "critic"})


def measured(value, error=None, protocol="by hand", n=100, **further):
    found = {"value": value, "n": n, "split": "test", "protocol": protocol, **further}
    return found if error is None else {**found, "standard_error": error}


GENERATIVE = ["generative-model", "likelihood"]  # tags
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
        "\npython tools/train.py --flagfile=",
        " --init_from=vae-digits --run_dir=runs/further\n",
        "what the verbs need alone: `critic` and `judge` begin with new weights",
        "| method | `vae`: Somebody: A paper, arXiv 1234.56789. |",
        "[licence: CC BY 4.0](https://archive.ics.uci.edu/dataset/80) |",
        "| takes | float32 [n, 8, 8, 1], pixels in [0, 1] |",
        "| trained for | 2,400 steps, 90 s on a CPU, 2 cores |",
        "| weights | 1,234, matrices and kernels in float16 |",
        "\nMeasured with the weights of this archive (matrices in float16); what stands in "
        "results/vae.md, the mean of 2 runs, of which this is one, was measured with full weights.",
        "| result | `vae-digits`, seed 1: `python tools/reproduce.py",
        "| metric | value | published | of | what it says |",
        "\nWhere the published figures stand: nll: table 1.\n",
        "| nll | 2.00 ± 0.25 | *1.5 (recalled)* | 100 examples, test split | -log p(x), a mass",
        "| active_units | 3 | of 4 dimensions those; split test, n 100 |",
        "| fid | 25.8 (real data 0.5) |  | 10,000 samples | Frechet distance",
        "- Dimensions of the code that carry nothing: 1 of 4.",
        "- Not measured: whether samples repeat training examples (memorisation).",
        "| `sample` | `seed` int64 [n] | `x` float32 [n, 8, ?, 1] |",
        "learned from (CC BY 4.0). To cite: Somebody: A paper, arXiv 1234.56789.",
    ):
        assert words in card, words
    known, checked = card.split("## Known failures")[1].split("## What was checked")
    assert "- Dimensions" in known and "- Not measured" not in known and "- Not" in checked
    shown, folded = card.split("<details><summary>All metrics</summary>")
    assert "| active_units |" not in shown and "| nll |" in folded


@pytest.mark.parametrize(
    ("reference", "cited"),
    [
        (
            "A, B: C, arXiv 1234.56789, equation 2. D's output is linear.",
            "A, B: C, arXiv 1234.56789",
        ),
        ("A: B, arXiv 1234.5678; C: D, arXiv 9876.54321.", "A: B, arXiv 1234.5678"),
        ("A: B, NIPS 2015, equation 4.", "A: B, NIPS 2015"),
        ("A: B, 1999.", "A: B, 1999"),
    ],
)
def test_a_citation_is_the_first_paper_alone(reference, cited):
    class Other(Model):
        __doc__ = f"Other.\n\nReference:\n    {reference}\n"

    card = cards.render("vae-digits", Other(), FACTS, "digits", METRICS, published())
    assert f"To cite: {cited}.\n" in card
    assert f"| method | `vae`: {reference} |" in card


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


@pytest.mark.parametrize(
    ("capabilities", "shape", "task", "tags"),
    [
        (["sample", "classify"], (8, 8, 1), "unconditional-image-generation", GENERATIVE),
        (["classify", "encode"], (8, 8, 1), "image-classification", ["classifier"]),
        (["log_ratio"], (8, 8, 1), None, ["density-ratio"]),
        (["sample"], (2,), None, GENERATIVE),
        (["classify"], (2,), None, ["classifier"]),
    ],
)
def test_hubs_read_what_a_model_is_for(capabilities, shape, task, tags):
    model = Model()
    model.image_shape = shape
    found = {**METRICS, "classification_error": measured(0.1)}
    card = cards.render("m", model, {**FACTS, "capabilities": capabilities}, "digits", found)
    fields, results = front_of(card)
    assert fields.get("pipeline_tag") == task
    assert fields["tags"] == ["generative-zoo", "vae", *tags]
    tasks = {found["metrics"][0]["type"]: found["task"]["type"] for found in results}
    assert tasks["nll"] == (task or "other")
    images = len(shape) == 3
    assert tasks["classification_error"] == ("image-classification" if images else "other")


def test_a_ratio_names_both_data_sets():
    entry = dataclasses.replace(published().entry, flags={"reference_dataset": "fashion_mnist"})
    ratio = dataclasses.replace(published(), entry=entry)
    facts = {**FACTS, "capabilities": ["log_ratio"]}
    card = cards.render("vae-digits", Model(), facts, "digits", {"nll": measured(2.0)}, ratio)
    fields, (result,) = front_of(card)
    assert (
        fields["datasets"] == ["digits", "fashion_mnist"] and result["dataset"]["name"] == "digits"
    )
    assert (
        "| beside, as q | fashion_mnist, Zalando" in card
        and "learned from (CC BY 4.0; MIT)" in card
    )


def test_the_card_of_an_export_names_its_folder_and_promises_nothing():
    card = cards.render("mine", Model(), FACTS)
    assert 'zoo.load("exported/mine")' in card and "samples.png" not in card
    assert "It was not measured." in card and "| trained on | not stated |" in card
    assert "model-index" not in card and "init_from" not in card


def code_of(card):
    """The Python in the card, between its fences."""
    return card.split("```python\n")[1].split("\n```\n")[0]


@pytest.mark.parametrize(
    "name", ["a_*b*_[c]", "~<d>|#!&`e`", "\"quoted\" 'twice'", "back\\slash{0}", "```", "é\n# f"]
)
def test_code_holds_names_as_they_are(name):
    loaded = ast.parse(code_of(cards.render(name, Model(), FACTS))).body[1].value
    assert loaded.args[0].value == f"exported/{name}"
    facts = FACTS | {"capabilities": ["classify"]}
    code = code_of(cards.render("vae-digits", Model(), facts, name, METRICS, published()))
    assert name in [n.value for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Constant)]


def test_a_card_of_which_nothing_was_checked_says_so():
    model = Model()
    model.image_shape = (2,)
    card = cards.render("mine", model, {**FACTS, "capabilities": ["classify"]})
    assert f"\n{UNKNOWN}\n" in card and "\nNothing was checked.\n" in card


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


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (measured(float("nan"), 0.1), "nan"),
        (measured(float("inf")), "inf"),
        (measured(0.5, n=0), "0.5"),
        (measured(0.5, -0.1), "0.5"),
        (measured(0.5, floor=float("nan")), "0.5"),
    ],
)
def test_figures_out_of_bounds_stand_there_as_text_and_count_for_nothing(found, shown):
    card = cards.render("mine", Model(), FACTS, "digits", {"classification_error": found})
    assert f"| classification_error | {shown} | {found['n']} examples, test split |" in card
    assert "model-index" not in card and "±" not in card and "get a wrong class" not in card


def test_metadata_without_results_has_no_index():
    text = metadata.front("m", "gan", [], "sample", None, True, {})
    assert text.startswith("---\nlicense:") and text.endswith("---")
    assert "null" not in text and "model-index" not in text


def test_a_classifier_is_shown_with_examples_to_try_it_on():
    facts = FACTS | {"capabilities": ["classify"]}
    card = cards.render("vae-digits", Model(), facts, "digits", METRICS, published())
    assert (
        'x = zoo.data.load("digits").arrays("test", 16)["x"]  # [16, 8, 8, 1], pixels in [0, 1]\n'
        "logits = model.classify(x)\n"
    ) in card
    assert "logits = model.classify(x)  # x: [16, 8" in cards.render("mine", Model(), facts)


def test_a_model_that_learned_from_labels_says_so():
    few = published()
    entry = dataclasses.replace(few.entry, flags=few.entry.flags | {"labels": 50})
    few = dataclasses.replace(few, entry=entry)
    card = cards.render("vae-digits", Model(), FACTS, "digits", METRICS, few)
    assert "| labels | none needed to use it; it learned from 50 |" in card
    assert "| labels | none needed |" in cards.render("mine", Model(), FACTS)
