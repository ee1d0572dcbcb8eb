"""What the pages are made of: the methods' docstrings, the configs, the ledger."""

import dataclasses
import pathlib
import re
import sys
import textwrap

from zoo import ledger, registry
from zoo.errors import printable
from zoo.ledger import Entry

# What somebody may want of a method, in the order of README's table.
PURPOSES = (
    "Samples",
    "Samples of a class",
    "Codes and reconstructions",
    "Likelihood",
    "Few labels",
    "Density ratio",
)
USE_LENGTH = 50  # README's table keeps its lines below 120 characters


PICTURES = ("scatter", "samples", "reconstructions", "classes", "ratios")
PICTURES += ("draws", "codes", "levels", "curves")


@dataclasses.dataclass(frozen=True)
class Method:
    """What a method's docstring says.

    Attributes:
        name: registry name.
        summary: the first line.
        use: what somebody wants who should take it: `*Use*`, or the beginning of the summary.
        verbs: {verb: remark, or ""}, of `*Capabilities*`.
        reference: the paragraph `Reference`.
    """

    name: str
    summary: str
    use: str
    verbs: dict[str, str]
    reference: str

    @property
    def paper(self) -> str:
        """First author and year of the first paper, as in Dumoulin 2016."""
        if not self.reference:
            return ""
        author = re.split(r",| and | et al|:", self.reference)[0]
        number = self._arxiv()
        year = f"20{number[:2]}" if number else (re.search(r"\b20\d\d\b", self.reference) or "?")[0]
        return f"{author} {year}"

    @property
    def title(self) -> str:
        """Authors and title of the first paper."""
        number = self._arxiv()
        if not number:
            return self.reference.split(". ")[0].rstrip(".")
        before = self.reference[: self.reference.index(number)]
        return re.sub(r"[\s,;:(]*(arXiv)?[\s:]*$", "", before, flags=re.I) or f"arXiv {number}"

    @property
    def address(self) -> str | None:
        """Of the first paper at arXiv, or None."""
        number = self._arxiv()
        return f"https://arxiv.org/abs/{number}" if number else None

    @property
    def purpose(self) -> str:
        """The group of methods that it belongs to, one of `PURPOSES`, by what its verbs are."""
        if "log_ratio" in self.verbs:
            return "Density ratio"
        if re.search(r"\bclass\b", self.use):
            return "Samples of a class"
        optional = self.verbs.get("classify", "").startswith("with ")
        if "classify" in self.verbs and not (optional and "encode" in self.verbs):
            return "Few labels"
        if "log_prob" in self.verbs:
            return "Likelihood"
        return "Codes and reconstructions" if {"encode", "read"} & set(self.verbs) else "Samples"

    def printed(self, source: str) -> str:
        """Who printed a number, in a word, if it was not the method's own paper.

        Args:
            source: of the number, as `paper.json` has it; who quotes stands behind whom he quotes.
        """
        code = re.search(r"README of (\S+ code)", source)
        if code:
            return code[1]
        papers = re.findall(r"([\w-]+), arXiv (\d{4}\.\d{4,5})", source)
        name, number = papers[-1] if papers else ("", self._arxiv())
        return "" if number == self._arxiv() else name

    @property
    def pictures(self) -> tuple[str, ...]:
        """What `sample.py` draws and its page shows, as far as its models have it."""
        reads = "read" in self.verbs  # its codes are what it is about
        return (*PICTURES, "traversals") if reads else PICTURES

    def _arxiv(self) -> str | None:
        number = re.search(r"\b\d{4}\.\d{4,5}\b", self.reference)
        return number[0] if number else None


@dataclasses.dataclass(frozen=True)
class Config:
    """A config file.

    Attributes:
        path: below the repository.
        command: what runs it.
        paper: {metric: {"value", "source", "status"}}, the paper's numbers for it.
        chosen: on what its settings were chosen, `# Chosen:` of its header; "" where it is silent.
        reason: why the row misses the paper's number, as far as known, `# Reason:` there.
    """

    path: str
    command: str
    paper: dict[str, dict]
    chosen: str = ""
    reason: str = ""

    @property
    def optimistic(self) -> bool:
        """Whether the examples that are measured chose the settings."""
        return self.chosen.startswith("on the test split")


@dataclasses.dataclass(frozen=True)
class Sources:
    """All that the pages show: {name: Method}; configs and entries by (method, stem)."""

    methods: dict[str, Method]
    configs: dict[tuple[str, str], Config]
    entries: dict[tuple[str, str], Entry]

    def ran(self, method: str) -> dict[str, Entry]:
        """{stem: entry} of a method."""
        return {stem: entry for (name, stem), entry in self.entries.items() if name == method}

    def not_run(self, method: str) -> dict[str, Config]:
        """{stem: config} of a method's configs without results."""
        missing = {key: value for key, value in self.configs.items() if key not in self.entries}
        return {stem: config for (name, stem), config in missing.items() if name == method}


def read(root: pathlib.Path) -> Sources:
    """The sources in a repository; the methods are those of the library.

    Results of other methods, which are gone or from outside, are left out; a line on stderr names
    them.
    """
    methods = {name: method(name) for name in registry.list_methods()}
    found, ran = configs(root / "configs", methods), entries(root / "results")
    known = {key: entry for key, entry in ran.items() if entry.method in methods}
    if unknown := [printable(entry.name) for key, entry in ran.items() if key not in known]:
        why = "the library has no such method"
        print(f"Left out of the pages: {', '.join(unknown)}: {why}", file=sys.stderr)
    return Sources(methods, found, with_papers(known, found))


def method(name: str) -> Method:
    """What the docstring of a method says."""
    summary = registry.summary(name)
    use = registry.paragraph(name, "Use").rstrip(".")
    use = use or textwrap.shorten(summary, USE_LENGTH, placeholder=" ...")
    found = verbs(registry.paragraph(name, "Capabilities"))
    return Method(name, summary, use, found, registry.reference(name))


def verbs(text: str) -> dict[str, str]:
    """{verb: remark} of "sample, log_prob (a bound), ..."; what is no verb is left out."""
    items, depth = [""], 0
    for character in text.rstrip("."):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            items.append("")
        else:
            items[-1] += character
    matches = (re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", item) for item in items)
    return {match[1]: match[2] or "" for match in matches if match}


def configs(folder: pathlib.Path, methods: dict) -> dict[tuple[str, str], Config]:
    """All config files of the methods."""
    return {
        (name, path.stem): Config(
            path=f"configs/{name}/{path.name}",
            command=command(path.read_text(), f"configs/{name}/{path.name}"),
            paper=ledger.read_paper(path),
            chosen=paragraph("Chosen", path.read_text()),
            reason=paragraph("Reason", path.read_text()),
        )
        for name in methods
        for path in sorted((folder / name).glob("*.cfg"))
    }


def command(text: str, path: str) -> str:
    """The line "# command: ..." of a config's header, or the plain command."""
    named = re.search(r"^#\s*command:\s*(.+)$", text, re.I | re.M)
    return named[1].strip() if named else f"python tools/reproduce.py --flagfile={path} --seeds=3"


def paragraph(name: str, text: str) -> str:
    """The paragraph "# NAME: ..." of a config's header, or ""."""
    found = re.search(rf"^#\s*{name}:\s*(.+(?:\n# (?!\w+:).*)*)", text, re.M)
    return re.sub(r"\s*\n#\s*", " ", found[1]).strip() if found else ""


def entries(folder: pathlib.Path) -> dict[tuple[str, str], Entry]:
    """All entries of the ledger."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        entry = ledger.read(path)
        found[entry.method, path.stem.removeprefix(f"{entry.method}-")] = entry
    return found


def with_papers(
    found: dict[tuple[str, str], Entry], described: dict[tuple[str, str], Config]
) -> dict[tuple[str, str], Entry]:
    """The entries with the paper's numbers as `paper.json` has them today, if there is a config."""
    today = {key: config.paper for key, config in described.items()}
    return {
        key: dataclasses.replace(entry, paper=today.get(key, entry.paper))
        for key, entry in found.items()
    }
