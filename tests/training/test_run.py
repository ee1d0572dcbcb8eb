"""Run directories: whose they are, and who may write in them."""

import json
import os
import subprocess
import sys

import pytest

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
    with run.Run(tmp_path, IDENTITY, "--steps=1\n"):
        pass
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(ValueError) as error, run.Run(tmp_path, changed(**changes), "--steps=2\n"):
        pass
    assert words in str(error.value) and "\n" not in str(error.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_hyper_parameter_added_since_is_compared_with_its_default(tmp_path):
    with run.Run(tmp_path, IDENTITY):
        pass
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
