"""Bring a data set of the catalogue into the cache: generate it, download it, or take it from a file."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from i2i import archive, checksums, places
from i2i.cards import import_target
from i2i.catalogue import MARKER, Card, Part, Say
from i2i.download import fetch
from i2i.tables import size as in_words

_SPLITS = {"train", "test", "val", "trainA", "trainB", "testA", "testB"}


def generate(card: Card, say: Say) -> Path:
    """Write an embedded set, once."""

    def write(folder: Path) -> None:
        say(f"Making {card.name} from {card.source}. Licence: {card.licence}.")
        import_target(card.generator)(folder)

    return _once(card, write, say)


def download(card: Card, say: Say) -> Path:
    """Download, check and unpack; the files of a set that is no archive stay as they are.

    What is fetched is deleted when the set is whole; until then it, or a part of it, is kept for the next attempt.
    """

    def write(folder: Path) -> None:
        fetched = [(part, _fetch(card, part, say)) for part in card.parts]
        for part, packed in fetched:
            record = places.data() / ".sums" / f"{card.name}{f'-{part.name}' if card.files else ''}.json"
            try:
                copy = "FOLDER" if card.files else "FILE"
                found = checksums.verify(card.name, packed, part.sum, record, copy)
                if card.files:
                    _keep(packed, folder / part.name)
                else:
                    say(f"Unpacking {part.name}.")
                    _unpack(packed, folder)
                checksums.remember(record, found, packed.stat().st_size)
            except ValueError as error:
                packed.unlink(missing_ok=True)
                raise ValueError(str(error).replace(packed.name, part.name)) from None
        for _, packed in fetched:
            packed.unlink()

    return _once(card, write, say)


def _fetch(card: Card, part: Part, say: Say) -> Path:
    """Download a file of a set into the cache, if it is not there yet."""
    packed = places.data() / f".{card.name}-{part.name}"
    if not packed.exists():
        try:
            fetch(part.urls, packed, say=say, announce=lambda url, size: say(_announcement(card, part, url, size)))
        except ConnectionError as error:
            raise ConnectionError(
                f"the data set {card.name} could not be downloaded ({error}). {by_hand(card)}"
            ) from None
    return packed


def _keep(fetched: Path, target: Path) -> None:
    with fetched.open("rb") as opened:
        if opened.read(64).lstrip()[:1] == b"<":
            raise ValueError(f"the file {fetched.name} is a web page: the address has moved or asks for a login")
    shutil.copyfile(fetched, target)


def take(card: Card, given: Path, say: Say) -> Path:
    """Copy a folder or unpack an archive that the user already has."""

    def write(folder: Path) -> None:
        say(f"{card.name} from {given}. Licence: {card.licence}.")
        if given.is_dir():
            _copy(given, folder)
            return
        if card.sha256 and checksums.sha256(given) != card.sha256.lower():
            say(f"Its check sum is not the catalogue's ({card.sha256}); it is taken because you gave it.")
        _unpack(given, folder)

    return _once(card, write, say)


def _copy(given: Path, folder: Path) -> None:
    if folder.resolve().is_relative_to(given.resolve()):
        raise ValueError(f"the folder {given} holds the cache itself; give the folder of the pictures with --from")
    try:
        shutil.copytree(given, folder, dirs_exist_ok=True, ignore_dangling_symlinks=True)
    except shutil.Error as error:  # a list of (from, to, why)
        source, _, reason = error.args[0][0]
        raise OSError(f"{source} cannot be copied: {reason}") from None
    if not any(path.is_file() for path in folder.rglob("*")):
        raise ValueError(f"the folder {given} holds no files")


def by_hand(card: Card) -> str:
    """What to type when the address cannot be reached."""
    place = Path("datasets") / card.name
    if card.files:
        return (
            f"With its files from elsewhere, {', '.join(card.files)}: put them into the folder {place}; "
            f"or i2i data get {card.name} --from FOLDER"
        )
    return (
        f"With the file from elsewhere: i2i data get {card.name} --from {card.archive}; "
        f"or put the unpacked folder at {place}"
    )


def _announcement(card: Card, part: Part, url: str, size: int | None) -> str:
    """Say what is fetched and, once, under which terms."""
    size = size or (None if card.files else card.size)
    licence = f" Licence: {card.licence}." if part == card.parts[0] else ""
    return f"Downloading {card.name}, {in_words(size) if size else 'of unknown size'}, from {url}.{licence}"


def _unpack(packed: Path, folder: Path) -> None:
    """Unpack, and lift what lies in a single folder of its own, as archives have it."""
    if not archive.unpack(packed, folder):
        raise ValueError(f"the archive {packed.name} holds no files")
    inside = [path for path in folder.iterdir() if path.name != "__MACOSX" and not path.name.startswith(".")]
    if len(inside) == 1 and inside[0].is_dir() and inside[0].name not in _SPLITS:
        lifted = inside[0].rename(folder / f".{secrets.token_hex(4)}")  # its own name may be that of a child
        for path in lifted.iterdir():
            path.replace(folder / path.name)
        lifted.rmdir()


def _once(card: Card, write: Callable[[Path], None], say: Say) -> Path:
    """Let `write` fill a folder beside, then rename it: processes that ask at once get one whole folder."""
    target = places.data() / card.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, say):
            if not target.is_dir():
                _fill(card, write, target)
    except OSError as error:
        raise _explained(card, error) from None
    return target


@contextmanager
def _alone(target: Path, say: Say) -> Iterator[None]:
    """Keep other processes from preparing the same folder."""
    from filelock import FileLock, Timeout

    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"Another process is preparing {target.name}; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fill(card: Card, write: Callable[[Path], None], target: Path) -> None:
    for left in target.parent.glob(f".{card.name}-*.new"):  # of a process that was killed: nobody else has the lock
        shutil.rmtree(left, ignore_errors=True)
    beside = target.with_name(f".{card.name}-{secrets.token_hex(4)}.new")
    beside.mkdir()
    try:
        write(beside)
        _mark(card, beside)
        os.replace(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _mark(card: Card, folder: Path) -> None:
    """Say in the folder what it is, in the terms that any folder may use; a file of the set's own is left alone."""
    import tomli_w

    marker = folder / MARKER
    if marker.exists():
        return
    notes = {"name": card.name, "licence": card.licence, "authors": list(card.authors), "source": card.source}
    if len(card.domains) == 2:  # more are told by their folders
        notes["domains"] = list(card.domains)
    marker.write_text(tomli_w.dumps(notes), encoding="utf-8")


def _explained(card: Card, error: OSError) -> OSError:
    """Say what to do where the cache cannot be written; any other error as it is."""
    if error.errno == errno.ENOSPC:
        return OSError(
            f"no room to unpack {card.name} into {places.data()}. Free some space and repeat the command, "
            "or set I2I_HOME to a folder on another disk"
        )
    where = Path(os.fsdecode(error.filename)) if error.filename is not None else None
    here = where is not None and (places.cache() in where.parents or where in (places.cache(), *places.cache().parents))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and here:
        return OSError(
            f"data sets cannot be written to {places.data()} ({error.strerror}); "
            "set I2I_HOME to a folder that you may write"
        )
    return error
