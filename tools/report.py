"""Writes RESULTS.md and README's table of methods from results/*.json.

python tools/report.py
"""

import pathlib
import re
import sys

import common

from zoo import registry, results

FLAGS = (
    common.flag(
        "check", "bool", False, "write nothing; exit 1 if RESULTS.md or README is outdated"
    ),
    common.flag("root", "str", str(common.ROOT), "the repository"),
)


def run(flags):
    """The ledger to the two texts."""
    root = pathlib.Path(flags.root)
    outdated = [
        path for path, text in texts(root).items() if not path.is_file() or path.read_text() != text
    ]
    if flags.check:
        if outdated:
            names = " and ".join(path.name for path in outdated)
            raise SystemExit(f"outdated: {names}; run `python tools/report.py`")
        return
    for path, text in texts(root).items():
        if path in outdated:
            results.write_text(path, text)
            print(path)


def texts(root):
    """{path: text} of the generated files; README only if it is there."""
    methods = {name: registry.reference(name) for name in registry.list_methods()}
    described = configs(root / "configs", methods)
    entries = with_papers(ledger(root / "results"), described)
    found = {root / "RESULTS.md": results.render_results(methods, described, entries)}
    readme = root / "README.md"
    if readme.is_file():
        table = results.render_table(methods, described, entries)
        found[readme] = results.splice(readme.read_text(), table)
    return found


def with_papers(entries, described):
    """The entries with the paper's numbers as `paper.json` has them today, where it has any."""
    return {
        key: {**entry, "paper": described.get(key, {}).get("paper") or entry["paper"]}
        for key, entry in entries.items()
    }


def configs(folder, methods):
    """{(method, stem): {"path", "command", "paper"}} of all config files."""
    return {
        (method, path.stem): {
            "path": f"configs/{method}/{path.name}",
            "command": command(path.read_text(), f"configs/{method}/{path.name}"),
            "paper": results.read_paper(path),
        }
        for method in methods
        for path in sorted((folder / method).glob("*.cfg"))
    }


def command(text, path):
    """The line "# command: ..." of a config's header, or the plain command."""
    named = re.search(r"^#\s*command:\s*(.+)$", text, re.I | re.M)
    return named[1].strip() if named else f"python tools/reproduce.py --flagfile={path} --seeds=3"


def ledger(folder):
    """{(method, stem): entry} of all entries."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        entry = results.read(path)
        found[entry["method"], path.stem.removeprefix(f"{entry['method']}-")] = entry
    return found


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
