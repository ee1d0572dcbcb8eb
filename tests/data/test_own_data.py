"""Users' own arrays: held-out rows, archives that lie, damaged caches."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

import zoo.data
from tests.helpers import refused
from zoo import forms
from zoo.data import npz, source, store

# --- held-out rows --------------------------------------------------------------------------------


@pytest.mark.parametrize("fortran", [False, True])
def test_an_archive_without_a_test_split_has_a_tenth_drawn(tmp_path, fortran):
    x = np.arange(200, dtype=np.float32)[:, None] * [1, -1]
    y = np.sort(np.arange(200) % 4)  # by class, as many archives are
    path = tmp_path / "a.npz"
    np.savez(path, x=np.asfortranarray(x) if fortran else x, y=y)
    data = zoo.data.load(f"npz:{path}")
    assert [data.size(split) for split in data.splits] == [180, 18, 20]
    assert data.default_split == "test" and data.validation_in_train
    parts = {split: data.arrays(split) for split in data.splits}
    for part in parts.values():
        np.testing.assert_array_equal(part["y"], y[part["x"][:, 0].astype(int)])
        assert len(np.unique(part["y"])) == 4
    both = np.concatenate([parts["train"]["x"], parts["test"]["x"]])
    np.testing.assert_array_equal(np.sort(both[:, 0]), x[:, 0])
    np.testing.assert_array_equal(parts["train"]["x"][-18:], parts["validation"]["x"])
    assert "test=20 drawn rows" in data.description  # older runs on all rows are other runs


def test_few_rows_are_all_train(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros([29, 2]))
    data = zoo.data.load(f"npz:{tmp_path / 'a.npz'}")
    assert data.splits == ("train", "validation") and data.default_split == "train"


# --- archives -------------------------------------------------------------------------------------


def test_other_members_of_an_archive_are_not_read(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros([20, 2]))
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("xylophone.txt", "ages.npy", "x/notes.txt", "y"):
            archive.writestr(name, "no array")
    assert zoo.data.load(f"npz:{path}").image_shape == (2,)


@pytest.mark.parametrize("key", ["x", "y"])
def test_what_would_not_fit_into_memory_is_refused_by_its_header(tmp_path, monkeypatch, key):
    monkeypatch.setattr(zoo.data, "LARGEST", 100)
    arrays = {"x": np.zeros([9, 2]), "y": np.zeros([9, 1], int)}
    read = lambda: zoo.data.load(
        f"npz:{tmp_path / 'a.npz'}", memory_limit=0, cache_dir=tmp_path / "cache"
    )
    np.savez(tmp_path / "a.npz", **arrays)
    read()
    np.savez(tmp_path / "a.npz", **arrays | {key: np.zeros([9, 14], arrays[key].dtype)})
    with refused(ValueError, match="at most 100 bytes .memory_limit"):
        read()


def test_labels_follow_their_rows_from_part_to_part(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "_BYTES", 7 * 8)  # seven rows
    y = np.arange(29) % 3
    np.savez(tmp_path / "a.npz", x=np.arange(29.0)[:, None], y=y)
    data = zoo.data.load(f"npz:{tmp_path / 'a.npz'}")
    np.testing.assert_array_equal(data.arrays("train")["y"], y)
    np.savez(tmp_path / "a.npz", x=np.arange(29.0)[:, None], y=y[::-1])
    assert zoo.data.load(f"npz:{tmp_path / 'a.npz'}").description != data.description


def test_an_encrypted_archive_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros([9, 2]))
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the member's flags, and again in the list of members
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with refused(ValueError, match="whole npz archive"):
        zoo.data.load(f"npz:{path}")


def test_labels_that_were_replaced_meanwhile_are_not_unpickled(tmp_path):
    path, header = tmp_path / "a.npz", ((9,), np.dtype(np.int64), False)
    np.savez(path, y=np.array([None] * 9))
    with refused(ValueError, match="whole npz archive"):
        npz._label_array("npz:a.npz", path, "y", header, 9, 1000)


def test_channels_first_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros([9, 3, 8, 8], np.uint8))
    with refused(ValueError, match=r"np.moveaxis\(x, 1, -1\)"):
        zoo.data.load(f"npz:{tmp_path / 'a.npz'}")


@pytest.mark.parametrize(
    "shape, words",
    [
        ("(10, 1000000000000)", "y is not as long as its header says"),
        ("(10, -2)", r"y has the shape \(10, -2\)"),
        ("((((", "whole npz"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path, shape, words):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros([10, 2]))
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("y.npy", header)
    with refused(ValueError, match=words):
        zoo.data.load(f"npz:{path}")


@pytest.mark.parametrize("shape", ["(1000000000000000, 8, 8, 1)", "(True, 8, 8, 1)", "(-1, 8)"])
def test_an_npz_header_larger_than_its_file_is_refused_before_memory_is_asked_for(tmp_path, shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", content + bytes(64))
    with refused(ValueError, match="x.npz"):
        zoo.data.load(f"npz:{tmp_path / 'x.npz'}")


@pytest.mark.parametrize(
    "labels, words",
    [
        (
            {"y": np.arange(9) % 3 + 1},
            "y with classes from 0, and the least is 1. .* Subtract 1 from",
        ),
        (
            {"y": np.arange(9) % 3 + 5, "x_test": np.zeros([2, 2]), "y_test": np.array([6, 4])},
            "y and y_test with classes from 0, and the least is 4. .* Subtract 4 from y and y_test",
        ),
        ({"y": np.eye(3, dtype=np.uint8)[np.arange(9) % 3]}, r"Save y.argmax\(axis=1\)"),
        ({"y": np.eye(2)[np.arange(9) % 2]}, r"y of classes \[N\], not of one-hot rows"),
        (
            {"y": np.arange(9) % 2 * 10**6},
            "y with .* classes as examples, 9, .* largest is 1000000",
        ),
        ({"y": np.arange(9) % 2.0}, r"not float64 \[9\]. .* y\[:, None\] of one attribute"),
    ],
)
def test_labels_that_would_be_read_as_others_are_refused(tmp_path, labels, words):
    np.savez(tmp_path / "a.npz", x=np.zeros([9, 2]), **labels)
    with refused(ValueError, match=words):
        zoo.data.load(f"npz:{tmp_path / 'a.npz'}")


def test_labels_of_train_may_lack_a_class_of_test(tmp_path):
    x, y = np.zeros([9, 2]), np.arange(9) % 2 + 1
    np.savez(tmp_path / "a.npz", x=x, y=y, x_test=x, y_test=y - 1)
    assert zoo.data.load(f"npz:{tmp_path / 'a.npz'}").num_classes == 3
    traits = np.array([[0, 1, 1], [0, 0, 1]])
    np.savez(tmp_path / "b.npz", x=x[:2], y=traits)
    assert zoo.data.load(f"npz:{tmp_path / 'b.npz'}").num_attributes == 3


@pytest.mark.parametrize(
    "names, words",
    [
        (("x", "y_train"), "data are x, y, without y_train. .* Save y_train as y.$"),
        (("x_train", "y"), "data are x_train, y_train, without y. .* Save y as y_train.$"),
        (("x", "y", "x_train", "y_train"), "data are x, y, without x_train, y_train. "),
        (("x", "x_train"), "without x_train. .* Rename x_train, or leave it out.$"),
        (("x", "y", "y_test"), "data are x, y, without y_test. "),
        (("x", "y", "x_test", "y_test", "x_val"), "x, y, x_test, y_test, without x_val. "),
        (("x", "Y"), "data are x, y, without Y. "),
    ],
)
def test_data_that_nothing_would_read_are_refused_by_name(tmp_path, names, words):
    arrays = {"x": np.zeros([9, 2]), "y": np.arange(9) % 3}
    np.savez(tmp_path / "a.npz", **{name: arrays[name[0].lower()] for name in names})
    with refused(ValueError, match=words):
        zoo.data.load(f"npz:{tmp_path / 'a.npz'}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, bool])
def test_one_attribute_is_read_as_fit_reads_it(tmp_path, dtype):
    y = (np.arange(9)[:, None] % 2).astype(dtype)
    np.savez(tmp_path / "a.npz", x=np.zeros([9, 2]), y=y)
    data = zoo.data.load(f"npz:{tmp_path / 'a.npz'}")
    assert data.num_attributes == 1 and data.num_classes is None
    expected = forms.labels(y, 9, num_attributes=1)
    np.testing.assert_array_equal(data.arrays("train")["y"], expected)


def test_as_many_classes_as_examples_of_both_splits_are_taken(tmp_path):
    x = np.zeros([5, 2])
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(5), x_test=x, y_test=np.arange(5) + 5)
    assert zoo.data.load(f"npz:{tmp_path / 'a.npz'}").num_classes == 10


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e300, np.longdouble(10) ** 400])
@pytest.mark.parametrize("key", ["x", "y"])
def test_numbers_beyond_float32_are_said_to_be_so(tmp_path, key, size):
    arrays = {"x": np.ones([9, 2]), "y": np.ones([9, 2])}
    arrays[key] = arrays[key] * np.array([1, -size])
    np.savez(tmp_path / "a.npz", **arrays)
    with refused(
        ValueError, match=rf"{key} of numbers within float32, .* not -1\S*e\+30[08] among"
    ):
        zoo.data.load(f"npz:{tmp_path / 'a.npz'}")


def test_pixels_out_of_range_are_said_without_stray_quotes(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.full([9, 2, 2], 200.0))
    with refused(
        ValueError, match=r"x of pixels in .*, not 200 .. 200\. Received.*Divide by 255.$"
    ):
        zoo.data.load(f"npz:{tmp_path / 'a.npz'}")


# --- prepared files -------------------------------------------------------------------------------


@pytest.mark.parametrize("damaged", ["x.raw", "y.npy", "sums.json"])
def test_cut_files_are_prepared_again(tmp_path, damaged):
    x, cache = np.arange(80, dtype=np.uint8).reshape(20, 2, 2, 1), tmp_path / "cache"
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(20) % 2, x_test=x, y_test=np.arange(20) % 2)
    read = lambda: zoo.data.load(f"npz:{tmp_path / 'a.npz'}", cache_dir=cache, memory_limit=0)
    read()
    for folder in cache.iterdir():
        content = (folder / damaged).read_bytes()
        (folder / damaged).write_bytes(content[: len(content) // 2])
    found = read().arrays("train")
    np.testing.assert_array_equal(np.rint(found["x"] * 255), x)
    np.testing.assert_array_equal(found["y"], np.arange(20) % 2)


@pytest.mark.parametrize("size", [10, 64 * 2**16, 2**23 + 1])
def test_a_changed_byte_at_an_end_of_a_prepared_file_is_noticed(tmp_path, size):
    path = tmp_path / "x.raw"
    path.write_bytes(bytes(size))
    before = store._sum(path)
    piece = 31 * max(0, size - 2**16) // 63  # one in the middle
    for at in (0, piece, size - 1):
        content = bytearray(size)
        content[at] = 1
        path.write_bytes(content)
        assert store._sum(path) != before
    path.write_bytes(bytes(size))
    assert store._sum(path) == before


def test_every_byte_of_prepared_labels_is_summed(tmp_path):
    sums = set()
    for at in range(0, 2**23, 2**19 + 1):
        content = bytearray(2**23)
        content[at] = 1
        (tmp_path / "y.npy").write_bytes(content)
        sums.add(store._sum(tmp_path / "y.npy"))
    assert len(sums) == 16


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "x.raw").write_bytes(bytes(80)),
        lambda folder: (folder / "y.npy").write_bytes(
            (folder / "y.npy").read_bytes()[:-4] + b"9999"
        ),
        lambda folder: (folder / "sums.json").write_text("[" * 100_000),
        lambda folder: ((folder / "sums.json").unlink(), os.mkfifo(folder / "sums.json")),
        lambda folder: ((folder / "x.raw").unlink(), os.mkfifo(folder / "x.raw")),
        lambda folder: resealed(folder, "x.raw", bytes(40)),
        lambda folder: resealed(folder, "y.npy", b"no array"),
        lambda folder: resealed(folder, "y.npy", npy(np.zeros(19, np.int32))),
        lambda folder: resealed(folder, "y.npy", npy(np.array([None] * 20))),  # pickled
    ],
)
def test_prepared_files_of_any_content_are_prepared_again(tmp_path, spoil):
    x, cache = np.arange(80, dtype=np.uint8).reshape(20, 2, 2, 1) + 1, tmp_path / "cache"
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(20) % 2, x_test=x, y_test=np.arange(20) % 2)
    read = lambda: zoo.data.load(f"npz:{tmp_path / 'a.npz'}", cache_dir=cache, memory_limit=0)
    read()
    for folder in cache.iterdir():
        spoil(folder)
    found = read().arrays("train")
    np.testing.assert_array_equal(np.rint(found["x"] * 255), x)
    np.testing.assert_array_equal(found["y"], np.arange(20) % 2)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def resealed(folder, name, content):
    """Other content of a prepared file, and sums that fit."""
    (folder / name).write_bytes(content)
    (folder / "sums.json").write_text(json.dumps(store._sums(folder)))


@pytest.mark.parametrize("memory_limit", [0, 100])
def test_a_source_that_ends_early_is_refused(tmp_path, memory_limit):
    split = source.Split(5, lambda: iter([(np.zeros([3, 2], np.uint8), None)]))
    options = {"key": {}, "cache_dir": tmp_path, "memory_limit": memory_limit}
    with pytest.raises(ValueError, match="ended after 3 of 5 examples"):
        store.collect(split, (2,), "uint8", **options)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_preparation_left_is_swept(tmp_path):
    node = store.platform.node()
    gone, alive = tmp_path / f"a.{node}-4194399.tmp", tmp_path / f"b.{node}-{os.getpid()}.tmp"
    elsewhere = tmp_path / "c.another-host-4194399.tmp"
    for folder in (gone, alive, elsewhere):
        folder.mkdir()
    np.savez(tmp_path / "a.npz", x=np.zeros([20, 2]))
    zoo.data.load(f"npz:{tmp_path / 'a.npz'}", cache_dir=tmp_path, memory_limit=0)
    assert [each.exists() for each in (gone, alive, elsewhere)] == [False, True, True]
