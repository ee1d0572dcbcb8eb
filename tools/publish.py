"""Makes a pretrained model of a run: its archive with the card, and its entry of the registry.

    python tools/publish.py --run_dir=runs/ali-digits-seed0
    python tools/publish.py --model=ali-digits  # measured and described anew; the weights stay

The run must belong to a result: results/ has an entry of its flags and its seed. What will be
loaded, weights in half precision, is measured as the result was, and by what tells of failures
(`zoo.cards.failures`). The headline metric, the first of `zoo.metrics.names.HEADLINES` that the
result has, may differ by half the standard error that the result states, or by 1 % where it states
none.

The same run gives the same bytes; a processor with other instructions may change a figure's last
digit. Other weights are a new version; the same weights with another card or evaluation replace the
archive, unless it is behind an address, where others may have it registered. Prints the path of the
archive.
"""

import dataclasses
import io
import json
import pathlib
import re
import sys
import types
from typing import TYPE_CHECKING

import common
import evaluate
import experiment

from zoo import files, ledger, pretrained, registry, training
from zoo.cards import failures
from zoo.differences import differences
from zoo.errors import refusal
from zoo.pretrained import archives, download

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

FLAGS = (
    *common.RUN_OR_MODEL,
    common.flag("name", "str", None, "of the model; that of the result if None"),
    common.flag("results_dir", "str", str(common.ROOT / "results"), "where the ledger lies"),
    common.flag("out", "str", str(pretrained.FOLDER), "folder of archives and registry.json"),
    common.flag("url", "str", None, "address where the archive will lie; None: in the package"),
    common.flag(
        "weights",
        "str",
        None,
        "type of matrices in the archive; None: bfloat16, or what a pretrained model has",
        choices=pretrained.PRECISIONS,
    ),
    common.DATA_DIR,
)
_PACKAGED = 3_000_000  # bytes that an archive in the package may have
# Names of what a call leaves that was killed: an archive, staged or half written, half a registry.
_LEFT = re.compile(
    r"\.+[a-z][a-z0-9_-]*-\d+\.zip\.([0-9a-f]{16}|([0-9a-f]{16}\.)?\d+\.tmp)"
    r"|\.registry\.json\.\d+\.tmp"
)


def run(flags: types.SimpleNamespace) -> None:
    """A run to an archive and an entry of the registry."""
    flags = types.SimpleNamespace(**vars(flags), which="newest", allow=())
    run_dir = common.existing_run(flags)
    recorded = common.recorded(run_dir, ())
    result = result_of(recorded, pathlib.Path(flags.results_dir), run_dir)
    name = flags.name or (flags.model if pretrained.is_name(flags.model) else result.name)
    pretrained.check_name(name, result.method)
    if flags.url is not None:
        download.check_url(flags.url)
    common.load()
    training.set_threads(1)  # so that sums have one order, and equal runs equal bytes
    from zoo import metrics
    from zoo.publishing import publication

    recorded, dataset = common.described(run_dir, flags)
    settings = {item.name: result.flags.get(item.name, item.default) for item in evaluate.SETTINGS}
    measured_as = types.SimpleNamespace(**{**vars(flags), **settings, "seed": 0})

    def measure(model: "GenerativeModel") -> dict:
        """As the result was, and what a card says of failures."""
        if measured_as.metrics is not None:
            known = {*measured_as.metrics, *failures.METRICS}
            measured_as.metrics = [m for m in metrics.applicable(model, dataset) if m in known]
        return evaluate.evaluated(model, recorded, dataset, measured_as)

    entry, archive = publication.publish(
        run_dir,
        name,
        result,
        recorded.seed,
        measure,
        examples=dataset.arrays("test", limit=40)["x"],
        precision=flags.weights,
        url=flags.url,
    )
    if flags.url is None and len(archive) > _PACKAGED:
        expected = f"an address, as {len(archive):,} bytes are more than the package takes"
        raise ValueError(refusal("url", f"{expected} ({_PACKAGED:,})", None))
    print(write(pathlib.Path(flags.out), entry, archive))


def result_of(
    recorded: types.SimpleNamespace, folder: pathlib.Path, run_dir: pathlib.Path
) -> ledger.Entry:
    """The entry of the ledger that a run belongs to: of its flags and its seed.

    Args:
        recorded: the flags of the run.
        folder: of the ledger.
        run_dir: of the run, for messages.

    Raises:
        ValueError: there is none; the message says what differs from the nearest one.
    """
    described = [*common.RUN_FLAGS, *registry.hyper_parameters(recorded.method).values()]
    defaults = {item.name: item.default for item in described}
    defaults |= registry.fixed_values(recorded.method)
    own = {item.name: getattr(recorded, item.name) for item in common.RUN_FLAGS}
    own = {name: value for name, value in own.items() if name not in experiment.NOT_COMPARED}
    own |= recorded.hyper_parameters
    nearest: dict[str, tuple] | None = None
    for path in sorted(folder.glob(f"{recorded.method}-*.json")):
        found = ledger.read(path)
        if found.method != recorded.method or recorded.seed not in found.seeds:
            continue
        drawn = found.draws[found.seeds.index(recorded.seed)]
        stated = {name: v for name, v in {**found.flags, **drawn}.items() if name in defaults}
        changed = differences(stated, own, defaults)
        if not changed:
            return found
        if nearest is None or len(changed) < len(nearest):
            nearest = changed
    words = [f"{name} {old} there, {new} here" for name, (old, new) in (nearest or {}).items()]
    near = f" (the nearest: {'; '.join(words[:3])})" if words else ""
    expected = f"a run that has a result in {folder}{near}"
    raise ValueError(refusal("run_dir", expected, str(run_dir)))


def write(folder: pathlib.Path, entry: pretrained.Entry, archive: bytes) -> pathlib.Path:
    """Writes an archive and registers it: as the version that has its weights, or as the next.

    The archive is written under a name of its own and takes its place once it is registered: killed
    at any moment, this leaves every registered model as it was, or the new one, and the next call
    completes or removes what lies there.

    Returns:
        The path of the archive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with files.locked(folder, wait=True):
        path = folder / pretrained.REGISTRY.name
        found = pretrained.read_registry(path) if path.is_file() else []
        _settle(folder, found)
        return _write(folder, found, entry, archive)


def _settle(folder: pathlib.Path, found: list[pretrained.Entry]) -> None:
    """Ends what a call that was killed had begun; `found` is what is registered."""
    for entry in found:
        if (folder / entry.staged).is_file():
            (folder / entry.staged).replace(folder / entry.file)
    for path in folder.iterdir():
        if _LEFT.fullmatch(path.name):
            path.unlink()


def _write(
    folder: pathlib.Path, found: list[pretrained.Entry], entry: pretrained.Entry, archive: bytes
) -> pathlib.Path:
    versions = {other.version: other for other in found if other.name == entry.name}
    same = [n for n, old in versions.items() if _replaces(entry, archive, old, folder)]
    entry = dataclasses.replace(entry, version=max(same or [max(versions, default=0) + 1]))
    key = lambda each: (each.name, each.version)
    kept = sorted([*(each for each in found if key(each) != key(entry)), entry], key=key)
    files.write_bytes(folder / entry.staged, archive)
    text = json.dumps([dataclasses.asdict(each) for each in kept], indent=1, ensure_ascii=False)
    files.write_text(folder / pretrained.REGISTRY.name, text + "\n")
    _settle(folder, [entry])
    files.sync_folder(folder)
    return folder / entry.file


def _replaces(
    entry: pretrained.Entry, archive: bytes, old: pretrained.Entry, folder: pathlib.Path
) -> bool:
    """Whether an archive may take the place of another one: it has the same weights."""
    if entry.sha256 == old.sha256 or old.url or entry.url:
        return entry.sha256 == old.sha256
    if not (folder / old.file).is_file():
        return False
    weights = archives.read(io.BytesIO(archive), archives.WEIGHTS)
    return archives.read(folder / old.file, archives.WEIGHTS) == weights


if __name__ == "__main__":
    sys.exit(common.main(run, FLAGS))
