"""What the numbers of a measurement may be, wherever they are read, kept or shown: one rule.

Loads nothing but the standard library.
"""

import math
from typing import Any

# {item of a measurement: (its least value, whether it may be missing)}
ITEMS = {
    "value": (-math.inf, False),
    "n": (1, False),
    "std": (0, True),
    "standard_error": (0, True),
    "floor": (-math.inf, True),
}


def fault(item: str, value: Any) -> str:
    """What an item of a measurement should have been, in words; "" of one that is as it should be.

    Args:
        item: "value", "n", "std", "standard_error" or "floor".
        value: what it is; None where it is missing.
    """
    least, optional = ITEMS[item]
    if value is None and optional:
        return ""
    if is_number(value) and value >= least and (item != "n" or isinstance(value, int)):
        return ""
    expected = "an int" if item == "n" else "a finite number"
    expected += f" >= {least}" if math.isfinite(least) else ""
    return f"{expected} or null" if optional else expected


def is_number(value: Any) -> bool:
    """Whether a value is an int or a finite float; True and False are no numbers."""
    try:
        return type(value) is not bool and isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:  # an int beyond all floats
        return False
