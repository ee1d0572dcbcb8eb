"""The zoo beside another library, or another zoo: two processes a case, timed in turn.

Machines are noisy: what counts is the ratio of the two sides' best rounds, and how far the ratios
of single rounds spread. Core seconds, which other programs disturb less, stand beside wall time.
"""

import contextlib
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from pages import markdown
from peers import cases

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
_OWN = ("case", "part", "precision", "zoo")
_STATED = ("rounds", "core time", "of the ceiling", "first step", "peak memory")


def _imports(module: str) -> dict[str, tuple[Any, ...]]:
    return {f"import {module}": ("-c", f"import {module}")}


_STARTS = {
    "python": ("-c", "pass"),
    **_imports("zoo"),
    "train.py --help": (ROOT / "tools" / "train.py", "--help"),
    **_imports("tensorflow"),
}


@dataclasses.dataclass(frozen=True)
class Player:
    """A side, and how it is started.

    Attributes:
        name: in the table.
        python: its interpreter.
        script: in this folder.
        more: what its `main` takes after the case, threads, device and precision.
        starts: {what: arguments of its interpreter}, timed beside the starts of the zoo.
        counts: whether it tells the operations of its parts.
    """

    name: str
    python: str
    script: str
    more: tuple[str, ...] = ()
    starts: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    counts: bool = False


ZOO = Player("zoo", sys.executable, "zoo_side.py", counts=True)


def torch(python: str) -> Player:
    """The twins in PyTorch, in an environment of their own."""
    return Player("PyTorch", python, "torch_twins.py", starts=_imports("torch"))


def has_torch(python: str) -> bool:
    """Whether an interpreter finds PyTorch."""
    line = [python, "-c", "import torch; print(torch.__version__)"]
    try:
        return bool(subprocess.run(line, check=True, capture_output=True).stdout)
    except (OSError, subprocess.CalledProcessError):
        return False


def checkout(folder: str) -> Player:
    """The zoo of another checkout, measured by this one's script."""
    path = pathlib.Path(folder).resolve()
    name = f"checkout {path.name}"
    line = f"import sys; sys.path.insert(0, {str(path)!r}); import zoo"
    starts = {f"import zoo, {name}": ("-c", line)}
    starts[f"train.py --help, {name}"] = (path / "tools" / "train.py", "--help")
    return Player(name, sys.executable, ZOO.script, (str(path),), starts, counts=True)


XLA = Player("zoo by XLA", sys.executable, ZOO.script, ("", "xla"), counts=True)


class Side:
    """A process that serves a case (`loop.py`).

    Args:
        python: its interpreter.
        script: a name in this folder.
        case: name of the case, and how it is computed: what the script's `main` takes.
    """

    def __init__(self, python: str, script: str, *case: Any) -> None:
        began = time.perf_counter()
        self._name = f"{pathlib.Path(script).name} of {case[0]}"
        self._said = tempfile.TemporaryFile("w+")  # on stderr
        self._process = subprocess.Popen(
            [python, HERE / script, *map(str, case)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        self.described = self._read()
        self.first_step = time.perf_counter() - began
        self.peak_mb = 0.0

    def ask(self, *request: Any) -> dict[str, Any]:
        """The answer to a request: `(part, seconds)` times it, `(part,)` runs it once."""
        with contextlib.suppress(BrokenPipeError):  # reading says why
            print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._read()
        self.peak_mb = answer.get("peak_mb", self.peak_mb)
        return answer

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._said.seek(0)
            last = self._said.read().strip().rpartition("\n")[2]
            if code == 2:  # it refused what it was asked
                raise ValueError(last)
            raise SystemExit(f"{self._name} ended with {code}. {last}".strip())
        return json.loads(line)

    def leave(self, error: Any, *_: Any) -> None:
        """Ends the process: at once after an error, whatever it computes."""
        if error is not None:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(60)
        self._said.close()


def duel(
    case: str,
    other: Player,
    threads: int,
    rounds: int,
    seconds: float,
    device: str = "cpu",
    precision: str = "float32",
    same_steps: int = 0,
) -> dict[str, Any]:
    """Times a case on both sides.

    Args:
        case: name.
        other: whom it is put beside.
        threads: of each side.
        rounds: each of them times both sides, the one or the other first.
        seconds: of each timing.
        device: "cpu" or "gpu".
        precision: one of `cases.PRECISIONS`.
        same_steps: how many steps of one seed are compared; both sides are the zoo's then.

    Returns:
        {"case", "precision", "parts": {part: {side: [timings of the rounds]}}, "share": {part:
        {side: of the ceiling, where it is counted}}, "first_step", "import_seconds", "peak_mb",
        "library", "device": by side, "apart": what `apart` says}.

    Raises:
        ValueError: a side refuses the device.
        SystemExit: a side fails; the sides do not train as many numbers, or do not have the same
            losses.
    """
    how = (case, threads, device, precision)
    both = (ZOO, other)
    with contextlib.ExitStack() as stack:
        made = {}
        for each in both:
            made[each.name] = Side(each.python, each.script, *how, *each.more)
            stack.push(made[each.name].leave)
        _check(case, made, 1e-4 if precision == "float32" else 1e-2)
        counted = {p.name: made[p.name].ask("operations") for p in both if p.counts}
        for part in cases.CASES[case].parts:
            for side in made.values():
                side.ask(part)  # traces it, or finds the faster layout
        each = lambda what: {name: what(side) for name, side in made.items()}
        peaks = each(lambda side: side.peak_mb)  # before there is a ceiling
        (ceiling,) = made["zoo"].ask("ceiling operations").values()
        parts: dict[str, dict[str, list]] = {}
        at_best = []
        for part in cases.CASES[case].parts:
            times = parts[part] = {side: [] for side in made}
            for index in range(rounds):
                for name in list(made)[:: -1 if index % 2 else 1]:
                    times[name].append(made[name].ask(part, seconds))
                at_best.append(ceiling / made["zoo"].ask("ceiling", seconds / 2)["seconds"])
        logs = each(lambda side: side.ask("same seed", same_steps)["logs"] if same_steps else [])
        return {
            "apart": apart(*logs.values()),
            "case": case,
            "precision": precision,
            "parts": parts,
            "share": {
                part: shares(part, times, counted, max(at_best)) for part, times in parts.items()
            },
            "first_step": each(lambda side: side.first_step),
            "import_seconds": each(lambda side: side.described["import_seconds"]),
            "peak_mb": peaks,
            "library": each(lambda side: side.described["library"]),
            "device": each(lambda side: side.described["device"]),
        }


def apart(
    zoo: Sequence[dict[str, float]], other: Sequence[dict[str, float]]
) -> tuple[float, ...] | None:
    """How far what the same steps logged is apart, in units of max(1, |what the zoo logged|).

    Args:
        zoo, other: {name: value} of every step; names that both have are compared.

    Returns:
        The largest of all names at the first step, within a tenth of the steps, and of all; None if
        there are none.
    """
    largest = [
        max(abs(a[name] - b[name]) / max(1.0, abs(a[name])) for name in a.keys() & b.keys())
        for a, b in zip(zoo, other, strict=True)
    ]
    if not largest:
        return None
    return largest[0], max(largest[: max(1, len(largest) // 10)]), max(largest)


def shares(
    part: str,
    times: dict[str, list[dict[str, float]]],
    counted: dict[str, dict[str, int | None]],
    ceiling: float,
) -> dict[str, float]:
    """{side: share of the ceiling's operations a second}, of sides that count the part's."""
    best = {side: min(each["seconds"] for each in rounds) for side, rounds in times.items()}
    return {
        side: operations[part] / best[side] / ceiling
        for side, operations in counted.items()
        if operations[part]
    }


def _check(case: str, sides: dict[str, Side], tolerance: float) -> None:
    """Both sides train as many numbers as the case says, and have the same losses at zero."""
    stated = cases.CASES[case].parameters
    losses = {name: side.ask("losses") for name, side in sides.items()}
    for name, side in sides.items():
        if side.described["parameters"] != stated:
            raise SystemExit(f"{case}: {name} trains {side.described['parameters']}, not {stated}")
        for player, loss in losses["zoo"].items():
            if abs(losses[name][player] - loss) > tolerance * abs(loss):
                raise SystemExit(f"{case}: losses with all weights zero differ: {losses}")


def starts(other: Player, repeats: int = 5) -> dict[str, float]:
    """{what: seconds from the start of an interpreter to its end}, the best of some."""
    lines = {name: [sys.executable, *arguments] for name, arguments in _STARTS.items()}
    lines |= {name: [other.python, *arguments] for name, arguments in other.starts.items()}
    return {name: min(_run(line) for _ in range(repeats)) for name, line in lines.items()}


def _run(line: Sequence[Any]) -> float:
    began = time.perf_counter()
    subprocess.run(line, check=True, cwd=ROOT, capture_output=True)
    return time.perf_counter() - began


def summary(times: dict[str, list[dict[str, float]]], key: str = "seconds") -> dict[str, Any]:
    """{side: best of the rounds}, "ratio" of these, other / zoo; "low", "high", "median" of all."""
    rounds = {side: [each[key] for each in found] for side, found in times.items()}
    best = {side: min(found) for side, found in rounds.items()}
    zoo, other = rounds
    ratios = [b / a for a, b in zip(rounds[zoo], rounds[other])]
    more = {"ratio": best[other] / best[zoo], "low": min(ratios), "high": max(ratios)}
    return {**best, **more, "median": statistics.median(ratios)}


def table(found: Sequence[dict[str, Any]], starting: dict[str, float], threads: int) -> str:
    """The duels as a Markdown table, and what a start takes."""
    zoo, other = found[0]["device"]
    same = ("logs apart: first step / in a tenth / in all",) if found[0]["apart"] else ()
    lines = markdown.header(*_OWN, other, f"{other} / zoo", *_STATED, *same)
    both = lambda what, sides: " / ".join(
        what(sides[side]) for side in (zoo, other) if side in sides
    )
    for each in found:
        for part, times in each["parts"].items():
            wall, cores = summary(times), summary(times, "core_seconds")
            cells = (
                each["case"],
                part,
                each["precision"].removeprefix("mixed_"),
                _milliseconds(wall[zoo]),
                _milliseconds(wall[other]),
                f"**{wall['ratio']:.2f}**",
                f"{wall['low']:.2f} to {wall['high']:.2f}",
                f"{cores['ratio']:.2f}",
                both("{:.0%}".format, each["share"][part]).replace("%", " %"),
                both("{:.1f} s".format, each["first_step"]),
                both("{:,.0f} MB".format, each["peak_mb"]),
                *([" / ".join(f"{d:.1e}" for d in each["apart"])] if same else []),
            )
            lines.append(markdown.row(*cells))
    libraries = " against ".join(found[0]["library"].values())
    start = ", ".join(f"`{name}` {seconds:.2f} s" for name, seconds in starting.items())
    named = dict.fromkeys(each["case"] for each in found)
    notes = "; ".join(f"{name}: {cases.CASES[name].note}" for name in named)
    imports = found[0]["import_seconds"]
    lines += [
        "",
        f"{libraries}, on {found[0]['device'][zoo]}, batch {cases.BATCH}, {threads} threads. Of "
        f"the first step {imports[zoo]:.1f} s are the import of TensorFlow, "
        f"{imports[other]:.1f} s that of {other}. "
        + (f"Start and end of a process: {start}. " if start else "")
        + f"{notes}.",
    ]
    return "\n".join(lines)


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:,.1f} ms"
