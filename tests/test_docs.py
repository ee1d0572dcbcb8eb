"""What the documents say is so."""

import configparser
import functools
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import zoo

PAGES = ("docs/data.md", "docs/glossary.md", "docs/history.md", "docs/verbs.md")
DOCUMENTS = ("README.md", "BUILD.md", "CHANGELOG.md", *PAGES)


def read(repository, name):
    return (repository / name).read_text(encoding="utf-8")


def tracked_files(repository):
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git does not list the files here")
    return [repository / name for name in listed.stdout.decode().split("\0") if name]


def table_after(text, header):
    """Rows, as lists of cells, of the Markdown table with this header line."""
    rows = text.split(header, 1)[1].strip().splitlines()[1:]
    table = []
    for row in rows:
        if not row.startswith("|"):
            break
        table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]])
    return table


@pytest.fixture(scope="module")
def blocks(repository):
    """The Python blocks of README, in their order."""
    return re.findall(r"```python\n(.*?)```", read(repository, "README.md"), re.S)


def test_python_in_readme_runs_as_printed(blocks, in_tmp_path, monkeypatch):
    for name in ("cats", "dogs"):
        (in_tmp_path / "my_images" / name).mkdir(parents=True)
        for index in range(20):
            pixels = np.random.default_rng(index).integers(0, 256, (20, 20, 3), np.uint8)
            Image.fromarray(pixels).save(in_tmp_path / "my_images" / name / f"{index}.png")
    names = {}
    for code in blocks:
        file = re.match(r"# (\w+\.py)\n", code)
        if file:  # a file of its own, which the text says how to use
            (in_tmp_path / file[1]).write_text(code)
        else:
            exec(compile(code, "README.md", "exec"), names)
    assert names["x"].shape == (16, 8, 8, 1)
    assert names["z"].shape == (16, 16)
    assert names["x_hat"].shape == (16, 8, 8, 1)
    assert abs(names["served"].sample(16, seed=0) - names["x"]).numpy().max() < 1e-4
    zoo = names["zoo"]
    assert names["faces"].num_classes == 2
    x = names["data"].arrays("test", 8)["x"]
    assert names["model"].encode(x).mean().shape == (8, 16)  # the last one, of own networks
    assert names["model"].encoder is names["encoder"]
    monkeypatch.syspath_prepend(in_tmp_path)
    own = zoo.create("own:SparseVAE", image_shape=(2,), latent_dim=2, decoder_output="normal")
    seen, posterior = [], own.posterior
    own.posterior = lambda x: seen.append(posterior(x)) or seen[-1]
    own.compile(run_eagerly=True)
    logs = own.train_step({"x": np.random.default_rng(0).normal(size=(8, 2)).astype("float32")})
    penalty = abs(seen[0].mean().numpy()).sum(axis=-1).mean()
    bound = logs["reconstruction_loss"] + logs["kl"]  # all of a VAE's loss
    assert float(logs["model_loss"] - bound) == pytest.approx(0.1 * penalty, rel=1e-3)


def test_blocks_of_readme_are_short(blocks):
    lengths = [len([line for line in code.splitlines() if line.strip()]) for code in blocks]
    assert max(lengths) <= 10


def test_tables_of_readme_are_narrow_and_readme_is_short(repository):
    lines = read(repository, "README.md").splitlines()
    wide = [line for line in lines if line.startswith("|") and len(line) > 120]
    assert not wide, "rows of README have at most 120 characters: shorten the method's *Use*"
    generated = re.findall(r"<!-- (\w+):begin -->\n(.*?)<!-- \1:end -->", "\n".join(lines), re.S)
    assert len(generated) == 3
    assert len(lines) - sum(text.count("\n") for _, text in generated) <= 195


def test_verbs_in_readme_are_those_of_the_models(repository):
    """The docstrings that README's table is made of say what the models can."""
    text = read(repository, "README.md")
    legend = re.search(r"^\*basic\*: (.*)\. \*samples\*: (.*?)\. ", text, re.M)
    words = {
        w: set(re.findall(r"`(\w+)`", legend[i])) for i, w in enumerate(["basic", "samples"], 1)
    }
    rows = table_after(text, "| I want | method | paper | verbs |\n")
    rows = [row for row in rows if row[1]]  # the others name a purpose
    names = [re.fullmatch(r"\[(\w+)\]\(results/\1\.md\)", cell)[1] for _, cell, _, _ in rows]
    assert sorted(names) == zoo.list_methods(), "run make report"
    for name, (_, _, _, cell) in zip(names, rows):
        verbs = set(re.findall(r"`(\w+)`", cell)) | words.get(cell.partition(",")[0], set())
        told = set(re.findall(r"`(\w+)`\*", cell))  # has them when it is told the classes
        needed = {"num_classes": 10} if zoo.registry.get(name).NEEDS_LABELS else {}
        if "num_clusters" in zoo.registry.hyper_parameters(name):
            needed = {"num_clusters": 10}
        model = zoo.create(name, image_shape=(8, 8, 1), **needed)
        assert verbs - told == set(model.capabilities), name
        density = re.search("exact|bound", cell)
        assert model.density == (density and {"bound": "lower_bound"}.get(density[0], density[0]))
        if told:
            flags = {"num_classes": 10}
            if "label_use" in zoo.registry.hyper_parameters(model.method):
                flags["label_use"] = "classify"
            model = zoo.create(name, image_shape=(8, 8, 1), **flags)
            assert verbs == set(model.capabilities), name


def test_named_files_exist(repository):
    for document in DOCUMENTS:
        text = read(repository, document)
        named = re.findall(r"\b(?:configs|tools|tests|zoo)/[\w./-]+\.(?:py|cfg)\b", text)
        named += re.findall(r"\]\((?!http)([^)#]+)\)", text)
        named = [name for name in named if not re.search("NAME|METHOD|STEM|DATASET", name)]
        folder = (repository / document).parent
        missing = sorted(
            name
            for name in set(named)
            if not (repository / name).exists() and not (folder / name).exists()
        )
        assert not missing, f"{document} names {missing}"


@pytest.fixture(scope="module")
def help_of(repository):
    @functools.cache
    def run(tool):
        command = [sys.executable, tool, "--help"]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_tools_in_readme_explain_themselves(repository, help_of):
    tools = set(re.findall(r"tools/\w+\.py", read(repository, "README.md")))
    assert tools == {
        path.relative_to(repository).as_posix()
        for path in (repository / "tools").glob("*.py")
        if "__main__" in path.read_text()  # the others are what the tools share
    }
    for tool in sorted(tools):
        assert "--flagfile" in help_of(tool)


def test_flags_in_documents_exist(repository, help_of):
    text = "".join(read(repository, name) for name in DOCUMENTS) + read(repository, "Makefile")
    commands = re.findall(r"(?:python|\$\(python\)) (tools/\w+\.py)(.*)$", text, re.M)
    assert commands
    for tool, arguments in commands:
        for flag in re.findall(r"--\w+", arguments):
            assert f"{flag}=" in help_of(tool) or f"{flag} " in help_of(tool), f"{tool} {flag}"


def test_make_targets_are_documented(repository):
    makefile = read(repository, "Makefile")
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M).group(1).split())
    assert targets == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M))
    assert targets == set(
        re.findall(r"^\| `make ([a-z-]+)` \|", read(repository, "BUILD.md"), re.M)
    )
    for document in DOCUMENTS:
        named = re.findall(r"(?:`|^)make ([a-z-]+)", read(repository, document), re.M)
        assert set(named) <= targets, document


def test_one_version_everywhere(repository):
    setup = configparser.ConfigParser()
    setup.read(repository / "setup.cfg")
    version = setup["metadata"]["version"]
    assert zoo.__version__ == version
    assert f"\nversion: {version}\n" in read(repository, "CITATION.cff")
    assert f"\n## {version} - " in read(repository, "CHANGELOG.md")


def test_constraints_are_exact_and_cover_what_setup_asks_for(repository):
    lines = [x for x in read(repository, "constraints.txt").splitlines() if not x.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.!+]+", line) for line in lines)
    pinned = {normalised(line.split("==")[0]) for line in lines}
    setup = configparser.ConfigParser()
    setup.read(repository / "setup.cfg")
    asked = setup["options"]["install_requires"]
    asked += "".join(
        setup["options.extras_require"][name]
        for name in ("serving", "test", "dev", "demo", "browser")
    )
    names = {normalised(re.match(r"[\w.-]+", line).group()) for line in asked.split("\n") if line}
    assert names <= pinned


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_no_file_holds_an_absolute_path_of_a_workplace(repository):
    # Of a home, a temporary folder or a mounted one; a path inside an address or a word is none.
    absolute = re.compile(rb"(?<![\w.:/*~$}-])/(?:work|tmp|home|root|Users|mnt|opt)/[\w.]")
    for path in tracked_files(repository):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" in content:
            continue
        found = absolute.search(content)
        assert not found, f"{path.name}: {content[found.start() : found.start() + 60]}"
