"""What the five kinds share: a folder understood, divided, measured and read."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from i2i import images
from i2i import options as i2i_options
from i2i.data import facts, labels, sizes
from i2i.data.cache import Pictures
from i2i.data.dataset import Dataset
from i2i.data.layouts import Item
from i2i.data.scan import Info
from i2i.data.survey import Survey, some, survey
from i2i.options import option
from i2i.spec import DataSpec


class Folder(Dataset):
    """A folder read as samples of one of core's kinds.

    A subclass says which pictures fill which batch key (`roles`) and makes samples of items.
    """

    kind: ClassVar[str]

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i_options.Options):
        """How a folder is read; the run's settings of the same names fill them in."""

        domains: str | None = option(None, help="The domains to use, separated by a comma.")
        strict: bool = option(False, help="Stop at unreadable or stray files instead of skipping them.")
        image_size: int | None = option(None, help="Side in pixels of what the networks see; none keeps files' sizes.")
        image_width: int | None = option(None, help="Width of what the networks see, where that is no square.")
        resize: int | None = option(None, help="Short side in pixels that pictures are kept with.")
        crop: Literal["random", "center", "none"] = option("random", help="How pictures are cut to --image-size.")
        cache: bool = option(True, help="Keep decoded pictures on disk, so that each is decoded only once.")

    def __init__(self, root: Path, split: str = "train", options: Any = None) -> None:
        """Read what the folder holds. `split` is "train", "test" (held back), another that the data names, or "all".

        Raises ValueError for unusable data, LookupError for an unknown split or domain.
        """
        super().__init__(Path(os.path.abspath(root)), split, options or self.Options())
        found = survey(self.root, self.kind)
        if self.options.strict:
            _check_strict(found)
        splits = found.splits | ({"all": list(found.items)} if split == "all" else {})
        self.divided = not found.held_back_by_hash
        if split not in splits:
            raise LookupError(f'{self.root} has no split "{split}"; it has {", ".join(splits)}')
        self.layout = found.found.layout
        self.domains = self._choose(found)
        self.training = self._taught([item for item in splits["train"] if self._wanted(item)])
        wanted = [item for item in splits[split] if self._wanted(item)]
        self.items = self.training if split == "train" else wanted
        used = [item for items in splits.values() for item in items if self._wanted(item)]
        values = facts.spec_values(found.tree, self.roles(used))
        self._spec = self.describe(DataSpec(domains=self.domains, **values))  # type: ignore[arg-type]
        self._fingerprint = found.fingerprint()
        infos = {name: found.tree.pictures[name] for item in used for name in item.files.values()}
        self.pictures = self._open_pictures(infos)
        self.notes = [note for note in (*_notes(found), self.pictures.note, *self.remarks(found)) if note]
        self.licence = found.licence

    @abstractmethod
    def roles(self, items: list[Item]) -> dict[str, list[str]]:
        """The pictures that fill each batch key."""

    def describe(self, spec: DataSpec) -> DataSpec:
        """Add to the spec what only this kind knows."""
        return spec

    def remarks(self, found: Survey) -> list[str]:
        """What only this kind has to say of a folder, in sentences for the user."""
        return []

    def _choose(self, found: Survey) -> tuple[str, ...]:
        return found.found.domains

    def _wanted(self, item: Item) -> bool:
        return True

    def _taught(self, training: list[Item]) -> list[Item]:
        """What is trained on, as it is told to a model."""
        return training

    def _open_pictures(self, infos: dict[str, Info]) -> Pictures:
        size, crop = self.options.image_size, self.options.crop
        if size is None:
            return Pictures(self.root, infos, None, None, cached=False)
        wide, resize = self.options.image_width or size, self.options.resize
        squeeze = (size, wide) if crop == "none" else None
        short = sizes.short_side(resize, size, crop)
        covered = None if squeeze else (short, round(short * wide / size))
        mine = {name for item in self.shown() for name in item.files.values()}
        return Pictures(self.root, infos, covered, squeeze, self.options.cache, mine)

    def __len__(self) -> int:
        """Samples in an epoch."""
        return len(self.items)

    def spec(self) -> DataSpec:
        """What the data says to a model."""
        return self._spec

    def files(self) -> list[Path]:
        """The pictures of this split, relative to the root, sorted."""
        return [Path(name) for name in sorted({name for item in self.items for name in item.files.values()})]

    def fingerprint(self) -> str:
        """A sha256 of what the folder holds: relative paths, contents, labels, captions."""
        return self._fingerprint

    def load(self, key: str, name: str, half: str = "") -> np.ndarray:
        """Pixels (H, W, C) of a picture for a batch key, with as many channels as the spec says."""
        if key in ("label", "instance"):
            pixels = self.pictures.read(name, half, nearest=True)  # kept as they are in the file
            return labels.exchange(pixels, labels.mapping(self._spec.extra)) if key == "label" else pixels
        pixels = self.pictures.read(name, half)
        return pixels if key == "mask" else images.convert_channels(pixels, self._spec.channels[key])

    def shown(self) -> list[Item]:
        """The items that examples are made of: this split's, or those trained on where none could be held back."""
        return self.items or self.training


def _check_strict(found: Survey) -> None:
    bad = [f"{name} {reason}" for name, reason in found.unreadable.items()]
    bad += [f"{name} is no picture" for name in found.tree.stray]
    lacks = "has no partner" if found.found.kind == "paired" else "is incomplete"
    bad += [f"{name} {lacks}" for name in found.found.missing]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise ValueError(
            f"{_files(len(bad))} in {found.tree.root} cannot be used: {'; '.join(bad[:3])}{more}. "
            "Remove them, or skip them by leaving out --strict."
        )


def _notes(found: Survey) -> list[str]:
    """What was skipped or decided, in sentences for the user."""
    notes = []
    if found.unreadable:
        notes.append(f"Skipped {_files(len(found.unreadable))} that cannot be read: {some(found.unreadable, 3)}.")
    if found.tree.stray:
        are = "is no picture" if len(found.tree.stray) == 1 else "are no pictures"
        notes.append(f"Ignored {_files(len(found.tree.stray))} that {are}: {some(found.tree.stray, 3)}.")
    if outside := found.found.outside:
        lie = "1 file lies" if len(outside) == 1 else f"{len(outside)} files lie"
        notes.append(f"{lie} outside the layout: {some(outside, 3)}.")
    return [*notes, found.incomplete]


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
