"""README's table and RESULTS.md come from the ledger."""

import common
import pytest
import report

from zoo import registry

METHOD = registry.list_methods()[0]


def test_report_writes_both_texts_and_then_finds_them_up_to_date(tmp_path, capsys):
    (tmp_path / "README.md").write_text("# Zoo\n<!-- methods:begin -->\n<!-- methods:end -->\n")
    (tmp_path / "configs" / METHOD).mkdir(parents=True)
    header = "# A header.\n# command: python tools/reproduce.py --flagfile=a --seeds=9\n"
    (tmp_path / "configs" / METHOD / "digits.cfg").write_text(f"{header}--method={METHOD}\n")

    def reported(*arguments):
        return common.main(
            report.run, report.FLAGS, ["report.py", f"--root={tmp_path}", *arguments]
        )

    assert reported("--check") == 1
    assert "outdated: RESULTS.md and README.md" in capsys.readouterr().err
    assert not (tmp_path / "RESULTS.md").exists()
    assert reported() == 0
    assert reported("--check") == 0
    readme = (tmp_path / "README.md").read_text()
    assert f"| {METHOD} | " in readme and "not run" in readme
    assert "python tools/reproduce.py --flagfile=a --seeds=9" in readme
    assert f"### {METHOD}-digits" in (tmp_path / "RESULTS.md").read_text()


def test_the_repositorys_texts_are_generated_from_its_ledger(repository):
    for path, text in report.texts(repository).items():
        if not path.is_file():
            pytest.skip(f"{path.name} is not written yet")
        assert path.read_text() == text, f"{path.name} is outdated: run python tools/report.py"
