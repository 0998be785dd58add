"""Several data sets trained on jointly: batches of one and the other in turn."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from i2i.data.dataset import Dataset, Transform
from i2i.model import Batch
from i2i.options import Request
from i2i.spec import DataSpec, words


class Joint(Dataset):
    """Data sets of one kind as one: batch number k of a run is wholly of part k % len(parts).

    A sample says which part it is of in `part` (an int), and keeps the part's own numbering of labels. The stream
    asks for the samples of each part in an order of its own.
    """

    def __init__(self, parts: Sequence[Dataset]) -> None:
        """Join data sets. Raises ValueError when their pictures or names cannot be brought together."""
        first = parts[0]
        super().__init__(first.root, first.split, first.options)
        self.kind = first.kind  # type: ignore[misc]
        self.parts = tuple(parts)
        self._spec = _join([part.spec() for part in parts], [part.root for part in parts])
        self.notes = [note for part in parts for note in part.notes]
        self.licence = "; ".join(dict.fromkeys(part.licence for part in parts if part.licence))

    def __len__(self) -> int:
        """Samples of all parts; 0 when one of them has none in this split."""
        lengths = [len(part) for part in self.parts]
        return sum(lengths) if min(lengths) else 0

    @property
    def unlabelled(self) -> int:
        """How many of the parts' samples to train on have no label."""
        return sum(part.unlabelled for part in self.parts)

    def spec(self) -> DataSpec:
        """What the parts say together, and each alone in `parts`."""
        return self._spec

    def sample(self, index: int, rng: np.random.Generator, transform: Transform) -> Batch:
        """Sample `index` of all, the parts' one after another."""
        for number, part in enumerate(self.parts):
            if index < len(part):
                return self.sample_of(number, index, rng, transform)
            index -= len(part)
        raise IndexError(index)

    def sample_of(self, part: int, index: int, rng: np.random.Generator, transform: Transform) -> Batch:
        """Sample `index` of a part."""
        return self.parts[part].sample(index, rng, transform) | {"part": part}

    def examples(self, transform: Transform, count: int) -> list[tuple[Batch, Request]]:
        """Examples of each part, as many of one as of the others."""
        rows: list[tuple[Batch, Request]] = []
        for number, part in enumerate(self.parts):
            share = (count + len(self.parts) - 1 - number) // len(self.parts)
            rows += [(inputs | {"part": number}, request) for inputs, request in part.examples(transform, share)]
        return rows

    def fingerprint(self) -> str:
        """A sha256 of the parts' fingerprints."""
        return hashlib.sha256("\n".join(part.fingerprint() for part in self.parts).encode()).hexdigest()

    def files(self) -> list[Path]:
        """The pictures of this split, below the names of their sets."""
        return [Path(part.root.name) / file for part in self.parts for file in part.files()]


def _join(specs: list[DataSpec], roots: list[Path]) -> DataSpec:
    first, *others = specs
    for spec, root in zip(others, roots[1:], strict=True):
        for name in ("channels", "depth", "value_range"):
            if getattr(spec, name) != getattr(first, name):
                raise ValueError(
                    f"the pictures of {root} have {name.replace('_', ' ')} {words(getattr(spec, name))}, those of "
                    f"{roots[0]} {words(getattr(first, name))}; sets that are trained on jointly need the same"
                )
    domains = tuple(domain for spec in specs for domain in spec.domains)
    if len(set(domains)) != len(domains):
        twice = next(domain for domain in domains if domains.count(domain) > 1)
        raise ValueError(f'two of the data sets have a domain "{twice}"; rename one, or leave one out with --domains')
    return dataclasses.replace(
        first, domains=domains, num_labels=sum(spec.num_labels for spec in specs), parts=tuple(specs), extra={}
    )
