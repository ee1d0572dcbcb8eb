"""How many steps a graph call runs, by hand."""

import pytest

from zoo.training import pace


def a_pace(start=0, steps=100, log=10, sample=0, checkpoint=0, **options):
    return pace.Pace(start, steps, pace.Cadence(log, sample, checkpoint), **options)


def walk(found, seconds):
    """The steps where the calls of a run end, if each step takes this long."""
    ends = []
    while not found.ended:
        found.advance(seconds * found.n)
        ends.append(found.step)
        found.n = found.next_call()
    return ends


def test_the_first_call_is_one_step_and_no_call_passes_what_is_due():
    assert walk(a_pace(steps=25, log=10, sample=15, checkpoint=12), 1e-6) == [
        *(1, 2, 10, 12, 15, 20, 24, 25)
    ]


def test_a_continued_run_ends_its_calls_where_an_unbroken_one_does():
    assert walk(a_pace(start=7, steps=25), 1e-6) == [8, 9, 10, 20, 25]


def test_a_call_is_of_one_stage():
    assert walk(a_pace(steps=20, log=20, stage_starts=(5, 13)), 1e-6) == [1, 2, 5, 13, 20]


def test_a_call_grows_to_its_length_in_time():
    # 0.3 s of steps of 10 ms are 30, but at most ten times the call before.
    assert walk(a_pace(steps=60, log=1000), 0.01) == [1, 2, 12, 42, 60]


def test_the_largest_call_is_kept():
    assert walk(a_pace(steps=10, log=1000, largest_call=4), 1e-6) == [1, 5, 9, 10]


def test_slow_steps_come_one_by_one():
    assert walk(a_pace(steps=4), 5.0) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "step, due",
    [
        (5, ""),
        (10, "log"),
        (12, "checkpoint"),
        (60, "log checkpoint"),
        (25, "log sample checkpoint"),
    ],
)
def test_what_is_due(step, due):
    found = a_pace(start=step, steps=25 if step == 25 else 100, log=10, checkpoint=12)
    names = ("log", "sample", "checkpoint")
    assert [name for name in names if found.due(name)] == due.split()


def test_the_rate_leaves_the_call_that_traced_out():
    found = a_pace()
    found.advance(9.0)
    assert found.rate == pytest.approx(1 / 9)
    found.n = 4
    found.advance(2.0)
    found.advance(1.0)
    assert found.rate == pytest.approx(8 / 3)
    found.new_interval()
    found.advance(0.5)
    assert found.rate == pytest.approx(8.0)
