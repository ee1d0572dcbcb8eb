"""Where an export is written before it becomes a version, and what killed exports left there.

A staging folder is locked by the process that fills it. The lock ends with the process, whatever
ended it, so a folder that can be locked has no owner: the next export removes it.
"""

import contextlib
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from zoo.files import locked

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
