"""The table `few labels` of RESULTS.md: classifiers of few labels, beside baselines."""

import statistics

from pages import markdown, marks
from pages.sources import Sources
from zoo.cards import figures
from zoo.ledger import Entry, Metric

# {metric: how its row is called}, of the classifiers that learn from the same labels.
BASELINES = {
    "knn_error": "nearest neighbour",
    "rbf_svm_error": "RBF-SVM",
    "label_spreading_error": "label spreading",
    "self_training_error": "self-training",
    "supervised_error": "the zoo's network, labels alone",
}
_ERROR, _BAR = "classification_error", "label_spreading_error"
_NOTE = (
    "Test errors at the end of a fixed schedule. Each seed draws other labels, equally many of a "
    "class. Methods see the whole of train without labels; label spreading and self-training see "
    "its first 10,000 at most. Rows in italics are baselines that learn from the same labels: four "
    "of scikit-learn's with fixed settings ([metrics](results/metrics.md) has them), of which none "
    "was tuned on these data, and the zoo's own network. *From label spreading* is the difference "
    "on the same draws of labels, below 0 where a method is better, ± its standard error over "
    "draws; blank: not measured. Which rows of train each draw labels is in "
    "[docs/label_draws.json](docs/label_draws.json). What was tuned, a method's page says "
    "(*Settings chosen*)."
)


def section(sources: Sources) -> list:
    """The parts of RESULTS.md on few labels; none without results."""
    rows: dict[tuple[str, int], list[tuple[str, str, Entry]]] = {}
    for name in sources.methods:
        for stem, entry in sources.ran(name).items():
            labels = entry.flags.get("labels")
            if labels is not None and _ERROR in entry.metrics:
                data = entry.dataset + (" (binarised)" if entry.flags.get("binarise") else "")
                rows.setdefault((data, labels), []).append((name, stem, entry))
    if not rows:
        return []
    lines = markdown.header(
        "data", "labels", "method", "error ↓", "from label spreading ↓", "seeds"
    )
    for (data, labels), found in sorted(rows.items()):
        for name, stem, entry in found:
            link = markdown.link(stem, f"results/{name}.md#{name}-{stem}")
            mark = marks.of(sources.configs.get((name, stem)))
            shown = figures.reached(_ERROR, entry.metrics[_ERROR])
            cells = f"{name}, {link}{mark}", shown, gained(entry), len(entry.seeds)
            lines.append(markdown.row(data, labels, *cells))
        for metric, title in BASELINES.items():
            known = [entry.metrics[metric] for *_, entry in found if metric in entry.metrics]
            if known:
                widest = max(known, key=_draws)
                shown = figures.reached(metric, widest)
                cells = f"*{title}*", shown, "", _draws(widest)
                lines.append(markdown.row(data, labels, *cells))
    return ["## Few labels", _NOTE, lines, *marks.legends(lines)]


def gained(entry: Entry) -> str:
    """The mean error less that of label spreading on the same draws; "" if it is unknown.

    With its standard error where there are several draws; in italics where no method is gained.
    """
    if _BAR not in entry.metrics:
        return ""
    own, bar = (entry.metrics[name].values for name in (_ERROR, _BAR))
    pairs = [a - b for a, b in zip(own, bar, strict=True)]
    shown = f"{statistics.fmean(pairs):+.3f}"
    if len(pairs) > 1:
        shown += f" ± {statistics.stdev(pairs) / len(pairs) ** 0.5:.3f}"
    return shown if statistics.fmean(pairs) < 0 else f"*{shown}*"


def _draws(metric: Metric) -> int:
    return len(metric.values)
