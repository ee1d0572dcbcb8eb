"""README's two tables: which method for what, and how close to the papers."""

from pages import markdown
from pages.sources import Method, Sources
from zoo.cards import figures
from zoo.errors import refusal

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
    """A row a method: what it is for, its page, its paper, its verbs."""
    lines = markdown.header("I want", "method", "paper", "verbs")
    for method in methods.values():
        name = markdown.link(method.name, f"results/{method.name}.md")
        lines.append(markdown.row(method.use, name, method.paper, _verbs(method)))
    words = (f"*{word}*: {', '.join(map(markdown.code, _WORDS[word]))}. " for word in _WORDS)
    legend = f"{''.join(words)}Verbs with a star need to be told the classes, see below."
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
    """A row for each number of a paper that was measured here too."""
    lines = markdown.header("method", "data", "metric", "paper", "here", "seeds")
    for (name, stem), entry in sources.entries.items():
        for metric, figure in entry.paper.items():
            if metric in entry.metrics:
                here = figures.reached(metric, entry.metrics[metric])
                config = sources.configs.get((name, stem))
                here += figures.OPTIMISTIC if config and config.optimistic else ""
                paper = figures.published(figure)
                cells = markdown.code(name), stem, metric, paper, here, len(entry.seeds)
                lines.append(markdown.row(*cells))
    optimistic = any(figures.OPTIMISTIC in line for line in lines)
    return "\n".join([*lines, *(["", figures.OPTIMISTIC_LEGEND] if optimistic else [])])
