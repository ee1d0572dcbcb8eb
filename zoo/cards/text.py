"""Texts from anywhere: in Markdown as plain text, in code as literals."""

import json
import re
from collections.abc import Iterable
from typing import Any


def plain(value: Any) -> str:
    """A text in one line in which Markdown and HTML see no marks."""
    return re.sub(r"[\\`*\[\]<>|#&!~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", one_line(str(value)))


def literal(text: str) -> str:
    """A text as Python writes it in code, between double quotes and on one line."""
    return json.dumps(text, ensure_ascii=False)


def one_line(text: str) -> str:
    """Every run of spaces and line ends as one space."""
    return " ".join(text.split())


def shape(axes: Iterable[int | None]) -> str:
    """As in [n, 28, 28, 1]: the first axis is the batch; another unknown one is `?`."""
    shown = [str(axis) if axis is not None else "?" if i else "n" for i, axis in enumerate(axes)]
    return f"[{', '.join(shown)}]"
