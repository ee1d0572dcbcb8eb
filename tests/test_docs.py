"""What the documents say is so."""

import configparser
import functools
import re
import subprocess
import sys

import pytest

DOCUMENTS = ("README.md", "BUILD.md", "CHANGELOG.md")


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
        table.append([cell.strip() for cell in row.strip("|").split("|")])
    return table


@pytest.mark.slow
def test_quick_start_runs_as_printed(repository, in_tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", read(repository, "README.md"), re.S)
    assert len([line for line in code.splitlines() if line.strip()]) == 10
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["x"].shape == (16, 8, 8, 1)
    assert names["z"].shape == (16, 16)
    assert names["x_hat"].shape == (16, 8, 8, 1)
    assert abs(names["served"].sample(16, seed=0) - names["x"]).numpy().max() < 1e-4


def test_generated_text_is_that_of_the_results(repository):
    command = [sys.executable, "tools/report.py", "--check"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_table_of_verbs_is_that_of_the_models(repository):
    import zoo

    density = {"none": None, "lower bound": "lower_bound", "exact": "exact"}
    rows = table_after(read(repository, "README.md"), "| name | verbs | `log_prob` |\n")
    assert [name.strip("`") for name, _, _ in rows] == zoo.list_methods()
    for name, verbs, kind in rows:
        needed = {"num_classes": 10} if name == "`cvae`" else {}
        model = zoo.create(name.strip("`"), image_shape=(8, 8, 1), **needed)
        assert set(re.findall(r"`(\w+)`", verbs)) == set(model.capabilities), name
        assert model.density == density[kind], name


def test_named_files_exist(repository):
    for document in DOCUMENTS:
        text = read(repository, document)
        named = re.findall(r"\b(?:configs|tools|tests|zoo)/[\w./-]+\.(?:py|cfg)\b", text)
        named += re.findall(r"\]\((?!http)([^)#]+)\)", text)
        named = [name for name in named if not re.search("NAME|METHOD|STEM|DATASET", name)]
        missing = sorted(name for name in set(named) if not (repository / name).exists())
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
    import zoo

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
    asked += "".join(setup["options.extras_require"][name] for name in ("serving", "test", "dev"))
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
