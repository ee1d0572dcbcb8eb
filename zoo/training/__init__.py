"""The run loop: strategy, checkpoints, resume, listeners.

Importing this package loads no TensorFlow, so that a tool can refuse a bad run directory in a
fraction of a second; the names below load what they need.
"""

import importlib
from typing import Any

_LAZY = {
    "train": "loop",
    "restore": "restoration",
    "Stopped": "stops",
    "Diverged": "stops",
    "DiskFull": "stops",
    "Terminated": "stops",
    "check_data": "run",
    "check_run_dir": "run",
    "check_writable": "run",
    "describe": "run",
    "read_identity": "run",
    "read_flags": "run",
    "recorded_precision": "run",
    "set_determinism": "strategies",
    "set_threads": "strategies",
}
__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value
