"""Pretrained weights: fetched once, checked, and never against the user's will."""

from __future__ import annotations

import hashlib

import pytest

from i2i import pretrained

SOURCE = pretrained.Source(
    "a file", "https://example.org/file-1234.pth", hashlib.sha256(b"yes").hexdigest()[:8], 3, "MIT"
)


def test_weights_are_fetched_once_and_checked(monkeypatch, capsys):
    sent = [b"yes"]

    def fetch(urls, target, say, announce):
        assert urls == [SOURCE.url]
        announce(urls[0], 3)
        target.write_bytes(sent.pop())
        return target

    monkeypatch.setattr("i2i.download.fetch", fetch)
    first = pretrained.fetched(SOURCE)
    assert first.read_bytes() == b"yes"
    assert pretrained.fetched(SOURCE) == first
    assert "Downloading a file, 3 B, from https://example.org/file-1234.pth. Licence: MIT." in capsys.readouterr().err

    first.unlink()
    sent.append(b"no")
    with pytest.raises(ConnectionError, match="sent is another file: its sha256 begins"):
        pretrained.fetched(SOURCE)
    assert not first.exists()
    assert [path.suffix for path in first.parent.iterdir()] in ([], [".lock"])


def test_a_copy_that_is_there_already_is_taken(tmp_path):
    (tmp_path / "mine.pth").write_bytes(b"yes")
    assert pretrained.fetched(SOURCE, tmp_path / "none.pth", tmp_path / "mine.pth") == tmp_path / "mine.pth"


def test_nothing_is_downloaded_offline(monkeypatch):
    monkeypatch.setenv("I2I_OFFLINE", "1")
    with pytest.raises(
        ConnectionError, match="is not here, and I2I_OFFLINE forbids to download it from https://example"
    ):
        pretrained.fetched(SOURCE)
