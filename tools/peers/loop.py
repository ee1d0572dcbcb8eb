"""The other end of `duel.py`: a process that times parts of a model when it is asked to.

Line by line: first it says what it is; then every request, JSON `[name, seconds]`, is answered by
what a call of that name took, or by what it tells. Standard library only.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any


def serve(
    described: dict[str, Any],
    parts: dict[str, Callable[[], Any]],
    told: dict[str, Callable[..., dict[str, Any]]],
    settle: Callable[[], Any] = lambda: None,
) -> None:
    """Describes itself, after a first training step, and answers until stdin ends.

    Args:
        described: of the side: numbers of parameters, seconds of imports.
        parts: {name: what is timed}; without seconds, one call.
        told: {name: what returns the answer, of what the request holds after the name}.
        settle: returns when all work is done that calls have started.
    """
    say(described)
    for line in sys.stdin:
        name, *rest = json.loads(line)
        if name in told:
            say(told[name](*rest))
        else:
            say(timed(parts[name], *(rest or [0.0]), settle))  # one call, without seconds


def timed(
    call: Callable[[], Any], at_least: float, settle: Callable[[], Any] = lambda: None
) -> dict[str, float]:
    """Wall and core seconds a call, over as many calls as take `at_least` seconds."""
    count, began, cores = 0, time.perf_counter(), time.process_time()
    while count == 0 or time.perf_counter() - began < at_least:
        call()
        count += 1
    settle()
    wall = time.perf_counter() - began
    return {
        "seconds": wall / count,
        "core_seconds": (time.process_time() - cores) / count,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def say(answer: dict[str, Any]) -> None:
    """One line of JSON, at once."""
    print(json.dumps(answer), flush=True)
