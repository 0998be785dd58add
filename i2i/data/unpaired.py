"""The kind `unpaired`: pictures of two domains, without partners."""

from __future__ import annotations

from collections import Counter

import numpy as np

from i2i.data import folders, layouts
from i2i.data.dataset import Transform
from i2i.data.folder import Folder
from i2i.data.layouts import Item
from i2i.data.survey import OtherKind, Survey
from i2i.model import Batch
from i2i.options import Request, nearest


class Unpaired(Folder):
    """Two domains, as the batch keys `a` and `b`.

    An epoch is as long as the larger domain: `a` is taken in turn and `b` at random, each cropped and mirrored by a
    draw of its own. `domains` chooses two of several, and their order.
    """

    kind = "unpaired"

    def _choose(self, found: Survey) -> tuple[str, ...]:
        """(a, b): all there are when two, else those that `domains` asks for."""
        known = found.found.domains
        asked = tuple(name.strip() for name in (self.options.domains or "").split(",") if name.strip()) or known
        for name in asked:
            if name not in known:
                raise LookupError(
                    f'{self.root.name} has no domain "{name}"' + nearest(name, known, f"it has {', '.join(known)}")
                )
        if len(asked) != 2 or asked[0] == asked[1]:
            unasked = asked == known  # then a model that can do without two domains takes all as its next kind
            raise (OtherKind if unasked else ValueError)(
                f"{len(known)} domains are in {self.root.name}: {', '.join(known)}; choose two, "
                f"as in --domains {','.join(known[-2:])}"
            )
        return asked

    def __init__(self, root: object, split: str = "train", options: object = None) -> None:
        """Read the two domains of a folder. Raises ValueError when there are more and none are chosen."""
        super().__init__(root, split, options)  # type: ignore[arg-type]
        self.a, self.b = ([item for item in self.items if item.domain == domain] for domain in self.domains)
        for domain in self.domains:
            if not any(item.domain == domain for item in self.training):
                raise ValueError(f"{self.root} has no picture of {domain} that could be trained on; add some")

    def remarks(self, found: Survey) -> list[str]:
        """Say so when the pictures look like pairs."""
        return [_looks_paired(found)]

    def _wanted(self, item: Item) -> bool:
        return item.domain in self.domains

    def roles(self, items: list[Item]) -> dict[str, list[str]]:
        """The pictures of each domain."""
        first, second = self.domains
        return {
            "a": [item.files["image"] for item in items if item.domain == first],
            "b": [item.files["image"] for item in items if item.domain == second],
        }

    def __len__(self) -> int:
        """Pictures of the larger domain; 0 when one of them has none in this split."""
        return max(len(self.a), len(self.b)) if self.a and self.b else 0

    def sample(self, index: int, rng: np.random.Generator, transform: Transform) -> Batch:
        """One picture of each domain: {"a": (C, H, W), "b": (C, H, W)}."""
        a = self.a[index % len(self.a)]
        b = self.b[int(rng.integers(len(self.b)))]
        return {
            "a": transform(rng, a=self.load("a", a.files["image"]))["a"],
            "b": transform(rng, b=self.load("b", b.files["image"]))["b"],
        }

    def examples(self, transform: Transform, count: int) -> list[tuple[Batch, Request]]:
        """The first held-back pictures as `source`, half of them from each domain, with the other as target."""
        sides = []
        for key, domain in zip("ab", self.domains, strict=True):
            items = [item for item in self.items if item.domain == domain]
            sides.append((key, items or [item for item in self.training if item.domain == domain]))
        rows: list[tuple[Batch, Request]] = []
        for side, (key, items) in enumerate(sides):
            for number, item in enumerate(items[: (count + 1 - side) // 2]):
                pixels = self.load(key, item.files["image"])
                image = transform(np.random.default_rng(number), **{key: pixels})[key][None]
                rows.append(({"source": image}, Request(to=self.domains[1 - side], seed=number)))
        return rows


def _looks_paired(found: Survey) -> str:
    """Say so when the pictures of two folders match by name: a paired model would use that."""
    pairs = layouts.equal_stems(found.tree)
    if pairs is None or len(pairs.items) < 2:
        return ""
    alone = Counter(place.group for place in folders.places(found.tree) if place.name in set(pairs.missing))
    total = len(pairs.items) + max(alone.values(), default=0)
    return (
        f"This folder looks paired ({len(pairs.items)} of {total} names match in {pairs.domains[0]} and "
        f"{pairs.domains[1]}), but the model trains unpaired and ignores the pairs. Models for pairs: i2i models."
    )
