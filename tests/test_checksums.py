from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from i2i.checksums import remember, sha256, verify


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "set.zip").write_bytes(b"first")
    return tmp_path / "set.zip"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / ".sums" / "set.json"


def test_the_sum_is_that_of_the_bytes(archive: Path) -> None:
    assert sha256(archive) == hashlib.sha256(b"first").hexdigest()


def test_a_known_sum_decides(archive: Path, record: Path) -> None:
    known = hashlib.sha256(b"first").hexdigest()
    assert verify("set", archive, known.upper(), record) == known
    with pytest.raises(ValueError, match=f"its sha256 is {known}, not {'0' * 64}.*i2i data get set --from FILE"):
        verify("set", archive, "0" * 64, record)


def test_a_known_md5_decides(archive: Path, record: Path) -> None:
    known = hashlib.md5(b"first").hexdigest()
    assert verify("set", archive, known.upper(), record) == sha256(archive)
    with pytest.raises(ValueError, match=f"its md5 is {known}, not {'0' * 32}.*i2i data get set --from FOLDER"):
        verify("set", archive, "0" * 32, record, "FOLDER")


def test_later_downloads_are_held_to_the_first(archive: Path, record: Path) -> None:
    remember(record, verify("set", archive, "", record), 5)
    verify("set", archive, "", record)
    archive.write_bytes(b"other")
    with pytest.raises(ValueError, match=r"has changed since its first download.*delete .*set\.json"):
        verify("set", archive, "", record)
    remember(record, sha256(archive), 5)
    archive.write_bytes(b"first")
    verify("set", archive, "", record)


def test_checking_alone_notes_nothing(archive: Path, record: Path) -> None:
    verify("set", archive, "", record)
    assert not record.parent.exists()


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_record_is_not_taken_for_none(text: str, archive: Path, record: Path) -> None:
    record.parent.mkdir()
    record.write_text(text)
    with pytest.raises(ValueError, match=r"set\.json.*is damaged"):
        verify("set", archive, "", record)
