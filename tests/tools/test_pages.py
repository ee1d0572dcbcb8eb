"""The generated pages, from entries made by hand."""

import dataclasses
import math
import types

import pytest
from pages import methods, protocols, readme, sources

from tests import helpers
from tests.entries import a_run, an_entry
from tests.sources import VAE, a_method, made, measured, page_of
from zoo.cards import figures
from zoo.ledger import Metric

# --- a figure ---------------------------------------------------------------------------------


def test_seeds_have_their_deviation():
    metric = Metric([1.0, 2.0, 6.0], 100, "test", "by hand", [0.1, 0.1, 0.1])
    assert figures.reached("nll", metric) == "3.0 ± 2.6"  # sqrt((4 + 1 + 9) / 2) = 2.6458


def test_seeds_that_agree_say_so():
    metric = Metric([25.0, 25.0], 9, "test", "by hand")
    assert figures.reached("modes_covered", metric) == "25 (2 equal seeds)"
    beside = dataclasses.replace(metric, floors=[0.5, None])
    assert figures.reached("fid", beside) == "25 (2 equal seeds) (real data 0.5)"


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (4_166_250.4, 1_202_693.0, "4,200,000 ± 1,200,000"),
        (1260.619, 1.9665, "1,260.6 ± 2.0"),
        (2.239e-14, 1.1e-16, "2.239e-14 ± 1.1e-16"),
        (50_004_321.0, None, "50,000,000"),
        (9_876.4, None, "9876"),
    ],
)
def test_long_numbers_have_as_many_digits_as_their_error(value, error, shown):
    metric = Metric([value], 9, "test", "by hand", [error] if error else None)
    assert figures.reached("birthday_support", metric) == shown


def test_one_seed_has_its_measured_error_before_the_binomial_one():
    assert figures.reached("nll", Metric([82.018], 9, "test", "by hand", [0.13])) == "82.02 ± 0.13"
    beside = Metric([4.018], 9, "samples", "by hand", [0.13], [0.51234])
    assert figures.reached("fid", beside) == "4.02 ± 0.13 (real data 0.512)"
    metric = Metric([0.25], 300, "test", "by hand", [0.5])
    assert figures.uncertainty("svm_error", metric) == 0.5


@pytest.mark.parametrize(
    "name",
    [
        "classification_error",
        "clustering_error_hungarian",
        "one_nn_accuracy",
        "high_quality_share",
        "label_agreement_level_2",
    ],
)
def test_a_share_of_one_seed_has_the_binomial_error(name):
    metric = Metric([0.25], 300, "test", "by hand")
    assert figures.uncertainty(name, metric) == pytest.approx(math.sqrt(0.25 * 0.75 / 300))
    assert figures.reached(name, metric) == "0.250 ± 0.025"


@pytest.mark.parametrize("name", ["nll", "reconstruction_mse", "reconstruction_ratio", "nmi"])
def test_other_figures_of_one_seed_have_no_error(name):
    assert figures.reached(name, Metric([0.25], 300, "test", "by hand")) == "0.25"


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("recorded", [None, [0.0]])
def test_none_or_all_of_n_have_the_error_of_wilsons_bound(share, recorded):
    metric = Metric([share], 300, "test", "by hand", recorded)
    # p = 1/301 has the standard error sqrt(p (1 - p) / 300) = sqrt(300/301^2/300) = 1/301 = p.
    assert figures.uncertainty("label_agreement", metric) == pytest.approx(1 / 301)
    assert figures.uncertainty("nll", metric) == (recorded and 0.0)


@pytest.mark.parametrize(
    "changes",
    [
        *({"values": [value]} for value in (math.nan, math.inf, -math.inf)),
        *({"n": n} for n in (0, -3)),
        *({"standard_errors": [error]} for error in (-0.1, math.nan, math.inf)),
        *({"floors": [floor]} for floor in (math.nan, math.inf)),
        {"values": []},
    ],
)
def test_figures_out_of_bounds_are_refused_in_one_line(changes):
    metric = dataclasses.replace(Metric([0.25], 9, "test", "by hand"), **changes)
    (field,) = changes
    with helpers.refused(ValueError, match=rf"Invalid `label_agreement\.{field}`: expected"):
        figures.reached("label_agreement", metric)


def test_a_papers_number_tells_whether_it_was_read_in_the_paper():
    figure = {"value": "2.5 +- 0.1", "source": "table 1", "status": "verified"}
    assert figures.published(figure) == "2.5 ± 0.1"
    assert figures.published(figure | {"status": "recalled"}) == "*2.5 ± 0.1 (recalled)*"
    assert figures.published(figure | {"value": 79.03, "status": "secondary"}) == (
        "*79.03 (secondary)*"
    )


# --- what a docstring says --------------------------------------------------------------------


def test_verbs_and_remarks():
    found = sources.verbs("sample, log_prob (a bound of log p(x|y), tight), all of them given y.")
    assert found == {"sample": "", "log_prob": "a bound of log p(x|y), tight"}


@pytest.mark.parametrize(
    ("reference", "paper", "address"),
    [
        (VAE, "Kingma 2013", "https://arxiv.org/abs/1312.6114"),
        ("van den Oord and Vinyals: VQ, arXiv 1711.00937.", "van den Oord 2017", "1711.00937"),
        ("Dumoulin et al., ALI, arXiv 1606.00704.", "Dumoulin 2016", "1606.00704"),
        ("Sohn, Lee, Yan: Structured output, NIPS 2015, equation 4.", "Sohn 2015", None),
    ],
)
def test_first_author_year_and_address(reference, paper, address):
    method = a_method("vae", reference)
    assert method.paper == paper
    assert method.address is None if address is None else method.address.endswith(address)


def test_a_title_ends_before_the_number():
    assert a_method("vae", VAE).title == "Kingma, Welling: Auto-encoding variational Bayes"


# --- README -----------------------------------------------------------------------------------


def test_a_row_a_method_with_its_verbs():
    verbs = dict.fromkeys(("sample", "encode", "decode", "reconstruct"), "")
    several = [
        sources.Method("gan", "", "samples", {"sample": ""}, VAE),
        sources.Method("vae", "", "a bound", verbs | {"log_prob": "a lower bound"}, ""),
        sources.Method("flow", "", "exactness", verbs | {"log_prob": "exact"}, VAE),
        sources.Method("aae", "", "classes", verbs | {"classify": "with `num_classes`"}, VAE),
        sources.Method("ali", "", "codes", verbs, VAE),
    ]
    lines = readme.which_method({method.name: method for method in several}).splitlines()
    assert lines[0] == "| I want | method | paper | verbs |"
    assert lines[2:10] == [
        "| **Samples** |  |  |  |",
        "| samples | [gan](results/gan.md) | Kingma 2013 | `sample` |",
        "| **Codes and reconstructions** |  |  |  |",
        "| classes | [aae](results/aae.md) | Kingma 2013 | basic, `classify`* |",
        "| codes | [ali](results/ali.md) | Kingma 2013 | basic |",
        "| **Likelihood** |  |  |  |",
        "| a bound | [vae](results/vae.md) |  | basic, `log_prob` (bound) |",
        "| exactness | [flow](results/flow.md) | Kingma 2013 | basic, `log_prob` (exact) |",
    ]
    assert lines[11].startswith("*basic*: `sample`, `encode`, `decode`, `reconstruct`. ")
    assert not lines[12:]


@pytest.mark.parametrize(
    ("purpose", "use", "verbs"),
    [
        ("Density ratio", "a ratio", {"log_ratio": ""}),
        ("Samples of a class", "samples of a class", {"sample": "", "classify": ""}),
        ("Few labels", "classes", {"sample": "", "encode": "", "log_prob": "", "classify": ""}),
        ("Few labels", "clusters", {"sample": "", "read": "", "classify": "with `num_classes`"}),
        ("Likelihood", "a bound", {"sample": "", "encode": "", "log_prob": ""}),
        ("Codes and reconstructions", "codes", {"sample": "", "read": ""}),
        ("Samples", "samples", {"sample": "", "decode": ""}),
    ],
)
def test_the_purpose_of_a_method_follows_from_its_verbs(purpose, use, verbs):
    assert sources.Method("m", "", use, verbs, "").purpose == purpose
    assert purpose in sources.PURPOSES


def test_published_numbers_stand_beside_those_that_were_measured():
    figure = {"value": 2.5, "source": "table 1", "status": "verified"}
    paper = {"nll": figure, "ais": figure}
    found = made({("vae", "digits"): an_entry(paper=paper), ("vae", "mnist"): an_entry()})
    assert readme.how_close(found).splitlines()[2:] == [
        "| `vae` | digits | nll | 2.5 |  | 3.0 ± 2.6 | 3 |"
    ]


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("Kingma, Welling, VAE, arXiv 1312.6114, table 1", ""),
        ("table 1", ""),
        ("Srivastava et al., VEEGAN, arXiv 1705.07761, table 1", "VEEGAN"),
        ("VAE, arXiv 1312.6114, quoted by Gulrajani et al., WGAN-GP, arXiv 1704.00028", "WGAN-GP"),
        ("5.95 / 9.60 in the README of BiGAN's code (MLP)", "BiGAN's code"),
    ],
)
def test_who_printed_a_number_is_named_if_it_was_another_paper(source, printed):
    assert a_method("vae", VAE).printed(source) == printed


def test_a_line_counts_the_models_in_the_package():
    of = lambda name, method, url=None: types.SimpleNamespace(name=name, method=method, url=url)
    models = [of("a-digits", "a"), of("a-mnist", "a"), of("b-mnist", "b"), of("c", "c", "there")]
    assert readme.shipped(models).startswith("Nothing to train: 3 trained models of 2 methods ")
    assert readme.shipped(models[-1:]) == ""


def test_splice_replaces_only_what_lies_between_the_marks():
    text = "# Zoo\n<!-- methods:begin -->\nold\n<!-- methods:end -->\nrest\n"
    expected = "# Zoo\n<!-- methods:begin -->\n| a |\n<!-- methods:end -->\nrest\n"
    assert readme.splice(text, "methods", "| a |") == expected
    assert readme.splice(expected, "methods", "| a |") == expected


def test_splice_refuses_a_readme_without_marks():
    with pytest.raises(ValueError, match="papers:begin"):
        readme.splice("# Zoo\n<!-- methods:begin -->\n<!-- methods:end -->\n", "papers", "| a |")


# --- a method's page --------------------------------------------------------------------------


def test_a_page_shows_every_figure_its_protocol_and_where_it_comes_from():
    figure = {"value": 2.5, "source": "table 1", "status": "verified"}
    page = page_of({("vae", "digits"): an_entry(paper={"nll": figure, "ais": figure})})
    assert "Paper: [Kingma, Welling: Auto-encoding variational Bayes](https://arxiv.org" in page
    assert "| [nll](metrics.md#nll) | 2.5 | 3.0 ± 2.6 | 100 | test |  |" in page
    assert "| ais | 2.5 | not measured |" in page
    assert "![vae-digits](vae-digits.png)" in page
    assert "3 seeds (0, 1, 2), commit 0123456.\nTraining: 60 s a seed on a CPU, 2 cores" in page
    assert "keras 3.15.1" in page and "The paper's numbers: nll, ais: table 1." in page
    assert "[configs/vae/digits.cfg](../configs/vae/digits.cfg): `python tools/repro" in page
    assert "## Not run" not in page


@pytest.mark.parametrize(
    "reference, shown",
    [
        (None, ""),
        ("mnist", "The ratio r = p / q of p = digits and q = mnist.\n"),
        ("digits", "q = digits, the same: log r is 0"),
    ],
)
def test_a_page_says_which_data_a_ratio_is_of(reference, shown):
    flags = {"steps": 10, "reference_dataset": reference}
    page = page_of({("vae", "digits"): an_entry(flags=flags)})
    assert shown in page and ("The ratio r" in page) == bool(reference)


def test_a_page_names_what_was_not_run():
    page = page_of({("vae", "digits"): an_entry()}, vae="mnist")
    assert page.endswith("## Not run\n\n[mnist](../configs/vae/mnist.cfg).\n")


def test_a_later_measurement_names_its_own_commit():
    assert methods.commits(an_entry(runs=[a_run(0, measured_at="fedcba98")])) == (
        "commit 0123456, measured at fedcba9"
    )
    assert methods.commits(an_entry(runs=[a_run(0, measured_at=None)])) == "commit 0123456"


def test_uncommitted_changes_are_told():
    dirty = an_entry(runs=[a_run(0, dirty=True)])
    assert methods.commits(dirty) == "commit 0123456 with uncommitted changes"


def test_a_page_shows_what_the_seeds_drew():
    runs = [a_run(0, draws={"beta": 0.1}), a_run(1, draws={"beta": 0.7})]
    page = page_of({("vae", "digits"): an_entry(runs=runs)})
    assert "Drawn: seed 0: beta=0.1; seed 1: beta=0.7." in page


# --- protocols --------------------------------------------------------------------------------


def known_of(*texts):
    """The protocols of a metric, and the reference of each."""
    entries = [measured({"nll": 1.0}, protocol=text) for text in texts]
    known = protocols.Protocols(entries)
    return known.page(), [known.reference("nll", entry.metrics["nll"]) for entry in entries]


def test_a_protocol_is_said_once_and_a_table_has_what_differs():
    page, references = known_of(
        "mean of -log p(x), p(x) a density [0, 1], exact; of 28 pixels; samples: of data, y too",
        "mean of -log p(x), p(x) a mass, a bound (from 10; 20 draws); of 32 pixels",
        "mean of -log p(x), exact; of 32 pixels; samples: draws",
    )
    section = page[page.index("## nll") :].splitlines()
    assert section[4:] == [
        "Mean of -log p(x); of # pixels.",
        "",
        "|  | p(x) | samples | further | `#` |",
        "| --- | --- | --- | --- | --- |",
        "| a | a density [0, 1] | of data, y too | exact | 28 |",
        "| b | a mass |  | a bound (from 10; 20 draws) | 32 |",
        "| c |  | draws | exact | 32 |",
    ]
    assert references == ["a", "b", "c"]


def test_numbers_that_alone_differ_stand_where_they_are_used():
    page, references = known_of("of 28 pixels by weights 0123456789ab", "of 9 pixels by weights 5")
    assert "Of # pixels by weights # (`#`: 9, 28; 5, 0123456789ab).\n" in page
    assert "| a |" not in page[page.index("## nll") :]
    assert references == ["28, 0123456789ab", "9, 5"]


def test_many_protocols_have_a_row_for_what_differs_beside_numbers():
    texts = [f"of {n} pixels; samples: {kind}" for kind in ("draws", "means") for n in range(9)]
    page, references = known_of(*texts)
    assert "Of # pixels (`#`: 0 to 8)." in page
    assert "| a | draws |\n| b | means |\n" in page
    assert references[:2] == ["a 0", "a 1"] and references[-1] == "b 8"


def test_the_name_of_a_metric_keeps_its_letters():
    page = protocols.Protocols([measured({"one_nn_accuracy_hidden": 1.0})]).page()
    assert "\n*one_nn_accuracy of the encoder" in page and "*One_nn" not in page


def test_a_protocol_that_never_differs_needs_no_reference():
    page, references = known_of(*["exact, of 28 pixels"] * 2)
    assert "Exact, of 28 pixels.\n" in page and references == ["", ""]


def test_levels_share_the_protocol_of_the_first():
    first, second = "by hand of 9", "by hand of 9; reconstructed from level 2"
    entries = [
        measured({"feature_mse": 1.0}, protocol=first),
        measured({"feature_mse_level_2": 2.0}, protocol=second),
    ]
    known = protocols.Protocols(entries)
    assert "## feature_mse_level_2" not in known.page()
    assert known.link("feature_mse_level_2") == "[feature_mse_level_2](metrics.md#feature_mse)"
    assert known.reference("feature_mse_level_2", entries[1].metrics["feature_mse_level_2"]) == ""
