"""Arrays that are a function of data, computed once and kept in a file."""

import contextlib
import hashlib
import os
import pathlib
import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")
Arrays = dict[str, np.ndarray]


def kept(
    folder: str | os.PathLike,
    kind: str,
    key: str,
    compute: Callable[[], Arrays],
    use: Callable[[Arrays], Result],
) -> Result:
    """use(compute()), where what `compute` returns is read from a file once it is there.

    A damaged file is replaced; one that cannot be written costs the next caller some time, not this
    one its result.

    Args:
        folder: where files are kept.
        kind: the first word of the file's name.
        key: str that changes whenever the arrays would; its hash is the rest of the name.
        compute: makes the arrays.
        use: makes what is returned of them, and raises where they are not what it expects.
    """
    path = pathlib.Path(folder) / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return use({name: file[name] for name in file.files})
    except OSError:  # there is none, or none that can be read
        pass
    except Exception as error:  # whatever a damaged archive does to its reader
        reason = " ".join(str(error).split())[:80]
        warnings.warn(f"{path} is damaged ({reason}): it is made again.", stacklevel=3)
    arrays = compute()
    _write(path, arrays)
    return use(arrays)


def _write(path: pathlib.Path, arrays: Arrays) -> None:
    """Under a temporary name, then renamed once."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # names are none of savez's own
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        warnings.warn(f"{path.name} could not be kept in {path.parent}: {error}", stacklevel=4)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
