"""The catalogue: data sets by name, where they are, and how they get here."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from i2i import places
from i2i.options import Options, build, nearest, option, read_toml

Say = Callable[[str], None]
MARKER = "dataset.toml"  # written into what is unpacked or generated, so that a moved folder still knows its card


@dataclass(frozen=True)
class Part:
    """One file of a download: its name, its addresses with the preferred one first, its check sum or nothing."""

    name: str
    urls: tuple[str, ...]
    sum: str


@dataclass(frozen=True, kw_only=True)
class Card(Options):
    """What the catalogue knows of a data set; read from one TOML file."""

    name: str = option(help="What is typed, and the name of its folder.")
    summary: str = option(help="One sentence: what the pictures show.")
    kind: str = option(help="Dataset kind: images, paired, unpaired, labelled, captioned or a plugin's.")
    layout: str = option("", help="How the folder is arranged, in words.")
    domains: tuple[str, ...] = option((), help="Names of the domains; of A and B, in this order.")
    licence: str = option(help="Terms of use as its owners state them, or that they state none.")
    authors: tuple[str, ...] = option((), help="Who made it.")
    source: str = option(help="Where the pictures come from.")
    homepage: str = option("", help="Its page.")
    paper: str = option("", help="Title, year and number of the publication.")
    urls: tuple[str, ...] = option(
        (), help="Addresses of one and the same archive, or of the folder that holds `files`, the preferred one first."
    )
    files: tuple[str, ...] = option((), help="Names of its files, where they are fetched one by one.")
    sha256: str = option("", help="Check sum of the archive, where it is known for certain.")
    md5: tuple[str, ...] = option((), help="Older check sum of the archive, or of each of `files` in their order.")
    size: int | None = option(None, help="Bytes of the archive, where known for certain.", min=1)
    generator: str = option("", help="module:function that writes the set into an empty folder, without a network.")
    obtain: str = option("", help="How to get it, where it cannot be downloaded freely.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name):
            raise ValueError(f"name is {self.name!r}; give letters, digits, dot, hyphen and underscore")
        if self.sha256 and not re.fullmatch(r"[0-9a-fA-F]{64}", self.sha256):
            raise ValueError(f"sha256 is {self.sha256!r}; give 64 hexadecimal digits or leave it out")
        if bad := [each for each in self.md5 if not re.fullmatch(r"[0-9a-fA-F]{32}", each)]:
            raise ValueError(f"md5 holds {bad[0]!r}; give 32 hexadecimal digits or leave it out")
        if bad := [name for name in self.files if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name)]:
            raise ValueError(f"files holds {bad[0]!r}; give letters, digits, dot, hyphen and underscore")
        wanted = len(self.files) or 1
        if len(self.md5) not in (0, wanted):
            many = "file" if wanted == 1 else "files"
            raise ValueError(f"md5 has {len(self.md5)} sums for {wanted} {many}; give one for each, or none")
        if self.files and self.sha256:
            raise ValueError("sha256 is of an archive, and files are named; give md5, one of each file, or no sum")
        if bad := [url for url in self.urls if not url.startswith(("https://", "http://"))]:
            raise ValueError(f"urls holds {bad[0]!r}; give addresses that begin with https:// or http://")
        if not (self.urls or self.generator or self.obtain):
            raise ValueError("urls, generator or obtain must say where the set comes from")

    @property
    def way(self) -> Literal["embedded", "download", "by hand"]:
        """How it gets here."""
        return "embedded" if self.generator else "download" if self.urls else "by hand"

    @property
    def archive(self) -> str:
        """The file name of its archive."""
        return self.urls[0].rpartition("/")[2] if self.urls else f"{self.name}.zip"

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is fetched: the archive, or each of its files."""
        if not self.files:
            return (Part(self.archive, self.urls, self.sha256 or "".join(self.md5)),)
        sums = self.md5 or ("",) * len(self.files)
        return tuple(
            Part(name, tuple(f"{url.rstrip('/')}/{name}" for url in self.urls), each)
            for name, each in zip(self.files, sums, strict=True)
        )


def _read() -> tuple[dict[str, Card], list[str]]:
    from i2i.plugins import registry

    found: dict[str, Card] = {}
    bad: list[str] = []
    for folder in reversed(registry().catalogue()):  # pluggy asks the latest plugin first; the first keeps its names
        if not folder.is_dir():
            bad.append(f"{folder} is no folder; a plugin announces it as one of data-set cards")
        for path in sorted(folder.glob("*.toml")):
            try:
                card = build(Card, read_toml(path), str(path))
            except (ValueError, LookupError, OSError) as error:
                bad.append(str(error))
                continue
            if card.name in found:
                bad.append(f"{path}: there is already a card named {card.name}; this one is not used")
            else:
                found[card.name] = card
    return dict(sorted(found.items())), bad


def cards() -> dict[str, Card]:
    """Every data set of the catalogue by name, those of plugins included."""
    return _read()[0]


def problems() -> list[str]:
    """What is wrong with cards that could not be read, a sentence each."""
    return _read()[1]


def card(name: str) -> Card | None:
    """The card of that name, or None."""
    return cards().get(name)


def card_of(root: Path) -> Card | None:
    """The card that a folder was made from, by its marker; else, for sets that people also get by hand, by its name.

    A folder that only shares its name with an embedded set is not taken for it.
    """
    try:
        named = tomllib.loads((root / MARKER).read_text(encoding="utf-8")).get("name")
    except (OSError, ValueError):
        named = None
    if isinstance(named, str):
        return card(named)
    found = card(root.absolute().name)
    return found if found is not None and found.way != "embedded" else None


def folders() -> list[Path]:
    """The folders whose folders are data sets: ./datasets, those of $I2I_DATA, the cache; in this order."""
    named = [Path(part).expanduser() for part in os.environ.get("I2I_DATA", "").split(os.pathsep) if part.strip()]
    return [Path("datasets"), *named, places.data()]


def locate(name: str) -> Path | None:
    """The folder of that name among `folders()`, or None. Nothing is made or fetched."""
    return next((folder / name for folder in folders() if _plain(name) and (folder / name).is_dir()), None)


def resolve(name: str, *, offline: bool | None = None, say: Say | None = None) -> Path:
    """Find the data that a name means, making or downloading it where needed.

    In this order: a path; a folder of that name in `folders()`; an embedded set; a download. `offline` and `say` are
    those of `get`. Raises LookupError for a name that leads nowhere, and what `get` raises.
    """
    if not name.strip():
        raise ValueError("the name of the data is empty; give a folder or a name of: i2i data list")
    path = Path(name).expanduser()
    if path.exists():
        if name in cards():
            (say or _stderr)(f"Using the folder {path.absolute()}, which goes before the catalogue's {name}.")
        return path
    if found := locate(name):
        return found
    if card(name) is None:
        raise LookupError(_nowhere(name))
    return get(name, offline=offline, say=say)


def get(name: str, *, offline: bool | None = None, from_file: Path | None = None, say: Say | None = None) -> Path:
    """Bring a set of the catalogue here, if it is not in one of `folders()`; return its folder.

    `offline` forbids downloads; by default $I2I_OFFLINE decides. `from_file` gives the set from an archive or a folder
    instead. `say` takes lines for the user (by default stderr). Raises LookupError for a name that the catalogue does
    not have or cannot fetch, ConnectionError when a download fails, ValueError for a bad archive, OSError where the
    cache cannot be written.
    """
    say = say or _stderr
    known = card(name)
    if known is None:
        raise LookupError(f'the catalogue has no data set "{name}"' + nearest(name, cards(), "see: i2i data list"))
    there = locate(name)
    if there is not None and from_file is None:
        return there
    from i2i import supply

    if from_file is not None:
        if known.generator:
            raise ValueError(f"--from is of no use for {name}, which is made on first use; leave it out")
        if not from_file.exists():
            raise ValueError(f"there is no file {from_file}; --from takes an archive or a folder")
        if there is not None:
            raise ValueError(f"the data set {name} is already in {there}; remove that folder to replace it")
        return supply.take(known, from_file, say)
    if known.generator:
        return supply.generate(known, say)
    looked = ", ".join(str(folder / name) for folder in folders())
    if not known.urls:
        raise LookupError(
            f"the data set {name} is not on this machine (looked at {looked}) and cannot be downloaded freely: "
            f"{known.obtain}. Then type: i2i data get {name} --from FOLDER"
        )
    if offline if offline is not None else os.environ.get("I2I_OFFLINE", "") not in ("", "0"):
        raise ConnectionError(
            f"the data set {name} is not on this machine (looked at {looked}) and downloads are off (--offline or "
            f"I2I_OFFLINE). {supply.by_hand(known)}"
        )
    return supply.download(known, say)


def _plain(name: str) -> bool:
    """Whether it is a mere word, not a path."""
    return Path(name).name == name and name not in ("", ".", "..")


def _nowhere(name: str) -> str:
    """One sentence for a name that is neither a path nor a data set, with what it may have been meant for."""
    if not _plain(name):
        path = Path(name).expanduser()
        parent = next((p for p in path.parents if p.is_dir()), Path())
        beside = [p.name for p in parent.iterdir() if p.is_dir()] if parent == path.parent else []
        return f"there is no folder {path}{nearest(path.name, beside)}" + (
            "" if parent == path.parent else f"; {parent} is the last part of it that exists"
        )
    here = [p.name for folder in (Path(), *folders()) if folder.is_dir() for p in folder.iterdir() if p.is_dir()]
    looked = ", ".join(str(folder / name) for folder in (Path.cwd(), *folders()))
    then = f"looked at {looked} and the catalogue (i2i data list)"
    return f'there is no folder and no data set "{name}"' + nearest(name, [*cards(), *here], then)


def _stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
