"""The logs of a run: `metrics.jsonl`, one JSON object a log interval. Loads no TensorFlow."""

import json
import os
import pathlib
import time

from zoo import files

SECONDS = "seconds"
_LARGEST = 3.4028235e38  # of a float32: logs are numbers of that kind


class MetricsFile:
    """Writes `metrics.jsonl`; a listener, as those of `zoo.training.listeners`.

    {"step": 1200, "seconds": 31.4, "images_per_second": 5200.0, "discriminator_loss": 1.31, ...};
    `seconds` counts wall time of training, those before an interruption included.

    Args:
        path: the file; lines after step `start`, which will be trained again, are dropped.
        start: the step restored.
    """

    def __init__(self, path: pathlib.Path, start: int) -> None:
        kept = [record for record in read(path) if record["step"] <= start]
        if path.exists():
            files.write_text(path, "".join(json.dumps(record) + "\n" for record in kept))
        self._path = path
        self._before = kept[-1].get(SECONDS, 0.0) if kept else 0.0
        self._began = time.perf_counter()

    def on_log(self, step: int, record: dict[str, float]) -> None:
        """Appends a line."""
        seconds = self._before + time.perf_counter() - self._began
        line = {"step": step, SECONDS: round(seconds, 3)}
        line |= {name: float(f"{value:.7g}") for name, value in record.items()}
        with open(self._path, "a") as file:
            file.write(json.dumps(line) + "\n")


def read(path: str | os.PathLike) -> list[dict[str, float]]:
    """The records of a `metrics.jsonl` of any content; none where there is no such file.

    A log stops nobody: what is no whole line, as a full disk or a kill leaves it, is left out, and
    so are values that are no finite numbers.

    Returns:
        [{"step": int, log: number}], in the order of the file.
    """
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return [record for record in map(_record, file) if record]


def _record(line: str) -> dict[str, float]:
    """What a line logs, or nothing."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    step = found.get("step") if isinstance(found, dict) else None
    if type(step) is not int or not 0 <= step < 2**63:
        return {}
    return {name: value for name, value in found.items() if _is_number(value)}


def _is_number(value: object) -> bool:
    kind = isinstance(value, (int, float)) and not isinstance(value, bool)
    return kind and abs(value) <= _LARGEST  # type: ignore[arg-type]  # a number; NaN is not within
