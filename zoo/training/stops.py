"""Why a run stopped before its last step: one line for the user, one exit code for the shell."""

import contextlib
import errno
from collections.abc import Iterator

FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class Stopped(RuntimeError):
    """A run that ended early; `str(error)` is one line, `exit_code` what a tool exits with."""

    exit_code = 1


class Diverged(Stopped):
    """A loss or a weight is not finite; the last good checkpoint stands."""


class DiskFull(Stopped):
    """No space to write; the last good checkpoint stands."""


class Terminated(Stopped):
    """A signal asked the run to stop; its checkpoint was written first."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Within the block a full disk, whoever meets it, is `DiskFull`."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        where = f" for {error.filename}" if error.filename else ""
        raise DiskFull(f"No space{where} ({error.strerror}).") from error
