"""The kind `paired`: source and target pictures that belong together, with maps of labels where the data has them."""

from __future__ import annotations

import numpy as np

from i2i.data.dataset import Transform
from i2i.data.folder import Folder
from i2i.data.layouts import Item
from i2i.data.survey import Survey
from i2i.model import Batch
from i2i.options import Request, nearest

_KEYS = ("source", "target", "label", "instance", "mask")


class Paired(Folder):
    """Pairs, as the batch keys `source` and `target`; `label`, `instance` and `mask` where the data has them.

    `domains` gives the direction: the source's name, then the target's.
    """

    kind = "paired"
    turned = False

    def _choose(self, found: Survey) -> tuple[str, ...]:
        """(source, target): as the layout has them, or as `domains` asks."""
        known = found.found.domains
        if self.options.domains is None:
            return known
        asked = tuple(name.strip() for name in self.options.domains.split(",") if name.strip())
        for name in asked:
            if name not in known:
                raise LookupError(
                    f'{self.root.name} has no domain "{name}"{nearest(name, known)}; it has {" and ".join(known)}'
                )
        if sorted(asked) != sorted(known):
            raise ValueError(
                f"--domains is {self.options.domains}; name source and target, as in --domains {','.join(known)}"
            )
        self.turned = asked != known
        if self.turned and any("label" in item.files for item in found.items):
            raise ValueError(f"photos are made from label maps, not the other way; use --domains {','.join(known)}")
        return asked

    def _parts(self, item: Item) -> dict[str, tuple[str, str]]:
        """(picture, half) by batch key."""
        if "pair" in item.files:
            parts = {"source": (item.files["pair"], "left"), "target": (item.files["pair"], "right")}
        else:
            parts = {key: (item.files[key], "") for key in _KEYS if key in item.files}
        if self.turned:
            parts["source"], parts["target"] = parts["target"], parts["source"]
        return parts

    def roles(self, items: list[Item]) -> dict[str, list[str]]:
        """The pictures of each key; both halves of a side-by-side pair are the same file."""
        roles: dict[str, list[str]] = {}
        for item in items:
            for key, (name, _) in self._parts(item).items():
                roles.setdefault(key, []).append(name)
        return roles

    def sample(self, index: int, rng: np.random.Generator, transform: Transform) -> Batch:
        """One pair, all its pictures cropped and mirrored alike."""
        return self._read(self.items[index], rng, transform)

    def _read(self, item: Item, rng: np.random.Generator, transform: Transform) -> Batch:
        return dict(transform(rng, **{key: self.load(key, *part) for key, part in self._parts(item).items()}))

    def examples(self, transform: Transform, count: int) -> list[tuple[Batch, Request]]:
        """The first held-back pairs, target included."""
        rows: list[tuple[Batch, Request]] = []
        for number, item in enumerate(self.shown()[:count]):
            sample = self._read(item, np.random.default_rng(number), transform)
            rows.append(({key: value[None] for key, value in sample.items()}, Request(seed=number)))
        return rows
