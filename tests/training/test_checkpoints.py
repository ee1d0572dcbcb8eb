"""Checkpoints: whole or absent, exact, and particular about which model they belong to."""

import errno
import json
import resource
import types

import keras
import ml_dtypes
import numpy as np
import pytest

from zoo.training import checkpoints, stops


def a_model(value=0.0, shape=(3,)):
    state = {
        "step": keras.Variable(7, dtype="int64"),
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
        checkpoints.save(a_model(step), tmp_path, step)
    damage(tmp_path / "step-00000002")
    model = a_model()
    assert checkpoints.restore_newest(model, tmp_path)["step"] == 1
    assert values(model)["networks/w"][0] == 1.0
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and "step-00000002" in error
    checkpoints.save(a_model(2), tmp_path, 2)  # reached again: replaces the damaged one
    assert checkpoints.restore_newest(model, tmp_path)["step"] == 2
    assert not list(tmp_path.glob(".tmp*"))


def test_refused_when_none_is_readable(tmp_path, capfd):
    flip(checkpoints.save(a_model(), tmp_path, 1) / "variables.npz")
    with pytest.raises(ValueError, match="readable checkpoint"):
        checkpoints.restore_newest(a_model(), tmp_path)
    assert checkpoints.restore_newest(a_model(), tmp_path / "empty") is None


@pytest.mark.parametrize("change", ["shape", "missing", "surplus"])
def test_a_checkpoint_of_another_model_is_refused_in_one_line(tmp_path, change):
    path = checkpoints.save(a_model(1.0), tmp_path, 1)
    other = a_model(shape=(4,) if change == "shape" else (3,))
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
