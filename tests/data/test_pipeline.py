"""The order, workers, resume, binarising and labelled subsets, on digits and hand-made arrays."""

import itertools
import json
import time
from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf

import zoo.data
from tests import helpers
from zoo.data import store
from zoo.data.source import Split


def take(dataset, count):
    return [{k: v.numpy() for k, v in batch.items()} for batch in itertools.islice(dataset, count)]


def equal(a, b):
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


@pytest.fixture
def numbered(tmp_path):
    """120 images [1, 1, 1]; image i has value i / 255 and label i mod 4; the first are test too."""
    path = tmp_path / "numbered.npz"
    rows = np.arange(120)
    x, y = rows.astype(np.uint8).reshape(-1, 1, 1, 1), rows % 4
    np.savez(path, x=x, y=y, x_test=x[:12], y_test=y[:12])
    return f"npz:{path}"


def ids(batch, key="x"):
    return np.rint(batch[key].ravel() * 255).astype(int)


@pytest.fixture(scope="module")
def digits():
    return zoo.data.load("digits")


def test_batches_have_static_shapes_and_the_contract_s_types(digits):
    spec = digits.train(32).element_spec
    assert spec["x"] == tf.TensorSpec([32, 8, 8, 1], tf.float32)
    assert spec["y"] == tf.TensorSpec([32], tf.int32)
    assert digits.train(32).cardinality() == tf.data.INFINITE_CARDINALITY
    policy = digits.train(32).options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.OFF
    (batch,) = take(digits.train(32), 1)
    assert batch["x"].min() == 0 and batch["x"].max() == 1


def test_a_seed_gives_the_same_batches_and_another_seed_others(digits):
    once, again = take(digits.train(50, seed=3), 3), take(digits.train(50, seed=3), 3)
    for a, b in zip(once, again):
        equal(a, b)
    (other,) = take(digits.train(50, seed=4), 1)
    assert not np.array_equal(once[0]["x"], other["x"])


@pytest.mark.parametrize("start", [1, 4, 9])
def test_resume_at_a_step_continues_the_unbroken_run(numbered, start):
    dataset = zoo.data.load(numbered)
    unbroken = take(dataset.train(30, seed=1), 12)
    for a, b in zip(unbroken[start:], take(dataset.train(30, seed=1, start_step=start), 3)):
        equal(a, b)


@pytest.mark.parametrize("workers", [2, 3])
def test_the_workers_rows_in_order_are_the_global_batch(numbered, workers):
    dataset = zoo.data.load(numbered, labels=24, binarise="dynamic")
    arguments = {"seed": 2, "labelled_batch_size": 12, "start_step": 3}
    whole = take(dataset.train(24, **arguments), 3)
    parts = [
        take(dataset.train(24, workers=workers, worker=w, **arguments), 3) for w in range(workers)
    ]
    for step, batch in enumerate(whole):
        equal(batch, {k: np.concatenate([part[step][k] for part in parts]) for k in batch})


def test_an_epoch_is_a_permutation_and_two_epochs_differ(numbered):
    dataset = zoo.data.load(numbered)
    assert dataset.steps_per_epoch(30) == 4
    seen = np.stack([ids(batch) for batch in take(dataset.train(30), 8)]).reshape(2, 120)
    for epoch in seen:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(120))
        assert not np.array_equal(epoch, np.arange(120))
    assert not np.array_equal(seen[0], seen[1])


def test_the_tail_of_an_epoch_is_dropped(numbered):
    dataset = zoo.data.load(numbered)
    assert dataset.steps_per_epoch(50) == 2
    seen = np.concatenate([ids(batch) for batch in take(dataset.train(50), 2)])
    assert len(set(seen)) == 100


def test_labels_stay_with_their_images(numbered):
    for batch in take(zoo.data.load(numbered).train(40), 6):
        np.testing.assert_array_equal(batch["y"], ids(batch) % 4)


def test_validation_is_the_tail_of_train_and_left_out_only_when_asked(numbered):
    dataset = zoo.data.load(numbered)
    assert dataset.splits == ("train", "validation", "test")
    assert [dataset.size(split) for split in dataset.splits] == [120, 12, 12]
    np.testing.assert_array_equal(ids(dataset.arrays("validation")), np.arange(108, 120))
    np.testing.assert_array_equal(dataset.arrays("validation")["y"], np.arange(108, 120) % 4)
    assert dataset.steps_per_epoch(36, validation_held_out=True) == 3
    seen = [ids(b) for b in take(dataset.train(36, validation_held_out=True), 3)]
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(108))


def test_finite_batches_are_the_arrays_in_order_with_the_remainder(digits):
    arrays = digits.arrays("test")
    batches = take(digits.batches("test", 100), 9)
    assert [len(batch["x"]) for batch in batches] == [100, 100, 97]
    equal(arrays, {k: np.concatenate([batch[k] for batch in batches]) for k in arrays})
    validation = next(iter(digits.batches("validation", 1000)))
    np.testing.assert_array_equal(validation["x"], digits.arrays("train")["x"][-300:])
    np.testing.assert_array_equal(digits.arrays("test", limit=7)["x"], arrays["x"][:7])


def test_arrays_are_the_caller_s_own(digits):
    arrays = digits.arrays("test")
    arrays["x"][:] = -1
    arrays["y"][:] = -1
    assert digits.arrays("test")["x"].min() == 0
    assert digits.arrays("test")["y"].min() == 0


def test_threshold_and_static_are_constant_zeros_and_ones(digits):
    grey = digits.arrays("train")["x"]
    threshold = zoo.data.load("digits", binarise="threshold")
    assert threshold.binary and not digits.binary
    np.testing.assert_array_equal(threshold.arrays("train")["x"], np.float32(grey >= 0.5))
    static = zoo.data.load("digits", binarise="static")
    x = static.arrays("train")["x"]
    assert set(np.unique(x)) == {0, 1}
    again = zoo.data.load("digits", binarise="static")
    np.testing.assert_array_equal(x, again.arrays("train")["x"])
    # 300 draws of a mean in [0, 1] have a standard error of at most 0.5 / sqrt(300) = 0.029.
    assert np.abs(x[:300].mean(0) - grey[:300].mean(0)).max() < 5 * 0.029
    rows = {row.tobytes() for row in x}
    assert all(row.tobytes() in rows for row in take(static.train(64), 1)[0]["x"])


def test_dynamic_draws_anew_each_step_with_the_pixel_as_mean(tmp_path):
    pixels = np.array([0, 51, 128, 255], np.uint8).reshape(1, 2, 2, 1)
    np.savez(tmp_path / "one.npz", x=np.repeat(pixels, 100, axis=0), x_test=pixels)
    dataset = zoo.data.load(f"npz:{tmp_path / 'one.npz'}", binarise="dynamic")
    assert dataset.binary
    batches = take(dataset.train(100), 40)
    x = np.concatenate([batch["x"] for batch in batches])
    assert set(np.unique(x)) == {0, 1}
    # 4,000 draws: standard error at most 0.5 / sqrt(4000) = 0.008.
    np.testing.assert_allclose(x.mean(0), pixels[0] / 255, atol=5 * 0.008)
    assert not np.array_equal(batches[0]["x"], batches[1]["x"])
    np.testing.assert_array_equal(x[:, 0, 0], 0)  # black stays black, white stays white
    np.testing.assert_array_equal(x[:, 1, 1], 1)
    for a, b in zip(batches[7:], take(dataset.train(100, start_step=7), 2)):
        equal(a, b)
    still = dataset.arrays("train")["x"]
    np.testing.assert_array_equal(still, dataset.arrays("train")["x"])
    assert set(np.unique(still)) == {0, 1}


def test_a_labelled_subset_is_balanced_constant_and_outside_of_validation(numbered):
    dataset = zoo.data.load(numbered, labels=12)
    batches = take(dataset.train(30, seed=5, labelled_batch_size=12), 5)
    chosen = [sorted(ids(batch, "x_labelled")) for batch in batches]
    assert all(rows == chosen[0] for rows in chosen)  # an epoch of 12 is a step
    assert len(set(chosen[0])) == 12 and max(chosen[0]) < 108
    for batch in batches:
        assert set(batch) == {"x", "x_labelled", "y_labelled"}
        np.testing.assert_array_equal(batch["y_labelled"], ids(batch, "x_labelled") % 4)
        np.testing.assert_array_equal(np.bincount(batch["y_labelled"]), [3, 3, 3, 3])
    unlabelled = np.concatenate([ids(batch) for batch in batches[:4]])
    np.testing.assert_array_equal(np.sort(unlabelled), np.arange(120))
    again = zoo.data.load(numbered, labels=12).train(30, seed=6)
    assert sorted(ids(take(again, 1)[0], "x_labelled")) == chosen[0]
    other = zoo.data.load(numbered, labels=12, label_seed=1).train(30)
    assert sorted(ids(take(other, 1)[0], "x_labelled")) != chosen[0]


def test_all_rows_outside_of_validation_may_be_labelled(numbered):
    dataset = zoo.data.load(numbered, labels=108)
    np.testing.assert_array_equal(ids(dataset.labelled_arrays()), np.arange(108))
    batch = take(dataset.train(12, labelled_batch_size=12, validation_held_out=True), 1)[0]
    assert list(ids(batch)) != list(ids(batch, "x_labelled"))  # two streams, two orders


def test_labelled_arrays_are_the_labelled_rows_of_the_batches(numbered):
    dataset = zoo.data.load(numbered, labels=12)
    arrays = dataset.labelled_arrays()
    assert arrays["x"].dtype == np.float32 and arrays["y"].dtype == np.int32
    batch = take(dataset.train(30, labelled_batch_size=12), 1)[0]
    np.testing.assert_array_equal(ids(arrays), sorted(ids(batch, "x_labelled")))
    np.testing.assert_array_equal(arrays["y"], ids(arrays) % 4)
    with pytest.raises(ValueError, match="`labels`: expected an int, given to load"):
        zoo.data.load(numbered).labelled_arrays()


@pytest.mark.parametrize(
    "labels, changes, words",
    [
        (None, {"batch_size": 121}, "`batch_size`: expected at most the 120"),
        (None, {"batch_size": 109, "validation_held_out": True}, "at most the 108"),
        (None, {"batch_size": 0}, "`batch_size`: expected an int >= 1"),
        (None, {"seed": -1}, "`seed`"),
        (None, {"seed": 2.0}, "`seed`"),
        (None, {"workers": 7}, "`batch_size`: expected a multiple of workers=7"),
        (None, {"labelled_batch_size": 4}, "`labelled_batch_size`: expected None"),
        (12, {"labelled_batch_size": 13}, r"`labelled_batch_size`: expected an int in \[1, 12\]"),
        (
            12,
            {"workers": 8},  # 12, which they cannot share: no other number is chosen silently
            "`labelled_batch_size`: expected a multiple",
        ),
        (
            12,
            {"labelled_batch_size": 5, "workers": 2},
            "`labelled_batch_size`: expected a multiple",
        ),
    ],
)
def test_what_training_refuses_is_refused_without_building(numbered, labels, changes, words):
    dataset = zoo.data.load(numbered, labels=labels)
    arguments = {"batch_size": 24, **changes}
    for refusing in (dataset.check_training, dataset.train):
        with helpers.refused(match=words):
            refusing(**arguments)


@pytest.mark.parametrize(
    "labels, arguments, expected",
    [
        (None, {}, None),
        (12, {}, 12),  # all there are, as they are fewer than the batch
        (40, {}, 24),  # as many as the batch
        (40, {"workers": 8}, 24),
        (12, {"workers": 4}, 12),
        (12, {"labelled_batch_size": 6}, 6),
    ],
)
def test_examples_a_step_of_the_labelled_subset(numbered, labels, arguments, expected):
    dataset = zoo.data.load(numbered, labels=labels)
    assert dataset.check_training(24, **arguments) == expected
    spec = dataset.train(24, **arguments).element_spec
    share = expected and expected // arguments.get("workers", 1)
    assert (spec["x_labelled"].shape[0] if labels else None) == share


def test_the_same_data_with_all_labels(numbered):
    few, plain = zoo.data.load(numbered, labels=12), zoo.data.load(numbered)
    whole = few.with_all_labels()
    assert (few.labels, whole.labels) == (12, None)
    assert whole.description == plain.description != few.description
    for a, b in zip(take(whole.train(30, seed=3), 5), take(plain.train(30, seed=3), 5)):
        equal(a, b)


def _size(folder):
    return (folder / "x.raw").stat().st_size


def test_a_prepared_file_gives_the_batches_of_the_set_in_memory(numbered, tmp_path):
    cache = tmp_path / "cache"
    small = zoo.data.load(numbered)
    big = zoo.data.load(numbered, cache_dir=cache, memory_limit=0)
    for _ in range(2):
        for a, b in zip(take(small.train(30, seed=2), 9), take(big.train(30, seed=2), 9)):
            equal(a, b)
        equal(small.arrays("validation"), big.arrays("validation"))
        equal(take(small.batches("train", 50), 3)[2], take(big.batches("train", 50), 3)[2])
        prepared, _ = sorted(cache.iterdir(), key=_size)[::-1]  # no temporary directory is left
        stamp = (prepared / "x.raw").stat().st_mtime_ns
        big = zoo.data.load(numbered, cache_dir=cache, memory_limit=0)
        assert (prepared / "x.raw").stat().st_mtime_ns == stamp  # prepared once


def test_two_that_want_the_same_file_at_once_prepare_it_once(tmp_path):
    begun = []

    def chunks():
        begun.append(True)
        time.sleep(0.2)
        yield np.full([3, 1], len(begun), np.float32), np.arange(3, dtype=np.int32)

    def collect(_):
        settings = {"key": {}, "cache_dir": tmp_path / "cache", "memory_limit": 0}
        return store.collect(Split(3, chunks), (1,), "float32", **settings)

    with futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(collect, range(4)))
    assert len(begun) == 1 and all((rows.x == 1.0).all() and len(rows.y) == 3 for rows in found)


def test_a_preparation_that_fails_leaves_nothing(tmp_path):
    x = np.zeros((5000, 20, 20), np.float32)
    x[4999] = np.nan
    np.savez(tmp_path / "late.npz", x=x, x_test=x[:1])
    with pytest.raises(ValueError, match="NaN"):
        zoo.data.load(f"npz:{tmp_path / 'late.npz'}", cache_dir=tmp_path / "c", memory_limit=0)
    assert list((tmp_path / "c").iterdir()) == []


def test_the_description_names_the_content_and_no_directory(numbered, tmp_path):
    plain = zoo.data.load(numbered).description
    assert str(tmp_path) not in plain
    assert zoo.data.load(numbered, labels=12, label_seed=3).description != plain
    assert zoo.data.load(numbered, binarise="static").description != plain
    np.savez(tmp_path / "numbered.npz", x=np.zeros((120, 1, 1, 1), np.uint8), y=np.arange(120) % 4)
    assert zoo.data.load(numbered).description != plain


def test_all_labels_of_a_compared_data_set_leave_its_reference(numbered):
    both = zoo.data.load(numbered, labels=12, reference=numbered)
    assert (
        both.with_all_labels().description
        == zoo.data.load(numbered, reference=numbered).description
    )


def test_a_seed_of_labels_needs_labels(numbered):
    with helpers.refused(ValueError, match="`label_seed`: expected 0 without labels"):
        zoo.data.load(numbered, label_seed=7)


@pytest.mark.parametrize("name", helpers.first_of(["digits", "mnist"]))
def test_published_draws_of_labels_are_those_that_are_made(name, repository, request):
    """So that another library can learn from the same labels."""
    if name != "digits":
        request.getfixturevalue("data_dir")
    published = json.loads((repository / "docs" / "label_draws.json").read_text())[name]
    for seed, rows in published["rows_of_train"].items():
        few = zoo.data.load(name, labels=published["labels"], label_seed=int(seed))
        assert few.labelled_indices.tolist() == rows
        labels = few.with_all_labels().arrays("train")["y"][rows]
        assert np.bincount(labels).tolist() == [published["labels"] // 10] * 10
    assert few.with_all_labels().labelled_indices is None
