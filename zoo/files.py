"""Files and folders that appear whole or not at all, and outlive a power cut.

What is written goes under a temporary name beside its place, is synced to the disk, and takes its
place in one rename. So a reader sees the old content or all of the new one, and a process killed at
any moment leaves at most a file under a temporary name.

What is read may be anything: `open_regular` and `read_json` answer in one line that names the file.
Loads nothing but the standard library.
"""

import contextlib
import fcntl
import io
import json
import os
import pathlib
import shutil
import stat
from collections.abc import Iterator
from typing import Any

from zoo.errors import refusal

_LARGEST_JSON = 64 * 2**20  # bytes


def checked_path(path: Any, argument: str) -> pathlib.Path:
    """`path` as a `pathlib.Path`; `TypeError` or `ValueError` in one line if it cannot be one."""
    expected = "a path: a string or os.PathLike"
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise TypeError(refusal(argument, expected, path))
    if not os.fspath(path) or "\0" in os.fspath(path):
        raise ValueError(refusal(argument, expected, path))
    return pathlib.Path(path)


def open_regular(path: str | os.PathLike, *, links: bool = True) -> io.BufferedReader:
    """Opens a file to read its bytes, and nothing that could hang or never end.

    Args:
        path: of the file.
        links: whether a symbolic link to a file is followed.

    Raises:
        OSError: it is not there, or cannot be opened, or is a link that is not followed.
        ValueError: a folder, a pipe or a device.
    """
    follow = 0 if links else os.O_NOFOLLOW
    # Without O_NONBLOCK the opening of a pipe waits for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | follow)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(refusal("path", "a regular file", str(path)))
    return os.fdopen(descriptor, "rb")


def read_json(path: str | os.PathLike) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        OSError: the file is not there, or cannot be opened.
        ValueError: it holds anything but a JSON object; the message names the file.
    """
    with open_regular(path) as file:
        content = file.read(_LARGEST_JSON + 1)
    expected = "a JSON file"
    try:
        if len(content) > _LARGEST_JSON:
            raise ValueError(f"it has more than {_LARGEST_JSON} bytes")
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(refusal("path", expected, str(path), f"{error}.")) from None
    if not isinstance(found, dict):
        raise ValueError(refusal("path", f"{expected} that holds an object", str(path)))
    return found


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file in UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes a file, or replaces it; its folder is made if absent.

    Raises:
        OSError: it cannot be written (`filename` is the file's own name); the old file stands.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename, error.filename2 = str(path), None
        raise


@contextlib.contextmanager
def new_folder(
    final: pathlib.Path, temporary: pathlib.Path, *, keep: bool = False
) -> Iterator[pathlib.Path]:
    """A folder that is filled in the block and becomes `final` at its end.

    Args:
        final: its place. A folder that stands there is replaced.
        temporary: its name in the block, in the same folder; what a block that failed has written
            there is removed.
        keep: whether a folder that stands at `final` by then stays, because another process made
            the same content meanwhile.

    Yields:
        `temporary`, made and empty.
    """
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        sync_tree(temporary)
        try:
            os.rename(temporary, final)
        except OSError:  # a folder stands there, or the rename is impossible
            if not final.is_dir():
                raise
            if keep:
                shutil.rmtree(temporary)
            else:
                _replace_folder(final, temporary)
        sync_folder(final.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextlib.contextmanager
def locked(folder: pathlib.Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process has the folder's lock, which it keeps during the block."""
    with contextlib.ExitStack() as stack:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:  # gone, another user's, locked by its owner, or no locks here
            mine = False
        else:
            mine = True
        yield mine


def sync_folder(path: str | os.PathLike) -> None:
    """Makes the names in a folder outlive a power cut: what was renamed in it stays renamed."""
    _sync(path)


def sync_tree(path: str | os.PathLike[str]) -> None:
    """Syncs every file and folder below a folder, and the folder itself."""
    for root, _, names in os.walk(os.fspath(path)):
        for name in names:
            _sync(os.path.join(root, name))
        _sync(root)


def remove(path: pathlib.Path) -> None:
    """Removes what stands at a path: a folder with all that it holds, a file, or a link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace_folder(final: pathlib.Path, temporary: pathlib.Path) -> None:
    aside = temporary.with_name(temporary.name + "-old")
    os.rename(final, aside)
    os.rename(temporary, final)
    shutil.rmtree(aside)


def _sync(path: str | os.PathLike) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
