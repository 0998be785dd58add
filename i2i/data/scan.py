"""Walk a folder once and know every picture in it: size, mode, depth, content hash, and whether it decodes."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from i2i import places
from i2i.data import config, packed
from i2i.options import nearest

DOCUMENTS = {".json", ".jsonl", ".csv", ".tsv", ".txt", ".toml", ".yaml", ".yml", ".md", ".rst", ".html", ".pdf"}
DOCUMENTS |= {".gz", ""}
_VERSION = 2  # of the remembered results
_NO_TEXT = "has a name that is no UTF-8; rename it"  # it can be neither printed nor written into reports
_SILENCE = 5  # seconds, after which it is said how far looking has come
T = TypeVar("T")


@dataclass(frozen=True)
class Info:
    """What is known of one picture; `problem` says why it cannot be used, and is empty when it can."""

    width: int = 0
    height: int = 0
    channels: int = 0
    mode: str = ""
    depth: int = 0  # bits a channel; 32 means float
    sha256: str = ""
    highest: int = -1  # largest value (palette index) of a one-channel picture: a label map's largest label
    problem: str = ""


@dataclass(frozen=True)
class Tree:
    """A folder as it was found: pictures by relative name, documents, and what is neither."""

    root: Path
    pictures: dict[str, Info]  # sorted by name; those inside a file of many are named FILE/00017
    documents: tuple[str, ...] = ()
    stray: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)  # dataset.toml
    memory: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)  # see `once`

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.root.name

    def once(self, key: str, make: Callable[[Tree], T]) -> T:
        """What `make` makes of this tree, made only the first time that `key` is asked for."""
        if key not in self.memory:
            self.memory[key] = make(self)
        found: T = self.memory[key]
        return found

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Pictures that are files of their own, sorted."""
        return tuple(name for name in self.pictures if not packed.inside(name))

    @cached_property
    def usable(self) -> frozenset[str]:
        """Pictures that decode."""
        return frozenset(name for name, info in self.pictures.items() if not info.problem)


def scan(root: Path) -> Tree:
    """Read what a folder holds; decoding is done once and remembered until a file changes.

    Raises ValueError when there is no such folder or dataset.toml is wrong.
    """
    root = Path(os.path.abspath(root))  # without the dots of ../data, which would hide its name
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise ValueError(f"{root} {what}; give a folder of pictures{_similar(root)}")
    names = {name: name.encode("utf-8", "backslashreplace").decode() for name in _walk(root)}
    pictures, documents, stray = _sort(name for name, shown in names.items() if name == shown)
    infos = _inspect_all(root, pictures)
    infos |= {shown: Info(problem=_NO_TEXT) for name, shown in names.items() if name != shown}
    for name in documents:
        infos |= {member: Info(**info) for member, info in packed.describe(root, name).items()}
    return Tree(root, dict(sorted(infos.items())), tuple(documents), tuple(stray), config.read(root))


def count_pictures(folder: Path, limit: int = 100_000) -> int:
    """Count files in a folder that are named like pictures, without opening them."""
    from i2i.images import EXTENSIONS

    count = 0
    for seen, name in enumerate(_walk(folder)):
        count += Path(name).suffix.lower() in EXTENSIONS
        if seen >= limit:
            break
    return count


def _similar(root: Path) -> str:
    """Name the folder beside a missing one that was probably meant."""
    try:
        siblings = [path.name for path in root.parent.iterdir() if path.is_dir()]
    except OSError:
        return ""
    return nearest(root.name, siblings)


def _walk(root: Path) -> Iterable[str]:
    """Yield the relative names of all files, following links but never into a folder that holds the link."""
    stack: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
    while stack:
        folder, above = stack.pop()
        try:
            status = os.stat(root / folder)
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                continue
            with os.scandir(root / folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            yield f"{folder}/"  # a folder that may not be read is reported as stray
            continue
        for entry in found:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if _is_folder(entry):
                if not _hidden(entry.name):
                    stack.append((name, above | {identity}))
            else:
                yield name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name.lower() in ("thumbs.db", "desktop.ini")


def _sort(names: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """Part names into pictures, documents and stray files."""
    from i2i.images import EXTENSIONS

    pictures: list[str] = []
    documents: list[str] = []
    stray: list[str] = []
    for name in sorted(names):
        file = name.rpartition("/")[2]
        suffix = os.path.splitext(file)[1].lower()
        if _hidden(file) or not file:
            stray.append(name)
        elif suffix in EXTENSIONS:
            pictures.append(name)
        elif suffix in DOCUMENTS or packed.is_array(file):
            documents.append(name)
        else:
            stray.append(name)
    return pictures, documents, stray


def _inspect_all(root: Path, names: list[str]) -> dict[str, Info]:
    """Inspect pictures with a pool of threads, taking what did not change from the last time."""
    memory = places.cache() / "scans" / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:24]}.json"
    known = _recall(memory)
    stamps = {name: _stamp(root / name) for name in names}
    infos = {name: known[name][1] for name in names if name in known and known[name][0] == stamps[name]}
    todo = [name for name in names if name not in infos]
    told = time.monotonic()
    try:
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            for done, info in enumerate(pool.map(lambda name: inspect(root / name), todo)):
                infos[todo[done]] = info
                if time.monotonic() - told > _SILENCE:
                    told = time.monotonic()
                    print(f"Looked at {done + 1:,} of {len(todo):,} new pictures in {root}", file=sys.stderr)
    finally:  # what was done before an interruption is not done again
        if todo or len(known) != len(names):
            _remember(memory, {name: (stamps[name], info) for name, info in infos.items() if not info.problem})
    return infos


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return [-1, -1]
    return [status.st_size, status.st_mtime_ns]


def _recall(memory: Path) -> dict[str, tuple[list[int], Info]]:
    try:
        stored = json.loads(memory.read_text(encoding="utf-8"))
        files = stored["files"] if stored["version"] == _VERSION else {}
        return {name: (stamp, Info(**info)) for name, (stamp, info) in files.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _remember(memory: Path, known: dict[str, tuple[list[int], Info]]) -> None:
    """Keep what is known of pictures that decode; a place that cannot be written only costs time."""
    rows = {name: [stamp, vars(info)] for name, (stamp, info) in known.items()}
    beside = memory.with_suffix(f".{os.getpid()}.tmp")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps({"version": _VERSION, "files": rows}), encoding="utf-8")
        beside.replace(memory)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def inspect(path: Path) -> Info:
    """Decode one picture and describe it; what is wrong with it is in `problem`."""
    from i2i import images

    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return Info(problem="is a pipe, a socket or a device")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if file.tell() == 0:
                return Info(problem="is empty (0 bytes)", sha256=sha256)
    except FileNotFoundError:
        return Info(problem="is a link that leads nowhere")
    except OSError as error:
        return Info(problem=f"cannot be opened: {error.strerror or error}")
    try:
        header = images.header(path)
        highest = _decode(path, header.format, header.mode)
    except images.Unreadable as error:
        return Info(problem=error.reason, sha256=sha256)
    except (OSError, ValueError, SyntaxError, MemoryError) as error:  # Pillow, of a JPEG cut off after its header
        return Info(problem=f"is damaged or cut off ({str(error) or type(error).__name__})", sha256=sha256)
    return Info(header.width, header.height, header.channels, header.mode, header.depth, sha256, highest)


def _decode(path: Path, format: str, mode: str) -> int:
    """Decode fully, so that a cut file is found; return the largest value of a one-channel picture, else -1."""
    import PIL.Image

    from i2i import images

    if format == "JPEG":
        with PIL.Image.open(path) as picture:
            picture.draft("RGB", (1, 1))  # an eighth of the size: reads every byte in a fraction of the time
            picture.load()
        return -1
    pixels = images.read(path).pixels
    if mode == "P":
        with PIL.Image.open(path) as picture:
            return int(picture.getextrema()[1])  # type: ignore[arg-type]
    return int(pixels.max()) if pixels.shape[2] == 1 and pixels.dtype.kind == "u" else -1
