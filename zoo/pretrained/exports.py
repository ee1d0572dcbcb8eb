"""Exports of pretrained models: made in the cache when they are first asked for."""

import functools
import hashlib
import pathlib
from importlib import metadata

from zoo import ledger, serving, training
from zoo.pretrained import FOLDER, cache_directory, fetch, find

_PACKAGES = ("tensorflow", "keras", "tensorflow-probability")


def exported(name: str, version: int | None = None) -> pathlib.Path:
    """The version directory of a pretrained model's export, as `zoo.serving.Served` takes it.

    Args:
        name, version: as of `zoo.pretrained.fetch`.

    Raises:
        What `zoo.pretrained.fetch` raises.
    """
    entry, folder = find(name, version), fetch(name, version)
    target = cache_directory() / "exports" / f"{folder.name}-{_code()}" / name
    directory = target / str(entry.version)
    if not directory.is_dir():
        metrics = ledger.read_evaluation(folder / "evaluation.json")["metrics"]
        model = training.restore(folder)
        try:
            serving.export(model, target, entry.version, data=entry.data, metrics=metrics)
        except ValueError:
            if not directory.is_dir():  # no other process has made it meanwhile
                raise
    return directory


@functools.cache
def _code() -> str:
    """Of the code that an export is made by: other code makes another export."""
    digest = hashlib.sha256(" ".join(map(metadata.version, _PACKAGES)).encode())
    for path in sorted(FOLDER.parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
