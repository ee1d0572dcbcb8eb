"""A run directory that leads elsewhere, and what lies beside the names of a run."""

import pytest

from tests.helpers import refused
from zoo.training import checkpoints, run


@pytest.mark.parametrize("name", ["checkpoints", "samples", "events", "metrics.jsonl"])
def test_links_in_a_run_are_refused(tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(outside)
    with refused(ValueError, match=rf"`run_dir`: expected {name} in it to be .* no link"):
        run.check_run_dir(tmp_path / "run")


def test_only_what_a_checkpoint_is_called_while_it_is_written_is_swept(tmp_path):
    kept, swept = ".tmp-mine", (".tmp-step-00000004-12", ".tmp-best-00000004-7-old")
    for name in (kept, *swept):
        (tmp_path / name).mkdir()
    checkpoints.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [kept]
