"""Seeds: every random number is a function of (seed, place, counter, row)."""

import numpy as np
import pytest
import tensorflow as tf

from zoo import seeds


def test_fold_is_a_function_of_its_arguments():
    for arguments in ((3, "a", 5), (2**40 + 1, "b"), (0,)):
        np.testing.assert_array_equal(seeds.fold(*arguments), seeds.fold(*arguments))
    assert seeds.fold(3, "a").dtype == tf.int32
    assert seeds.fold(3, "a").shape == (2,)


def test_fold_depends_on_everything_and_on_the_order():
    variants = [
        seeds.fold(1),
        seeds.fold(2),
        seeds.fold(1 + 2**31),  # the upper bits count
        seeds.fold(1 + 2**62),
        seeds.fold(1 + 2**93),
        seeds.fold(1 - 2**62),
        seeds.fold(1, "a"),
        seeds.fold(1, "b"),
        seeds.fold(1, "a", "b"),
        seeds.fold(1, "b", "a"),
        seeds.fold(1, "a", 0),
        seeds.fold(1, "a", 1),
        seeds.fold(1, 1, "a"),
    ]
    assert len({tuple(v.numpy()) for v in variants}) == len(variants)


def test_fold_continues_where_a_fold_ended():
    np.testing.assert_array_equal(seeds.fold(seeds.fold(9, "a"), 4), seeds.fold(9, "a", 4))


def test_fold_is_the_same_in_a_graph():
    counter = tf.constant(7, tf.int64)
    traced = tf.function(lambda c: seeds.fold(5, "play", c))
    np.testing.assert_array_equal(traced(counter), seeds.fold(5, "play", 7))


def test_row_seeds_are_prefix_stable_non_negative_and_distinct():
    many = seeds.row_seeds(10_000, 3).numpy()
    assert many.dtype == np.int64
    np.testing.assert_array_equal(seeds.row_seeds(17, 3), many[:17])
    assert many.min() >= 0
    assert len(set(many)) == len(many)
    # 62 random bits: the mean of U(0, 2^62) is 2^61, its standard error 2^62 / sqrt(12 n).
    assert abs(many.mean() / 2**61 - 1.0) < 4 * 2 / np.sqrt(12 * len(many))
    assert not set(many) & set(seeds.row_seeds(10_000, 4).numpy())


def test_split_row_depends_on_row_and_place():
    rows = [0, 1, 2**31, 2**40, 2**61, 2**62, 2**62 + 1, -1, -(2**62), -(2**63)]
    found = {
        tuple(seeds.split_row(tf.constant(r, tf.int64), p).numpy()) for r in rows for p in "xz"
    }
    assert len(found) == 2 * len(rows)


def test_a_stateless_seed_is_the_two_halves_of_62_bits():
    halves = [5, 2**31 - 1]
    number = halves[0] + (halves[1] << 31)
    np.testing.assert_array_equal(seeds.fold(number), halves)
    row = seeds.split_row(tf.constant(number, tf.int64), "z")
    np.testing.assert_array_equal(row, seeds.fold(number, "z"))


def test_place_numbers_are_31_bits():
    places = [
        "z",
        "z_q",
        "z_p",
        "x_p",
        "encoder",
        "decoder",
        "discriminator",
        "play",
        "test",
        "mean",
    ]
    numbers = [seeds.place_number(place) for place in places]
    assert len(set(numbers)) == len(places)
    assert all(0 <= number < 2**31 for number in numbers)


@pytest.mark.parametrize("count, index", [(1, 0), (3, 0), (3, 2)])
def test_replica_rows_takes_this_replicas_share(monkeypatch, count, index):
    assert seeds.replica() == (1, 0)
    monkeypatch.setattr(seeds, "replica", lambda: (count, index))
    rows = seeds.replica_rows(lambda n: tf.reshape(tf.range(n * 4), [n, 4]))
    np.testing.assert_array_equal(rows, np.arange(4) + 4 * index)


@pytest.mark.parametrize("compiled", [None, False, True], ids=["eager", "graph", "xla"])
@pytest.mark.parametrize("seed", [[1, 2], [-7, 3], [2**31 - 1, 0], [-(2**31), 2**31 - 1]])
def test_draws_have_the_bits_of_tensorflow_s(seed, compiled):
    """The same generator with fewer operations around it, on whatever runs the graph."""
    random, philox = tf.random, {"alg": "philox"}

    def theirs(seed):
        return (
            random.fold_in(random.fold_in(seed, 5, **philox), 2**31 - 1, **philox),
            random.stateless_normal([3, 5], seed, **philox),
            random.stateless_uniform([3, 5], seed, **philox),
            random.stateless_uniform([3, 5], seed, None, None, tf.uint32, **philox),
            random.stateless_uniform([3, 5], seed, 0, 7, tf.int32, **philox),
        )

    def ours(seed):
        return (
            seeds.fold(seed, 5, 2**31 - 1),
            seeds.normal([3, 5], seed),
            seeds.uniform([3, 5], seed),
            seeds.words([3, 5], seed),
            seeds.below(7, [3, 5], seed),
        )

    trace = (lambda f: f) if compiled is None else tf.function(jit_compile=compiled)
    for expected, received in zip(*(trace(draw)(tf.constant(seed)) for draw in (theirs, ours))):
        assert expected.dtype == received.dtype
        np.testing.assert_array_equal(expected, received)
