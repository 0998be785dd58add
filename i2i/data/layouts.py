"""Layouts: the ways a folder holds a kind of data. Each is a small function from the tree to what it found, or None.

A layout looks at names (and, for side-by-side pairs, at sizes); whether a picture decodes is decided later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from i2i.data import cifar, idx, packed
from i2i.data.folders import IMAGES, INSTANCES, LABELS, MASKS, OUTSIDE, UNLABELLED, Place, by_group, places
from i2i.data.names import domain_names
from i2i.data.scan import Tree
from i2i.data.tables import SPLIT_WORDS

_TARGETS = {"target", "targets", "output", "gt", "ground_truth", "hr", "high", "after", "b", *IMAGES}
CLASS_FOLDERS = "folders named after classes"
_HR = re.compile(r"(?:^|([^/]+)/)HR/", re.IGNORECASE)
UNKNOWN = -1  # the label of a picture whose class nobody says
_SAME_SIZE = 0.02  # relative difference of aspect within which two pictures may be a pair


@dataclass(frozen=True)
class Item:
    """What becomes one sample, or one side of it: the pictures by role, and what is said of them."""

    files: dict[str, str]
    split: str = ""  # train, val, test, another the data names, or empty
    domain: str = ""
    label: int | tuple[int, ...] | None = None
    captions: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The relative path that stands for the item."""
        return next(iter(self.files.values()))


@dataclass(frozen=True)
class Found:
    """A tree understood as a kind of data."""

    kind: str
    layout: str  # in words
    items: tuple[Item, ...]
    domains: tuple[str, ...] = ()  # domains, (source, target), classes or attributes
    missing: tuple[str, ...] = ()  # pictures without a partner, rows without a picture
    outside: tuple[str, ...] = ()  # pictures that are no part of it


Layout = Callable[[Tree], Found | None]
Side = dict[tuple[str, str], str]  # the pictures of one side of pairs by split and stem


def label_maps(tree: Tree) -> Found | None:
    """train_img + train_label, with train_inst and train_mask where there: photos with maps of labels."""
    roles: dict[str, Side] = {}
    members, outside = [], []
    for place in places(tree):
        word = place.group.lower()
        for role, words in (("target", IMAGES), ("label", LABELS), ("instance", INSTANCES), ("mask", MASKS)):
            if word in words:
                roles.setdefault(role, {}).setdefault((place.split, place.rest), place.name)
                members.append(place.name)
                break
        else:
            outside.append(place.name)
    if "target" not in roles or "label" not in roles:
        return None
    items, missing = _join(roles, members)
    layout, names = "photos with label maps", ("label", "photo")
    return Found("paired", layout, items, names, missing, tuple(outside)) if items else None


def _join(roles: dict[str, Side], names: Iterable[str]) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Join what has the same split and stem in every role; the rest of `names` lacks a partner."""
    everywhere = set.intersection(*(set(files) for files in roles.values()))
    items = tuple(Item({role: files[key] for role, files in roles.items()}, key[0]) for key in sorted(everywhere))
    joined = {name for item in items for name in item.files.values()}
    return items, tuple(name for name in names if name not in joined)


def equal_stems(tree: Tree) -> Found | None:
    """Two folders whose pictures have equal stems and shapes: pairs; a third folder may hold masks."""
    groups = by_group(tree)
    masks = [group for group in groups if group.lower() in MASKS]
    sides = [group for group in groups if group and group not in masks]
    outside = tuple(place.name for place in groups.get("", ()))
    if len(sides) != 2 or len(outside) > OUTSIDE * len(tree.files):
        return None
    sides.sort(key=lambda group: group.lower() in _TARGETS)
    roles = dict(zip(("source", "target"), (_by_stem(groups[side], side) for side in sides), strict=True))
    matched = roles["source"].keys() & roles["target"].keys()
    if 2 * len(matched) < max(len(roles["source"]), len(roles["target"])):
        return None
    if not _same_shapes(tree, [(roles["source"][key], roles["target"][key]) for key in matched]):
        return None
    if masks:
        roles["mask"] = _by_stem(groups[masks[0]], masks[0])
    items, missing = _join(roles, (place.name for place in places(tree) if place.group))
    names = domain_names(tree, sides[0], sides[1]) if {*sides} == {"A", "B"} else (sides[0], sides[1])
    layout = f"two folders with equal names, {sides[0]} and {sides[1]}"
    return Found("paired", layout, items, names, missing, outside)


def _by_stem(group: list[Place], side: str) -> Side:
    """Pictures by split and stem; a stem that ends with its folder's name (1_A in A) loses it, the first one wins."""
    ending = re.compile(rf"[_-]{re.escape(side)}$", re.IGNORECASE)
    return {(place.split, ending.sub("", place.rest)): place.name for place in reversed(group)}


def _same_shapes(tree: Tree, pairs: list[tuple[str, str]]) -> bool:
    known = [(tree.pictures[a], tree.pictures[b]) for a, b in pairs if {a, b} <= tree.usable]
    same = sum(abs(a.width * b.height / (a.height * b.width) - 1) <= _SAME_SIZE for a, b in known)
    return not known or same >= 0.9 * len(known)


def side_by_side(tree: Tree) -> Found | None:
    """Pictures twice as wide as high: source in the left half, target in the right."""
    if any(place.group for place in places(tree)):
        return None
    infos = [tree.pictures[name] for name in tree.files if name in tree.usable]
    if tree.config.get("kind") == "paired":
        fitting = [info for info in infos if info.width % 2 == 0]
    else:
        fitting = [info for info in infos if info.width == 2 * info.height]
    if not infos or len(fitting) < 0.95 * len(infos):
        return None
    items, odd = [], []
    for place in places(tree):
        info = tree.pictures[place.name]
        halves = bool(info.problem) or info.width % 2 == 0
        items.append(Item({"pair": place.name}, place.split)) if halves else odd.append(place.name)
    names = domain_names(tree, "A", "B")
    layout = f"pairs side by side, {names[0]} in the left half and {names[1]} in the right"
    return Found("paired", layout, tuple(items), names, outside=tuple(odd))


def lettered_domains(tree: Tree) -> Found | None:
    """trainA, trainB, testA and testB, or train/A and train/B."""
    groups = by_group(tree)
    if not {"A", "B"} <= groups.keys() or not _few_outside(tree, groups, {"A", "B"}):
        return None
    names = dict(zip("AB", domain_names(tree, "A", "B"), strict=True))
    items = tuple(Item({"image": p.name}, p.split, names[p.group]) for p in places(tree) if p.group in names)
    outside = tuple(p.name for p in places(tree) if p.group not in names)
    return Found("unpaired", "folders A and B", items, tuple(names.values()), outside=outside)


def domain_folders(tree: Tree) -> Found | None:
    """Folders named after domains, with or without train and test above or below them."""
    groups = by_group(tree)
    domains = [group for group in groups if group]
    if len(domains) < 2 or not _few_outside(tree, groups, set(domains)):
        return None
    if tree.once("label maps", label_maps) or tree.once("HR", hr_folders):  # those folders are roles, not domains
        return None
    items = tuple(Item({"image": place.name}, place.split, place.group) for place in places(tree) if place.group)
    outside = tuple(place.name for place in groups.get("", ()))
    return Found("unpaired", "folders named after domains", items, tuple(domains), outside=outside)


def _few_outside(tree: Tree, groups: dict[str, list[Place]], wanted: set[str]) -> bool:
    return sum(len(group) for name, group in groups.items() if name not in wanted) <= OUTSIDE * len(tree.files)


def class_folders(tree: Tree) -> Found | None:
    """Folders named after classes, and one named `unlabelled` for pictures to train on that are of none known."""
    found = lettered_domains(tree) or domain_folders(tree)
    if found is None:
        return None
    names = tuple(name for name in found.domains if name.lower() not in UNLABELLED)
    if len(names) < 2:
        return None
    numbers = {name: number for number, name in enumerate(names)}
    items = [Item(item.files, item.split, item.domain, numbers.get(item.domain, UNKNOWN)) for item in found.items]
    of_no_use = [item for item in items if item.label == UNKNOWN and item.split not in ("", "train")]
    outside = (*found.outside, *(item.key for item in of_no_use))
    used = tuple(item for item in items if item.label != UNKNOWN or item.split in ("", "train"))
    return Found("labelled", CLASS_FOLDERS, used, names, outside=outside)


def idx_files(tree: Tree) -> Found | None:
    """MNIST's IDX files: pictures and their labels, train and t10k."""
    labels = {
        str(PurePosixPath(name).parent / idx.parts(name)[0]): tree.root / name
        for name in tree.documents
        if idx.is_array(PurePosixPath(name).name) and idx.parts(name)[1] == "labels"
    }
    items, missing, highest = [], [], -1
    for name in tree.pictures:
        file, _, number = name.rpartition("/")
        if not idx.is_array(file):
            continue
        split = idx.parts(file)[0]
        path = labels.get(str(PurePosixPath(file).parent / split))
        values = idx.read(path, 1) if path else ()
        if int(number) >= len(values):
            missing.append(name)
            continue
        highest = max(highest, label := int(values[int(number)]))
        items.append(Item({"image": name}, packed.split(name), label=label))
    names = tuple(map(str, range(highest + 1)))
    return Found("labelled", "IDX files", tuple(items), names, tuple(missing)) if items else None


def cifar_files(tree: Tree) -> Found | None:
    """CIFAR-10's binary files: pictures with their classes; batches.meta.txt names these."""
    items: list[Item] = []
    names: tuple[str, ...] = ()
    files = sorted({name.rpartition("/")[0] for name in tree.pictures if packed.inside(name) and name in tree.usable})
    for file in files:
        if not cifar.is_array(PurePosixPath(file).name):
            continue
        numbers, names = cifar.classes(tree.root, file)
        items += [
            Item({"image": f"{file}/{index:05}"}, cifar.split(file), names[number], number)
            for index, number in enumerate(numbers)
        ]
    return Found("labelled", "CIFAR-10's binary files", tuple(items), names) if items else None


def hr_folders(tree: Tree) -> Found | None:
    """Folders named HR: pictures to make low resolutions of; train/HR, val/HR, and test sets such as Set5/HR."""
    items, outside = [], []
    for name in tree.files:
        if match := _HR.search(name):
            above = match[1] or ""
            items.append(Item({"image": name}, SPLIT_WORDS.get(above.lower(), above)))
        else:
            outside.append(name)
    if not {"", "train"} & {item.split for item in items}:  # then sets with names of their own are to train on
        items = [item if item.split in SPLIT_WORDS else replace(item, split="") for item in items]
    return Found("images", "folders named HR", tuple(items), outside=tuple(outside)) if items else None


def photos_of_label_maps(tree: Tree) -> Found | None:
    """The photos of a set with label maps."""
    found = label_maps(tree)
    if found is None:
        return None
    items = tuple(Item({"image": item.files["target"]}, item.split) for item in found.items)
    return Found("images", "photos, their label maps left aside", items)


def every_picture(tree: Tree) -> Found | None:
    """Any folder: all pictures in it, with train and test where it has them."""
    items = [Item({"image": place.name}, place.split) for place in places(tree)]
    items += [Item({"image": name}, packed.split(name)) for name in tree.pictures if packed.inside(name)]
    return Found("images", "all pictures of the folder", tuple(items)) if items else None
