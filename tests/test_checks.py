"""What the library accepts from its callers, and the words for the rest."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import refused
from zoo import checks


class Three:
    def __index__(self):
        return 3


def test_whole_numbers_of_any_kind_become_ints():
    for value in (3, np.int64(3), np.uint8(3), np.array(3), Three(), tf.constant(3)):
        for found in (checks.whole(value, "n"), checks.seed(value), checks.level(value, 3)):
            assert found == 3 and type(found) is int


NO_INTS = [True, np.True_, 3.0, np.float32(3), "3", None, [3], np.array([3])]


@pytest.mark.parametrize("value", NO_INTS)
def test_what_is_no_whole_number_is_refused(value):
    with refused(TypeError, match="^Invalid `n`: expected an int >= 1. Received: n="):
        checks.whole(value, "n")
    with refused(
        ValueError, match=r"^Invalid `level`: expected an int in \[1, 3\]. Received: level="
    ):
        checks.level(value, 3, "y", ("z", "y"))
    if value is not None:
        with refused(TypeError, match="^Invalid `seed`: expected an int or None. Received: seed="):
            checks.seed(value)


def test_bounds_are_inclusive():
    assert [checks.whole(n, "n", 0, 2) for n in range(3)] == [0, 1, 2]
    for n in (-1, 3):
        with refused(ValueError, match=rf"expected an int in \[0, 2\]. Received: n={n}\."):
            checks.whole(n, "n", 0, 2)
    assert checks.whole(10**30, "n", least=-1) == 10**30
    with refused(ValueError, match="an int >= -1. Received: n=-2"):
        checks.whole(-2, "n", least=-1)


def test_none_where_it_is_optional():
    assert checks.whole(None, "n", optional=True) is None
    assert checks.whole(1, "n", optional=True) == 1
    for bad, kind in ((0, ValueError), ("1", TypeError)):
        with refused(kind, match="expected an int >= 1 or None. Received: n="):
            checks.whole(bad, "n", optional=True)


def test_no_seed_is_another_one_each_time():
    assert checks.seed(None) != checks.seed(None)


def test_levels():
    assert checks.level(None, 2, joint=True) is None  # all of them
    for value, levels, part in ((None, 1, "z"), (None, 2, "y"), (0, 2, "z"), (3, 2, "z")):
        with refused(ValueError, match="`level`"):
            checks.level(value, levels, part, ("z", "y"))
    with refused(ValueError, match="`part`: expected one of y, z. Received: part='x'"):
        checks.level(1, 1, "x", ("z", "y"))
