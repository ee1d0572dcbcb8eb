"""Run directories: whose they are, and who may write in them."""

import json
import os
import subprocess
import sys

import pytest

from tests import helpers
from zoo import registry
from zoo.training import run

IDENTITY = {
    "method": "ali",
    "hyper_parameters": {
        "latent_dim": 64,
        "learning_rate": 2e-4,
        "image_shape": (8, 8, 1),
        "seed": 0,
    },
    "data": "digits",
    "batch_size": 100,
    "seed": 0,
    "precision": "float32",
}


def changed(**changes):
    own = IDENTITY["hyper_parameters"]
    inner = {name: changes.pop(name) for name in list(changes) if name in own and name != "seed"}
    return IDENTITY | changes | {"hyper_parameters": own | inner}


def begun(path, flags=None):
    """A run directory with a checkpoint."""
    with run.Run(path, IDENTITY, flags) as held:
        (held.checkpoints / "step-00000001").mkdir(parents=True)


def contents(path):
    return {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()}


def test_the_same_identity_continues_and_flags_are_rewritten(tmp_path):
    for flags in ("--steps=10\n", "--steps=20\n"):
        with run.Run(tmp_path / "a" / "b", IDENTITY, flags) as held:
            assert (held.path / "flags.cfg").read_text() == flags
    assert run.read_identity(held.path)["hyper_parameters"]["image_shape"] == [8, 8, 1]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"batch_size": 50}, "batch_size: 100 in the run, 50 now"),
        ({"seed": 1}, "seed: 0 in the run, 1 now"),
        ({"data": "mnist"}, "data: 'digits' in the run, 'mnist' now"),
        ({"method": "gan"}, "method: 'ali' in the run, 'gan' now"),
        ({"precision": "mixed_bfloat16"}, "precision: 'float32' in the run, 'mixed_bfloat16' now"),
        ({"latent_dim": 32}, "latent_dim: 64 in the run, 32 now"),
        ({"learning_rate": 1e-3}, "learning_rate: 0.0002 in the run, 0.001 now"),
    ],
)
def test_another_identity_is_refused_with_what_differs(tmp_path, changes, words):
    begun(tmp_path, "--steps=1\n")
    before = contents(tmp_path)
    with pytest.raises(ValueError) as error, run.Run(tmp_path, changed(**changes), "--steps=2\n"):
        pass
    assert words in str(error.value) and "\n" not in str(error.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("changes", [{"batch_size": 50}, {"method": "gan"}])
def test_a_run_without_a_checkpoint_gives_its_directory_to_the_mended_one(tmp_path, changes):
    with run.Run(tmp_path, IDENTITY):
        pass
    with run.Run(tmp_path, changed(**changes)) as held:
        assert run.read_identity(held.path)["batch_size"] == changes.get("batch_size", 100)


def test_a_hyper_parameter_added_since_is_compared_with_its_default(tmp_path):
    begun(tmp_path)
    own = IDENTITY["hyper_parameters"]
    with run.Run(tmp_path, IDENTITY | {"hyper_parameters": own | {"ema_decay": None}}):
        pass
    with pytest.raises(ValueError, match="ema_decay: None in the run, 0.9 now"):
        run.check_identity(tmp_path, IDENTITY | {"hyper_parameters": own | {"ema_decay": 0.9}})


@pytest.mark.parametrize("below", ["", "runs/a"])
def test_a_file_in_its_place_is_refused(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="Received: run_dir=") as error:
        run.check_writable(tmp_path / "file" / below)
    assert "\n" not in str(error.value)


def test_an_unwritable_place_is_refused():
    with pytest.raises(ValueError, match="can be written"):
        run.check_writable("/proc/runs/a")


def test_checking_makes_nothing(tmp_path):
    run.check_writable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


def test_checkpoints_of_unknown_origin_are_refused(tmp_path):
    (tmp_path / "checkpoints" / "step-00000001").mkdir(parents=True)
    with pytest.raises(ValueError, match="no identity.json"):
        run.check_identity(tmp_path, IDENTITY)


def test_no_run_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="Received: run_dir="):
        run.read_identity(tmp_path / "none")


def test_two_processes_cannot_train_one_run_and_death_frees_it(tmp_path):
    code = (
        "import json, sys, time\n"
        "from zoo.training import run\n"
        "with run.Run(sys.argv[1], json.loads(sys.argv[2])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    text = json.dumps(IDENTITY)
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), text], stdout=subprocess.PIPE, env=os.environ
    )
    try:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ValueError, match="no other process"), run.Run(tmp_path, IDENTITY):
            pass
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    with run.Run(tmp_path, IDENTITY):
        pass


def test_no_tensorflow_to_refuse_a_directory():
    code = (
        "import sys; import zoo.training as t; t.check_writable('/tmp'); t.Stopped\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{}",
        "[" * 100_000,
        '{"method": 3, "hyper_parameters": {}, "data": ""}',
        '{"method": "vae", "hyper_parameters": [], "data": ""}',
        '{"method": "vae", "hyper_parameters": {}}',
    ],
)
def test_an_identity_of_any_content_is_named_in_one_line(tmp_path, text):
    (tmp_path / "identity.json").write_text(text)
    with helpers.refused(ValueError, match="identity.json"):
        run.read_identity(tmp_path)


@pytest.mark.parametrize("dtype", [{}, {"dtype": "float32"}])
@pytest.mark.parametrize("precision", ["float7", 3, ["float32"], "mixed_bfloat16"])
def test_a_precision_that_no_run_has_is_refused(tmp_path, precision, dtype):
    own = {"method": "vae", "hyper_parameters": dtype, "data": "", "precision": precision}
    (tmp_path / "identity.json").write_text(json.dumps(own))
    if not dtype and precision == "mixed_bfloat16":
        assert run.read_identity(tmp_path)["precision"] == precision
        return
    with helpers.refused(ValueError, match="identity.json has precision, "):
        run.read_identity(tmp_path)


@pytest.mark.parametrize("name", ["identity.json", "flags.cfg"])
@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_regular_file_is_not_read(tmp_path, name, put):
    put(tmp_path / name)
    with helpers.refused(ValueError, match=name):
        (run.read_flags if name == "flags.cfg" else run.read_identity)(tmp_path)
    with helpers.refused(ValueError, match=f"{name} in it to be a file"):
        run.check_run_dir(tmp_path)


@pytest.mark.parametrize("name", ["checkpoints", "samples", "events"])
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path, name):
    (tmp_path / name).write_text("")
    with helpers.refused(ValueError, match=f"{name} in it to be a folder"):
        run.Run(tmp_path, IDENTITY)


@pytest.mark.parametrize("path", [3, None, b"runs", ["runs"]])
def test_what_is_no_path_is_refused(path):
    for look in (run.read_identity, run.check_run_dir):
        with helpers.refused(TypeError, match="Received: run_dir="):
            look(path)


@pytest.mark.parametrize("line", ["steps=3", "--steps", "--flagfile=/etc/passwd", "--a b=3"])
def test_flags_that_no_run_wrote_are_refused(tmp_path, line):
    (tmp_path / "flags.cfg").write_text(f"--method=vae\n{line}\n")
    with helpers.refused(ValueError, match="flags.cfg"):
        run.read_flags(tmp_path)


@pytest.mark.parametrize(
    "line",
    ["--method=gan", "--latent_dim=3", "--learning_rate=0.1", "--batch_size=50", "--seed=1"],
)
def test_flags_and_identity_must_agree(tmp_path, line):
    agreeing = "--method=ali\n--latent_dim=64\n--learning_rate=2e-4\n--ema_decay=none\n--steps=9\n"
    described = registry.hyper_parameters("ali")
    (tmp_path / "flags.cfg").write_text(agreeing)
    identity = json.loads(json.dumps(IDENTITY))
    run.check_flags(tmp_path, identity, described)
    (tmp_path / "flags.cfg").write_text(agreeing + line + "\n")
    with helpers.refused(ValueError, match=line[2:].partition("=")[0]):
        run.check_flags(tmp_path, identity, described)


def test_flags_of_a_run_that_never_began_are_not_those_of_the_next(tmp_path):
    with run.Run(tmp_path, changed(), "--latent_dim=64\n"):
        pass
    with run.Run(tmp_path, changed()):
        pass
    assert not (tmp_path / run.FLAGS).exists()
