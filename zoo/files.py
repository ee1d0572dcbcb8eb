"""Files and folders that appear whole or not at all, and outlive a power cut.

What is written goes under a temporary name beside its place, is synced to the disk, and takes its
place in one rename. So a reader sees the old content or all of the new one, and a process killed at
any moment leaves at most a file under a temporary name. Loads nothing but the standard library.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator


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


def sync_folder(path: str | os.PathLike) -> None:
    """Makes the names in a folder outlive a power cut: what was renamed in it stays renamed."""
    _sync(path)


def sync_tree(path: str | os.PathLike[str]) -> None:
    """Syncs every file and folder below a folder, and the folder itself."""
    for root, _, names in os.walk(os.fspath(path)):
        for name in names:
            _sync(os.path.join(root, name))
        _sync(root)


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
