"""The kind `labelled`: pictures with a class or with attributes."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from i2i.data.dataset import Transform
from i2i.data.folder import Folder
from i2i.data.layouts import Item
from i2i.data.survey import Survey
from i2i.model import Batch
from i2i.options import Request, nearest
from i2i.spec import DataSpec


class Labelled(Folder):
    """Pictures as `image`, with `label`: a class number (int64, ()) or attributes (float32, (K,)) of 0 and 1.

    `domains` chooses some of the classes or attributes, and their order.
    """

    kind = "labelled"

    def _choose(self, found: Survey) -> tuple[str, ...]:
        known = found.found.domains
        asked = tuple(name.strip() for name in (self.options.domains or "").split(",") if name.strip()) or known
        for name in asked:
            if name not in known:
                raise LookupError(
                    f'{self.root.name} has no class or attribute "{name}"{nearest(name, known)}; '
                    f"it has {', '.join(known[:40])}"
                )
        self._numbers = [known.index(name) for name in asked]
        return asked

    def _wanted(self, item: Item) -> bool:
        return isinstance(item.label, tuple) or item.label in self._numbers

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
        return torch.tensor(self._numbers.index(item.label))  # type: ignore[arg-type]

    def sample(self, index: int, rng: np.random.Generator, transform: Transform) -> Batch:
        """One picture with its label."""
        item = self.items[index]
        image = transform(rng, image=self.load("image", item.files["image"]))["image"]
        return {"image": image, "label": self._label(item)}

    def examples(self, transform: Transform, count: int) -> list[tuple[Batch, Request]]:
        """Held-back pictures of all classes in turn, each asked to become the next class or attribute."""
        by_label: dict[object, list[Item]] = {}
        for item in self.shown():
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
