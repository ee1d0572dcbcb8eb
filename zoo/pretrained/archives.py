"""Archives of published runs: written reproducibly, checked before they are opened.

Nothing in an archive is executed. Its members have names of a closed list, so none can be written
elsewhere; they are regular, and no longer than stated bounds, so none can fill the disk.
"""

import errno
import hashlib
import io
import os
import pathlib
import shutil
import zipfile
import zlib
from collections.abc import Mapping

from zoo import files
from zoo.errors import refusal

WEIGHTS = "weights.npz"
# What an archive holds, and how many bytes a member may have once it is unpacked.
MEMBERS = {
    "flags.cfg": 2**16,
    "identity.json": 2**16,
    "evaluation.json": 2**20,
    "README.md": 2**20,
    "samples.png": 2**22,
    WEIGHTS: 2**33,
}
_COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What the reader of a damaged archive raises, beside OSError for a place that a file cannot have.
_DAMAGE = (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, zlib.error)
_CHUNK = 2**20  # bytes that are read at a time
_MOMENT = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal content gives equal bytes


def pack(contents: Mapping[str, bytes]) -> bytes:
    """The archive of {member: content}; equal contents give equal bytes.

    Raises:
        ValueError: a member that no archive has, or that is missing.
    """
    if contents.keys() != MEMBERS.keys():
        raise ValueError(refusal("contents", f"the members {sorted(MEMBERS)}", sorted(contents)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in MEMBERS:
            info = zipfile.ZipInfo(name, _MOMENT)
            info.external_attr = 0o644 << 16
            archive.writestr(info, contents[name], zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def sha256(path: str | os.PathLike) -> str:
    """Of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: str | os.PathLike | io.BytesIO, member: str) -> bytes:
    """The content of one member of an archive that was checked."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(member)


def check(path: pathlib.Path, size: int, digest: str) -> None:
    """Compares a file with the size and the sum that the registry says.

    Raises:
        ValueError: it is another file.
    """
    if path.stat().st_size != size:
        expected = f"{size} bytes, as registered"
        raise ValueError(refusal("archive", expected, f"{path} of {path.stat().st_size} bytes"))
    if sha256(path) != digest:
        raise ValueError(
            refusal("archive", f"the sha256 {digest[:16]}..., as registered", str(path))
        )


def is_whole(folder: pathlib.Path, path: pathlib.Path | None) -> bool:
    """Whether a folder has what `unpack` writes there.

    Args:
        folder: where an archive was unpacked, perhaps.
        path: of the archive, whose sizes and checksums are compared; None: it has every member.
    """
    try:
        if path is None:
            return {each.name for each in folder.iterdir() if each.is_file()} >= MEMBERS.keys()
        with zipfile.ZipFile(path) as archive:
            return all(_unpacked(folder / item.filename, item) for item in archive.infolist())
    except (*_DAMAGE, OSError, ValueError):
        return False


def _unpacked(path: pathlib.Path, item: zipfile.ZipInfo) -> bool:
    with files.open_regular(path, links=False) as file:
        if os.fstat(file.fileno()).st_size != item.file_size:
            return False
        crc = 0
        while part := file.read(_CHUNK):
            crc = zlib.crc32(part, crc)
        return crc == item.CRC


def unpack(
    path: pathlib.Path,
    folder: pathlib.Path,
    *,
    keep: bool = True,
    most: int = MEMBERS[WEIGHTS],
) -> None:
    """Unpacks an archive into a folder, which appears whole or not at all.

    Args:
        path: of the archive.
        folder: where to.
        keep: whether a folder that stands there stays, as another process made it meanwhile.
        most: bytes that the weights may have.

    Raises:
        ValueError: no archive of a published run: another member, a link, a bomb, damage.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
            names = [item.filename for item in found]
            if sorted(names) != sorted(MEMBERS):
                raise ValueError(_refused(path, f"the members {sorted(MEMBERS)}", names))
            for item in found:
                mode = item.external_attr >> 16
                if mode & 0o170000 not in (0, 0o100000):
                    raise ValueError(_refused(path, "regular files", item.filename))
                if item.compress_type not in _COMPRESSION:  # others may ask for much memory
                    raise ValueError(_refused(path, "deflated members", item.compress_type))
                bound = most if item.filename == WEIGHTS else MEMBERS[item.filename]
                if item.file_size > bound:
                    expected = f"at most {bound} bytes of {item.filename}"
                    raise ValueError(_refused(path, expected, item.file_size))
            with files.new_folder(folder, temporary, keep=keep) as made:
                for item in found:
                    # Reading ends at the size that the header states, and compares the checksum.
                    with archive.open(item) as member, open(made / item.filename, "wb") as file:
                        shutil.copyfileobj(member, file)
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # no place out of a file
            raise
        expected = "the archive of a published run"
        raise ValueError(_refused(path, expected, " ".join(str(error).split()))) from None


def _refused(path: pathlib.Path, expected: str, received: object) -> str:
    return refusal(f"archive {path.name}", expected, received)
