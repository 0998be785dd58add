"""Hold downloads to a check sum: the catalogue's, or that of the first download here."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path


def sha256(path: Path) -> str:
    """The check sum of a file, as 64 hexadecimal digits."""
    return _sum(path, "sha256")


def _sum(path: Path, kind: str) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, kind).hexdigest()


def verify(name: str, path: Path, expected: str, record: Path, copy: str = "FILE") -> str:
    """Check a file against `expected` or, where that is empty, against the first download's `record`; return its sum.

    `expected` is a sha256 or, of 32 digits, an MD5; `copy` is what --from takes of this set. Raises ValueError when
    the sum is another one.
    """
    found = sha256(path)
    kind = "md5" if len(expected) == 32 else "sha256"
    here = found if kind == "sha256" else _sum(path, kind)
    if expected and here != expected.lower():
        raise ValueError(
            f"the file {path.name} is not what the catalogue describes: its {kind} is {here}, not {expected}, "
            f"so it was not unpacked. Try again later, or give a copy that you trust: i2i data get {name} --from {copy}"
        )
    if not expected and (first := _first(record)) and first["sha256"] != found:
        raise ValueError(
            f"the file {path.name} has changed since its first download here on {first['date']}: its sha256 is "
            f"{found}, not {first['sha256']}, so it was not unpacked. "
            f"If the change is meant, delete {record} and repeat this"
        )
    return found


def remember(record: Path, found: str, size: int) -> None:
    """Note the first download's sum; a later one changes nothing."""
    if _first(record):
        return
    record.parent.mkdir(parents=True, exist_ok=True)
    beside = record.with_name(f"{record.name}.{os.getpid()}")
    notes = {"sha256": found, "size": size, "date": datetime.now(UTC).date().isoformat()}
    beside.write_text(json.dumps(notes, indent=1), encoding="utf-8")
    os.replace(beside, record)


def _first(record: Path) -> dict[str, str]:
    """What was noted of the first download. Raises ValueError when it cannot be read: a sum is not lost silently."""
    if not record.exists():
        return {}
    try:
        notes = json.loads(record.read_text(encoding="utf-8"))
        return {"sha256": str(notes["sha256"]), "date": str(notes["date"])}
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{record}, the check sum of an earlier download, is damaged; repair or delete it") from None
