"""Why a run stopped before its last step: one line for the user, one exit code for the shell."""

import errno

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

    def __init__(self, message, signal_number):
        super().__init__(message)
        self.exit_code = 128 + signal_number
