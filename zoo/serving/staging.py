"""Where an export is written before it becomes a version, and what killed exports left there.

A staging folder is locked by the process that fills it. The lock ends with the process, whatever
ended it, so a folder that can be locked has no owner: the next export removes it.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

# A name that starts with a point is no version, neither here nor for TF Serving.
_PREFIX = ".staging-"


@contextlib.contextmanager
def staging(export_dir: pathlib.Path) -> Iterator[pathlib.Path]:
    """An empty folder in `export_dir`; what the block has not moved away is removed after it.

    Folders that ended processes left there are removed first. On a file system without locks
    nobody's folder is, as its owner may live.
    """
    for left in export_dir.glob(f"{_PREFIX}*"):
        with locked(left, wait=False) as free:
            if free:
                shutil.rmtree(left, ignore_errors=True)
    while True:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=_PREFIX, dir=export_dir))
        try:
            with locked(folder, wait=True):
                if folder.is_dir():  # no export took it, before it was locked, for an ownerless one
                    yield folder
                    return
        finally:
            shutil.rmtree(folder, ignore_errors=True)


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
