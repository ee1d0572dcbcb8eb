"""Files and folders that appear whole or not at all."""

import errno
import os

import pytest

from zoo import files


@pytest.mark.parametrize("old", [None, "old"])
def test_a_file_is_written_or_replaced_and_nothing_else_stays(tmp_path, old):
    path = tmp_path / "deep" / "a.txt"
    if old:
        files.write_text(path, old)
    files.write_text(path, "naïve ±\n")
    assert path.read_bytes() == "naïve ±\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_the_old_file_stands_when_it_fails(tmp_path, monkeypatch, failing):
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"old")

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space") as error:
        files.write_bytes(path, b"new")
    assert error.value.errno == errno.ENOSPC and error.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def synced(monkeypatch):
    """The list to which the path of everything that is synced from now on is added."""
    paths = []
    monkeypatch.setattr(os, "fsync", lambda d: paths.append(os.readlink(f"/proc/self/fd/{d}")))
    return paths


def test_content_is_synced_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda d: (events.append(os.readlink(f"/proc/self/fd/{d}")), fsync(d))
    )
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("rename"), replace(a, b)))
    files.write_bytes(tmp_path / "a", b"content")
    first, *rest = events
    assert os.path.dirname(first) == str(tmp_path) and rest == ["rename", str(tmp_path)]


def fill(folder, text):
    (folder / "below").mkdir()
    (folder / "below" / "a").write_text(text)


@pytest.mark.parametrize("keep", [False, True])
def test_a_folder_appears_at_the_end_of_the_block(tmp_path, keep):
    final, temporary = tmp_path / "final", tmp_path / ".tmp"
    for text in ("one", "two"):
        with files.new_folder(final, temporary, keep=keep) as folder:
            fill(folder, text)
            assert final.exists() == (text == "two")
    assert (final / "below" / "a").read_text() == ("one" if keep else "two")
    assert [p.name for p in tmp_path.iterdir()] == ["final"]


def test_a_block_that_fails_leaves_what_was(tmp_path):
    final, temporary = tmp_path / "final", tmp_path / ".tmp"
    with files.new_folder(final, temporary) as folder:
        fill(folder, "old")
    with pytest.raises(KeyboardInterrupt), files.new_folder(final, temporary) as folder:
        fill(folder, "new")
        raise KeyboardInterrupt
    assert (final / "below" / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["final"]


def test_every_file_and_folder_of_a_tree_is_synced(tmp_path, monkeypatch):
    fill(tmp_path, "x")
    paths = synced(monkeypatch)
    files.sync_tree(tmp_path)
    assert sorted(paths) == [str(tmp_path / p) for p in ("", "below", "below/a")]
