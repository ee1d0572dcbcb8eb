"""Archives of published runs: reproducible, and refused before a byte is written elsewhere."""

import errno
import os
import shutil
import stat
import warnings
import zipfile

import numpy as np
import pytest

from zoo import files
from zoo.pretrained import archives

CONTENTS = {name: name.encode() * 3 for name in archives.MEMBERS}


def written(path, contents=CONTENTS):
    path.write_bytes(archives.pack(contents))
    return path


def forged(path, members):
    """A zip of [(name, content, mode)]."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def honest():
    return [(name, content, 0o100644) for name, content in CONTENTS.items()]


def test_what_goes_in_comes_out(tmp_path):
    archives.unpack(written(tmp_path / "a.zip"), tmp_path / "out")
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert found == CONTENTS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out"]


def test_equal_contents_give_equal_bytes():
    turned = dict(reversed(CONTENTS.items()))
    assert archives.pack(turned) == archives.pack(CONTENTS)


def test_a_missing_or_foreign_member_is_not_packed():
    for contents in (CONTENTS | {"more.py": b""}, {"flags.cfg": b""}):
        with pytest.raises(ValueError, match="members"):
            archives.pack(contents)


def test_size_and_sum_are_compared(tmp_path):
    path = written(tmp_path / "a.zip")
    size, digest = path.stat().st_size, archives.sha256(path)
    archives.check(path, size, digest)
    with pytest.raises(ValueError, match=f"{size + 1} bytes"):
        archives.check(path, size + 1, digest)
    with pytest.raises(ValueError, match="sha256"):
        archives.check(path, size, digest[::-1])


def replaced(name, content=None, mode=0o100644, as_name=None):
    return [
        (as_name or n, c if content is None else content, mode) if n == name else (n, c, m)
        for n, c, m in honest()
    ]


FORGERIES = {
    "climbs": replaced("flags.cfg", as_name="../flags.cfg"),
    "absolute": replaced("flags.cfg", as_name="/etc/flags.cfg"),
    "extra": [*honest(), ("own.py", b"", 0o100644)],
    "missing": honest()[1:],
    "twice": [*honest(), honest()[0]],
    "folder": replaced("flags.cfg", as_name="flags.cfg/"),
    "link": replaced("flags.cfg", b"/etc/hostname", stat.S_IFLNK | 0o777),
    "pipe": replaced("flags.cfg", b"", stat.S_IFIFO | 0o644),
    "bomb": replaced("identity.json", b"0" * (archives.MEMBERS["identity.json"] + 1)),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_are_refused_and_leave_nothing(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = forged(tmp_path / "a.zip", FORGERIES[name])
    with pytest.raises(ValueError) as found:
        archives.unpack(path, tmp_path / "cache" / "out")
    assert "\n" not in str(found.value)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.zip"]


def test_a_member_may_have_as_many_bytes_as_are_stated(tmp_path):
    content = b"0" * archives.MEMBERS["identity.json"]
    path = forged(tmp_path / "a.zip", replaced("identity.json", content))
    archives.unpack(path, tmp_path / "out")
    assert (tmp_path / "out" / "identity.json").read_bytes() == content


def test_weights_may_have_as_many_bytes_as_the_registry_makes_likely(tmp_path):
    path = written(tmp_path / "a.zip")
    size = len(CONTENTS[archives.WEIGHTS])
    with pytest.raises(ValueError, match=f"at most {size - 1} bytes of weights.npz"):
        archives.unpack(path, tmp_path / "out", most=size - 1)
    assert not (tmp_path / "out").exists()
    archives.unpack(path, tmp_path / "out", most=size)


def test_an_encrypted_member_is_refused(tmp_path):
    content = bytearray(archives.pack(CONTENTS))
    content[6] |= 1  # the first member's flags, and again in the list of members
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match="archive of a published run"):
        archives.unpack(tmp_path / "a.zip", tmp_path / "out")
    assert os.listdir(tmp_path) == ["a.zip"]


def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space"):
        archives.unpack(written(tmp_path / "a.zip"), tmp_path / "out")
    assert os.listdir(tmp_path) == ["a.zip"]


def test_what_another_process_unpacked_meanwhile_stays(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "theirs").touch()
    archives.unpack(written(tmp_path / "a.zip"), tmp_path / "out")
    assert os.listdir(tmp_path / "out") == ["theirs"]
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "out"]


def test_damage_is_refused(tmp_path):
    whole = archives.pack(CONTENTS)
    path = tmp_path / "a.zip"
    for content in (b"", whole[:200], whole[:-40]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="archive"):
            archives.unpack(path, tmp_path / "cache" / "out")
    spoilt = bytearray(whole)
    spoilt[45] ^= 0xFF  # in the first member
    path.write_bytes(bytes(spoilt))
    with pytest.raises(ValueError, match="archive"):
        archives.unpack(path, tmp_path / "cache" / "out")
    assert not list((tmp_path / "cache").glob("*"))


def test_any_changed_byte_is_refused_or_changes_nothing(tmp_path, monkeypatch):
    for name in ("sync_tree", "sync_folder"):
        monkeypatch.setattr(files, name, lambda path: None)
    whole = archives.pack(CONTENTS)
    path, out = tmp_path / "a.zip", tmp_path / "cache" / "out"
    anywhere = np.random.default_rng(0).integers(len(whole), size=100)
    the_end = range(len(whole) - 22, len(whole))  # says where the list of members is
    refused = 0
    for place in (*anywhere, *the_end):
        spoilt = bytearray(whole)
        spoilt[place] ^= 0xFF
        path.write_bytes(spoilt)
        try:
            archives.unpack(path, out)
        except ValueError as error:
            assert "\n" not in str(error)
            refused += 1
        else:  # a date, say
            assert {each.name: each.read_bytes() for each in out.iterdir()} == CONTENTS
            shutil.rmtree(out)
        assert not list(tmp_path.glob("cache/*"))
    assert 60 < refused < 122


def test_a_compression_that_may_ask_for_much_memory_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in CONTENTS.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="deflated members"):
        archives.unpack(path, tmp_path / "out")
