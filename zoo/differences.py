"""What differs between two sets of settings: of a run and of the one that would continue it, of a
config and of its entry in the ledger.
"""

import json
from collections.abc import Mapping
from typing import Any


class _Absent:
    """The value of a setting that one side does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> dict[str, tuple[Any, Any]]:
    """{name: (old value, new value)} of the settings that differ, sorted by name.

    Values are compared as JSON holds them, so that a tuple equals the list that was read back.

    Args:
        old, new: {name: value}.
        defaults: values of settings that a side may lack because it is older than they are.

    Returns:
        `ABSENT` stands for a value that a side lacks and that has no default.
    """
    old, new, defaults = (as_json(dict(side or {})) for side in (old, new, defaults))
    found = {}
    for name in sorted(old.keys() | new.keys()):
        before, now = (side.get(name, defaults.get(name, ABSENT)) for side in (old, new))
        if before != now:
            found[name] = before, now
    return found


def as_json(value: Any) -> Any:
    """`value` as it comes back from a JSON file: tuples are lists."""
    return json.loads(json.dumps(value))
