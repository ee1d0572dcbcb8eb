"""Exports by path, or by the name of a pretrained model: made when it is first asked for."""

import functools
import hashlib
import os
import pathlib

from zoo import files, ledger, libraries, serving, training
from zoo.errors import refusal
from zoo.pretrained import FOLDER, cache_directory, fetch, find, is_name, meant, written_cache
from zoo.serving import manifest
from zoo.training.run import IDENTITY


def load(path: str | os.PathLike, version: int | None = None) -> serving.Served:
    """Loads an export, or a pretrained model, after checking its sums and its operations.

    A pretrained model is fetched and exported into the cache when it is first asked for.

    Loading calls no function of an export, and no operation in it reaches a file. What a hostile
    one can still do is said in `zoo.serving.scan`: give wrong answers, and compute for long or ask
    for much memory. What is loaded is what was checked, even if the file is replaced meanwhile;
    only the weights are read after their sums were compared.

    Args:
        path: of an export, or of one version of it, or a name of `zoo.list_pretrained()`.
        version: None takes the newest.

    Returns:
        Served.

    Raises:
        FileNotFoundError: nothing there, or no export.
        ValueError: a damaged file, a link, or an operation that no export needs; an unknown name
            or version.
        OSError: a pretrained model cannot be downloaded, or the cache not be written.
        TypeError: an argument of another kind.
    """
    if is_name(path):
        return serving.Served(exported(str(path), version))
    folder = files.checked_path(path, "path")
    if not os.path.exists(folder):
        expected = "the directory of an export, or a name that zoo.list_pretrained() gives"
        raise FileNotFoundError(refusal("path", expected, str(path), meant(path)))
    if (folder / IDENTITY).is_file():
        hint = "It is a run: zoo.restore takes it, and tools/export.py makes an export of it."
        raise FileNotFoundError(refusal("path", "the directory of an export", str(path), hint))
    return serving.load(path, version)


def exported(name: str, version: int | None = None) -> pathlib.Path:
    """The version directory of a pretrained model's export, as `zoo.serving.Served` takes it.

    It is made if it is not there, or is no longer as it was made.

    Args:
        name, version: as of `zoo.pretrained.fetch`.

    Raises:
        What `zoo.pretrained.fetch` raises.
    """
    entry, folder = find(name, version), fetch(name, version)
    target = cache_directory() / "exports" / f"{folder.name}-{_code()}" / name
    directory = target / str(entry.version)
    if not _is_whole(directory):
        metrics = ledger.read_evaluation(folder / "evaluation.json")["metrics"]
        model = training.restore(folder)
        with written_cache():
            target.mkdir(parents=True, exist_ok=True)
            with files.locked(target, wait=True):
                if not _is_whole(directory):  # as another process may have made it meanwhile
                    files.remove(directory)
                    serving.export(model, target, entry.version, data=entry.data, metrics=metrics)
    return directory


def _is_whole(directory: pathlib.Path) -> bool:
    """Whether every file of an export is as it was made."""
    try:
        manifest.read(directory)
    except (ValueError, OSError):
        return False
    return True


@functools.cache
def _code() -> str:
    """Of the code that an export is made by: other code makes another export."""
    digest = hashlib.sha256(" ".join(libraries.versions(libraries.PACKAGES).values()).encode())
    for path in sorted(FOLDER.parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
