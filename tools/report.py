"""Writes RESULTS.md, results/*.md and README's tables and picture from results/*.json.

Also docs/gallery.md and the cards in docs/pretrained/, from the pretrained models.

python tools/report.py
"""

import pathlib
import sys
from collections.abc import Collection

import common
from pages import comparisons, gallery, methods, protocols, readme, sources, strip

from zoo import files
from zoo.errors import refusal

FLAGS = (
    common.flag("check", "bool", False, "write nothing; exit 1 if a generated file is outdated"),
    common.flag("root", "str", str(common.ROOT), "the repository"),
)


def run(flags):
    """The ledger to the pages."""
    root = pathlib.Path(flags.root)
    if not root.is_dir():
        raise FileNotFoundError(refusal("root", "a folder, the repository", flags.root))
    pages = {path: text.encode() for path, text in texts(root).items()} | gallery.pages(root)
    picture = strip.compose(root / "results")
    found = stale(root, pages)
    outdated = [path for path, content in pages.items() if _differs(path, content)]
    if picture is not None and strip.outdated(root / "results" / strip.NAME, picture):
        outdated.append(root / "results" / strip.NAME)
    if flags.check:
        if outdated or found:
            names = ", ".join(str(path.relative_to(root)) for path in [*outdated, *found])
            raise SystemExit(f"missing, outdated or stale: {names}; run `make report`")
        return
    for path in outdated:
        if path.name == strip.NAME:
            strip.write(path, picture)
        else:
            files.write_bytes(path, pages[path])
        print(path)
    for path in found:
        path.unlink()
        print(f"{path} (removed)")


def texts(root: pathlib.Path) -> dict[pathlib.Path, str]:
    """{path: text} of the generated files; README only if it is there."""
    found = sources.read(root)
    known = protocols.Protocols(found.entries.values())
    pages = {root / "RESULTS.md": comparisons.render(found)}
    pages[root / "results" / protocols.NAME] = known.page()
    for name, method in found.methods.items():
        pages[root / "results" / f"{name}.md"] = methods.render(method, found, known)
    path = root / "README.md"
    if path.is_file():
        text = readme.splice(path.read_text(), "methods", readme.which_method(found.methods))
        text = readme.splice(text, "papers", readme.how_close(found))
        pages[path] = readme.splice(text, "pretrained", readme.shipped(gallery.newest(root)))
    return pages


def stale(root: pathlib.Path, pages: Collection[pathlib.Path]) -> list[pathlib.Path]:
    """Pages of methods and of pretrained models that are gone."""
    found = [*(root / "results").glob("*.md"), *(root / gallery.FOLDER).glob("*.*")]
    return [path for path in sorted(found) if path not in pages]


def _differs(path: pathlib.Path, content: bytes) -> bool:
    return not path.is_file() or path.read_bytes() != content


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
