"""The tools as modules and as processes."""

import os
import pathlib
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))  # a tool finds `common` beside it


@pytest.fixture(scope="session")
def run_tool():
    """Runs a tool as a user would: `run_tool("train.py", "--help")` -> CompletedProcess."""

    def run(tool, *arguments, cwd=None, **environment):
        # The threads are those of this process, on which bits depend (`tests/conftest.py`).
        settings = {"PYTHONPATH": str(TOOLS.parent)}  # for the methods of tests/small.py
        return subprocess.run(
            [sys.executable, TOOLS / tool, *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **settings, **environment},
            capture_output=True,
            text=True,
            timeout=900,
        )

    return run


@pytest.fixture(scope="session")
def trained(run_tool, tmp_path_factory):
    """The directory of a finished run of four steps: a toy on digits."""
    run_dir = tmp_path_factory.mktemp("trained") / "bound-digits"
    done = run_tool("train.py", *SMALL, f"--run_dir={run_dir}", "--steps=4", "--log_every=2")
    assert done.returncode == 0, done.stderr
    return run_dir


SMALL = ("--method=tests.small:Bound", "--dataset=digits", "--latent_dim=2", "--batch_size=8")


@pytest.fixture(scope="session")
def small():
    """Flags of that run, but its directory and length."""
    return SMALL
