from __future__ import annotations

import contextlib
import errno
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from i2i import download
from i2i.download import fetch

CONTENT = bytes(range(256)) * 4096  # 1 MiB, so that a cut falls between two pieces
HALF = len(CONTENT) // 2


class Server(ThreadingHTTPServer):
    """A file server with the faults a test asks for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.tag: str | None = '"one"'
        self.ranges = True  # whether it honours Range
        self.cuts = 0  # answers still to be broken off half-way
        self.errors = 0  # answers still to be 503
        self.asked: list[tuple[str, str | None]] = []  # (path, Range) of every request

    def url(self, name: str = "set.zip") -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers["Range"]
        server.asked.append((self.path, wanted))
        if "gone" in self.path:
            return self.send_error(404)
        if server.errors:
            server.errors -= 1
            return self.send_error(503)
        start = 0
        if wanted and server.ranges and self.headers["If-Range"] in (None, server.tag):
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
        if start >= len(server.content) and start:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        if server.tag:
            self.send_header("ETag", server.tag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            server.cuts -= 1
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        with contextlib.suppress(ConnectionError):  # a client may have seen enough
            self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "set.zip"


said: list[str] = []


def get(server: Server, target: Path, *names: str) -> Path:
    said.clear()
    return fetch([server.url(name) for name in names or ("set.zip",)], target, say=said.append, pause=0.001)


def begin(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave half a download behind, as Ctrl-C would."""
    with monkeypatch.context() as patch:
        patch.setattr(download, "_ATTEMPTS", 1)
        server.cuts = 1
        with pytest.raises(ConnectionError, match="524 kB are kept, and the same command goes on from there"):
            get(server, target)
    assert target.with_name("set.zip.part").stat().st_size == HALF
    server.asked.clear()


def test_a_file_arrives_and_nothing_else_stays(server: Server, target: Path) -> None:
    assert get(server, target).read_bytes() == CONTENT
    assert [p.name for p in target.parent.iterdir()] == ["set.zip"]


def test_size_is_announced_before_the_first_byte(server: Server, target: Path) -> None:
    seen: list[tuple[str, int | None, bool]] = []
    part = target.with_name("set.zip.part")
    server.cuts = 2
    fetch(
        [server.url()],
        target,
        say=said.append,
        pause=0.001,
        announce=lambda url, size: seen.append((url, size, part.stat().st_size == 0)),
    )
    assert seen == [(server.url(), len(CONTENT), True)]


def test_a_cut_is_continued_within_one_call(server: Server, target: Path) -> None:
    server.cuts = 3
    assert get(server, target).read_bytes() == CONTENT
    starts = [int(wanted[6:-1]) if wanted else 0 for _, wanted in server.asked]
    assert starts == [0, HALF, HALF + HALF // 2, HALF + HALF // 2 + HALF // 4]
    assert "the connection was cut; trying again" in said[0]


def test_a_later_call_continues(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(server, target, monkeypatch)
    assert get(server, target).read_bytes() == CONTENT
    assert server.asked == [("/set.zip", f"bytes={HALF}-")]


def test_a_server_without_ranges_starts_again(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(server, target, monkeypatch)
    server.ranges = False
    assert get(server, target).read_bytes() == CONTENT
    assert any("cannot continue the download; starting again" in line for line in said)


def test_a_changed_file_is_not_glued_to_the_old(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(server, target, monkeypatch)
    server.content, server.tag = CONTENT[::-1], '"two"'
    assert get(server, target).read_bytes() == CONTENT[::-1]


def test_without_a_tag_the_length_decides(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.tag = None
    begin(server, target, monkeypatch)
    assert get(server, target).read_bytes() == CONTENT
    assert server.asked[0][1] == f"bytes={HALF}-"
    target.unlink()
    begin(server, target, monkeypatch)
    server.content = b"new" * HALF
    assert get(server, target).read_bytes() == server.content


def test_a_weak_tag_is_no_tag(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.tag = 'W/"one"'
    begin(server, target, monkeypatch)
    assert '"tag": ""' in target.with_name("set.zip.part.json").read_text()


def test_a_part_that_is_already_whole(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(server, target, monkeypatch)
    target.with_name("set.zip.part").write_bytes(CONTENT)
    assert get(server, target).read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_dropped(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(server, target, monkeypatch)
    target.with_name("set.zip.part").write_bytes(CONTENT + b"more")
    assert get(server, target).read_bytes() == CONTENT


@pytest.mark.parametrize("notes", ["", "{", "[]", "{}"])
def test_a_part_without_good_notes_is_not_continued(notes: str, server: Server, target: Path) -> None:
    target.with_name("set.zip.part").write_bytes(b"from elsewhere")
    target.with_name("set.zip.part.json").write_text(notes)
    assert get(server, target).read_bytes() == CONTENT
    assert server.asked == [("/set.zip", None)]


def test_a_missing_file_goes_to_the_mirror(server: Server, target: Path) -> None:
    assert get(server, target, "gone.zip", "set.zip").read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["/gone.zip", "/set.zip"]


def test_everything_that_was_tried_is_named(server: Server, target: Path) -> None:
    with pytest.raises(ConnectionError) as caught:
        get(server, target, "gone.zip", "also-gone.zip")
    assert str(caught.value).count("it answers 404 Not Found") == 2
    assert server.url("also-gone.zip") in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_a_busy_server_is_asked_again(server: Server, target: Path) -> None:
    server.errors = 2
    assert get(server, target).read_bytes() == CONTENT
    assert "it answers 503 Service Unavailable; trying again" in said[0]


def test_a_server_that_stays_busy_is_given_up(server: Server, target: Path) -> None:
    server.errors = 100
    with pytest.raises(ConnectionError, match="503"):
        get(server, target)
    assert len(server.asked) == download._ATTEMPTS


def test_nobody_listens(target: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError, match=rf"127\.0\.0\.1:{port}/set\.zip: the connection was refused"):
        fetch([f"http://127.0.0.1:{port}/set.zip"], target, say=said.append, pause=0.001)


def test_no_network_is_not_waited_for(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectionError, match="no such host, or no network"):
        fetch(["http://data.invalid/set.zip"], target, say=said.append, pause=1000)


def test_a_full_disk_is_seen_before_the_first_byte(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": len(CONTENT) - 1})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"no room for the download: 0 B of 1\.0 MB.*I2I_HOME"):
        get(server, target)


def test_a_disk_that_fills_up_keeps_what_came(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, *args: object) -> None:
            pass

        def __enter__(self) -> object:
            def advance(count: int) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

            return advance

        def __exit__(self, *args: object) -> None:
            pass

    with monkeypatch.context() as patch:
        patch.setattr(download, "_progress", Full)
        with pytest.raises(OSError, match=r"no room for the download: 66 kB of 1\.0 MB"):
            get(server, target)
    assert get(server, target).read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=65536-"


def test_ctrl_c_keeps_the_part_and_says_so(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "_progress", lambda *args: _Context(interrupt))
        with pytest.raises(KeyboardInterrupt):
            get(server, target)
    assert said == ["Stopped; 66 kB are kept, and the same command goes on from there."]
    assert get(server, target).read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=65536-"


class _Context:
    def __init__(self, value: object) -> None:
        self.value = value

    def __enter__(self) -> object:
        return self.value

    def __exit__(self, *args: object) -> None:
        pass
