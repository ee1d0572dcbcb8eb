"""The fixtures of `tests.published`."""

from tests.published import published, run_dir, shelf

__all__ = ["published", "run_dir", "shelf"]
