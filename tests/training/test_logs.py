"""metrics.jsonl: written line by line, read whatever is in it."""

import json
import os

import pytest

from zoo.training import logs

GOOD = [{"step": 10, "seconds": 1.5, "loss": 2.0}, {"step": 20, "seconds": 3.0, "loss": 1.0}]
NO_LINES = [
    b'{"step": 30, "seconds": 4.5, "lo',
    b"\0" * 300,
    b"\xff\xfe",
    b"[" * 100_000,
    b"[30]",
    b"null",
    b'{"loss": 1.0}',
    b'{"step": "30"}',
    b'{"step": 3e1}',
    b'{"step": true}',
    b'{"step": -10}',
    b'{"step": ' + b"9" * 5000 + b"}",
]


def written(path, *more):
    path.write_bytes(b"\n".join([json.dumps(line).encode() for line in GOOD] + list(more)) + b"\n")
    return path


@pytest.mark.parametrize("line", NO_LINES)
def test_what_is_no_whole_line_is_left_out(tmp_path, line):
    path = written(tmp_path / "metrics.jsonl", line, b'{"step": 40}')
    assert logs.read(path) == [*GOOD, {"step": 40}]


@pytest.mark.parametrize(
    "value", ["null", '"1"', "[1]", "true", "NaN", "Infinity", "1e999", "1e39", "9" * 400, "{}"]
)
def test_values_that_are_no_numbers_are_left_out(tmp_path, value):
    line = f'{{"step": 30, "seconds": {value}, "loss": 3}}'.encode()
    path = written(tmp_path / "metrics.jsonl", line)
    assert logs.read(path)[2:] == [{"step": 30, "loss": 3}]
    file = logs.MetricsFile(path, 30)
    file.on_log(40, {"loss": 0.5})
    assert [record["step"] for record in logs.read(path)] == [10, 20, 30, 40]


@pytest.mark.parametrize("line", NO_LINES)
def test_a_run_continues_whatever_its_log_holds(tmp_path, line):
    path = written(tmp_path / "metrics.jsonl", line)
    logs.MetricsFile(path, 20).on_log(30, {"loss": 0.5})
    *before, last = [json.loads(text) for text in path.read_text().splitlines()]
    assert before == GOOD and last["step"] == 30 and 3.0 <= last["seconds"]


def test_lines_after_the_restored_step_are_dropped_and_the_others_keep_their_bytes(tmp_path):
    path = written(tmp_path / "metrics.jsonl")
    first = path.read_bytes().splitlines(keepends=True)[0]
    logs.MetricsFile(path, 10)
    assert path.read_bytes() == first


@pytest.mark.parametrize("put", [lambda path: None, os.mkdir, os.mkfifo])
def test_no_file_is_no_log(tmp_path, put):
    put(tmp_path / "metrics.jsonl")
    assert logs.read(tmp_path / "metrics.jsonl") == []


def test_a_step_beyond_all_counters_is_no_record(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": %s, "elbo": 1}\n{"step": 3, "elbo": 1}\n' % ("9" * 4000))
    assert logs.read(path) == [{"step": 3, "elbo": 1}]
