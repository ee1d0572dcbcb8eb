"""Texts from anywhere, in Markdown as plain text."""

import re
from typing import Any


def plain(value: Any) -> str:
    """A text in one line in which Markdown and HTML see no marks."""
    return re.sub(r"[\\`*\[\]<>|#&!~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", one_line(str(value)))


def one_line(text: str) -> str:
    """Every run of spaces and line ends as one space."""
    return " ".join(text.split())
