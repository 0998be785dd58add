"""Unpack a zip or tar archive from a stranger: nothing may leave the folder, nothing may grow without bound."""

from __future__ import annotations

import errno
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

MAX_RATIO = 200  # unpacked bytes per packed byte; pictures reach about 1, uncompressed label maps tens
MIN_LIMIT = 64 << 20  # bytes that even the smallest archive may unpack to
MAX_FILES = 1_000_000  # the largest set in the catalogue has 140,000
_CHUNK = 1 << 20
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, UnicodeDecodeError),
    *(EOFError, NotImplementedError, RuntimeError),  # of zipfile: cut off, packed in an unknown way, locked
)
_MEMBER = tuple[str, "IO[bytes] | None"]  # a name and its content; no content: a folder


def unpack(archive: Path, folder: Path) -> int:
    """Unpack an archive into an empty folder; return the number of files.

    Refused, with the folder left in part and for the caller to delete: names that leave the folder, links and devices,
    more than MAX_RATIO times the archive's own size (or MIN_LIMIT bytes, if that is more), more than MAX_FILES entries.
    Raises ValueError for these and for a file that is no sound archive.
    """
    limit = max(MIN_LIMIT, MAX_RATIO * archive.stat().st_size)
    members = _zip if zipfile.is_zipfile(archive) else _tar
    files = written = 0
    name = ""
    try:
        for entries, (name, content) in enumerate(members(archive, limit), start=1):
            if entries > MAX_FILES:
                raise ValueError(
                    f"the archive {archive.name} holds more than {MAX_FILES:,} entries; nothing of it is kept"
                )
            target = folder / _inside(archive, name)
            if content is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                while chunk := content.read(_CHUNK):
                    written += len(chunk)
                    if written > limit:
                        raise _too_big(archive, limit)
                    out.write(chunk)
            files += 1
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ValueError(f"the archive {archive.name} has a file and a folder of one name: {error.filename}") from None
    except _DAMAGE as error:
        raise ValueError(
            f"the file {archive.name} is damaged or no archive ({error or 'it ends early'}); fetch it again"
        ) from None
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):  # EINVAL: Windows takes no names such as a:b
            short = name if len(name) <= 60 else f"{name[:60]}..."
            raise ValueError(
                f"the archive {archive.name} has a name that this disk cannot hold, {short!r}; nothing of it is kept"
            ) from None
        if error.errno is not None:  # a true one: a full disk, a folder that may not be written
            raise
        raise ValueError(
            f"the archive {archive.name} is damaged ({error}); fetch it again"
        ) from None  # gzip's are OSErrors too
    return files


def _inside(archive: Path, name: str) -> PurePosixPath:
    """The name as a relative path that stays inside. Raises ValueError for any other."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
        raise ValueError(
            f"the archive {archive.name} is unsafe: its entry {name!r} would be written outside the folder; "
            "nothing of it is kept"
        )
    return path


def _unsafe_kind(archive: Path, name: str, kind: str) -> ValueError:
    return ValueError(f"the archive {archive.name} is unsafe: its entry {name!r} is {kind}; nothing of it is kept")


def _too_big(archive: Path, limit: int) -> ValueError:
    return ValueError(
        f"the archive {archive.name} ({archive.stat().st_size:,} bytes) unpacks to more than {limit:,} bytes; "
        "no set of pictures packs so well, so nothing of it is kept"
    )


def _zip(archive: Path, limit: int) -> Iterator[_MEMBER]:
    with zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
        if sum(info.file_size for info in infos) > limit:
            raise _too_big(archive, limit)
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsafe_kind(archive, info.filename, "a link" if kind == stat.S_IFLNK else "a device")
            if info.flag_bits & 1:
                raise ValueError(f"the archive {archive.name} is encrypted; unpack it yourself and use --from FOLDER")
            if info.is_dir():
                yield info.filename, None
            else:
                with opened.open(info) as content:
                    yield info.filename, content


def _tar(archive: Path, limit: int) -> Iterator[_MEMBER]:
    with archive.open("rb") as raw, _decompressed(archive, raw) as plain:
        bounded = _Bounded(plain, limit, _too_big(archive, limit))
        with tarfile.open(fileobj=bounded, mode="r|") as opened:  # type: ignore[call-overload]
            for info in opened:
                if info.isdir():
                    yield info.name, None
                elif info.isfile():
                    content = opened.extractfile(info)
                    assert content is not None
                    yield info.name, content
                else:
                    raise _unsafe_kind(archive, info.name, "a link" if info.issym() or info.islnk() else "a device")
        while bounded.read(_CHUNK):  # the check sum of what is packed comes after the last entry
            pass


def _decompressed(archive: Path, raw: BinaryIO) -> Any:
    """The plain tar stream of a .tar, .tar.gz, .tar.bz2 or .tar.xz, told by its first bytes."""
    start = raw.read(6)
    raw.seek(0)
    if start.startswith(b"\x1f\x8b"):
        import gzip

        return gzip.GzipFile(fileobj=raw)
    if start.startswith(b"BZh"):
        import bz2

        return bz2.BZ2File(raw)
    if start == b"\xfd7zXZ\x00":
        return lzma.LZMAFile(raw)
    if start.lstrip()[:1] == b"<":
        raise ValueError(
            f"the file {archive.name} is a web page, not an archive: the address has moved or asks for a login"
        )
    return raw


class _Bounded:
    """A stream that gives up after `limit` bytes, headers included: a tar header may be a bomb too."""

    def __init__(self, stream: IO[bytes], limit: int, error: ValueError) -> None:
        self._stream, self._left, self._error = stream, limit, error

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise self._error
        return chunk
