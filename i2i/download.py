"""Download a file: several addresses, continued after a cut, complete or not there at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i.tables import size as in_words

if TYPE_CHECKING:
    import requests

Say = Callable[[str], None]
_CHUNK = 1 << 16  # what a cut may cost
_TIMEOUT = (15, 60)  # seconds to connect, and between two pieces
_ATTEMPTS = 4  # in a row without a byte, for each address


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    say: Say,
    announce: Callable[[str, int | None], None] = lambda url, size: None,
    pause: float = 1.0,
) -> Path:
    """Download the first address that answers to `target`.

    What has come is kept in `target`.part through cuts and Ctrl-C, and continued when the server still has the same
    file. `announce(url, bytes or None)` is called before the first byte is read. `pause` is the first wait before a
    retry, in seconds; it doubles. Raises ConnectionError that lists what was tried; OSError for a full disk.
    """
    import requests

    part = _Part(target)
    tried: list[str] = []
    announced = False

    def once(url: str, size: int | None) -> None:
        nonlocal announced
        if not announced:
            announce(url, size)
            announced = True

    with requests.Session() as session:
        session.headers["Accept-Encoding"] = "identity"  # sizes and ranges count bytes of the file itself
        for url in dict.fromkeys(urls):
            failures = 0
            while failures < _ATTEMPTS:
                before = part.size()
                try:
                    _attempt(session, url, part, once, say)
                except _Refused as error:
                    tried.append(f"{url}: {error}")
                    break
                except requests.RequestException as error:
                    failures = 1 if part.size() > before else failures + 1
                    if failures == _ATTEMPTS or _hopeless(error):
                        tried.append(f"{url}: {_reason(error)}")
                        break
                    say(f"{_host(url)}: {_reason(error)}; trying again")
                    time.sleep(pause * 2 ** (failures - 1))
                else:
                    part.finish()
                    return target
    if have := part.size():
        tried.append(f"{in_words(have)} are kept, and the same command goes on from there")
    raise ConnectionError("; ".join(tried))


class _Refused(Exception):
    """The server answered, and trying the same address again is of no use."""


@dataclass
class _Part:
    """The bytes that have come so far, and what the server said of the whole file."""

    target: Path

    @property
    def path(self) -> Path:
        return self.target.with_name(self.target.name + ".part")

    @property
    def notes(self) -> Path:
        return self.target.with_name(self.target.name + ".part.json")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def known(self) -> dict[str, Any]:
        """What was noted of the file that the part belongs to; empty where nothing can be continued."""
        try:
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return notes if isinstance(notes, dict) else {}

    def begin(self, url: str, response: requests.Response) -> None:
        """Start from nothing, noting how the server can be asked for the same file again."""
        etag = response.headers.get("ETag", "")
        if etag.startswith("W/"):  # a weak tag says nothing about bytes
            etag = ""
        notes = {"url": url, "size": _length(response), "tag": etag or response.headers.get("Last-Modified", "")}
        self.path.write_bytes(b"")
        self.notes.write_text(json.dumps(notes), encoding="utf-8")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)

    def finish(self) -> None:
        os.replace(self.path, self.target)
        self.notes.unlink(missing_ok=True)


def _attempt(session: requests.Session, url: str, part: _Part, announce: Any, say: Say) -> None:
    """Ask for what is missing and append it. Returns when the file is complete."""
    import requests

    known, have = part.known(), part.size()
    if have and not (known.get("tag") or (known.get("url") == url and known.get("size"))):
        have = 0  # nothing says that this server's file is the one begun
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and known.get("tag"):
        headers["If-Range"] = known["tag"]
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if have and (response.status_code == 416 or (response.status_code == 206 and not _continues(response, part))):
            if response.status_code == 416 and have == known.get("size") == _total(response):
                return
            part.discard()
            raise requests.ConnectionError("the file has changed there")
        if response.status_code not in (200, 206):
            if response.status_code in (408, 429) or response.status_code >= 500:
                raise requests.HTTPError(f"it answers {response.status_code} {response.reason}")
            raise _Refused(f"it answers {response.status_code} {response.reason}")
        if response.status_code == 200:
            if have:
                say(f"{_host(url)} cannot continue the download; starting again")
            part.begin(url, response)
            have = 0
        size = part.known().get("size")
        announce(url, size)
        _room(part.path, have, size)
        _append(response, part, have, size, say)
    if size is not None and part.size() != size:
        raise requests.ConnectionError(f"it stopped after {in_words(part.size())} of {in_words(size)}")


def _append(response: requests.Response, part: _Part, have: int, size: int | None, say: Say) -> None:
    try:
        with part.path.open("ab") as out, _progress(part.target.name, have, size, say) as advance:
            for chunk in response.iter_content(_CHUNK):
                out.write(chunk)
                advance(len(chunk))
    except KeyboardInterrupt:
        say(f"Stopped; {in_words(part.size())} are kept, and the same command goes on from there.")
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(part.path, part.size(), size) from None
        raise


def _room(path: Path, have: int, size: int | None) -> None:
    """Raise OSError before the first byte when the file cannot fit."""
    if size is not None and shutil.disk_usage(path.parent).free < size - have:
        raise _full(path, have, size)


def _full(path: Path, have: int, size: int | None) -> OSError:
    whole = f" of {in_words(size)}" if size is not None else ""
    return OSError(
        f"no room for the download: {in_words(have)}{whole} are kept in {path.parent}. Free some space and repeat the "
        "command to go on, or set I2I_HOME to a folder on another disk",
    )


def _length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _total(response: requests.Response) -> int | None:
    """The whole file's size, from `Content-Range: bytes 5-9/10` or `bytes */10`."""
    text = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(text) if text.isdigit() else None


def _continues(response: requests.Response, part: _Part) -> bool:
    begins = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    size = part.known().get("size")
    return begins == str(part.size()) and (size is None or _total(response) in (None, size))


def _hopeless(error: Exception) -> bool:
    """Whether waiting a second cannot help: the host is unknown, so there is no network or no such server."""
    return "NameResolutionError" in repr(error) or "getaddrinfo" in repr(error)


def _reason(error: Exception) -> str:
    text = repr(error)
    if _hopeless(error):
        return "no such host, or no network"
    for sign, words in (
        ("Connection refused", "the connection was refused"),
        ("CERTIFICATE_VERIFY", "its certificate is not valid"),
        ("imeout", "it does not answer"),
        ("unreachable", "there is no network"),
        ("IncompleteRead", "the connection was cut"),
        ("Connection aborted", "the connection was cut"),
        ("reset by peer", "the connection was cut"),
    ):
        if sign in text:
            return words
    return str(error) or type(error).__name__


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).netloc or url


@contextmanager
def _progress(name: str, have: int, size: int | None, say: Say) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, elsewhere a line every ten seconds."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TransferSpeedColumn as Speed

        columns = (TextColumn(name), BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(name, total=size, completed=have)
            yield lambda count: bar.update(task, advance=count)
        return
    done, last = have, time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        if time.monotonic() - last >= 10:
            last = time.monotonic()
            say(f"{name}: {in_words(done)}" + (f" of {in_words(size)}" if size else ""))

    yield advance
