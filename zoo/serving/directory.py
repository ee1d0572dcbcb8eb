"""The directory of an export: its versions, and its files, which are opened only if regular.

Whoever made the directory may be hostile: a link leads to any file of the machine, and a pipe or a
device never ends. Both are refused before they are opened.
"""

import io
import os
import pathlib
import stat
from typing import Annotated

Bytes = Annotated[int, "bytes"]  # of a file: no count, so it may be larger
_MOST = 100  # files of a version; an export has 7, and some of TFLite


def versions(export_dir: str | os.PathLike) -> dict[int, pathlib.Path]:
    """{version: its directory} below `export_dir`, ascending; `001` is version 1."""
    paths = (path for path in pathlib.Path(export_dir).iterdir() if path.is_dir())
    found = {int(p.name): p for p in paths if p.name.isascii() and p.name.isdecimal()}
    return dict(sorted(found.items()))


def names(directory: str | os.PathLike[str]) -> list[str]:
    """All files below `directory`, as posix paths relative to it, sorted.

    Raises:
        ValueError: something there is neither a folder nor a regular file, or there are too many.
    """
    found: list[str] = []
    for root, folders, files in os.walk(directory):
        for name in (*folders, *files):
            path = pathlib.Path(root, name)
            shown, mode = path.relative_to(directory).as_posix(), path.lstat().st_mode
            if stat.S_ISREG(mode):
                found.append(shown)
            elif not stat.S_ISDIR(mode):
                raise _irregular(directory, shown)
        if len(found) > _MOST:
            raise damaged(directory, f"it holds more than {_MOST} files")
    return sorted(found)


def opened(directory: str | os.PathLike, name: str) -> io.BufferedReader:
    """A regular file of an export, open for reading; it may be replaced at any moment.

    Raises:
        ValueError: it is a link, no regular file, or cannot be opened.
    """
    path = os.path.join(directory, name)
    try:
        # A pipe that took the file's place would wait for a writer without O_NONBLOCK.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if os.path.islink(path):
            raise _irregular(directory, name) from None
        raise damaged(directory, f"file {name!r} cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _irregular(directory, name)
    return os.fdopen(descriptor, "rb")


def content(directory: str | os.PathLike, name: str, most: int) -> bytes:
    """All bytes of a regular file; `ValueError` if there are more than `most`."""
    with opened(directory, name) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise damaged(directory, f"file {name!r} is larger than {most >> 20} MiB")
    return found


def damaged(directory: str | os.PathLike, trouble: str) -> ValueError:
    """The error of an export that is not as it was made, in one line."""
    return ValueError(f"Damaged export {str(directory)!r}: {' '.join(trouble.split())}.")


def _irregular(directory: str | os.PathLike, name: str) -> ValueError:
    expected = "an export holds folders and regular files alone, no links, pipes or devices"
    return ValueError(f"Refused export {str(directory)!r}: {name!r} is neither; {expected}.")
