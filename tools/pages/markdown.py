"""Markdown: tables, links, and the few words that agree with a number."""


def row(*cells: object) -> str:
    """One line of a table; what would end a cell is escaped."""
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def header(*cells: object) -> list[str]:
    """The first two lines of a table."""
    return [row(*cells), row(*("---" for _ in cells))]


def code(text: str) -> str:
    """Text as code."""
    return f"`{text}`"


def link(text: str, target: str) -> str:
    """A link to a page or an address."""
    return f"[{text}]({target})"


def plural(count: int, noun: str) -> str:
    """As in 1 seed, 3 seeds."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def page(*parts: str | list[str]) -> str:
    """The text of a file: its parts, each a line or a list of lines, with a blank line between."""
    blocks = [part if isinstance(part, str) else "\n".join(part) for part in parts]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _cell(cell: object) -> str:
    return " ".join(str(cell).split()).replace("|", "\\|")
