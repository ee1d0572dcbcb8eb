"""The tools as a user runs them: processes, files, exit codes, messages."""

import json
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import common
import export
import numpy as np
import pytest
import sample
import train
from PIL import Image

from zoo import ledger
from zoo.training import checkpoints

TOOLS = common.ROOT / "tools"
ALLOW = "--allow=tests.small"  # the module of the method that `trained` is of


def call(tool, *arguments):
    """The exit code of a tool in this process, which has paid for TensorFlow's import already."""
    flags = getattr(tool, "FLAGS", common.RUN_FLAGS)
    return common.main(tool.run, flags, [f"{tool.__name__}.py", *map(str, arguments)])


def drawn(capsys):
    """Names of the pictures whose paths were printed."""
    lines = capsys.readouterr().out.splitlines()
    return [pathlib.Path(line.split(": ")[0]).name for line in lines]


def arrays(run_dir, step):
    """{name: array} of a checkpoint."""
    return checkpoints.read(run_dir / "checkpoints" / f"step-{step:08d}")[1]


def test_a_run_directory_holds_what_it_should(trained):
    assert {"flags.cfg", "metrics.jsonl", "checkpoints", "identity.json"} <= {
        path.name for path in trained.iterdir()
    }
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4]


def test_a_run_that_was_cut_ends_with_the_arrays_of_an_unbroken_one(
    small, trained, tmp_path, monkeypatch, capsys
):
    """From a config, then by the flags that the unbroken run left."""
    monkeypatch.chdir(tmp_path)
    pathlib.Path("digits-tiny.cfg").write_text("\n".join([*small, "--steps=2"]) + "\n")
    assert call(train, "--flagfile=digits-tiny.cfg") == 0
    run_dir = tmp_path / "runs" / "bound-digits-tiny"  # named after the config
    assert (run_dir / "flags.cfg").is_file()
    flags = (f"--flagfile={trained / 'flags.cfg'}", f"--run_dir={run_dir}", "--steps=4")
    assert call(train, *flags) == 0
    assert "from step 2" in "".join(capsys.readouterr())
    one, other = arrays(trained, 4), arrays(run_dir, 4)
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_run_begins_with_the_weights_of_another(trained, small, tmp_path, capsys):
    run_dir = tmp_path / "run"
    flags = (*small, f"--init_from={trained}", f"--run_dir={run_dir}", "--sample_every=0")
    assert call(train, *flags, "--steps=1", "--learning_rate=1e-30") == 0
    assert "weights of another run: encoder, decoder" in capsys.readouterr().out
    one, other = arrays(trained, 4), arrays(run_dir, 1)
    for kernel in ("networks/encoder/000", "networks/decoder/000"):  # a step too small to see
        np.testing.assert_allclose(one[kernel], other[kernel], rtol=1e-6)
    assert f"--init_from={trained}" in (run_dir / "flags.cfg").read_text()


def test_pictures_are_drawn_and_named(trained, run_tool, tmp_path):
    done = run_tool(
        "sample.py", f"--run_dir={trained}", ALLOW, "--n=9", f"--out={tmp_path / 'out'}"
    )
    assert done.returncode == 0, done.stderr
    told = [line.split(": ", 1) for line in done.stdout.splitlines()]
    assert all(len(caption) > 10 for _, caption in told)
    paths = [pathlib.Path(path) for path, _ in told]
    assert [path.name for path in paths] == [
        "samples.png",
        "reconstructions.png",
        "inpaintings.png",
        "interpolations.png",
        "traversals.png",
        "neighbours.png",
        "arithmetic.png",
        "codes.png",
        "curves.png",
    ]
    for path in paths:
        assert min(Image.open(path).size) >= 3 * 8


def test_the_export_is_a_model_with_the_verbs(trained, run_tool, tmp_path, capsys):
    out = tmp_path / "exported"
    flags = (f"--run_dir={trained}", ALLOW, f"--export_dir={out}")
    done = run_tool("export.py", *flags)
    assert done.returncode == 0, done.stderr
    served = ("--version_labels=stable", "--served_base=/models", "--batch_sizes=1,2")
    assert call(export, *flags, *served, "--quantise=bfloat16") == 0
    config = (tmp_path / "models.config").read_text()
    assert 'base_path: "/models/exported"' in config and 'key: "stable"' in config
    batching = (tmp_path / "batching.config").read_text()
    assert re.findall(r"^allowed_batch_sizes: (\d+)", batching, re.M) == ["1", "2"]
    for version, printed in ((1, done.stdout), (2, capsys.readouterr().out)):
        assert printed == f"{out / str(version)}\n"
        assert (out / str(version) / "saved_model.pb").is_file()


def test_models_of_points_in_the_plane_are_scattered(tmp_path, capsys):
    run_dir = tmp_path / "run"
    flags = ("--method=tests.small:AtOnce", "--dataset=gaussian_grid", "--latent_dim=2")
    assert call(train, *flags, "--steps=2", f"--run_dir={run_dir}", "--sample_every=0") == 0
    capsys.readouterr()
    assert call(sample, f"--run_dir={run_dir}") == 0
    path, caption = capsys.readouterr().out.split(": ")
    assert path == str(run_dir / "samples" / "scatter.png") and "in the plane" in caption
    assert (run_dir / "samples" / "scatter.png").stat().st_size <= 200_000


def test_models_without_encoder_interpolate_between_draws(tmp_path, capsys):
    run_dir = tmp_path / "run"
    flags = ("--method=tests.small:InTurn", "--dataset=digits", "--latent_dim=2", "--steps=2")
    assert call(train, *flags, f"--run_dir={run_dir}", "--sample_every=0") == 0
    capsys.readouterr()
    assert call(sample, f"--run_dir={run_dir}") == 0
    assert drawn(capsys) == [
        "samples.png", "interpolations.png", "traversals.png", "neighbours.png", "arithmetic.png",
    ]  # fmt: skip
    picture = own_picture(tmp_path, "a.png", "L")
    assert call(sample, f"--run_dir={run_dir}", f"--images={picture}") == 2
    assert "does not infer codes of images" in capsys.readouterr().err


def test_codes_of_data_without_labels_are_drawn(tmp_path, capsys):
    x = np.random.default_rng(0).random((40, 8, 8, 1), np.float32)
    np.savez(tmp_path / "a.npz", x=x, x_test=x)
    run_dir, method = tmp_path / "run", ("--method=tests.small:Bound", "--latent_dim=2")
    flags = (*method, f"--dataset=npz:{tmp_path / 'a.npz'}", "--batch_size=8", "--sample_every=0")
    assert call(train, *flags, "--steps=1", f"--run_dir={run_dir}") == 0
    capsys.readouterr()
    assert call(sample, f"--run_dir={run_dir}", "--n=4") == 0
    assert "codes.png" in drawn(capsys)


def own_picture(folder, name, mode):
    """A picture of no size of the data, with a bright left half."""
    picture = Image.new(mode, (30, 20))
    picture.paste("white", (0, 0, 15, 20))
    picture.save(folder / name)
    return folder / name


def test_own_images_are_reconstructed_and_joined(trained, tmp_path, capsys):
    paths = [own_picture(tmp_path, f"a.{kind}", "RGB") for kind in ("png", "jpg", "bmp")]
    flags = (f"--run_dir={trained}", f"--images={','.join(map(str, paths))}")
    assert call(sample, *flags, f"--out={tmp_path / 'three'}") == 0
    assert drawn(capsys) == ["own-reconstructions.png", "own-interpolations.png"]
    grid = np.asarray(Image.open(tmp_path / "three" / "own-reconstructions.png"))
    side = (grid.shape[1] - 2) // 2  # of an image of 8 x 8, with its padding of two pixels
    assert grid.shape == (3 * side + 2, 2 * side + 2)
    for row in range(3):
        shown = grid[row * side + 2 : (row + 1) * side, 2:side]
        assert (shown[:, :8] > 240).all() and (shown[:, -8:] < 15).all()
    assert call(sample, *flags[:1], f"--images={paths[0]}", f"--out={tmp_path / 'one'}") == 0
    assert drawn(capsys) == ["own-reconstructions.png"]


def test_own_images_of_a_conditional_model_need_labels(tmp_path, capsys):
    run_dir = tmp_path / "run"
    flags = ("--method=cvae", "--dataset=digits", "--num_classes=10", "--steps=1")
    flags += ("--batch_size=8", "--sample_every=0", f"--run_dir={run_dir}")
    assert call(train, *flags) == 0
    paths = ",".join(str(own_picture(tmp_path, f"{i}.png", "L")) for i in range(2))
    for labels in ((), ("--image_labels=3",), ("--image_labels=3,10",), ("--image_labels=3,x",)):
        assert call(sample, f"--run_dir={run_dir}", f"--images={paths}", *labels) == 2
        line = capsys.readouterr().err
        assert "Invalid `image_labels`: expected 2 classes in [0, 10)" in line
    assert not (run_dir / "samples").exists()
    assert call(sample, f"--run_dir={run_dir}", f"--images={paths}", "--image_labels=3,9") == 0
    assert drawn(capsys) == ["own-reconstructions.png", "own-interpolations.png"]


def test_what_is_not_finite_ends_the_run_with_exit_1(small, tmp_path, capsys):
    flags = (*small, "--decoder_output=normal", "--learning_rate=1e30", "--steps=20")
    assert call(train, *flags, f"--run_dir={tmp_path / 'run'}") == 1
    stderr = capsys.readouterr().err
    last = stderr.splitlines()[-1]
    assert last.startswith("train.py: error: ") and "nan" in last.lower()
    assert "Traceback" not in stderr


def start(*arguments, **options):
    """A running tools/train.py."""
    line = [sys.executable, TOOLS / "train.py", *arguments]
    return subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, **options)


def test_a_full_disk_ends_the_run_with_exit_1_and_keeps_the_last_checkpoint(trained, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(trained, run_dir)
    size = (run_dir / "checkpoints" / "step-00000004" / "variables.npz").stat().st_size

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    flags = (f"--flagfile={trained / 'flags.cfg'}", f"--run_dir={run_dir}", "--steps=6")
    process = start(*flags, "--sample_every=0", preexec_fn=small_files)
    stderr = process.communicate(timeout=900)[1].decode()
    assert process.returncode == 1, stderr
    assert stderr.splitlines()[-1].startswith("train.py: error: ")
    assert "Traceback" not in stderr
    assert [path.name for path in (run_dir / "checkpoints").iterdir()] == ["step-00000004"]


def test_sigterm_writes_a_checkpoint_and_exits_143(small, tmp_path):
    run_dir = tmp_path / "run"
    process = start(*small, f"--run_dir={run_dir}", "--steps=10000000", "--log_every=10")
    log, deadline = run_dir / "metrics.jsonl", time.monotonic() + 200
    while time.monotonic() < deadline and not (log.exists() and log.stat().st_size):
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    stderr = process.communicate(timeout=900)[1].decode()
    assert process.returncode == 143, stderr
    assert list((run_dir / "checkpoints").glob("step-*"))


@pytest.mark.every
def test_reproduce_trains_measures_and_draws(run_tool, tmp_path):
    lines = ["--method=tests.small:Bound", "--dataset=gaussian_grid", "--latent_dim=2", "--steps=2"]
    lines += ["--decoder_output=normal", "--batch_size=8", "--sample_every=0"]
    (tmp_path / "gaussian_grid.cfg").write_text("\n".join(lines) + "\n")
    flags = ("--flagfile=gaussian_grid.cfg", "--seeds=1", "--limit=50", "--iwae_samples=2")
    done = run_tool("reproduce.py", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    entry = ledger.read(tmp_path / "results" / "bound-gaussian_grid.json").as_json()
    assert entry["seeds"] == [0] and entry["seconds"][0] > 0
    assert {"modes_covered", "high_quality_share", "nll"} <= set(entry["metrics"])
    picture = tmp_path / "results" / "bound-gaussian_grid.png"
    assert 0 < picture.stat().st_size <= 200_000
