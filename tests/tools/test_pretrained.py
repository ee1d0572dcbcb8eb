"""The tools on pretrained models, and the tool that publishes one."""

import dataclasses
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys

import common
import compare
import evaluate
import export
import publish
import pytest
import train
from pages import gallery

from tests import helpers
from tests.entries import a_run, an_entry
from tests.published import MEASURED, NAME, a_result, published, run_dir, shelf  # noqa: F401 (fixtures)
from zoo import files, ledger, pretrained
from zoo.pretrained import archives

HASH = "0" * 64
ENTRY = pretrained.Entry(
    "vae-digits", 1, "It.", "vae", "digits", "CC BY 4.0", 9, 3, HASH, ("nll", 1.0), {}, "vae-digits"
)


def called(tool, *arguments):
    return common.main(tool.run, tool.FLAGS, [f"{tool.__name__}.py", *arguments])


def test_evaluate_export_and_compare_take_a_name(shelf, in_tmp_path, capsys):  # noqa: F811
    few = "--limit=20", "--metrics=reconstruction_mse"
    assert called(evaluate, f"--model={NAME}", *few) == 0
    assert "reconstruction_mse" in capsys.readouterr().out
    own = in_tmp_path / "pretrained" / NAME / "evaluation.json"
    assert files.read_json(own)["metrics"]["reconstruction_mse"]["n"] == 20
    (cached,) = shelf.cache.glob("*/evaluation.json")
    assert "nll" in files.read_json(cached)["metrics"]  # stays as it was published
    assert called(export, f"--model={NAME}") == 0
    assert (in_tmp_path / "exported" / NAME / "1" / "saved_model.pb").is_file()
    capsys.readouterr()
    line = ["compare.py", f"--run={NAME}"]
    assert common.main(compare.run, compare.FLAGS, line, repeated=("run",)) == 0
    assert NAME in capsys.readouterr().out


@pytest.mark.every
def test_without_the_extra_an_export_says_what_it_lacks(run_dir, in_tmp_path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setattr("zoo.serving.config.available", lambda: False)
    assert called(export, f"--run_dir={run_dir}", "--export_dir=out/vae", "--batch_sizes=1,3") == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "Left out" in line]
    assert len(lines) == 1 and "models.config" in lines[0] and "generative-zoo[serving]" in lines[0]
    assert sorted(p.name for p in (in_tmp_path / "out").iterdir()) == ["batching.config", "vae"]
    assert "allowed_batch_sizes: 3" in (in_tmp_path / "out" / "batching.config").read_text()


@pytest.mark.parametrize("step, told", [(5, True), (1, False)])
def test_a_card_tells_what_was_measured_of_this_checkpoint(
    run_dir,  # noqa: F811
    in_tmp_path,
    capsys,
    step,
    told,
):
    shutil.copytree(run_dir, "run")
    evaluation = {"step": step, "settings": None, "metrics": {"nll": MEASURED}}
    files.write_text("run/evaluation.json", json.dumps(evaluation))
    batching = "num_batch_threads { value: 8 }\n"  # a person's own
    files.write_text("out/batching.config", batching)
    assert called(export, "--run_dir=run", "--export_dir=out/vae") == 0
    card = (in_tmp_path / "out" / "vae" / "1" / "model_card.md").read_text()
    assert ("by hand" in card) == told
    assert ("metrics of step 1, not 5" in capsys.readouterr().err) != told
    assert (in_tmp_path / "out" / "batching.config").read_text() == batching


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--model=vae-digit"], "Did you mean 'vae-digits'"),
        (["--model=runs/none"], "Invalid `model`: expected the directory of a run"),
        ([f"--model={NAME}", "--version=7"], "one of [1] of vae-digits"),
        ([f"--model={NAME}", "--run_dir=x"], "None, as --run_dir is given too"),
        (["--run_dir=x", "--version=1"], "Invalid `version`: expected None with --run_dir"),
        ([], "--model=NAME of a pretrained one"),
    ],
)
def test_other_models_are_refused(shelf, in_tmp_path, capsys, arguments, words):  # noqa: F811
    assert called(evaluate, *arguments) == 2
    line = capsys.readouterr().err
    assert words in line and line.count("\n") == 1


@pytest.mark.every
def test_a_run_begins_with_a_pretrained_model_and_says_so(shelf, in_tmp_path):  # noqa: F811
    flags = ["--method=vae", "--dataset=digits", "--latent_dim=3", "--network=tiny_images"]
    flags += ["--steps=1", "--batch_size=8", "--sample_every=0", "--run_dir=new"]
    assert called(train, *flags, f"--init_from={NAME}") == 0
    assert f"--init_from={NAME}\n" in (in_tmp_path / "new" / "flags.cfg").read_text()
    identity = files.read_json(in_tmp_path / "new" / "identity.json")
    assert identity["init_from"]["step"] == 5


# --- publish ----------------------------------------------------------------------------------


def recorded(*lines):
    line = ["train.py", "--method=vae", "--dataset=digits", "--latent_dim=3", *lines]
    return common.parse(line, common.RUN_FLAGS)


@pytest.fixture
def results(tmp_path):
    """A ledger with three entries, the second of drawn labels."""
    flags = {"method": "vae", "dataset": "digits", "latent_dim": 3}
    folder = tmp_path / "results"
    labelled = an_entry(
        variant="50_labels",
        flags=flags | {"labels": 50},
        runs=[a_run(1, draws={"label_seed": 1})],
    )
    for found in (an_entry(flags=flags | {"limit": 9}), labelled):
        ledger.write(folder / f"{found.name}.json", found)
    return folder


@pytest.mark.parametrize(
    "lines, name",
    [
        (["--seed=2", "--run_dir=a", "--threads=1", "--keep=9"], "vae-digits"),
        (["--seed=1", "--labels=50", "--label_seed=1"], "vae-digits-50_labels"),
    ],
)
def test_a_run_belongs_to_the_result_of_its_flags_and_seed(results, lines, name):
    assert publish.result_of(recorded(*lines), results, "run").name == name


@pytest.mark.parametrize(
    "lines, words",
    [
        (["--beta=2"], "beta 1.0 there, 2.0 here"),
        (["--seed=3"], "a run that has a result in"),
        (["--seed=1", "--labels=50", "--label_seed=0"], "label_seed 1 there, 0 here"),
    ],
)
def test_a_run_without_a_result_is_refused(results, lines, words):
    with helpers.refused(ValueError, match=words):
        publish.result_of(recorded(*lines), results, "run")


def test_the_tool_refuses_a_run_without_a_result_before_tensorflow(results, run_dir, capsys):  # noqa: F811
    flags = [f"--run_dir={run_dir}", f"--results_dir={results}", f"--out={results / 'out'}"]
    assert called(publish, *flags) == 2
    assert "network auto there, tiny_images here" in capsys.readouterr().err
    assert not (results / "out").exists()


@pytest.mark.parametrize(
    "flag, words",
    [
        ("--name=mine", "Invalid `name`: expected vae-DATASET"),
        ("--name=../vae-digits", "Invalid `name`"),
        ("--name=ali-digits", "Invalid `name`"),  # another method's
        ("--name=vae-Digits", "Invalid `name`"),
        ("--url=file:///tmp/vae-digits-1.zip", "Invalid `url`"),
        ("--url=example.org/vae-digits-1.zip", "Invalid `url`"),
    ],
)
def test_names_and_addresses_that_nothing_loads_are_refused_before_tensorflow(
    in_tmp_path, capsys, monkeypatch, flag, words
):
    monkeypatch.setattr(publish, "result_of", lambda *args: an_entry(flags={"method": "vae"}))
    monkeypatch.setattr(common, "load", lambda: pytest.fail("TensorFlow was loaded"))
    (in_tmp_path / "run").mkdir()
    (in_tmp_path / "run" / "flags.cfg").write_text("--method=vae\n--dataset=digits\n")
    assert called(publish, "--run_dir=run", f"--out={in_tmp_path / 'out'}", flag) == 2
    assert words in capsys.readouterr().err
    assert not (in_tmp_path / "out").exists()


@pytest.fixture
def packed():
    """Callable, (url, {member: other content}) -> (entry of a first version, its archive)."""

    def build(url=None, changes=()):
        content = dict.fromkeys(archives.MEMBERS, b"as before")
        archive = archives.pack(content | dict(changes))
        digest = hashlib.sha256(archive).hexdigest()
        return dataclasses.replace(ENTRY, sha256=digest, url=url), archive

    return build


def test_versions_of_several_models_stand_beside_each_other(packed, tmp_path):
    write = lambda entry, content: publish.write(tmp_path, entry, content).name
    entry, archive = packed()
    assert write(entry, archive) == write(entry, archive) == "vae-digits-1.zip"
    other, weights = packed(changes={"weights.npz": b"other"})
    assert write(other, weights) == "vae-digits-2.zip"
    assert write(entry, archive) == "vae-digits-1.zip"  # an older version stays an older one
    assert write(dataclasses.replace(entry, name="ali-digits"), archive) == "ali-digits-1.zip"
    found = pretrained.read_registry(tmp_path / "registry.json")
    assert [(e.name, e.version) for e in found] == [
        ("ali-digits", 1), ("vae-digits", 1), ("vae-digits", 2),
    ]  # fmt: skip
    assert (tmp_path / "vae-digits-2.zip").read_bytes() == weights


@pytest.mark.parametrize(
    "member, url, name",
    [
        ("README.md", None, "vae-digits-1.zip"),  # another card of the same weights
        ("weights.npz", None, "vae-digits-2.zip"),
        ("README.md", "https://example.org/vae-digits-1.zip", "vae-digits-2.zip"),
    ],
)
def test_only_other_weights_or_a_file_of_others_make_a_version(packed, tmp_path, member, url, name):
    publish.write(tmp_path, *packed(url))
    entry, archive = packed(url, {member: b"other"})
    assert publish.write(tmp_path, entry, archive).name == name
    assert (tmp_path / name).read_bytes() == archive
    newest = pretrained.read_registry(tmp_path / "registry.json")[-1]
    assert newest.sha256 == entry.sha256 and newest.file == name


def test_a_model_whose_archive_is_gone_is_published_as_another_version(packed, tmp_path):
    publish.write(tmp_path, *packed()).unlink()
    entry, archive = packed(changes={"README.md": b"other"})
    assert publish.write(tmp_path, entry, archive).name == "vae-digits-2.zip"


KILLED = """
import os, pathlib, pickle, signal, sys
import publish
point, replace = int(sys.argv[2]), os.replace
def counted(*places):
    global point
    if point == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    point -= 1
    replace(*places)
os.replace = counted
publish.write(pathlib.Path(sys.argv[1]), *pickle.load(sys.stdin.buffer))
"""


@pytest.mark.parametrize("member", ["README.md", "weights.npz"])  # in its place; a new version
@pytest.mark.parametrize("point", range(3))  # before a rename: staged, registered, in place
def test_a_killed_publication_breaks_nothing_and_is_mended_by_the_next(
    packed, tmp_path, monkeypatch, member, point
):
    folder = tmp_path / "package"
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    monkeypatch.setattr(pretrained, "REGISTRY", folder / "registry.json")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))

    def sized(entry, archive):
        return dataclasses.replace(entry, bytes=len(archive)), archive

    def newest():
        pretrained._read.cache_clear()
        (found,) = pretrained.list_pretrained().values()
        versions = range(1, found.version + 1)
        return [(pretrained.fetch(NAME, v) / member).read_bytes() for v in versions][-1]

    publish.write(folder, *sized(*packed()))
    again = sized(*packed(changes={member: b"anew"}))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, folder, str(point)],
        input=pickle.dumps(again),
        env={**os.environ, "PYTHONPATH": f"{helpers.ROOT}{os.pathsep}{helpers.ROOT / 'tools'}"},
    )
    assert done.returncode == -9
    assert newest() == (b"as before", b"as before", b"anew")[point]
    path = publish.write(folder, *again)
    assert newest() == b"anew"
    left = {each.name for each in folder.iterdir()}
    assert left == {"vae-digits-1.zip", path.name, "registry.json"}


@pytest.mark.every
def test_a_published_model_is_described_anew_with_its_weights(
    shelf,  # noqa: F811
    in_tmp_path,
    monkeypatch,
    capsys,
):
    threads: list[int] = []
    monkeypatch.setattr(publish.training, "set_threads", threads.append)  # TensorFlow runs already
    metric = "reconstruction_ratio"
    assert called(evaluate, f"--model={NAME}", f"--metrics={metric}") == 0
    value = files.read_json(f"pretrained/{NAME}/evaluation.json")["metrics"][metric]["value"]
    flags = {"method": "vae", "dataset": "digits", "latent_dim": 3, "network": "tiny_images"}
    flags |= {"batch_size": 8, "metrics": [metric]}
    ledger.write(in_tmp_path / "results" / "vae-digits.json", a_result(value, metric, flags=flags))
    capsys.readouterr()
    places = f"--results_dir={in_tmp_path / 'results'}", f"--out={shelf.folder}"
    before = archives.read(shelf.folder / shelf.entry.file, archives.WEIGHTS)
    assert called(publish, f"--model={NAME}", *places) == 0
    assert capsys.readouterr().out.strip() == str(shelf.folder / shelf.entry.file)
    (entry,) = pretrained.read_registry(shelf.folder / "registry.json")
    assert entry.version == 1 and entry.metric == (metric, pytest.approx(value, rel=1e-5))
    assert threads == [1]  # so that the same run gives the same bytes
    assert entry.sha256 != shelf.entry.sha256
    assert archives.read(shelf.folder / entry.file, archives.WEIGHTS) == before


# --- gallery ----------------------------------------------------------------------------------


def test_the_gallery_shows_the_newest_cards(published, tmp_path):  # noqa: F811
    entry, archive = published
    folder = tmp_path / "zoo" / "pretrained"
    folder.mkdir(parents=True)
    older = dataclasses.replace(entry, description="Older.")
    newer = dataclasses.replace(entry, version=2)
    far = dataclasses.replace(entry, name="ali-faces", url="https://example.org/a.zip")
    content = [dataclasses.asdict(each) for each in (newer, older, far)]
    (folder / "registry.json").write_text(json.dumps(content))
    (folder / newer.file).write_bytes(archive)
    pages = {p.relative_to(tmp_path).as_posix(): c for p, c in gallery.pages(tmp_path).items()}
    card, picture = f"docs/pretrained/{NAME}.md", f"docs/pretrained/{NAME}.png"
    assert set(pages) == {"docs/gallery.md", card, picture}
    text = pages["docs/gallery.md"].decode()
    assert f"| ![{NAME}](pretrained/{NAME}.png) | [{NAME}](pretrained/{NAME}.md) |" in text
    assert "| ali-faces |" in text and "Older." not in text and "nll 1" in text
    assert pages[card].decode().startswith(f"# {NAME}\n")
    assert f"![Samples]({NAME}.png)" in pages[card].decode()
    assert pages[picture].startswith(b"\x89PNG")
    assert gallery.pages(tmp_path / "elsewhere") == {}
