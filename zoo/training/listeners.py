"""What watches a run. A listener has some of these methods, which `loop.Conductor` calls:

on_call(step, logs, images_per_second)    after every graph call, some three times a second
on_log(step, record)                      every `log_every` steps: means over the interval
on_checkpoint(step)                       after a checkpoint was written
on_sample(step)                           every `sample_every` steps
"""

import collections
import math
import pathlib
import shutil
import statistics
import sys
import time
from typing import TYPE_CHECKING, TextIO

import numpy as np

from zoo.data.dataset import Dataset
from zoo.errors import refusal, unknown
from zoo.model import streams
from zoo.model.logs import rises
from zoo.training import checkpoints, stops

if TYPE_CHECKING:
    from zoo.model import GenerativeModel


_EVALUATED = 500  # rows a batch of the validation split


class Guard:
    """Stops a run whose loss is not finite, before anything of it is saved.

    Means over an interval keep a NaN that any of its steps met, so looking once a call suffices.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory

    def on_call(self, step: int, logs: dict[str, float], rate: float) -> None:
        """Raises `stops.Diverged`, naming step and logs."""
        bad = [f"{name} is {value}" for name, value in logs.items() if not math.isfinite(value)]
        if bad:
            stands = checkpoints.what_stands(self._directory)
            raise stops.Diverged(f"Diverged by step {step}: {', '.join(bad)}. {stands}")


class Health:
    """Warns, once an episode, of a discriminator that has won and of a loss that explodes.

    Args:
        say: a `Progress`.
        patience: log intervals that the discriminator's accuracy may stay above 0.99.
        factor: a loss this many times its median over the last twenty intervals has exploded.
    """

    def __init__(self, say: "Progress", patience: int = 10, factor: float = 100.0) -> None:
        self._say, self._patience, self._factor = say, patience, factor
        self._won = collections.Counter[str]()
        self._recent: dict[str, collections.deque[float]] = collections.defaultdict(
            lambda: collections.deque(maxlen=20)
        )
        self._exploding = set[str]()

    def on_log(self, step: int, record: dict[str, float]) -> None:
        """One line on stderr when an episode begins."""
        for name, value in record.items():
            if name.startswith(("d_", "discriminator_")) and "accuracy" in name:
                self._won[name] = self._won[name] + 1 if value > 0.99 else 0
                if self._won[name] == self._patience:
                    what = f"{name} has been above 0.99 for {self._patience} log intervals"
                    self._say.warn(f"step {step}: {what}: the generator may learn no more.")
            if name.endswith("_loss"):
                self._watch(step, name, abs(value))

    def _watch(self, step: int, name: str, size: float) -> None:
        recent = self._recent[name]
        if size == 0:  # of a player whose stage it is not
            return
        usual = statistics.median(recent) if len(recent) >= 5 else None
        exploded = usual is not None and size > self._factor * max(usual, 1e-2)
        if exploded and name not in self._exploding:
            self._say.warn(f"step {step}: {name} explodes: {size:.3g}, usually {usual:.3g}.")
        self._exploding = self._exploding | {name} if exploded else self._exploding - {name}
        recent.append(size)


class Best:
    """The best value so far of one log, over training or over the validation split.

    Args:
        metric: a log's name, or "val_" and a log's name.
        mode: "min", "max" or "auto".
        model, dataset: to check the name, and to evaluate "val_" metrics.

    Raises:
        ValueError: an unknown metric or mode, or no validation split.
    """

    def __init__(self, metric: str, mode: str, model: "GenerativeModel", dataset: Dataset) -> None:
        self.held_out = metric.startswith("val_")
        self.metric, self._log = metric, metric.removeprefix("val_")
        names = [*model.log_names, *(f"val_{name}" for name in model.metrics_names)]
        if metric not in names:
            raise unknown("best_metric", metric, names)
        if mode not in ("min", "max", "auto"):
            raise unknown("best_mode", mode, ("min", "max", "auto"))
        if self.held_out and "validation" not in dataset.splits:
            expected = f"a log without val_, as {dataset.name} has no validation split"
            raise ValueError(refusal("best_metric", expected, metric))
        rising = mode == "max" or (mode == "auto" and rises(metric))
        self._sign = 1.0 if rising else -1.0
        self._model, self._dataset = model, dataset
        self._best = -math.inf

    def resume(self, directory: pathlib.Path) -> None:
        """Reads what the kept best checkpoint reached."""
        path = checkpoints.newest(directory, "best")
        if path is None:
            return
        try:
            value = float(checkpoints.read_manifest(path, self._model.state)["extra"][self.metric])
        except (ValueError, KeyError, TypeError, OverflowError):
            return  # of another metric, or unreadable: the next one takes its place
        if math.isfinite(value):
            self._best = self._sign * value

    def score(self, step: int, logs: dict[str, float]) -> float | None:
        """The metric's value if it is the best so far, else None."""
        value = self._validate() if self.held_out else logs[self._log]
        if not math.isfinite(value) or self._sign * value <= self._best:
            return None
        self._best = self._sign * value
        return value

    def _validate(self) -> float:
        model = self._model
        kept = [(v, v.numpy()) for metric in model.metrics for v in metric.variables]
        replicas = model.distribute_strategy.num_replicas_in_sync
        batches = self._dataset.batches("validation", _EVALUATED - _EVALUATED % replicas)
        if replicas > 1:
            batches = streams.trimmed(batches, replicas)
        value = model.evaluate(batches, verbose=0, return_dict=True)[self._log]
        for variable, before in kept:  # the training interval goes on where it was
            variable.assign(before)
        return float(np.ravel(value)[0])


class Progress:
    """What the user sees: one updating line on a terminal, else one line a log interval.

        step 1200/6000 [==>       ] elbo -91.3 kl 22.1 · 12,345 images/s · ETA 1:32

    Args:
        steps: the run's length.
        enabled: whether to print; warnings always are.
        out: a stream; None for stdout. What it cannot encode is shown as "?".
    """

    def __init__(self, steps: int, enabled: bool = True, out: TextIO | None = None) -> None:
        self._steps, self._out = steps, out or sys.stdout
        self._enabled = enabled and self._out is not None  # a process may have no stdout
        self._terminal = self._enabled and self._out.isatty()
        self._open = False  # whether the cursor stands after an unfinished line
        self._first: tuple[int, float] | None = None  # (step, time) after the call that traced
        self._latest = ""

    def on_call(self, step: int, logs: dict[str, float], rate: float) -> None:
        """Redraws the line on a terminal."""
        self._first = self._first or (step, time.perf_counter())
        self._latest = self._format(step, logs, rate)
        if self._terminal:
            columns = shutil.get_terminal_size().columns - 1
            self._write("\r\x1b[K" + self._latest[:columns])
            self._open = True

    def on_log(self, step: int, record: dict[str, float]) -> None:
        """Prints the line elsewhere."""
        if self._enabled and not self._terminal:
            self.line(self._latest)

    def line(self, text: str) -> None:
        """A line of its own."""
        if self._enabled:
            self.close()
            self._write(text + "\n")

    def warn(self, text: str) -> None:
        """A warning, on stderr."""
        self.close()
        print(f"Warning: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Ends an unfinished line."""
        if self._open:
            self._open = False
            self._write("\n")

    def _write(self, text: str) -> None:
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        try:
            self._out.write(text.encode(encoding, "replace").decode(encoding))
            self._out.flush()
        except BrokenPipeError:  # nobody reads any more: the training goes on
            self._enabled = self._terminal = False

    def _format(self, step: int, logs: dict[str, float], rate: float) -> str:
        width = len(str(self._steps))
        filled = 10 * step // self._steps
        arrow = "=" * 10 if filled >= 10 else ("=" * filled + ">").ljust(10)
        shown = " ".join(
            f"{name} {value:.4g}"
            for name, value in logs.items()
            if name != "loss" and not name.endswith("_norm")  # a sum of what is shown
        )
        parts = [f"step {step:{width}}/{self._steps} [{arrow}] {shown}", f"{rate:,.0f} images/s"]
        first_step, first_time = self._first  # type: ignore[misc]  # set by `on_call`
        if self._steps > step > first_step:
            each = (time.perf_counter() - first_time) / (step - first_step)
            parts.append(f"ETA {_clock(each * (self._steps - step))}")
        return " · ".join(parts)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
