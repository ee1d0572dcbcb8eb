"""Checkpoints: whole or absent, exact, and particular about which model they belong to."""

import errno
import io
import json
import os
import resource
import types
import zipfile

import keras
import ml_dtypes
import numpy as np
import pytest

from tests import helpers
from zoo.training import checkpoints, stops


def a_model(value=0.0, shape=(3,), step=7):
    state = {
        "step": keras.Variable(step, dtype="int64"),
        "play_counter": keras.Variable(3, dtype="int64"),
        "networks/w": keras.Variable(np.full(shape, value, np.float32)),
        "networks/half": keras.Variable(np.full(2, value), dtype="bfloat16"),
    }
    return types.SimpleNamespace(state=state)


def values(model):
    return {name: variable.value.numpy() for name, variable in model.state.items()}


def test_round_trip_is_exact_and_keeps_dtypes(tmp_path):
    model, other = a_model(1 / 3), a_model()
    path = checkpoints.save(model, tmp_path, 7, extra={"a": 1}, identity={"method": "m"})
    manifest = checkpoints.restore(other, path)
    assert path.name == "step-00000007"
    assert (manifest["step"], manifest["extra"]) == (7, {"a": 1})
    assert manifest["identity"] == {"method": "m"}
    assert {"keras", "tensorflow", "numpy"} <= manifest["versions"].keys()
    for name, array in values(model).items():
        assert array.tobytes() == values(other)[name].tobytes()
    assert checkpoints.read(path)[1]["networks/half"].dtype == ml_dtypes.bfloat16


def test_the_last_k_are_kept_and_leftovers_swept(tmp_path):
    (tmp_path / ".tmp-step-00000001-99").mkdir()
    for step in (5, 10, 100, 1000):
        checkpoints.save(a_model(), tmp_path, step, keep=2)
    checkpoints.save(a_model(), tmp_path, 5, keep=1, prefix="best")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "best-00000005",
        "step-00000100",
        "step-00001000",
    ]
    assert checkpoints.newest(tmp_path).name == "step-00001000"
    assert checkpoints.newest(tmp_path / "none") is None


@pytest.mark.parametrize("last", ["variables.npz", "manifest.json"])
def test_killed_while_an_old_one_goes_none_is_left_by_half(tmp_path, monkeypatch, last):
    def killed(path, **_):
        if path.is_dir():
            (path / last).unlink()
            raise KeyboardInterrupt

    checkpoints.save(a_model(), tmp_path, 1)
    monkeypatch.setattr(checkpoints.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(a_model(), tmp_path, 2, keep=1)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-00000002"]
    checkpoints.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


def test_what_is_no_checkpoint_counts_for_none_and_is_left_alone(tmp_path):
    (tmp_path / "step-00000001").write_text("a file")
    (tmp_path / "step-00000002").symlink_to(tmp_path.parent)
    for step in (97, 98, 99):
        (tmp_path / f"step-999999{step}").mkdir()
    strangers = {path.name for path in tmp_path.iterdir()}
    for step in (5, 6, 7):
        checkpoints.save(a_model(), tmp_path, step, keep=2)
    found = {path.name for path in tmp_path.iterdir()}
    assert found == strangers | {"step-00000006", "step-00000007"}


def test_what_was_just_written_stays_and_links_too(tmp_path):
    elsewhere = checkpoints.save(a_model(), tmp_path / "elsewhere", 1)
    folder = tmp_path / "run"
    checkpoints.save(a_model(), folder, 7)
    (folder / elsewhere.name).symlink_to(elsewhere)
    assert checkpoints.save(a_model(), folder, 4, keep=1).is_dir()  # of a run that went back
    assert {path.name for path in folder.iterdir()} == {
        *("step-00000001", "step-00000004", "step-00000007")
    }
    assert elsewhere.is_dir()


def test_only_a_full_disk_is_called_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        checkpoints.save(a_model(), tmp_path / "file", 1)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: flip(path / "variables.npz"),
        lambda path: (path / "variables.npz").write_bytes(b""),
        lambda path: (path / "variables.npz").unlink(),
        lambda path: (path / "manifest.json").unlink(),
        lambda path: (path / "manifest.json").write_text("{"),
        lambda path: (path / "manifest.json").write_text("[]"),
    ],
)
def test_a_damaged_newest_is_named_and_the_one_before_used(tmp_path, capfd, damage):
    for step in (1, 2):
        checkpoints.save(a_model(step, step=step), tmp_path, step)
    damage(tmp_path / "step-00000002")
    model = a_model()
    assert checkpoints.restore_newest(model, tmp_path)["step"] == 1
    assert values(model)["networks/w"][0] == 1.0
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and "step-00000002" in error
    checkpoints.save(a_model(2, step=2), tmp_path, 2)  # reached again: replaces the damaged one
    assert checkpoints.restore_newest(model, tmp_path)["step"] == 2
    assert not list(tmp_path.glob(".tmp*"))


def test_refused_when_none_is_readable(tmp_path, capfd):
    flip(checkpoints.save(a_model(), tmp_path, 1) / "variables.npz")
    with pytest.raises(ValueError, match="readable checkpoint"):
        checkpoints.restore_newest(a_model(), tmp_path)
    assert checkpoints.restore_newest(a_model(), tmp_path / "empty") is None


@pytest.mark.parametrize("change", ["shape", "dtype", "missing", "surplus"])
def test_a_checkpoint_of_another_model_is_refused_in_one_line(tmp_path, change):
    path = checkpoints.save(a_model(1.0), tmp_path, 1)
    other = a_model(shape=(4,) if change == "shape" else (3,))
    if change == "dtype":
        other.state["networks/half"] = keras.Variable(np.zeros(2, np.float16))
    if change == "missing":
        other.state["networks/more"] = keras.Variable(0.0)
    if change == "surplus":
        del other.state["networks/half"]
    before = values(other)
    with pytest.raises(ValueError, match="of another model") as error:
        checkpoints.restore(other, path)
    assert "\n" not in str(error.value) and "networks/" in str(error.value)
    assert all((array == values(other)[name]).all() for name, array in before.items())


@pytest.mark.parametrize("name", ["networks/w", "networks/half"])
def test_what_is_not_finite_is_not_saved(tmp_path, name):
    checkpoints.save(a_model(), tmp_path, 1)
    model = a_model()
    model.state[name].assign(np.full(model.state[name].shape, np.nan))
    with pytest.raises(stops.Diverged, match=rf"step 2: {name}.*step-00000001"):
        checkpoints.save(model, tmp_path, 2, keep=1)
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]


def test_a_full_disk_leaves_the_last_good_one(tmp_path):
    checkpoints.save(a_model(), tmp_path, 1, keep=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    try:
        with pytest.raises(stops.DiskFull, match="step 2.*step-00000001") as error:
            checkpoints.save(a_model(shape=(9999,)), tmp_path, 2, keep=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value) and error.value.exit_code == 1
    assert error.value.__cause__.errno == errno.EFBIG
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]


def test_the_manifest_is_plain_json(tmp_path):
    path = checkpoints.save(a_model(), tmp_path, 3)
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["sha256"].keys() == {"variables.npz"}


# --- what another program, or somebody who means harm, may have written ---------------------------


def sealed(path, content=None, **manifest):
    """Gives a checkpoint other variables and another manifest, and sums that fit."""
    if content is not None:
        (path / "variables.npz").write_bytes(content)
    old = json.loads((path / "manifest.json").read_text())
    old["sha256"] = {"variables.npz": checkpoints._sha256(path / "variables.npz")}
    (path / "manifest.json").write_text(json.dumps(old | manifest))


def archive(deflated=False, encrypted=False, **members):
    """The bytes of an archive: of arrays, or of bytes that stand for one."""
    stream = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", how) as file:
        for name, value in members.items():
            member = io.BytesIO(value if isinstance(value, bytes) else b"")
            if not isinstance(value, bytes):
                np.lib.format.write_array(member, np.asarray(value), version=(1, 0))
            file.writestr(name.replace("networks_", "networks/") + ".npy", member.getvalue())
    content = bytearray(stream.getvalue())
    if encrypted:  # a flag of each entry of the directory
        for entry in range(len(members)):
            at = [i for i in range(len(content)) if content[i : i + 4] == b"PK\x01\x02"][entry]
            content[at + 8] |= 1
    return bytes(content)


def header(shape, dtype="<f4"):
    stream = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, described)
    return stream.getvalue()


OWN = {"step": np.int64(2), "play_counter": np.int64(3), "networks_w": np.zeros(3, np.float32)}
OWN["networks_half"] = np.zeros(2, np.uint16)
DAMAGED = {
    "a header of 4 TB": archive(**OWN | {"networks_w": header((2**40,))}),
    "a size beyond int64": archive(**OWN | {"networks_w": header((2**70,))}),
    "a negative size": archive(**OWN | {"networks_w": header((-3,))}),
    "a member cut short": archive(**OWN | {"networks_w": header((3,)) + bytes(4)}),
    "no header": archive(**OWN | {"networks_w": b"x" * 200}),
    "an encrypted member": archive(**OWN, encrypted=True),
    "a bomb": archive(deflated=True, **OWN | {"networks_w": np.zeros(10**6, np.float32)}),
    "NaN": archive(**OWN | {"networks_w": np.full(3, np.nan, np.float32)}),
    "infinity in bfloat16": archive(**OWN | {"networks_half": np.full(2, 0x7F80, np.uint16)}),
    "a counter below 0": archive(**OWN | {"play_counter": np.int64(-5)}),
    "bytes that no header names": archive(**OWN) + bytes(10**5),
    "another step": archive(**OWN | {"step": np.int64(3)}),
    "two negative sizes": archive(**OWN | {"networks_w": header((-3, -1)) + bytes(12)}),
    "no archive": b"variables",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_an_archive_of_any_content_is_passed_over(tmp_path, capfd, name):
    for step in (1, 2):
        checkpoints.save(a_model(step, step=step), tmp_path, step)
    sealed(tmp_path / "step-00000002", DAMAGED[name])
    model = a_model()
    assert checkpoints.restore_newest(model, tmp_path)["step"] == 1
    assert values(model)["networks/w"][0] == 1.0 and capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "other",
    [
        {"step": np.float64(2)},
        {"step": np.bool_(True)},
        {"networks_w": np.zeros(3, np.complex64)},
        {"networks_w": np.zeros(3, "datetime64[s]")},
        {"networks_w": np.zeros(3, ">f4")},
        {"networks_w": np.full(3, "x")},
        {"networks_w": header((3,), "|O") + bytes(24)},  # a pickle
        {"networks_w": np.zeros(3, [("a", np.float32)])},
        {"networks_half": np.zeros(3, np.uint16)},
        {"networks_w": np.zeros((10**9, 0), np.float32)},
    ],
)
def test_arrays_of_another_kind_are_refused_before_any_is_assigned(tmp_path, other):
    path = checkpoints.save(a_model(step=2), tmp_path, 2)
    sealed(path, archive(**OWN | other))
    model = a_model(1.0)
    with helpers.refused(ValueError, match="of another model"):
        checkpoints.restore(model, path)
    assert values(model)["networks/w"][0] == 1.0 and values(model)["step"] == 7


@pytest.mark.parametrize(
    "manifest",
    [
        {"sha256": {}},
        {"sha256": []},
        {"sha256": {"variables.npz": None}},
        {"sha256": {"../../../../../../dev/zero": "0"}},
        {"step": True},
        {"step": 1.0},
        {"step": None},
        {"bit_patterns": []},
        {"bit_patterns": {"networks/w": "bfloat16"}},
        {"bit_patterns": {"networks/none": "bfloat16"}},
        {"bit_patterns": {"networks/half": "O"}},
        {"bit_patterns": {"networks/half": []}},
    ],
)
def test_a_manifest_of_any_content_is_damage(tmp_path, manifest):
    path = checkpoints.save(a_model(step=1), tmp_path, 1)
    sealed(path, **manifest)
    with helpers.refused(checkpoints.Damaged):
        checkpoints.restore(a_model(), path)


def test_the_step_of_the_name_counts(tmp_path):
    path = checkpoints.save(a_model(step=1), tmp_path, 1)
    sealed(path, archive(**OWN), step=2)
    with helpers.refused(checkpoints.Damaged, match="its manifest is that of step 2"):
        checkpoints.restore(a_model(), path)


def patched(content, at, value):
    """Bytes with a number of four at some place."""
    return content[:at] + value.to_bytes(4, "little") + content[at + 4 :]


@pytest.mark.parametrize("honest", [False, True])
def test_a_file_of_a_hole_is_not_read(tmp_path, monkeypatch, honest):
    """It seems to have gigabytes; its headers know of them, or not."""
    path = checkpoints.save(a_model(step=1), tmp_path, 1)
    content, hole = archive(networks_w=header((2**29,))), 2**31
    directory = content.index(b"PK\x01\x02")
    if honest:
        size = len(header((2**29,))) + hole
        for at in (18, 22, directory + 20, directory + 24):  # of the entry, and of the directory's
            content = patched(content, at, size)
        content = patched(content, content.index(b"PK\x05\x06") + 16, directory + hole)
        parts = content[:directory], content[directory:]
    else:
        parts = b"", (path / "variables.npz").read_bytes()  # zipfile passes over what is before
    with open(path / "variables.npz", "wb") as file:
        file.write(parts[0])
        file.seek(hole, os.SEEK_CUR)
        file.write(parts[1])
    manifest = json.loads((path / "manifest.json").read_text())
    if honest:
        manifest["bit_patterns"] = {}
    (path / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(checkpoints.hashlib, "file_digest", None)  # which would read all
    kind, words = (
        (checkpoints.OtherModel, "another model")
        if honest
        else (checkpoints.Damaged, r"has \d{10} bytes")
    )
    with helpers.refused(kind, match=words):
        checkpoints.restore(a_model(), path)


@pytest.mark.parametrize("name", ["manifest.json", "variables.npz"])
@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_only_regular_files_are_opened(tmp_path, name, put):
    path = checkpoints.save(a_model(step=1), tmp_path, 1)
    (path / name).unlink()
    put(path / name)
    with helpers.refused(checkpoints.Damaged):
        checkpoints.restore(a_model(), path)


def test_a_link_to_an_archive_is_damage(tmp_path):
    path = checkpoints.save(a_model(step=1), tmp_path, 1)
    moved = (path / "variables.npz").rename(tmp_path / "moved.npz")
    (path / "variables.npz").symlink_to(moved)
    with helpers.refused(checkpoints.Damaged):
        checkpoints.restore(a_model(), path)


def test_a_manifest_nested_without_end_is_damage(tmp_path):
    path = checkpoints.save(a_model(step=1), tmp_path, 1)
    (path / "manifest.json").write_text('{"step": ' + "[" * 100_000)
    with helpers.refused(checkpoints.Damaged):
        checkpoints.restore(a_model(), path)


def test_a_checkpoint_that_a_running_run_has_replaced_is_followed(tmp_path, monkeypatch):
    checkpoints.save(a_model(1.0, step=7), tmp_path, 7, 1)
    read = checkpoints.read

    def late(path, state=None):
        monkeypatch.setattr(checkpoints, "read", read)
        checkpoints.save(a_model(2.0, step=9), tmp_path, 9, 1)  # and step 7 is gone
        return read(path, state)

    monkeypatch.setattr(checkpoints, "read", late)
    assert checkpoints.restore_newest(a_model(), tmp_path)["step"] == 9
