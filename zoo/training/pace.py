"""The pace of a run: how many steps each graph call runs, what is due at its end, who stops it."""

import contextlib
import dataclasses
import signal
import threading
import types
from collections.abc import Iterator, Sequence

CALL_SECONDS = 0.3  # aim for one graph call: short for signals and the bar, long beside a host trip


@dataclasses.dataclass(frozen=True)
class Cadence:
    """Steps between two log lines, two pictures and two checkpoints; 0: at the last step only."""

    log: int
    sample: int
    checkpoint: int


class Pace:
    """Where a run is, and how far its next graph call goes.

    Args:
        start, steps: first step and the run's length.
        cadence: a `Cadence`.
        stage_starts: steps where another stage begins: a call is of one stage.
        largest_call: most steps a call, or None to aim for `CALL_SECONDS`.

    Attributes:
        step: steps done so far.
        n: steps of the next call.
    """

    def __init__(
        self,
        start: int,
        steps: int,
        cadence: Cadence,
        stage_starts: Sequence[int] = (),
        largest_call: int | None = None,
    ) -> None:
        self.step, self.n = start, 1  # the first call traces: one step, so that it misleads nobody
        self._steps, self._cadence, self._stage_starts = steps, cadence, stage_starts
        self._largest_call = largest_call
        self._seconds_per_step: float | None = None
        self._traced = False
        self._interval = _Stopwatch()

    @property
    def ended(self) -> bool:
        """Whether the last step is done."""
        return self.step >= self._steps

    @property
    def rate(self) -> float:
        """Steps a second since the interval began."""
        return self._interval.rate()

    def advance(self, seconds: float) -> None:
        """Counts the call of `n` steps that took this long."""
        self.step += self.n
        self._interval.add(self.n, seconds, tracing=not self._traced)
        if self._traced:
            self._seconds_per_step = seconds / self.n
        self._traced = True

    def due(self, what: str) -> bool:
        """Whether "log", "sample" or "checkpoint" is due at this step."""
        every = getattr(self._cadence, what)
        return (every > 0 and self.step % every == 0) or self.step == self._steps

    def new_interval(self) -> None:
        """Begins to measure the rate anew."""
        self._interval = _Stopwatch()

    def next_call(self) -> int:
        """Steps that the next call may run, so that it ends exactly where something is due."""
        room = self._steps - self.step
        for every in filter(None, dataclasses.astuple(self._cadence)):
            room = min(room, every - self.step % every)
        for start in self._stage_starts:
            room = min(room, start - self.step) if start > self.step else room
        largest = self._largest_call
        if largest is None and self._seconds_per_step is not None:
            # At most ten times the last call: its time per step may still hold the fixed costs.
            largest = min(max(1, int(CALL_SECONDS / self._seconds_per_step)), 10 * self.n)
        return max(1, min(room, largest or 1))


class Signals:
    """SIGTERM and the first Ctrl-C ask a run to end; a second Ctrl-C ends it at once.

    Attributes:
        asked: number of the signal that came, or None.
    """

    def __init__(self) -> None:
        self.asked: int | None = None

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Takes the signals within the block; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: types.FrameType | None) -> None:
            self.asked = number
            signal.signal(signal.SIGINT, signal.default_int_handler)

        before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Stopwatch:
    """Steps a second, without the call that traced unless there is no other."""

    def __init__(self) -> None:
        self._steps, self._seconds, self._tracing = 0, 0.0, True

    def add(self, steps: int, seconds: float, tracing: bool) -> None:
        if self._tracing and not tracing:
            self._steps, self._seconds = 0, 0.0
        self._tracing = self._tracing and tracing
        self._steps += steps
        self._seconds += seconds

    def rate(self) -> float:
        return self._steps / max(self._seconds, 1e-9)
