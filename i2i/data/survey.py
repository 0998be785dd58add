"""A folder understood as one kind of data: its layout, what is trained on, what is held back, what was left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from i2i.data import labels, layouts, listed
from i2i.data.layouts import UNKNOWN, Found, Item, Layout
from i2i.data.scan import Tree, count_pictures, scan

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "captioned": (listed.captions,),
    "paired": (listed.pairs, layouts.label_maps, layouts.equal_stems, layouts.side_by_side),
    "unpaired": (layouts.lettered_domains, layouts.domain_folders),
    "labelled": (layouts.idx_files, layouts.cifar_files, listed.celeba, listed.classes, layouts.class_folders),
    "images": (layouts.hr_folders, layouts.photos_of_label_maps, listed.listed_pictures, layouts.every_picture),
}
"""Each kind's layouts, in the order they are tried."""


_ARRANGE = {
    "paired": "give pairs side by side in one picture, or in two folders under equal names",
    "unpaired": "put the pictures of each domain into a folder named after it",
    "labelled": "put the pictures of each class into a folder named after it, or list them in labels.csv",
    "captioned": "list pictures and sentences in captions.jsonl",
}


class OtherKind(ValueError):
    """The folder holds data of another kind."""


def detect(tree: Tree, kind: str) -> Found | None:
    """Understand a tree as the given kind, by the first of its layouts that fits."""

    def first(tree: Tree) -> Found | None:
        return next((found for layout in LAYOUTS.get(kind, ()) if (found := layout(tree)) is not None), None)

    return tree.once(f"as {kind}", first)


def kinds_of(tree: Tree) -> list[str]:
    """Every kind the tree can be read as, the most telling first; dataset.toml may say which that is."""
    order = ["captioned", "paired", "unpaired", "labelled", "images"]
    folders, labelled = layouts.domain_folders(tree), detect(tree, "labelled")
    if labelled and (folders is None or len(folders.domains) > 2 or labelled.layout != layouts.CLASS_FOLDERS):
        order = ["captioned", "paired", "labelled", "unpaired", "images"]
    if (told := tree.config.get("kind")) in order:
        order = [told, *(kind for kind in order if kind != told)]
    return [kind for kind in order if detect(tree, kind) is not None]


def hold_back(keys: Iterable[str]) -> set[str]:
    """Choose what is held back: a tenth, at least 4, at most 200, by a hash of the relative path.

    One is always left to train on.
    """
    keys = sorted(set(keys), key=lambda key: hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest())
    return set(keys[: max(0, min(200, max(4, len(keys) // 10), len(keys) - 1))])


def divide(items: Sequence[Item]) -> dict[str, list[Item]]:
    """Part items into splits: those the data has ("test" is val/ where there is no test/), else some are held back.

    A picture of which no class is known is never held back.
    """
    splits: dict[str, list[Item]] = {"train": [], "test": []}
    by_domain: dict[str, list[Item]] = {}
    for item in items:
        by_domain.setdefault(item.domain if item.label is None else "", []).append(item)
    for members in by_domain.values():
        named = {item.split for item in members}
        held = "test" if "test" in named else "val" if "val" in named else ""
        free = (item.key for item in members if item.split in ("", "train") and item.label != UNKNOWN)
        chosen = set() if held else hold_back(free)
        for item in members:
            split = item.split or "train"
            split = "test" if split == held or (split == "train" and item.key in chosen) else split
            splits.setdefault(split, []).append(item)
    return splits


@dataclass(frozen=True)
class Survey:
    """What a folder is as one kind of data. Items hold only pictures that decode."""

    tree: Tree
    found: Found
    dropped: tuple[Item, ...]  # one of their pictures does not decode

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The items that can be used."""
        left_out = {id(item) for item in self.dropped}
        return tuple(item for item in self.found.items if id(item) not in left_out)

    @cached_property
    def splits(self) -> dict[str, list[Item]]:
        """Items by split: train, test, and others that the data names."""
        return divide(self.items)

    @cached_property
    def held_back_by_hash(self) -> bool:
        """Whether the data has no split of its own for what is held back."""
        return not any(item.split in ("test", "val") for item in self.items)

    @cached_property
    def unreadable(self) -> dict[str, str]:
        """Pictures that do not decode, with the reason."""
        return {name: info.problem for name, info in self.tree.pictures.items() if info.problem}

    @property
    def incomplete(self) -> str:
        """What is left out for want of a partner, a picture or a label, in a sentence; empty when nothing is."""
        missing = self.found.missing
        if not missing:
            return ""
        one, more, lacks = ("picture has", "pictures have", "no partner")
        if self.found.kind != "paired":
            one, more, lacks = ("entry is", "entries are", "incomplete")
        count = f"{len(missing):,} {one if len(missing) == 1 else more} {lacks}"
        return f"{count}, so training leaves out: {some(missing, 3)}."

    @property
    def licence(self) -> str:
        """The terms of use, from dataset.toml or the catalogue; empty when unknown."""
        from i2i.catalogue import card_of

        if told := self.tree.config.get("licence") or self.tree.config.get("license"):
            return str(told)
        card = card_of(self.tree.root)
        return card.licence if card is not None else ""

    def fingerprint(self) -> str:
        """A sha256 of the items, their relative paths and their contents."""
        digest = hashlib.sha256()
        for item in sorted(self.items, key=lambda item: repr((item.key, item.label or (), item.captions))):
            content = {role: [name, self.tree.pictures[name].sha256] for role, name in item.files.items()}
            row = [content, item.split, item.domain, item.label, item.captions]
            digest.update(json.dumps(row, ensure_ascii=True).encode() + b"\n")
        settings = [self.found.kind, self.tree.config.get("range")]
        if exchanged := labels.mapping(self.tree.config):
            settings.append(sorted(exchanged.items()))
        digest.update(json.dumps(settings).encode())
        return digest.hexdigest()


def survey(root: Path, kind: str, tree: Tree | None = None) -> Survey:
    """Understand a folder as one kind of data.

    Raises OtherKind when no layout of the kind fits, ValueError when no picture in it can be used.
    """
    tree = tree or scan(root)
    check_pictures(tree)
    found = detect(tree, kind)
    if found is None:
        others = kinds_of(tree)
        seen = detect(tree, others[0]) if others else None
        reads = f", it reads as {others[0]} ({seen.layout})" if seen else ""
        raise OtherKind(f"{tree.root} does not hold {kind} data{reads}; {_ARRANGE.get(kind, 'see: i2i data check')}")
    dropped = tuple(item for item in found.items if not set(item.files.values()) <= tree.usable)
    result = Survey(tree, found, dropped)
    if not result.items:
        raise ValueError(f"none of the {len(found.items)} {kind} samples in {tree.root} has pictures that decode")
    if not result.splits["train"]:
        raise ValueError(f"{tree.root} holds only held-back pictures (test or val); put those to train on in train/")
    return result


def some(names: Iterable[str], limit: int) -> str:
    """The first of many names, and how many more there are."""
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit:,} more" if len(names) > limit else "")


def check_pictures(tree: Tree) -> None:
    """Raise ValueError, saying what the folder holds instead, when not one picture in it can be used."""
    if tree.usable:
        return
    if tree.pictures:
        name, info = next(iter(tree.pictures.items()))
        raise ValueError(
            f"No picture in {tree.root} can be read: {len(tree.pictures)} are named like one; {name} {info.problem}."
        )
    files = sorted([*tree.documents, *tree.stray])
    suffixes = sorted(Path(name).suffix or Path(name).name for name in files)
    holds = f"it holds {len(files)} files, none an image ({' '.join(suffixes[:6])})" if files else "it is empty"
    raise ValueError(f"No pictures in {tree.root}: {holds}.{_beside(tree.root)}")


def _beside(root: Path) -> str:
    """Suggest the folder beside an empty one that holds pictures, the most alike by name."""
    from difflib import SequenceMatcher

    try:
        siblings = [path for path in sorted(root.parent.iterdir())[:200] if path.is_dir() and path != root]
    except OSError:
        return ""
    alike = {path: SequenceMatcher(None, root.name.lower(), path.name.lower()).ratio() for path in siblings}
    for path in sorted((path for path in siblings if alike[path] > 0.4), key=lambda path: -alike[path])[:5]:
        if count := count_pictures(path, 20_000):
            return f" Did you mean {path} ({count:,} image{'s' if count != 1 else ''})?"
    return ""
