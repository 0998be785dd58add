"""The kind `labelled`: pictures with a class or with attributes."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from i2i.data import listed
from i2i.data.dataset import Transform
from i2i.data.folder import Folder
from i2i.data.layouts import UNKNOWN, Item
from i2i.data.scan import scan
from i2i.data.survey import OtherKind, Survey, some
from i2i.model import Batch
from i2i.options import Request, nearest, option
from i2i.spec import DataSpec

CELEBA = 40  # attributes of CelebA's list
USUAL = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")  # what is commonly used of them


class Labelled(Folder):
    """Pictures as `image`, with `label`: a class number (int64, ()) or attributes (float32, (K,)) of 0 and 1.

    `domains` chooses some of the classes or attributes, and their order. By default all are used, of CelebA's list the
    usual five. A picture to train on whose class is unknown, or hidden by an option, has the label -1.
    """

    kind = "labelled"

    @dataclass(frozen=True, kw_only=True)
    class Options(Folder.Options):
        """How labelled pictures are read, and how many labels a model is told."""

        labelled_share: float = option(
            1.0, help="Share of each class whose labels are told, one at least; the others are -1.", min=0, max=1
        )
        labels_per_class: int | None = option(
            None, help="Labels of each class that are told; the others are -1.", min=1
        )

    def __init__(self, root: Path, split: str = "train", options: Any = None) -> None:
        """Read what the folder holds; see `Folder`."""
        try:
            super().__init__(root, split, options)
        except OtherKind:
            if spoiled := listed.spoiled(scan(root)):
                raise ValueError(f"no column of a table in {root} holds attributes: {_worst(spoiled)}") from None
            raise

    def _choose(self, found: Survey) -> tuple[str, ...]:
        known = found.found.domains
        asked = [name.strip() for name in (self.options.domains or "").split(",") if name.strip()]
        self._numbers = [self._number(name, found) for name in asked or _usual(found)]
        self._left_out = 0 if asked else len(known) - len(self._numbers)
        chosen = tuple(known[number] for number in self._numbers)
        if twice := [name for name in chosen if chosen.count(name) > 1]:
            raise ValueError(f"--domains names {twice[0]} twice; name it once")
        return chosen

    def _number(self, name: str, found: Survey) -> int:
        """Which class or attribute a name means, capitals or not."""
        known = found.found.domains
        if name in known:
            return known.index(name)
        alike = [number for number, other in enumerate(known) if other.lower() == name.lower()]
        if len(alike) == 1:
            return alike[0]
        if reason := listed.spoiled(found.tree).get(name):
            raise LookupError(f'"{name}" is no attribute: {reason}')
        raise LookupError(
            f'{self.root.name} has no class or attribute "{name}"'
            + nearest(name, known, f"it has {', '.join(known[:40])}")
        )

    def remarks(self, found: Survey) -> list[str]:
        """What a user should know of the labels that are trained on."""
        remarks = []
        if self._left_out:
            remarks.append(f"Of {self._left_out + len(self.domains)} attributes the usual are used; --domains chooses.")
        labels = {item.label for item in self.training}
        columns = dict(zip(self.domains, self._numbers, strict=True))
        if self.unlabelled:
            known = len(self.training) - self.unlabelled
            remarks.append(f"{known:,} of {len(self.training):,} pictures to train on are labelled, the others not.")
        if not any(isinstance(label, tuple) for label in labels):
            absent = [name for name, number in columns.items() if number not in labels]
            return [*remarks, *([f"There is no picture to train on of {', '.join(absent)}."] if absent else [])]
        for often, value in (("Every", 1), ("No", 0)):
            if same := [name for name, number in columns.items() if {_value(x, number) for x in labels} == {value}]:
                remarks.append(f"{often} picture to train on has {', '.join(same)}: that cannot be learnt.")
        if spoiled := listed.spoiled(found.tree):
            remarks.append(f"Left out {', '.join(spoiled)}: {_worst(spoiled)}.")
        said: dict[str, set[object]] = {}
        for item in found.items:
            said.setdefault(item.key, set()).add(item.label)
        if twice := [name for name, different in said.items() if len(different) > 1]:
            are = "1 picture is" if len(twice) == 1 else f"{len(twice)} pictures are"
            remarks.append(f"{are} listed twice, with different attributes: {some(twice, 3)}.")
        return remarks

    def _wanted(self, item: Item) -> bool:
        return isinstance(item.label, tuple) or item.label == UNKNOWN or item.label in self._numbers

    def _taught(self, training: list[Item]) -> list[Item]:
        """Hide what the options do not tell: which is chosen by a hash of names, so that more labels hold fewer."""
        share, each = self.options.labelled_share, self.options.labels_per_class
        if share == 1 and each is None:
            return training
        if share < 1 and each is not None:
            raise ValueError("--labelled-share and --labels-per-class both say how many labels are told; give one")
        if any(isinstance(item.label, tuple) for item in training):
            flag = "--labelled-share" if each is None else "--labels-per-class"
            raise ValueError(f"{flag} is for classes, and {self.root.name} has attributes; leave it out")
        by_class: dict[object, list[str]] = {}
        for item in training:
            by_class.setdefault(item.label, []).append(item.key)
        told: set[str] = set()
        for keys in by_class.values():
            told |= set(sorted(keys, key=_hash)[: max(1, round(share * len(keys))) if each is None else each])
        return [item if item.key in told else dataclasses.replace(item, label=UNKNOWN) for item in training]

    @property
    def unlabelled(self) -> int:
        """How many pictures to train on have no label."""
        return sum(item.label == UNKNOWN for item in self.training)

    def roles(self, items: list[Item]) -> dict[str, list[str]]:
        """All pictures are `image`."""
        return {"image": [item.files["image"] for item in items]}

    def describe(self, spec: DataSpec) -> DataSpec:
        """Add how many classes or attributes there are."""
        kind = "attributes" if self.training and isinstance(self.training[0].label, tuple) else "classes"
        return dataclasses.replace(spec, num_labels=len(self.domains), extra={"labels": kind})

    def _label(self, item: Item) -> torch.Tensor:
        if isinstance(item.label, tuple):
            return torch.tensor([float(item.label[number]) for number in self._numbers])
        return torch.tensor(UNKNOWN if item.label == UNKNOWN else self._numbers.index(item.label))  # type: ignore

    def sample(self, index: int, rng: np.random.Generator, transform: Transform) -> Batch:
        """One picture with its label."""
        item = self.items[index]
        image = transform(rng, image=self.load("image", item.files["image"]))["image"]
        return {"image": image, "label": self._label(item)}

    def examples(self, transform: Transform, count: int) -> list[tuple[Batch, Request]]:
        """Held-back pictures of all classes in turn, each asked to become the next class or attribute."""
        by_label: dict[object, list[Item]] = {}
        for item in (item for item in self.shown() if item.label != UNKNOWN):
            by_label.setdefault(item.label, []).append(item)
        longest = max(map(len, by_label.values()), default=0)
        turns = [items[turn] for turn in range(longest) for items in by_label.values() if turn < len(items)]
        rows: list[tuple[Batch, Request]] = []
        for number, item in enumerate(turns[:count]):
            pixels = self.load("image", item.files["image"])
            image = transform(np.random.default_rng(number), image=pixels)["image"][None]
            label = self._label(item)[None]
            after = number if isinstance(item.label, tuple) else int(label) + 1
            request = Request(to=self.domains[after % len(self.domains)], seed=number)
            rows.append(({"image": image, "source": image, "label": label}, request))
        return rows


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def _usual(found: Survey) -> tuple[str, ...]:
    """What is chosen where the user names nothing: all, but of CelebA's list the usual five."""
    known = found.found.domains
    celeba = found.found.layout == "CelebA's attribute list" or len(known) == CELEBA
    return USUAL if celeba and set(USUAL) <= set(known) else known


def _worst(spoiled: dict[str, str]) -> str:
    """The reason of the first of some columns that are no attributes."""
    return f"in {next(iter(spoiled))}, {next(iter(spoiled.values()))}"


def _value(label: int | tuple[int, ...] | None, number: int) -> int:
    """An attribute of a picture, 0 or 1."""
    assert isinstance(label, tuple)
    return label[number]
