"""What differs between two sets of settings, known by hand."""

from zoo.differences import ABSENT, differences


def test_equal_settings_differ_in_nothing():
    assert differences({"a": 1, "shape": (8, 8)}, {"shape": [8, 8], "a": 1}) == {}


def test_what_differs_comes_by_name_with_both_values():
    found = differences({"b": 1, "a": (1, 2), "c": 0}, {"b": 2.5, "a": [1, 3], "c": 0})
    assert list(found.items()) == [("a", ([1, 2], [1, 3])), ("b", (1, 2.5))]


def test_what_a_side_lacks_is_absent_and_not_none():
    assert differences({"a": None}, {}) == {"a": (None, ABSENT)}
    assert differences({}, {"a": None}) == {"a": (ABSENT, None)}
    assert f"{ABSENT!r} and {ABSENT}" == "absent and absent"


def test_what_an_older_side_lacks_is_its_default():
    defaults = {"a": (1, 2), "b": None}
    assert differences({}, {"a": [1, 2], "b": None}, defaults) == {}
    assert differences({}, {"a": [1, 3]}, defaults) == {"a": ([1, 2], [1, 3])}
    assert differences({"b": 0}, {}, defaults) == {"b": (0, None)}
    assert differences({"c": 0}, {}, defaults) == {"c": (0, ABSENT)}
