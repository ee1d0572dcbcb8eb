"""Bad input: exit 2, one line that says what was received, nothing written."""

import common
import evaluate
import export
import numpy as np
import pytest
import sample
import train
from PIL import Image

from tests.helpers import refused_in_a_line
from zoo import registry

MODULES = {
    "train": (train, train.FLAGS),
    "evaluate": (evaluate, evaluate.FLAGS),
    "sample": (sample, sample.FLAGS),
    "export": (export, export.FLAGS),
}
METHOD = "--method=tests.small:Bound"
SMALL = (METHOD, "--dataset=digits")
KNOWN = registry.list_methods()[0]
NPZ = (METHOD, "--dataset=npz:{0}/a.npz", "--batch_size=2", "--run_dir={0}/run")


def images(n=6):
    return np.random.default_rng(0).random((n, 8, 8, 1), np.float32)


def save(**arrays):
    return lambda folder: np.savez(folder / "a.npz", **arrays)


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


def truncated(folder):
    save(x=images())(folder)
    content = (folder / "a.npz").read_bytes()
    (folder / "a.npz").write_bytes(content[: len(content) // 2])


def with_nan(folder):
    x = images()
    x[3, 2, 1, 0] = np.nan
    save(x=x)(folder)


def ragged_folder(folder):
    (folder / "pictures").mkdir()
    for index, side in enumerate((8, 8, 9)):
        Image.new("L", (side, side)).save(folder / "pictures" / f"{index}.png")


def empty_folder(folder):
    (folder / "pictures").mkdir()


def nothing(folder):
    pass


# name: (tool, what to prepare, flags, part of the line).
# In flags {0} is the test's folder, {1} a trained run.
CASES = {
    "no method": ("train", nothing, ("--dataset=digits",), "method=None"),
    "unknown method": ("train", nothing, (f"--method={KNOWN}x",), f"Did you mean '{KNOWN}'?"),
    "unknown outside method": (
        "train",
        nothing,
        ("--method=no.where:Bound",),
        "method='no.where:Bound'",
    ),
    "outside method without class": (
        "train",
        nothing,
        ("--method=json:Bound",),
        "method='json:Bound'",
    ),
    "no data set": ("train", nothing, (METHOD,), "dataset=None"),
    "unknown data set": ("train", nothing, (*SMALL, "--dataset=digit"), "Did you mean 'digits'?"),
    "unknown second data set": (
        "train",
        nothing,
        (*SMALL, "--reference_dataset=digit"),
        "`reference_dataset`",
    ),
    "second data set without use": (
        "train",
        nothing,
        (*SMALL, "--reference_dataset=digits", "--batch_size=2", "--run_dir={0}/run"),
        "reference_dataset='digits'",
    ),
    "unknown flag": (
        "train",
        nothing,
        (*SMALL, "--learning_rat=1"),
        "Did you mean '--learning_rate'?",
    ),
    "flag of another method": (
        "train",
        nothing,
        (*SMALL, "--implicit"),
        "--implicit",
    ),
    "flag without effect": (
        "train",
        nothing,
        ("--method=vae", "--dataset=digits", "--decoder_stddev=0.2"),
        "expected 0.1, as it has no effect without decoder_output=normal",
    ),
    "unknown table": ("train", nothing, (*SMALL, "--network=ali_cifar11"), "network='ali_cifar11'"),
    "stray word": ("train", nothing, (*SMALL, "steps=3"), "argument='steps=3'"),
    "flag without value": ("train", nothing, (*SMALL, "--steps"), "Received"),
    "zero steps": ("train", nothing, (*SMALL, "--steps=0"), "steps=0"),
    "steps in words": ("train", nothing, (*SMALL, "--steps=many"), "steps='many'"),
    "batch of none": ("train", nothing, (*SMALL, "--batch_size=0"), "batch_size=0"),
    "negative learning rate": (
        "train",
        nothing,
        (*SMALL, "--learning_rate=-1"),
        "learning_rate=-1.0",
    ),
    "learning rate in words": (
        "train",
        nothing,
        (*SMALL, "--learning_rate=fast"),
        "learning_rate='fast'",
    ),
    "not a number": ("train", nothing, (*SMALL, "--beta_1=nan"), "beta_1=nan"),
    "fraction of a dimension": ("train", nothing, (*SMALL, "--latent_dim=2.5"), "latent_dim='2.5'"),
    "unknown choice": (
        "train",
        nothing,
        (*SMALL, "--decoder_output=normel"),
        "Did you mean 'normal'?",
    ),
    "unknown strategy": (
        "train",
        nothing,
        (*SMALL, "--strategy=mirored"),
        "Did you mean 'mirrored'?",
    ),
    "negative seed": ("train", nothing, (*SMALL, "--seed=-1"), "seed=-1"),
    "endless flagfile": ("train", nothing, ("--flagfile=/dev/zero",), "flagfile="),
    "missing flagfile": ("train", nothing, ("--flagfile={0}/a.cfg",), "flagfile="),
    "binary flagfile": (
        "train",
        lambda folder: (folder / "a.cfg").write_bytes(b"\xff\xfe\x00"),
        ("--flagfile={0}/a.cfg",),
        "flagfile=",
    ),
    "missing npz": ("train", nothing, NPZ, "a.npz"),
    "empty npz": ("train", write("a.npz", ""), NPZ, "a.npz"),
    "npz of no arrays": ("train", save(), NPZ, "Received"),
    "npz of objects": ("train", save(x=np.array([{}, None])), NPZ, "Received"),
    "truncated npz": ("train", truncated, NPZ, "a.npz"),
    "npz without x": ("train", save(pictures=images()), NPZ, "Received"),
    "npz of unequal lengths": ("train", save(x=images(6), y=np.arange(5)), NPZ, "Received"),
    "npz with NaN": ("train", with_nan, NPZ, "Received"),
    "npz of floats to 255": ("train", save(x=255 * images()), NPZ, "Received"),
    "batch larger than the data": (
        "train",
        save(x=images(6)),
        (*NPZ, "--batch_size=7"),
        "batch_size=7",
    ),
    "missing folder": (
        "train",
        nothing,
        (METHOD, "--dataset=folder:{0}/pictures"),
        "Received",
    ),
    "empty folder": (
        "train",
        empty_folder,
        (METHOD, "--dataset=folder:{0}/pictures"),
        "Received",
    ),
    "ragged folder": (
        "train",
        ragged_folder,
        (METHOD, "--dataset=folder:{0}/pictures", "--batch_size=2"),
        "Received",
    ),
    "run directory is a file": (
        "train",
        write("run", ""),
        (*SMALL, "--run_dir={0}/run"),
        "run_dir=",
    ),
    "run directory below a file": (
        "train",
        write("run", ""),
        (*SMALL, "--run_dir={0}/run/deep"),
        "run_dir=",
    ),
    "unwritable place": ("train", nothing, (*SMALL, "--run_dir=/proc/1/run"), "run_dir="),
    "run directory of another run": (
        "train",
        nothing,
        (*SMALL, "--latent_dim=3", "--batch_size=8", "--run_dir={1}"),
        "latent_dim: 2 in the run, 3 now",
    ),
    "beginning of no run": (
        "train",
        nothing,
        (*SMALL, "--init_from={0}/none"),
        "init_from=",
    ),
    "beginning with other networks": (
        "train",
        nothing,
        (*SMALL, "--latent_dim=3", "--init_from={1}"),
        "a run whose encoder is this one's",
    ),
    "labels without classes to count": (
        "train",
        save(x=images(6)),
        (*NPZ, "--labels=2"),
        "labels=2",
    ),
    "labelled batch without labels": (
        "train",
        nothing,
        (*SMALL, "--labelled_batch_size=2"),
        "Received",
    ),
    "binarised vectors": (
        "train",
        nothing,
        (METHOD, "--dataset=gaussian_grid", "--binarise=static"),
        "binarise='static'",
    ),
    "evaluation of no run": ("evaluate", nothing, ("--run_dir={0}/run",), "run_dir="),
    "evaluation of nothing": ("evaluate", nothing, (), "run_dir=None"),
    "unknown metric": (
        "evaluate",
        nothing,
        ("--run_dir={1}", "--allow=tests.small", "--metrics=reconstruction_mes"),
        "Did you mean 'reconstruction_mse'?",
    ),
    "metric that does not fit": (
        "evaluate",
        nothing,
        ("--run_dir={1}", "--metrics=modes_covered"),
        "modes_covered",
    ),
    "best of a run without": ("evaluate", nothing, ("--run_dir={1}", "--which=best"), "best"),
    "pictures of no run": ("sample", nothing, ("--run_dir={0}",), "run_dir="),
    "no pictures": ("sample", nothing, ("--run_dir={1}", "--n=0"), "n=0"),
    "pictures into a file": ("sample", write("out", ""), ("--run_dir={1}", "--out={0}/out"), "out"),
    "own images that are none": (
        "sample",
        write("a.png", "text"),
        ("--run_dir={1}", "--images={0}/a.png"),
        "a.png",
    ),
    "own images that are missing": (
        "sample",
        nothing,
        ("--run_dir={1}", "--images={0}/a.png"),
        "images=",
    ),
    "labels without own images": (
        "sample",
        nothing,
        ("--run_dir={1}", "--image_labels=1"),
        "images=None",
    ),
    "labels of own images of a model without": (
        "sample",
        lambda folder: Image.new("L", (9, 9)).save(folder / "a.png"),
        ("--run_dir={1}", "--images={0}/a.png", "--image_labels=1"),
        "image_labels=('1',)",
    ),
    "export of no run": ("export", nothing, ("--run_dir={0}",), "run_dir="),
    "export into a file": (
        "export",
        write("out", ""),
        ("--run_dir={1}", "--export_dir={0}/out"),
        "export_dir=",
    ),
}


def listing(folder):
    """Every file below a folder with its size; the lock of a run is no content."""
    files = (path for path in folder.rglob("*") if path.name != ".lock")
    return {path: path.stat().st_size if path.is_file() else None for path in files}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused(name, trained, tmp_path, monkeypatch, capsys):
    tool, prepare, arguments, part = CASES[name]
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path), listing(trained)
    arguments = [argument.format(tmp_path, trained) for argument in arguments]
    module, flags = MODULES[tool]
    code = common.main(module.run, flags, [f"{tool}.py", *arguments])
    refused_in_a_line(code, capsys.readouterr().err, part)
    assert (listing(tmp_path), listing(trained)) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": ["worker"], "index": 0}}',
    ],
)
def test_malformed_cluster_is_refused(text, in_tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TF_CONFIG", text)
    arguments = ["train.py", *SMALL, "--strategy=multi_worker"]
    code = common.main(train.run, train.FLAGS, arguments)
    refused_in_a_line(code, capsys.readouterr().err, "TF_CONFIG")
    assert not list(in_tmp_path.iterdir())


# Before TensorFlow, and of a tool that restores a run.
@pytest.mark.parametrize("name", ["unknown method", "unknown metric"])
def test_a_process_says_only_that_line(name, run_tool, trained, tmp_path):
    tool, prepare, arguments, part = CASES[name]
    prepare(tmp_path)
    before = listing(tmp_path)
    arguments = [argument.format(tmp_path, trained) for argument in arguments]
    done = run_tool(f"{tool}.py", *arguments, cwd=tmp_path)
    refused_in_a_line(done.returncode, done.stderr, part)
    assert done.stdout == ""
    assert listing(tmp_path) == before
