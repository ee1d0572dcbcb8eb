"""The tool that writes the generated pages from the ledger."""

import re

import common
import pytest
import report
from pages import protocols

from tests.entries import an_entry
from zoo import ledger, registry

METHOD = registry.list_methods()[0]
PARTS = ("pretrained", "methods", "papers")
MARKS = "".join(f"<!-- {part}:begin -->\n<!-- {part}:end -->\n" for part in PARTS)


@pytest.fixture
def reported(tmp_path):
    """Runs the tool in a repository of a README and one config; returns its exit code."""
    (tmp_path / "README.md").write_text(f"# Zoo\n{MARKS}")
    (tmp_path / "configs" / METHOD).mkdir(parents=True)
    header = "# A header.\n# command: python tools/reproduce.py --flagfile=a --seeds=9\n"
    (tmp_path / "configs" / METHOD / "digits.cfg").write_text(f"{header}--method={METHOD}\n")

    def run(*arguments):
        line = ["report.py", f"--root={tmp_path}", *arguments]
        return common.main(report.run, report.FLAGS, line)

    return run


def test_report_writes_all_pages_and_then_finds_them_up_to_date(reported, tmp_path, capsys):
    assert reported("--check") == 1
    error = capsys.readouterr().err
    assert "RESULTS.md" in error and f"results/{METHOD}.md" in error and "README.md" in error
    assert "run `make report`" in error
    assert not (tmp_path / "RESULTS.md").exists()
    assert reported() == 0
    assert reported("--check") == 0
    assert f"| [{METHOD}](results/{METHOD}.md) |" in (tmp_path / "README.md").read_text()
    assert (
        f"- {METHOD}: [digits](configs/{METHOD}/digits.cfg)"
        in (tmp_path / "RESULTS.md").read_text()
    )
    names = {path.stem for path in (tmp_path / "results").glob("*.md")}
    assert names == {*registry.list_methods(), "metrics"}


def test_a_page_that_was_edited_is_outdated(reported, tmp_path, capsys):
    reported()
    page = tmp_path / "results" / f"{METHOD}.md"
    page.write_text(page.read_text() + "more\n")
    assert reported("--check") == 1
    assert f"missing, outdated or stale: results/{METHOD}.md;" in capsys.readouterr().err


def test_a_page_of_a_method_that_is_gone_is_stale_and_removed(reported, tmp_path, capsys):
    reported()
    (tmp_path / "results" / "gone.md").write_text("# gone\n")
    assert reported("--check") == 1
    assert "results/gone.md" in capsys.readouterr().err
    assert reported() == 0
    assert not (tmp_path / "results" / "gone.md").exists()
    assert reported("--check") == 0


def test_results_of_methods_that_are_gone_are_left_out_in_one_line(reported, tmp_path, capsys):
    figure = {"value": 2.5, "source": "table 1", "status": "verified"}
    for method in ("gone", "lost", METHOD):
        entry = an_entry(method=method, paper={"nll": figure})
        ledger.write(tmp_path / "results" / f"{entry.name}.json", entry)
    assert reported() == 0
    error = capsys.readouterr().err
    assert error.startswith("Left out of the pages: gone-digits, lost-digits: ")
    assert error.count("\n") == 1
    pages = [*(tmp_path / "results").glob("*.md"), tmp_path / "RESULTS.md", tmp_path / "README.md"]
    assert not [page for page in pages if "gone" in page.read_text() or "gone" in page.name]
    assert "| [nll](metrics.md#nll) |" in (tmp_path / "results" / f"{METHOD}.md").read_text()
    assert reported("--check") == 0


def test_links_and_pictures_of_the_pages_exist(repository):
    pages = report.texts(repository)
    for path, text in pages.items():
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            name, _, anchor = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            assert file.exists() or file in pages, f"{path.name} leads to {target}"
            if anchor:
                linked = pages.get(file) or file.read_text()
                assert anchor in headings(linked), f"{path.name} leads to {target}"


def headings(text):
    """The anchors that GitHub gives to a page's headings."""
    found = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_each_protocol_stands_once(repository):
    text = report.texts(repository)[repository / "results" / protocols.NAME]
    sentences = [line for line in text.splitlines() if line and line[0] not in "#|"]
    assert len(set(sentences)) == len(sentences)
