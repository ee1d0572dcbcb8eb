"""Kills and full disks at random moments: a few here, many by tests/training/storm.py."""

import pytest

from tests.training import storm


@pytest.mark.every
def test_nothing_is_lost_and_the_end_has_the_bits_of_the_unbroken_run(tmp_path):
    counts = storm.weather(tmp_path, kills=6, disks=3)
    assert counts["killed"] == 6 and counts["full"] == 3 and counts["ended"] >= 1
