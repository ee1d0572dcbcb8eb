"""What a person types or chooses on the page of models becomes a value that a model can take."""

import math

import pytest
from demo_page import controls

STEPS = controls.Whole("steps", "Steps", 20, 1, 200)
MOVE = controls.Slider("move", "z 0", 0.0, -3.0, 3.0, 0.1)
CLASS = controls.Choice("y", "Class", {-1: "each in turn", 0: "0", 1: "1"}, -1)
ATTRIBUTES = controls.Choice("y", "Attributes", {0: "0", 1: "1"}, (), several=True)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        *(("7", 7), (7, 7), (7.0, 7), ("7.6", 8), ("200", 200)),
        *(("0", 1), (0, 1), ("-5", 1), ("-1e999", 1)),  # below: the least
        *(("201", 200), (10**9, 200), ("1e999", 200), (math.inf, 200)),
        *((None, None), ("", None), ("-", None), ("text", None), (math.nan, None), ("nan", None)),
        *(([3], None), ({}, None), (10**400, None)),
    ],
)
def test_a_typed_number_is_moved_into_its_bounds_and_anything_else_is_none(said, value):
    found = STEPS.read(said)
    assert found == value and type(found) is type(value)


def test_a_seed_is_no_more_than_the_verbs_take():
    seed = controls.Whole("seed", "Seed", 0)
    assert [seed.read(said) for said in ("-1", "0", 10**9, 10**12)] == [0, 0, 10**9, 2**31 - 1]


def test_a_number_out_of_its_bounds_is_refused_in_one_line():
    assert [STEPS.fault(said) for said in ("1", 200, "", None, "-", "text")] == [""] * 6
    expected = "Invalid `steps`: expected a whole number from 1 to 200. Received: steps='999'."
    assert STEPS.fault("999") == f"{expected} Taken is 200."
    assert STEPS.fault(-3).endswith("Received: steps=-3. Taken is 1.")


@pytest.mark.parametrize(
    ("said", "value"), [(1, 1.0), (-3.5, -3.0), (1e9, 3.0), (None, None), ("x", None)]
)
def test_a_slider_stays_between_its_ends(said, value):
    assert MOVE.read(said) == value


def test_a_choice_is_one_of_the_options():
    assert [CLASS.read(said) for said in (-1, 0, 1)] == [-1, 0, 1]
    assert [CLASS.read(said) for said in (2, None, "text")] == [None] * 3
    assert ATTRIBUTES.read([]) == [] and ATTRIBUTES.read([1, 0]) == [1, 0]
    assert ATTRIBUTES.read([2]) is None and ATTRIBUTES.read(None) is None
