"""One grammar for every refusal: which argument, what was expected, what was received.

Messages name what files and users say, so every one is `printable`: one line, and no character that
would move a terminal's cursor or colour what follows.
"""

import difflib
from collections.abc import Iterable
from typing import Any


def refusal(argument: str, expected: str, received: Any, hint: str = "") -> str:
    """One-line message: "Invalid `n`: expected an int >= 1. Received: n=0."

    Args:
        argument: name as the caller wrote it.
        expected: what would have been accepted, without a final full stop.
        received: the value that came; long values are shortened.
        hint: a sentence on what to do, appended.
    """
    shown = " ".join(repr(received).split())
    if len(shown) > 120:
        shown = shown[:117] + "..."
    message = f"Invalid `{argument}`: expected {expected}. Received: {argument}={shown}."
    return printable(f"{message} {hint}".rstrip())


def printable(text: Any) -> str:
    """`text` on one line, its control characters (a terminal's ESC among them) as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(str(text).split()))


def unknown(argument: str, received: Any, valid: Iterable[Any]) -> ValueError:
    """`ValueError` for a name outside a closed list, with the nearest valid name."""
    valid = sorted(map(str, valid))
    expected = f"one of {', '.join(valid)}" if valid else "no name, as there is none to choose"
    return ValueError(refusal(argument, expected, received, nearest(received, valid)))


def nearest(received: Any, valid: Iterable[Any]) -> str:
    """A question, "Did you mean 'name'?", with the valid name that looks most like it, or ""."""
    near = difflib.get_close_matches(str(received), list(map(str, valid)), n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else ""
