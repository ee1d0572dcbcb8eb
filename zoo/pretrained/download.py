"""One file from an address: continued after a cut, checked before anybody sees it."""

import os
import pathlib
import re
import sys
import time
from typing import Any

from zoo import files
from zoo.errors import refusal
from zoo.pretrained import archives

_ATTEMPTS = 4  # to continue a download that was cut
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 2**14
_OFFLINE = "Is this computer offline? What the package holds, `zoo.list_pretrained()` says."


class Unreachable(OSError):
    """An address that gave no file."""


def fetch(url: str, target: pathlib.Path, size: int, digest: str) -> pathlib.Path:
    """Downloads a file unless it is there, whole.

    It grows under a temporary name, from which a later call continues; its size and sha256 are
    compared; then it takes its place in one rename.

    Args:
        url: http or https address.
        target: where it goes.
        size: bytes that it has; the download ends there, whatever the server sends.
        digest: its sha256, hexadecimal.

    Returns:
        `target`.

    Raises:
        Unreachable: no answer, no such file, or cut too often.
        ValueError: another file than the expected one, or an address of another kind.
    """
    check_url(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    with files.locked(target.parent, wait=True):  # two would mix their bytes
        if target.is_file() and _is_right(target, size, digest):
            return target
        return _fetched(url, target, size, digest)


def check_url(url: str) -> None:
    """Refuses an address of a kind from which nothing is downloaded.

    Raises:
        ValueError: it begins with neither http:// nor https://.
    """
    if not url.lower().startswith(("http://", "https://")):
        expected = "an address that begins with https:// or http://"
        raise ValueError(refusal("url", expected, shown(url)))


def _fetched(url: str, target: pathlib.Path, size: int, digest: str) -> pathlib.Path:
    part = target.with_name(f".{target.name}.part")
    continued = part.is_file() and part.stat().st_size > 0
    if not _whole(url, part, size, digest) and not (continued and _whole(url, part, size, digest)):
        raise ValueError(refusal("url", f"the file with sha256 {digest[:16]}...", shown(url)))
    os.replace(part, target)
    files.sync_folder(target.parent)
    return target


def _whole(url: str, part: pathlib.Path, size: int, digest: str) -> bool:
    """Receives a file; whether it is the right one. One that is not is removed.

    What an earlier call has left may be the begin of another file: then a second call, from the
    first byte, is what tells.
    """
    for attempt in range(_ATTEMPTS):
        _receive(url, part, size, last=attempt == _ATTEMPTS - 1)
        if part.stat().st_size >= size:
            break
        time.sleep(0.1 * 2**attempt)
    received = part.stat().st_size
    if received < size:
        hint = f"It ended after {received} bytes."
        raise Unreachable(refusal("url", f"{size} bytes", shown(url), hint))
    if _is_right(part, size, digest):
        return True
    part.unlink()
    return False


def _is_right(path: pathlib.Path, size: int, digest: str) -> bool:
    return path.stat().st_size == size and archives.sha256(path) == digest


def shown(url: str) -> str:
    """An address for messages: without the name and password that it may hold."""
    return re.sub(r"//[^/]*@", "//", url)


def _receive(url: str, part: pathlib.Path, size: int, last: bool) -> None:
    """Appends to `part` what is missing of a file, one byte too many at most."""
    import requests
    from urllib3.exceptions import HTTPError

    begin = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={begin}-"} if begin else {}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if begin and answer.status_code == 416:  # nothing lies behind `begin`
                return
            if answer.status_code not in (200, 206):
                hint = f"The server says {answer.status_code} {answer.reason}."
                raise Unreachable(refusal("url", "the address of a file", shown(url), hint))
            continued = answer.status_code == 206
            with open(part, "ab" if continued else "wb") as file, _progress(url, size) as bar:
                done = begin if continued else 0
                bar.update(done)
                for chunk in answer.iter_content(_CHUNK):
                    file.write(chunk[: size + 1 - done])
                    bar.update(len(chunk))
                    done += len(chunk)
                    if done > size:
                        break
                file.flush()
                os.fsync(file.fileno())
    except (requests.ConnectionError, requests.Timeout) as error:
        if last or not part.is_file():
            expected = f"an answer ({type(error).__name__})"
            raise Unreachable(refusal("url", expected, shown(url), _OFFLINE)) from None
    # Their message would show the address with its password.
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        if last:
            hint = f"It was cut after {part.stat().st_size} bytes; the next call continues there."
            raise Unreachable(refusal("url", f"{size} bytes", shown(url), hint)) from None
    except (requests.RequestException, HTTPError, ValueError) as error:
        hint = "It is no address, or the server leads to one that is none, or of another kind."
        expected = f"an answer ({type(error).__name__})"
        raise Unreachable(refusal("url", expected, shown(url), hint)) from None


def _progress(url: str, size: int) -> Any:
    import tqdm

    name = url.rpartition("/")[2]
    quiet = not sys.stderr.isatty()
    return tqdm.tqdm(total=size, unit="B", unit_scale=True, desc=name, disable=quiet, leave=False)
