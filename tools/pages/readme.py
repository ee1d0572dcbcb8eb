"""README's tables, which method for what and how close to the papers, and a line on models."""

from pages import markdown, marks
from pages.sources import PURPOSES, Method, Sources
from zoo.cards import figures
from zoo.errors import refusal
from zoo.pretrained import Entry

# What many methods have, each one word in a cell: those with inference, and games without.
_WORDS = {"basic": ("sample", "encode", "decode", "reconstruct"), "samples": ("sample", "decode")}


def splice(text: str, name: str, part: str) -> str:
    """README's text with `part` between the two marks of that name.

    Raises:
        ValueError: a mark is missing or stands there twice.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(refusal("README.md", f"one {begin} and one {end}", text[:40]))
    head, rest = text.split(begin)
    return f"{head}{begin}\n{part}\n{end}{rest.split(end)[1]}"


def which_method(methods: dict[str, Method]) -> str:
    """A row a method, by purpose: what sets it apart, its page, its paper, its verbs."""
    lines = markdown.header("I want", "method", "paper", "verbs")
    for purpose in PURPOSES:
        members = [method for method in methods.values() if method.purpose == purpose]
        if members:
            lines.append(markdown.row(f"**{purpose}**", "", "", ""))
        for method in members:
            name = markdown.link(method.name, f"results/{method.name}.md")
            lines.append(markdown.row(method.use, name, method.paper, _verbs(method)))
    words = (f"*{word}*: {', '.join(map(markdown.code, _WORDS[word]))}. " for word in _WORDS)
    legend = f"{''.join(words)}Verbs with a star need `--num_classes`, see the next table."
    return "\n".join([*lines, "", legend])


def _verbs(method: Method) -> str:
    """The cell of a method's verbs; those that go together by one word where it has them all."""
    has = method.verbs.keys()
    word = next((word for word, verbs in _WORDS.items() if has >= set(verbs)), "")
    cells = [word] if word else []
    for verb, remark in method.verbs.items():
        if verb in _WORDS.get(word, ()):
            continue
        star = "*" if remark.startswith("with ") else ""
        kind = ""
        if verb == "log_prob":
            kind = " (exact)" if "exact" in remark else " (bound)"
        cells.append(markdown.code(verb) + star + kind)
    return ", ".join(cells)


def how_close(sources: Sources) -> str:
    """A row for each published number of a config that was measured here too."""
    lines = markdown.header("method", "config", "metric", "paper", "source", "here", "seeds")
    for (name, stem), entry in sources.entries.items():
        for metric, figure in entry.paper.items():
            if metric in entry.metrics:
                here = figures.reached(metric, entry.metrics[metric])
                here += marks.of(sources.configs.get((name, stem)))
                paper = figures.published(figure, quoted=False)
                source = sources.methods[name].printed(figure["source"])
                cells = markdown.code(name), stem, metric, paper, source, here, len(entry.seeds)
                lines.append(markdown.row(*cells))
    return "\n".join([*lines, *(f"\n{legend}" for legend in marks.legends(lines))])


def shipped(models: list[Entry]) -> str:
    """A line on the models that come with the package; "" if none does.

    Args:
        models: the newest version of each model of the registry.
    """
    packaged = [model for model in models if model.url is None]
    if not packaged:
        return ""
    count = len({model.method for model in packaged})
    return (
        f"Nothing to train: {len(packaged)} trained models of {count} methods come with the "
        "package ([gallery](docs/gallery.md))."
    )
