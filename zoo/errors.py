"""One grammar for every refusal: which argument, what was expected, what was received."""

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
    return f"{message} {hint}".rstrip()


def unknown(argument: str, received: Any, valid: Iterable[Any]) -> ValueError:
    """`ValueError` for a name outside a closed list, with the nearest valid name."""
    valid = sorted(map(str, valid))
    expected = "one of " + ", ".join(valid)
    return ValueError(refusal(argument, expected, received, nearest(received, valid)))


def nearest(received: Any, valid: Iterable[Any]) -> str:
    """A question, "Did you mean 'name'?", with the valid name that looks most like it, or ""."""
    near = difflib.get_close_matches(str(received), list(map(str, valid)), n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else ""
