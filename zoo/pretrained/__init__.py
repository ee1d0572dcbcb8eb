"""Pretrained models by name: what there is, and where their files come from.

    zoo.list_pretrained()
    served = zoo.load("ali-digits")  # the verbs alone
    model = zoo.restore("ali-digits")  # the Keras model, to fine-tune

A pretrained model is a published run: an archive with its flags, identity, evaluation, weights and
card, and neither code nor graphs. Small archives lie in this folder, larger ones are downloaded;
`registry.json` names them all. Unpacked in the cache, an archive is the directory of a run with
`weights.npz` in the place of checkpoints. Loads no TensorFlow.
"""

import contextlib
import dataclasses
import errno
import functools
import json
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from zoo import checks, files, registry
from zoo.errors import nearest, refusal
from zoo.pretrained import archives, download

FOLDER = pathlib.Path(__file__).parent
REGISTRY = FOLDER / "registry.json"
URL_VARIABLE = "ZOO_PRETRAINED_URL"
CACHE_VARIABLE = "ZOO_CACHE"
PRECISIONS = ("bfloat16", "float16", "float32")  # in which an archive may keep matrices and kernels
_NAME = re.compile(r"[a-z][a-z0-9_]*-[a-z0-9_]+(-[a-z0-9_]+)?")
# Of unpacked weights, at most: bytes a parameter, and of the names and headers of all arrays.
_BYTES, _BYTES_MORE = 8, 2**22
# What a folder answers that is no place for files, or no longer.
_NO_PLACE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT),
    *(errno.ENOSPC, errno.EDQUOT, errno.ELOOP, errno.ENAMETOOLONG),
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A version of a pretrained model.

    Attributes:
        name: <method>-<dataset>[-<variant>], as in results/.
        version: int >= 1.
        description: one sentence.
        method: the name that `zoo.create` knows.
        data: name of the data set that it was trained on.
        licence: of that data set.
        parameters: number of weights in the archive.
        bytes: size of the archive.
        sha256: of the archive.
        metric: (name, value), the headline of its evaluation.
        versions: {package: version} that it was made with.
        result: name of its entry in results/.
        url: where the archive is; None for those that come with the package.
    """

    name: str
    version: int
    description: str
    method: str
    data: str
    licence: str
    parameters: int
    bytes: int
    sha256: str
    metric: tuple[str, float]
    versions: dict[str, str]
    result: str
    url: str | None = None

    @property
    def file(self) -> str:
        """Name of the archive."""
        return f"{self.name}-{self.version}.zip"

    @property
    def staged(self) -> str:
        """Name of the archive until it takes its place; the registry has its sum before that."""
        return f".{self.file}.{self.sha256[:16]}"

    def archive(self, folder: pathlib.Path) -> pathlib.Path:
        """The path of the archive in a folder, where it may not be: in its place, or staged."""
        staged = folder / self.staged
        return staged if staged.is_file() else folder / self.file

    def __str__(self) -> str:
        name, value = self.metric
        size = f"{self.bytes / 1e6:.1f} MB, {self.parameters:,} parameters"
        return f"{self.name}: {self.description} {size}, {name} {value:.4g}"


def list_pretrained() -> dict[str, Entry]:
    """{name: its newest version}, sorted by name; an entry's text says what the model is."""
    return {name: versions[max(versions)] for name, versions in sorted(_registry().items())}


def is_name(text: Any) -> bool:
    """Whether `text` means a pretrained model, known or misspelt: what lies at a path comes first.

    Args:
        text: what a user gave where a path or a name may stand.
    """
    if not isinstance(text, str) or os.path.exists(text) or not _NAME.fullmatch(text):
        return False
    return text in _registry() or text.partition("-")[0] in registry.list_methods()


def check_name(name: str, method: str) -> None:
    """Refuses a name that no door would take for that of a pretrained model of this method.

    Raises:
        ValueError: another form than <method>-<dataset>[-<variant>], in small letters.
    """
    if not _NAME.fullmatch(name) or name.partition("-")[0] != method:
        expected = f"{method}-DATASET or {method}-DATASET-VARIANT, of a-z, 0-9 and _"
        raise ValueError(refusal("name", expected, name))


def resolve(source: Any, version: int | None = None) -> Any:
    """The folder of a pretrained model, as `fetch` gives it; what is no name stays as it is.

    Raises:
        ValueError: as of `fetch`, or a version of a path.
    """
    if is_name(source):
        return fetch(source, version)
    if version is not None:
        expected = "None, as it is not the name of a pretrained model that was given"
        raise ValueError(refusal("version", expected, version))
    return source


def find(name: str, version: int | None = None) -> Entry:
    """The entry of a name.

    Args:
        name: one of `list_pretrained()`.
        version: None takes the newest.

    Raises:
        ValueError: an unknown name or version.
    """
    versions = _registry().get(name)
    if versions is None:
        expected = "a path that exists, or one of the names that zoo.list_pretrained() gives"
        raise ValueError(refusal("name", expected, name, meant(name)))
    version = checks.whole(version, "version", optional=True)
    if version is None:
        version = max(versions)
    if version not in versions:
        raise ValueError(refusal("version", f"one of {sorted(versions)} of {name}", version))
    return versions[version]


def meant(text: Any) -> str:
    """A question, "Did you mean 'name'?", or "": longer names first, then those that look alike.

    Args:
        text: what a user gave in the place of a name; case, and what stands between its words,
            count for nothing.
    """
    name = re.sub(r"[^a-z0-9_]+", "-", str(text)[:100].lower()).strip("-")
    longer = [known for known in sorted(_registry()) if name and known.startswith(f"{name}-")]
    return nearest(longer[0] if longer else name, _registry())


def fetch(name: str, version: int | None = None) -> pathlib.Path:
    """The folder of a pretrained model in the cache, unpacked there if it is new or damaged.

    It is laid out as a run, with weights.npz in the place of checkpoints: `zoo.restore` and the
    tools take it as one.

    Args:
        name: one of `list_pretrained()`.
        version: None takes the newest.

    Raises:
        ValueError: an unknown name or version, or an archive that is not the registered one.
        download.Unreachable: it is not in the cache, and its address gave no answer.
        OSError: the cache cannot be written.
    """
    entry = find(name, version)
    folder = cache_directory() / f"{entry.name}-{entry.version}-{entry.sha256[:16]}"
    if not archives.is_whole(folder, _archive(entry)):
        with written_cache():
            packaged = entry.archive(FOLDER)
            archive = packaged if packaged.is_file() else _downloaded(entry)
            archives.check(archive, entry.bytes, entry.sha256)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with files.locked(folder.parent, wait=True):
                if not archives.is_whole(folder, archive):  # as another process may have made it
                    if folder.is_symlink() or not folder.is_dir():
                        files.remove(folder)
                    most = _BYTES * entry.parameters + _BYTES_MORE
                    archives.unpack(archive, folder, keep=not folder.exists(), most=most)
    return folder


def cache_directory() -> pathlib.Path:
    """Where pretrained models are unpacked: $ZOO_CACHE, or ~/.cache/zoo/pretrained."""
    own = os.environ.get(CACHE_VARIABLE) or "~/.cache/zoo/pretrained"
    try:
        return pathlib.Path(own).expanduser()
    except RuntimeError:  # ~ of a user without a home
        raise ValueError(refusal(CACHE_VARIABLE, "a folder that can be written", own)) from None


@contextlib.contextmanager
def written_cache() -> Iterator[None]:
    """Says in one line which folder it is, where the cache cannot be written in the block.

    Raises:
        OSError: of the kind that the block raised, for a place that takes no file.
    """
    try:
        yield
    except OSError as error:
        cache = str(cache_directory())
        elsewhere = error.filename is not None and not str(error.filename).startswith(cache)
        if error.errno not in _NO_PLACE or elsewhere:
            raise
        expected = f"a folder that can be written ({os.strerror(error.errno)})"
        hint = f"Set the environment variable {CACHE_VARIABLE} to another one."
        message = refusal(CACHE_VARIABLE, expected, cache, hint)
        raise type(error)(message) from None


def _archive(entry: Entry) -> pathlib.Path | None:
    """The archive, where it is on this computer."""
    found = (entry.archive(FOLDER), _download(entry))
    return next((path for path in found if path.is_file()), None)


def _download(entry: Entry) -> pathlib.Path:
    """Where the archive lies that was downloaded."""
    return cache_directory() / "downloads" / f"{entry.sha256[:16]}-{entry.file}"


def _downloaded(entry: Entry) -> pathlib.Path:
    base = os.environ.get(URL_VARIABLE)
    url = f"{base.rstrip('/')}/{entry.file}" if base else entry.url
    if url is None:
        expected = f"the address of a folder that holds {entry.file}"
        raise ValueError(refusal(URL_VARIABLE, expected, base))
    return download.fetch(url, _download(entry), entry.bytes, entry.sha256)


def read_registry(path: pathlib.Path) -> list[Entry]:
    """The entries in a registry file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [Entry(**item | {"metric": tuple(item["metric"])}) for item in content]


@functools.cache
def _read(path: pathlib.Path) -> dict[str, dict[int, Entry]]:
    """{name: {version: entry}} of a registry file."""
    found: dict[str, dict[int, Entry]] = {}
    for entry in read_registry(path):
        found.setdefault(entry.name, {})[entry.version] = entry
    return found


def _registry() -> dict[str, dict[int, Entry]]:
    return _read(REGISTRY)
