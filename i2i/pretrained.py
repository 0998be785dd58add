"""Weights of pretrained networks, brought here once: what a loss or a figure needs and no bundle holds."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from i2i import places
from i2i.tables import size as in_words


@dataclass(frozen=True)
class Source:
    """A file of weights: where it comes from and how it is known again."""

    name: str  # what it holds, for the user
    url: str
    sha256: str  # or its first digits
    size: int  # bytes, about
    licence: str

    @property
    def file(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


def fetched(source: Source, *others: Path) -> Path:
    """Return the file: one of `others` where it is already, the cache's, or downloaded into that now.

    Processes that ask at once download it once. Raises OSError, saying what was tried, when it is nowhere.
    """
    from filelock import FileLock

    from i2i.download import fetch

    folder = places.cache() / "weights"
    kept = folder / source.file
    for path in (*others, kept):
        if path.is_file():
            return path
    if os.environ.get("I2I_OFFLINE", "") not in ("", "0"):
        raise ConnectionError(f"{source.file} is not here, and I2I_OFFLINE forbids to download it from {source.url}")
    announcement = f"Downloading {source.name}, {in_words(source.size)}, from {source.url}. Licence: {source.licence}."
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{source.file}.lock"):
        if not kept.is_file():
            new = fetch([source.url], kept.with_suffix(".new"), say=say, announce=lambda *_: say(announcement))
            with new.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if not found.startswith(source.sha256):
                new.unlink()
                raise ConnectionError(
                    f"what {source.url} sent is another file: its sha256 begins {found[:8]}, not {source.sha256[:8]}"
                )
            os.replace(new, kept)
    return kept


def say(text: str) -> None:
    """Tell the user, on stderr."""
    print(text, file=sys.stderr)
