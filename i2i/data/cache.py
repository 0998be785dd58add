"""Decoded pictures on disk: resized, in the files' own depth; each is decoded once, not once an epoch.

A folder a data set and size, one .npy a picture, named by its content. A picture is written beside and renamed, so two
runs may fill one folder at once; what is missing or damaged is decoded again, and a full or read-only disk costs only
time.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from i2i import places
from i2i.data import packed, sizes
from i2i.data.scan import Info
from i2i.tables import size

LIMIT = 20 * 10**9  # bytes of all decoded sets together
_VERSION = 1
_MAPPED = 1 << 19  # bytes above which a picture is mapped: mapping takes longer than reading a small one whole
_BYTES = "bytes"  # in each folder: what it may grow to
_LIVE: weakref.WeakSet[Pictures] = weakref.WeakSet()  # whose folders are not removed to make room for others


class Pictures:
    """Read the pictures of a set, whole or by halves, at the size the run keeps them."""

    def __init__(
        self,
        root: Path,
        infos: dict[str, Info],
        covered: tuple[int, int] | None,
        squeeze: tuple[int, int] | None,
        cached: bool = True,
        wanted: Iterable[str] | None = None,
    ) -> None:
        """Keep pictures so that they just cover (H, W), or squeezed to it, or as they are when both are None.

        `wanted` are those that will be read, by default all: room is made for them.
        """
        self.root = root
        self.infos = infos
        self.covered = covered
        self.squeeze = squeeze
        self.folder: Path | None = None
        self.note = ""
        self.needed = 0  # bytes
        self._made = False  # whether this process has seen to the folder
        if cached:
            self._open(infos if wanted is None else set(wanted))

    def read(self, name: str, half: str = "", nearest: bool = False) -> np.ndarray:
        """Pixels (H, W, C) of a picture, or of its left or right half; `nearest` reads a map of labels.

        Raises ValueError when the file has become unreadable.
        """
        if packed.inside(name):
            return self._resize(packed.picture(self.root, name), nearest)
        if self.folder is None:
            return self._decode(name, half, nearest)
        kept = self.folder / f"{self.infos[name].sha256[:40]}{half}{'-map' if nearest else ''}.npy"
        try:
            large = kept.stat().st_size > _MAPPED
            return np.asarray(np.load(kept, mmap_mode="r" if large else None))
        except (OSError, ValueError, EOFError):  # not there yet, removed by another run, or torn by a power cut
            pixels = self._decode(name, half, nearest)
            self._keep(kept, pixels)
            return pixels

    def _decode(self, name: str, half: str, nearest: bool) -> np.ndarray:
        from i2i import images

        pixels = read_labels(self.root / name) if nearest else images.read(self.root / name).pixels
        if half:
            middle = pixels.shape[1] // 2
            pixels = pixels[:, :middle] if half == "left" else pixels[:, middle:]
        return np.ascontiguousarray(self._resize(pixels, nearest))

    def _resize(self, pixels: np.ndarray, nearest: bool) -> np.ndarray:
        height, width = pixels.shape[:2]
        if self.squeeze is not None:
            return sizes.resize(pixels, self.squeeze, nearest)
        return sizes.resize(pixels, sizes.cover(height, width, self.covered), nearest) if self.covered else pixels

    def _keep(self, kept: Path, pixels: np.ndarray) -> None:
        beside = kept.with_suffix(f".{os.getpid()}.tmp")
        try:
            if not self._made:
                self._make(kept.parent)
            with beside.open("wb") as file:
                np.save(file, pixels)
            beside.replace(kept)
        except OSError:  # the disk is full, or another run removed the folder: from now on decode each time
            if not kept.exists():  # Windows replaces no file that another process is reading, and need not
                self.folder = None
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def _open(self, wanted: Iterable[str]) -> None:
        """Find where this set is kept, or say why it cannot be; nothing is made or removed before it is needed."""
        if self.covered is None and self.squeeze is None:
            return
        folder = places.cache() / "decoded" / self._key()
        self.needed = sum(self._size(self.infos[name]) for name in wanted if not packed.inside(name))
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            limit, _ = _room(folder)
            if folder.is_dir():
                os.utime(folder)
            elif self.needed > limit:
                self.note = (
                    f"The decoded pictures would take {size(self.needed)}, more than the {size(limit)} that the "
                    "cache may use; they are decoded anew in every epoch."
                )
                return
            elif not os.access(folder.parent, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            why = error.strerror or error
            self.note = (
                f"Decoded pictures cannot be kept in {folder.parent} ({why}); they are decoded anew in every epoch."
            )
            return
        self.folder = folder
        _LIVE.add(self)

    def _make(self, folder: Path) -> None:
        """Make the folder, removing the sets unused for longest to stay below the limit."""
        self._made = True
        if folder.is_dir():
            return
        limit, others = _room(folder)
        for path in sorted(others, key=_used):
            if sum(others.values()) + self.needed <= limit:
                break
            shutil.rmtree(path, ignore_errors=True)
            del others[path]
        folder.mkdir(exist_ok=True)
        (folder / _BYTES).write_text(str(self.needed))

    def _key(self) -> str:
        contents = sorted(info.sha256 for info in self.infos.values())
        settings: list[Any] = [_VERSION, self.covered, self.squeeze]
        return hashlib.sha256(repr([settings, contents]).encode()).hexdigest()[:32]

    def _size(self, info: Info) -> int:
        if info.problem:
            return 0
        height, width = self.squeeze or sizes.cover(info.height, info.width, self.covered or (1, 1))
        return height * width * info.channels * info.depth // 8 + 128


def _room(folder: Path) -> tuple[int, dict[Path, int]]:
    """The bytes that a set and those that may make room for it can take together; and these sets, with their sizes."""
    others = {path: _bytes(path) for path in folder.parent.iterdir() if path.is_dir() and path != folder}
    limit = min(LIMIT, (shutil.disk_usage(folder.parent).free + sum(others.values())) // 2)
    in_use = {pictures.folder: pictures.needed for pictures in _LIVE if pictures.folder not in (None, folder)}
    free = {path: count for path, count in others.items() if path not in in_use}
    return max(0, limit - sum(in_use.values())), free


def _bytes(folder: Path) -> int:
    with suppress(OSError, ValueError):
        return int((folder / _BYTES).read_text())
    with suppress(OSError):
        return sum(path.stat().st_size for path in folder.iterdir())
    return 0  # another run has just removed it


def _used(folder: Path) -> float:
    """When a set was used last."""
    with suppress(OSError):
        return folder.stat().st_mtime
    return 0


def read_labels(path: Path) -> np.ndarray:
    """Read a map of labels as (H, W, 1), a palette's indices and not its colours.

    Raises ValueError when the file cannot be read or holds more than one channel.
    """
    import PIL.Image

    from i2i import images

    if images.header(path).mode == "P":
        with PIL.Image.open(path) as picture:
            return np.array(picture)[:, :, None]
    pixels = images.read(path).pixels
    if pixels.shape[2] != 1:
        raise ValueError(f"{path} has {pixels.shape[2]} channels; a map of labels has one")
    return pixels
