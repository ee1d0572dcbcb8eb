"""README's two tables: which method for what, and how close to the papers."""

import collections

from pages import figures, markdown
from pages.sources import Method, Sources
from zoo.errors import refusal

YES, IF_TOLD = "✓", "(✓)"


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
    """A row a method: what it is for, its paper, its verbs.

    The papers' addresses stand below the table, numbered, so that its lines stay short.
    """
    counts = collections.Counter(verb for method in methods.values() for verb in method.verbs)
    verbs = [verb for verb, _ in counts.most_common()]  # ties in the order of the docstrings
    lines = markdown.header("I want", "method", "paper", *map(markdown.code, verbs))
    addresses = dict.fromkeys(m.address for m in methods.values() if m.address)
    numbers = {address: number for number, address in enumerate(addresses, 1)}
    for method in methods.values():
        paper = method.paper
        if method.address:
            paper = f"[{paper}][{numbers[method.address]}]"
        ticks = [_tick(method, verb) for verb in verbs]
        first = markdown.row(method.use, markdown.code(method.name), paper)
        lines.append(f"{first}{'|'.join(ticks)}|")
    return "\n".join([*lines, "", *(f"[{n}]: {address}" for address, n in numbers.items())])


def _tick(method: Method, verb: str) -> str:
    """How a method has a verb: always, if told so, exactly, or by a bound."""
    remark = method.verbs.get(verb)
    if remark is None:
        return ""
    if verb == "log_prob":
        return "exact" if "exact" in remark else "bound"
    return IF_TOLD if remark.startswith("with ") else YES


def how_close(sources: Sources) -> str:
    """A row for each number of a paper that was measured here too."""
    lines = markdown.header("method", "data", "metric", "paper", "here", "seeds")
    for (name, stem), entry in sources.entries.items():
        for metric, figure in entry.paper.items():
            if metric in entry.metrics:
                here = figures.reached(metric, entry.metrics[metric])
                page = markdown.link(name, f"results/{name}.md")
                paper = figures.published(figure)
                lines.append(markdown.row(page, stem, metric, paper, here, len(entry.seeds)))
    return "\n".join(lines)
