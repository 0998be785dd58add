"""Where pictures lie: in which split, below which folder that stands for a domain, a class or a role."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from i2i.data.scan import Tree
from i2i.data.tables import SPLIT_WORDS

IMAGES = {"img", "image", "images", "photo", "photos"}
LABELS = {"label", "labels", "label_map", "label_maps", "labelmap", "seg", "segmentation"}
INSTANCES = {"inst", "instance", "instances", "instance_map"}
MASKS = {"mask", "masks"}
UNLABELLED = {"unlabelled", "unlabeled"}  # of pictures beside classes: they are of unknown ones
_ROLES = sorted(IMAGES | LABELS | INSTANCES | MASKS, key=len, reverse=True)
_JOINED = re.compile(rf"((?i:train|val|test))([AB]|_(?:A|B|{'|'.join(_ROLES)}))")
OUTSIDE = 0.05  # share of pictures that may lie beside the folders a layout is made of


@dataclass(frozen=True)
class Place:
    """Where a picture lies: its split, the folder below that (a domain, a class, a role), and the rest."""

    name: str
    split: str
    group: str
    rest: str  # below the group, without suffix


def places(tree: Tree) -> tuple[Place, ...]:
    """Where every picture file lies, below the folder that they share."""
    return tree.once("places", _places)


def _places(tree: Tree) -> tuple[Place, ...]:
    shared = common_folder(tree.files)
    return tuple(
        _place(name, name[len(shared) :] if name.startswith(shared) else name.rpartition("/")[2]) for name in tree.files
    )


def common_folder(names: Iterable[str]) -> str:
    """The folder that pictures share, with its slash, but for a few that lie above it.

    One that names a split or a domain letter is none.
    """
    folders = [name.split("/")[:-1] for name in names]
    least = (1 - OUTSIDE) * len(folders)
    shared = ""
    while True:
        inner = [parts for parts in folders if parts]
        heads = {parts[0] for parts in inner}
        if len(heads) != 1 or len(inner) < least:
            return shared
        (head,) = heads
        if head.lower() in SPLIT_WORDS or _JOINED.fullmatch(head):
            return shared
        shared += head + "/"
        folders = [parts[1:] for parts in inner]


def _place(name: str, below: str) -> Place:
    *folders, file = below.split("/")
    split = ""
    if folders and (joined := _JOINED.fullmatch(folders[0])):
        split, folders = joined[1].lower(), [joined[2].lstrip("_"), *folders[1:]]
    else:
        for position in (0, 1):
            if len(folders) > position and (word := SPLIT_WORDS.get(folders[position].lower())):
                split, folders = word, [*folders[:position], *folders[position + 1 :]]
                break
    group, rest = (folders[0], folders[1:]) if folders else ("", [])
    return Place(name, split, group, "/".join([*rest, file.rpartition(".")[0]]))


def by_group(tree: Tree) -> dict[str, list[Place]]:
    """The places of all pictures by the folder that they lie in, those in none under an empty name."""
    return tree.once("groups", _by_group)


def _by_group(tree: Tree) -> dict[str, list[Place]]:
    groups: dict[str, list[Place]] = {}
    for place in places(tree):
        groups.setdefault(place.group, []).append(place)
    return dict(sorted(groups.items()))
