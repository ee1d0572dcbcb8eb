"""The table of methods that learn from few labels, from entries made by hand."""

from pages import comparisons, few_labels

from tests.entries import a_run, an_entry
from tests.tools.test_pages import made


def entry(labels=50, dataset="digits", **errors):
    """An entry with these metrics, {name: values, one a seed}."""
    how = {"n": 100, "split": "test", "protocol": "by hand", "seed": 0}
    count = len(next(iter(errors.values())))
    runs = [
        a_run(seed, evaluation={m: {"value": v[seed], **how} for m, v in errors.items()})
        for seed in range(count)
    ]
    flags = {"labels": labels, "steps": 10, "binarise": None}
    return an_entry(runs=runs, dataset=dataset, flags=flags)


def test_methods_stand_beside_the_baselines_of_their_draws():
    entries = {
        ("a", "digits-50_labels"): entry(classification_error=[0.25], supervised_error=[0.5]),
        ("b", "digits-50_labels"): entry(
            classification_error=[0.1, 0.2, 0.3], label_spreading_error=[0.2, 0.4, 0.3]
        ),
        ("b", "mnist-100_labels"): entry(
            100, "mnist", classification_error=[0.2, 0.4], label_spreading_error=[0.2, 0.3]
        ),
        ("b", "mnist"): entry(None, "mnist", classification_error=[0.2]),
    }
    head, _, lines, *legends = few_labels.section(made(entries))
    assert head == "## Few labels" and not legends
    link = lambda stem: f"b, [{stem}](results/b.md#b-{stem})"
    assert lines[2:] == [
        "| digits | 50 | a, [digits-50_labels](results/a.md#a-digits-50_labels) | 0.250 ± 0.043 "
        "|  | 1 |",  # sqrt(0.25 0.75 / 100)
        f"| digits | 50 | {link('digits-50_labels')} | 0.20 ± 0.10 | -0.100 ± 0.058 | 3 |",
        # by hand: -.1, -.2 and 0 deviate by .1, so their mean by .1 / sqrt(3)
        "| digits | 50 | *label spreading* | 0.30 ± 0.10 |  | 3 |",
        "| digits | 50 | *the zoo's network, labels alone* | 0.500 ± 0.050 |  | 1 |",
        f"| mnist | 100 | {link('mnist-100_labels')} | 0.30 ± 0.14 | *+0.050 ± 0.050* | 2 |",
        "| mnist | 100 | *label spreading* | 0.250 ± 0.071 |  | 2 |",
    ]
    assert "## Few labels" in comparisons.render(made(entries)).splitlines()


def test_without_results_there_is_no_table():
    sources = made({("a", "digits"): entry(None, classification_error=[0.2])})
    assert few_labels.section(sources) == []
    assert "Few labels" not in comparisons.render(sources)
