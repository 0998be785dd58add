"""The kind `paired`: source and target pictures that belong together, with maps of labels where the data has them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from i2i.data import derive
from i2i.data.dataset import Transform
from i2i.data.folder import Folder
from i2i.data.layouts import Item
from i2i.data.survey import OtherKind, Survey, detect
from i2i.model import Batch
from i2i.options import Request, nearest, option
from i2i.spec import DataSpec

_KEYS = ("source", "target", "label", "instance", "mask")
_MADE_FROM = "photo"  # the domain of photos whose sources are derived


class Paired(Folder):
    """Pairs, as the batch keys `source` and `target`; `label`, `instance` and `mask` where the data has them.

    `domains` gives the direction: the source's name, then the target's. With `derive` any folder of photos will do:
    they are the targets, and each source is made of its photo.
    """

    kind = "paired"
    turned = False

    @dataclass(frozen=True, kw_only=True)
    class Options(Folder.Options):
        """How pairs are read, or made."""

        derive: Literal["edges", "gray", "lowres", "noise", "mask"] | None = option(
            None, help="Make the sources from the photos of any folder, instead of reading pairs."
        )

    def __init__(self, root: Path, split: str = "train", options: Any = None) -> None:
        """Read the pairs of a folder, or its photos where sources are derived.

        Raises OtherKind where the folder holds no pairs, ValueError where it holds them and sources are derived.
        """
        options = options or self.Options()
        self.derived: str | None = options.derive
        if self.derived:
            self.__dict__["kind"] = "images"  # what Folder understands the folder as: a layout of photos
        try:
            super().__init__(root, split, options)
        except OtherKind as error:
            if self.derived:
                raise
            ways = ", ".join(derive.DERIVATIONS)
            raise OtherKind(f"{error}; or make sources of photos alone with --derive ({ways})") from None
        finally:
            self.__dict__.pop("kind", None)

    def _choose(self, found: Survey) -> tuple[str, ...]:
        """(source, target): as the layout has them, or as `domains` asks."""
        if self.derived:
            return self._choose_derived(found, self.derived)
        known = found.found.domains
        if self.options.domains is None:
            return known
        asked = tuple(name.strip() for name in self.options.domains.split(",") if name.strip())
        for name in asked:
            if name not in known:
                raise LookupError(
                    f'{self.root.name} has no domain "{name}"' + nearest(name, known, f"it has {' and '.join(known)}")
                )
        if sorted(asked) != sorted(known):
            raise ValueError(
                f"--domains is {self.options.domains}; name source and target, as in --domains {','.join(known)}"
            )
        self.turned = asked != known
        if self.turned and any("label" in item.files for item in found.items):
            raise ValueError(f"photos are made from label maps, not the other way; use --domains {','.join(known)}")
        return asked

    def _choose_derived(self, found: Survey, name: str) -> tuple[str, ...]:
        if self.options.domains is not None:
            raise ValueError(f"--derive {name} makes pairs of any photos, which have no domains; leave --domains out")
        pairs = detect(found.tree, "paired")
        told = found.tree.config.get("kind", "paired")
        if pairs is not None and told == "paired" and "label" not in pairs.items[0].files:
            raise ValueError(
                f"{self.root} holds pairs already ({pairs.layout}): leave --derive {name} out, give a folder of photos "
                f'alone, or write kind = "images" into {self.root / "dataset.toml"} if these are none'
            )
        return name, _MADE_FROM

    def remarks(self, found: Survey) -> list[str]:
        """What will be made of what, where nobody has said it."""
        if self.derived:
            how = derive.DERIVATIONS[self.derived]
            notes = [f"Sources are made of the photos: each is {how.gives}. The model will translate {how.takes}."]
            gray = sum(info.channels == 1 for info in self.pictures.infos.values())
            if self.derived == "gray" and gray:
                notes.append(f"{gray} of the photos are gray themselves and teach nothing; take them out.")
            return notes
        source, target = self.domains
        if self.options.domains is None and not any("label" in item.files for item in self.training):
            return [f"The model will make {target} of {source}; for the other way add --domains {target},{source}."]
        return []

    def describe(self, spec: DataSpec) -> DataSpec:
        """Add the sources that are derived: their channels, and how they are made."""
        if not self.derived:
            return spec
        target = spec.channels["target"]
        counts, extra = derive.channels(self.derived, target), {**spec.extra, "derive": self.derived}
        return dataclasses.replace(spec, channels=counts, extra=extra)

    def _parts(self, item: Item) -> dict[str, tuple[str, str]]:
        """(picture, half) by batch key."""
        if self.derived:
            return {"target": (item.files["image"], "")}
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
        read = dict(transform(rng, **{key: self.load(key, *part) for key, part in self._parts(item).items()}))
        if self.derived:
            return derive.derive(self.derived, read["target"], rng) | read
        return read

    def examples(self, transform: Transform, count: int) -> list[tuple[Batch, Request]]:
        """The first held-back pairs, target included."""
        rows: list[tuple[Batch, Request]] = []
        for number, item in enumerate(self.shown()[:count]):
            sample = self._read(item, np.random.default_rng(number), transform)
            asked = Request(to=self.domains[1], seed=number)
            rows.append(({key: value[None] for key, value in sample.items()}, asked))
        return rows
