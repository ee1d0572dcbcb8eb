"""Users' own images: folders as cameras and archives leave them, headers that lie."""

import os
import pathlib
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

import zoo.data
from tests.helpers import refused
from zoo.data import folder, image_files


@pytest.fixture
def images(tmp_path):
    """A folder of twelve images [4, 6, 3]."""
    for i in range(12):
        Image.new("RGB", (6, 4), (20 * i, 0, 0)).save(tmp_path / f"{i:02d}.png")
    return tmp_path


def load(path, **arguments):
    return zoo.data.load(f"folder:{path}", **arguments)


def test_folders_named_train_and_test_are_splits(tmp_path):
    for split, count in (("train", 20), ("test", 3)):
        for kind in ("cat", "dog"):
            (tmp_path / split / kind).mkdir(parents=True)
            for i in range(count):
                Image.new("L", (2, 2), i).save(tmp_path / split / kind / f"{i}.png")
    data = load(tmp_path)
    assert [data.size(split) for split in data.splits] == [40, 4, 6]
    assert data.class_names == ("cat", "dog") and data.default_split == "test"
    assert np.bincount(data.arrays("test")["y"]).tolist() == [3, 3]
    os.rename(tmp_path / "test" / "dog", tmp_path / "test" / "emu")
    with refused(ValueError, match="same sub-folders in train/ and test/"):
        load(tmp_path)


def grey(path, *levels):
    """Images of one pixel, below a new folder."""
    path.mkdir(parents=True)
    for i, level in enumerate(levels):
        Image.new("L", (1, 1), level).save(path / f"{i:02d}.bmp")


def levels(data, split="train"):
    return np.rint(data.arrays(split)["x"].ravel() * 255).astype(int).tolist()


def test_stored_validation_images_are_the_validation_split(tmp_path):
    grey(tmp_path / "train", *range(40))
    grey(tmp_path / "validation", 50, 51)
    grey(tmp_path / "test", 60)
    data = load(tmp_path)
    assert [data.size(split) for split in data.splits] == [40, 2, 1]
    assert sorted(levels(data, "validation")) == [50, 51] and not data.validation_in_train
    assert levels(data) != sorted(levels(data)) == list(range(40))  # no class comes first
    grey(tmp_path / "emu", 70)  # so these are classes
    assert load(tmp_path).class_names == ("emu", "test", "train", "validation")


@pytest.mark.parametrize("present", [["train"], ["train", "validation"], ["test", "validation"]])
def test_splits_without_train_or_test_are_no_classes(tmp_path, present):
    for split in present:
        grey(tmp_path / split, *range(4))
    with refused(ValueError, match=f"train/ and test/ among the splits, not {', '.join(present)}"):
        load(tmp_path)


def test_classes_and_rows_do_not_hang_on_the_order_of_a_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_ROWS", 7)  # labels of several chunks
    for name, first in (("a", 0), ("b", 100)):
        grey(tmp_path / name, *range(first, first + 20))
    before = load(tmp_path)
    listed = pathlib.Path.iterdir
    monkeypatch.setattr(pathlib.Path, "iterdir", lambda path: reversed(list(listed(path))))
    after = load(tmp_path)
    assert before.class_names == after.class_names == ("a", "b")
    assert levels(before) == levels(after) and before.description == after.description
    np.testing.assert_array_equal(before.arrays("train")["y"], np.array(levels(before)) // 100)


def test_an_image_that_was_changed_is_prepared_again(tmp_path):
    grey(tmp_path / "a", *range(40))
    read = lambda: load(tmp_path, cache_dir=tmp_path / ".cache", memory_limit=0)
    before, path = read(), tmp_path / "a" / "20.bmp"  # neither the oldest nor the newest
    assert 200 not in levels(before) + levels(before, "test")
    Image.new("L", (1, 1), 200).save(path)  # as many bytes
    assert 200 in levels(read()) + levels(read(), "test")
    Image.new("L", (1, 1), 200).save(path, "png")  # fewer
    assert read().description != before.description
    assert load(tmp_path, image_size=1).description != load(tmp_path).description


def test_pictures_of_one_size_that_change_places_are_other_data(tmp_path):
    for name, level in (("a", 0), ("b", 250)):
        grey(tmp_path / "two" / name, *[level + i % 5 for i in range(20)])
    means = lambda x, y: [round(x[y == label].mean()) for label in (0, 1)]
    found = []
    for _ in range(2):
        two = load(tmp_path / "two", cache_dir=tmp_path / "cache", memory_limit=0)
        found.append((two.description, means(**two.arrays("train"))))
        for old, new in (("a", "c"), ("b", "a"), ("c", "b")):
            os.rename(tmp_path / "two" / old, tmp_path / "two" / new)
    assert found[0][0] != found[1][0]
    assert [mean for _, mean in found] == [[0, 1], [1, 0]]


# --- image files ----------------------------------------------------------------------------------


def test_what_systems_leave_in_folders_is_passed_over(images):
    before = load(images).size("train")
    (images / "._00.png").write_bytes(b"no image")
    (images / "__MACOSX").mkdir()
    (images / "__MACOSX" / "._01.png").write_bytes(b"no image")
    assert load(images).size("train") == before


def test_grey_images_among_coloured_ones_get_three_channels(images):
    Image.new("L", (6, 4), 77).save(images / "grey.png")
    assert load(images).image_shape == (4, 6, 3)
    Image.new("RGBA", (6, 4), (1, 2, 3, 9)).save(images / "clear.png")
    data = load(images)
    assert data.image_shape == (4, 6, 3)
    rows = data.arrays("train")["x"]
    colours = np.rint(rows[:, 0, 0] * 255).astype(int).tolist()
    assert [77, 77, 77] in colours and [1, 2, 3] in colours
    Image.new("RGB", (6, 5)).save(images / "tall.png")
    with refused(ValueError, match=r"tall.png is \[5, 6, 3\].*Give image_size"):
        load(images)
    assert load(images, image_size=4).image_shape == (4, 4, 3)


def test_opacity_that_some_grey_images_have_is_left_out(tmp_path):
    grey(tmp_path / "a", 1, 2)
    Image.new("LA", (1, 1), (3, 4)).save(tmp_path / "a" / "clear.png")
    data = load(tmp_path / "a")
    assert data.image_shape == (1, 1, 1) and sorted(levels(data)) == [1, 2, 3]


def test_names_that_are_no_text_are_refused(images):
    os.rename(images / "00.png", images / os.fsdecode(b"\xff.png"))
    with refused(ValueError, match="names of files in UTF-8"):
        load(images)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(tmp_path, orientation):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    found = image_files.header(path)
    assert found == (expected.shape, orientation)
    np.testing.assert_array_equal(image_files.decode(str(path), orientation), expected)
    np.testing.assert_array_equal(load(tmp_path).arrays("train")["x"][0] * 255, expected)


def test_sixteen_bits_keep_the_upper_eight(tmp_path):
    levels = (np.arange(24, dtype=np.uint16) * 2700).reshape(4, 6)
    Image.fromarray(levels).save(tmp_path / "a.png")
    found = load(tmp_path).arrays("train")["x"][0, ..., 0] * 255
    np.testing.assert_array_equal(np.rint(found), levels // 256)


def test_large_images_are_refused_by_their_headers(images, monkeypatch):
    monkeypatch.setattr(zoo.data, "LARGEST", 100)
    decoded = []
    monkeypatch.setattr(image_files, "decode", lambda *a: decoded.append(a))
    Image.new("RGB", (60, 40)).save(images / "large.png")
    with refused(ValueError, match=r"at most 100 bytes .*large.png is \[40, 60, 3\]"):
        load(images, memory_limit=0)
    assert not decoded
    monkeypatch.undo()
    monkeypatch.setattr(zoo.data, "LARGEST", 60 * 40 * 3)
    for path in images.glob("[01]*"):
        path.unlink()
    assert load(images, memory_limit=0, cache_dir=images / ".cache").size("train") == 1


def chunk(kind, content):
    """Of a PNG."""
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(side, *more):
    """An image that has no pixels, whatever its header says."""
    size = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + b"".join(more) + chunk(b"IDAT", b"")


def test_headers_are_read_without_a_pixel(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(10_000))
    assert image_files.header(path) == ((10_000, 10_000, 3), 1)
    with refused(ValueError, match=r"at most 268435456 bytes .*a.png is \[10000, 10000, 3\]"):
        load(tmp_path, memory_limit=0)
    path.write_bytes(png(60_000))  # Pillow refuses this one
    with refused(ValueError, match="a.png cannot"):
        load(tmp_path)
    path.write_bytes(png(4))
    with refused(ValueError, match="a.png cannot"):
        load(tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        chunk(b"eXIf", b"II*\0"),
        chunk(b"eXIf", b"xx"),
        chunk(b"tEXt", b"exif\0a text"),
        chunk(b"tEXt", b"xmp\0a text"),
    ],
)
def test_damage_beside_the_pixels_is_refused_in_one_line(tmp_path, more):
    (tmp_path / "a.png").write_bytes(png(4, more))
    with pytest.raises(ValueError, match="no image"):
        image_files.header(tmp_path / "a.png")


@pytest.mark.parametrize("kind, value, turned", [(3, 6, 6), (3, 0, 1), (3, 9, 1), (5, 26, 6)])
def test_orientations_are_whole_numbers_from_1_to_8(tmp_path, kind, value, turned):
    """Type 5 is a fraction, which stands behind its entry."""
    entry = struct.pack("<HHHIIIII", 1, 0x112, kind, 1, value, 0, 6, 1)
    (tmp_path / "a.png").write_bytes(png(4, chunk(b"eXIf", b"II*\0\x08\0\0\0" + entry)))
    found = image_files.header(tmp_path / "a.png").orientation
    assert found == turned and type(found) is int


@pytest.mark.parametrize("mode, channels", [("1", 1), ("L", 1), ("LA", 2), ("P", 3), ("RGBA", 4)])
@pytest.mark.parametrize("clear", [None, 0])
def test_headers_say_what_is_decoded(tmp_path, mode, channels, clear):
    path = tmp_path / "a.png"
    opacity = {} if clear is None or mode != "P" else {"transparency": clear}
    Image.new(mode, (3, 2)).save(path, **opacity)
    assert image_files.header(path).shape == (2, 3, channels + len(opacity))
    assert image_files.decode(str(path)).shape == (2, 3, channels + len(opacity))
