"""The tools as a user runs them: processes, files, exit codes, messages."""

import json
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

import common
import numpy as np
from PIL import Image

from zoo import results

TOOLS = common.ROOT / "tools"
FEW = ("--limit=50", "--svm_repeats=2", "--iwae_samples=2")


def test_a_run_directory_holds_what_it_should(trained):
    assert {"flags.cfg", "metrics.jsonl", "checkpoints", "identity.json"} <= {
        path.name for path in trained.iterdir()
    }
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4]


def test_a_run_is_repeated_from_its_flags_and_continued(trained, run_tool, tmp_path):
    again = tmp_path / "again"
    flags = (f"--flagfile={trained / 'flags.cfg'}", f"--run_dir={again}")
    assert run_tool("train.py", *flags, "--steps=2").returncode == 0
    done = run_tool("train.py", *flags)
    assert done.returncode == 0, done.stderr
    assert "from step 2" in done.stdout + done.stderr
    one, other = (
        np.load(folder / "checkpoints" / "step-00000004" / "variables.npz")
        for folder in (trained, again)
    )
    assert set(one.files) == set(other.files)
    for name in one.files:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_run_begins_with_the_weights_of_another(trained, small, run_tool, tmp_path):
    run_dir = tmp_path / "run"
    flags = (*small, f"--init_from={trained}", f"--run_dir={run_dir}", "--sample_every=0")
    done = run_tool("train.py", *flags, "--steps=1", "--learning_rate=1e-30")
    assert done.returncode == 0, done.stderr
    assert "weights of another run: encoder, decoder" in done.stdout
    one, other = (
        np.load(folder / "checkpoints" / f"step-0000000{step}" / "variables.npz")
        for folder, step in ((trained, 4), (run_dir, 1))
    )
    for kernel in ("networks/encoder/000", "networks/decoder/000"):  # a step too small to see
        np.testing.assert_allclose(one[kernel], other[kernel], rtol=1e-6)
    assert f"--init_from={trained}" in (run_dir / "flags.cfg").read_text()


def test_the_default_run_directory_is_named_after_the_config(small, run_tool, tmp_path):
    lines = [*small, "--steps=1", "--sample_every=0"]
    (tmp_path / "digits-tiny.cfg").write_text("\n".join(lines) + "\n")
    done = run_tool("train.py", "--flagfile=digits-tiny.cfg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "bound-digits-tiny" / "flags.cfg").is_file()


def test_evaluation_is_printed_and_kept(trained, run_tool):
    done = run_tool("evaluate.py", f"--run_dir={trained}", *FEW)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["metric", "value", "n", "split", "protocol"]
    evaluation = results.read_json(trained / "evaluation.json")
    assert evaluation["step"] == 4
    assert [row.split()[0] for row in rows] == list(evaluation["metrics"])
    found = evaluation["metrics"]["reconstruction_mse"]
    assert found["n"] == 50 and found["split"] == "test" and found["protocol"]
    assert 0 < found["value"] < 1


def test_pictures_are_drawn_and_named(trained, run_tool, tmp_path):
    done = run_tool("sample.py", f"--run_dir={trained}", "--n=9", f"--out={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    paths = [pathlib.Path(line) for line in done.stdout.splitlines()]
    assert [path.name for path in paths] == [
        "samples.png",
        "reconstructions.png",
        "inpaintings.png",
        "interpolations.png",
        "traversals.png",
        "codes.png",
        "curves.png",
    ]
    for path in paths:
        assert min(Image.open(path).size) >= 3 * 8


def test_the_export_is_a_model_with_the_verbs(trained, run_tool, tmp_path):
    out = tmp_path / "exported"
    for version in (1, 2):
        done = run_tool("export.py", f"--run_dir={trained}", f"--export_dir={out}")
        assert done.returncode == 0, done.stderr
        path = pathlib.Path(done.stdout.strip())
        assert path == out / str(version)
        assert (path / "saved_model.pb").is_file()


def test_models_of_points_in_the_plane_are_scattered(run_tool, tmp_path):
    run_dir = tmp_path / "run"
    flags = ("--method=tests.small:AtOnce", "--dataset=gaussian_grid", "--latent_dim=2")
    done = run_tool("train.py", *flags, "--steps=2", f"--run_dir={run_dir}", "--sample_every=0")
    assert done.returncode == 0, done.stderr
    done = run_tool("sample.py", f"--run_dir={run_dir}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{run_dir / 'samples' / 'scatter.png'}\n"
    assert (run_dir / "samples" / "scatter.png").stat().st_size <= 200_000


def test_models_without_encoder_interpolate_between_draws(run_tool, tmp_path):
    run_dir = tmp_path / "run"
    flags = ("--method=tests.small:InTurn", "--dataset=digits", "--latent_dim=2", "--steps=2")
    done = run_tool("train.py", *flags, f"--run_dir={run_dir}", "--sample_every=0")
    assert done.returncode == 0, done.stderr
    done = run_tool("sample.py", f"--run_dir={run_dir}")
    assert done.returncode == 0, done.stderr
    names = [pathlib.Path(line).name for line in done.stdout.splitlines()]
    assert names == ["samples.png", "interpolations.png", "traversals.png"]


def test_what_is_not_finite_ends_the_run_with_exit_1(small, run_tool, tmp_path):
    flags = (*small, "--decoder_output=normal", "--learning_rate=1e30", "--steps=20")
    done = run_tool("train.py", *flags, f"--run_dir={tmp_path / 'run'}")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("train.py: error: ") and "nan" in last.lower()
    assert "Traceback" not in done.stderr


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


def test_reproduce_trains_measures_and_draws(run_tool, tmp_path):
    lines = ["--method=tests.small:Bound", "--dataset=gaussian_grid", "--latent_dim=2", "--steps=2"]
    lines += ["--decoder_output=normal", "--batch_size=8", "--sample_every=0"]
    (tmp_path / "gaussian_grid.cfg").write_text("\n".join(lines) + "\n")
    flags = ("--flagfile=gaussian_grid.cfg", "--seeds=1", "--limit=50", "--iwae_samples=2")
    done = run_tool("reproduce.py", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    entry = results.read(tmp_path / "results" / "bound-gaussian_grid.json")
    assert entry["seeds"] == [0] and entry["seconds"][0] > 0
    assert {"modes_covered", "high_quality_share", "nll"} <= set(entry["metrics"])
    picture = tmp_path / "results" / "bound-gaussian_grid.png"
    assert 0 < picture.stat().st_size <= 200_000
