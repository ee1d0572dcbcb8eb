"""What a run of the suite cost: core seconds by method and by property, and peak memory.

`pytest --seconds` prints the tables. Seconds are those that a core was busy for (user and system
time, with the processes that a test started), so that another load of the machine moves them
little. A fixture that several tests share counts for the first of them.
"""

import collections
import os
import pathlib
import resource

import pytest

KIB = 1024


_ELSEWHERE = [0.0]  # core seconds of children that have not ended


def core_seconds():
    """Seconds that cores were busy for this process and its children."""
    times = os.times()
    ended = times.user + times.system + times.children_user + times.children_system
    return ended + _ELSEWHERE[0]


def add_elsewhere(seconds):
    """Counts core seconds of a child that lives on; negative ones when it ends."""
    _ELSEWHERE[0] += seconds


def group_of(item):
    """(group, column): whose test it is, a method's or a file's, and what it is about.

    A group's tests run in one worker, one after the other, so that they share their fixtures. All
    properties of a method, and its own test, are one group; so is every other file.
    """
    path = pathlib.PurePath(item.nodeid.split("::")[0])
    column = path.stem.removeprefix("test_")
    if path.parent.name == "methods":
        return column, "own"
    if path.parent.name == "conformance" and hasattr(item, "callspec"):
        return item.callspec.params["method"], column
    return str(path), "all"


class Costs:
    """A pytest plugin: notes what each test cost, in a worker or alone; prints where a run ends."""

    def __init__(self):
        self._mark = core_seconds()
        self._seconds = collections.defaultdict(collections.Counter)  # {group: {column: seconds}}
        self._peaks = {}  # {process: MiB}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        now = core_seconds()
        # xdist carries plain attributes of a report to the process that prints.
        report.cost = (*group_of(item), now - self._mark)
        self._mark = now
        return report

    def pytest_collection_finish(self, session):
        self._mark = core_seconds()

    def pytest_runtest_logreport(self, report):
        if hasattr(report, "cost"):
            group, column, seconds = report.cost
            self._seconds[group][column] += seconds

    def pytest_sessionfinish(self, session):
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["peak"] = _peak()
        elif not session.config.getoption("numprocesses", None):
            self._peaks["this process"] = _peak()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        if "peak" in getattr(node, "workeroutput", {}):
            self._peaks[f"worker {node.gateway.id}"] = node.workeroutput["peak"]

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.section("core seconds")
        for line in table(self._seconds):
            terminalreporter.line(line)
        for process, peak in sorted(self._peaks.items()):
            terminalreporter.line(f"{process}: at most {peak:,.0f} MiB")


def table(seconds):
    """Lines: a row a method with a column a file of properties, then a row every other file.

    Args:
        seconds: {group: {column: seconds}}.
    """
    methods = {group: row for group, row in seconds.items() if set(row) != {"all"}}
    columns = sorted({column for row in methods.values() for column in row})
    widths = [max(len(column), 6) for column in columns]

    def line(name, row):
        cells = (f"{row.get(c, 0.0):{w}.1f}" for c, w in zip(columns, widths))
        return f"{name:16} {'  '.join(cells)}  {sum(row.values()):7.1f}"

    lines = []
    if methods:
        names = "  ".join(f"{c:>{w}}" for c, w in zip(columns, widths))
        lines.append(f"{'method':16} {names}  {'all':>7}")
        lines += [line(name, methods[name]) for name in sorted(methods)]
        total = sum((collections.Counter(row) for row in methods.values()), collections.Counter())
        lines += [line("all methods", total), ""]
    files = {group: row["all"] for group, row in seconds.items() if group not in methods}
    lines += [f"{v:8.1f}  {file}" for file, v in sorted(files.items(), key=lambda f: -f[1])]
    return [*lines, f"{sum(map(sum, map(dict.values, seconds.values()))):8.1f}  in all"]


def _peak():
    """Most memory that this process held at once, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB
