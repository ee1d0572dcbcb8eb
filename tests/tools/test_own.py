"""Methods of one's own in the tools: where they are found, and what they may not be called."""

import sys

import common
import pytest

from tests import helpers

OWN = """
from tests.small import Bound
from zoo.fields import field

class Own(Bound):
    {name}: int = field("a width", default=2 * 4, at_least=1)
"""


@pytest.fixture
def parse(tmp_path, monkeypatch):
    """Parses train.py's command line in a folder with a module whose class has a field `name`.

    The field's default is no literal, so only Python knows it.
    """

    def parse(name, **options):
        (tmp_path / "own_module.py").write_text(OWN.format(name=name))
        return common.parse(["train.py", "--method=own_module:Own"], common.RUN_FLAGS, **options)

    monkeypatch.chdir(tmp_path)
    yield parse
    sys.modules.pop("own_module", None)


def test_a_module_in_the_working_directory_is_found(parse):
    found = parse("width").hyper_parameters
    assert (found["width"], found["decoder_output"]) == (
        8,
        "bernoulli",
    )  # the default is no literal


def test_a_recorded_one_only_if_it_is_allowed(parse):
    with helpers.refused(ValueError, match=r"zoo.restore\(run_dir, allow=\('own_module',\)\)"):
        parse("width", allow=())
    assert "own_module" not in sys.modules
    assert parse("width", allow=("own_module",)).hyper_parameters["width"] == 8


def test_a_hyper_parameter_called_like_a_flag_is_refused(parse):
    with helpers.refused(ValueError, match="`method`.*beside the tool's own flag --steps"):
        parse("steps")
