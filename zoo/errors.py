"""One grammar for every refusal: which argument, what was expected, what was received."""

import difflib
from collections.abc import Iterable


def refusal(argument: str, expected: str, received: object, hint: str = "") -> str:
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


def unknown(argument: str, received: object, valid: Iterable) -> ValueError:
    """`ValueError` for a name outside a closed list, with the nearest valid name."""
    valid = sorted(map(str, valid))
    near = difflib.get_close_matches(str(received), valid, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else ""
    return ValueError(refusal(argument, "one of " + ", ".join(valid), received, hint))
