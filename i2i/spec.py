"""What data says to a model, as plain values: no torch, so that a bundle can be listed quickly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class DataSpec:
    """What the data told us. Made by `Dataset.spec()` and kept in the bundle, so that nothing is typed twice."""

    domains: tuple[str, ...] = ()  # ("summer", "winter"): folder names
    channels: Mapping[str, int] = field(default_factory=dict)  # batch key -> channels
    image_size: tuple[int, int] = (256, 256)  # (H, W) that the networks see in training
    depth: int = 8  # bits a channel of the files; 32 for float files
    value_range: tuple[float, float] = (0.0, 255.0)  # file values that map to -1 and 1
    num_labels: int = 0  # of label maps, or classes, or attributes
    vocabulary: tuple[str, ...] = ()  # of captions
    parts: tuple[DataSpec, ...] = ()  # of data sets trained on jointly: what each of them says
    extra: Mapping[str, Any] = field(default_factory=dict)  # JSON, for kinds from plugins

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "domains": list(self.domains),
            "channels": dict(self.channels),
            "image_size": list(self.image_size),
            "depth": self.depth,
            "value_range": list(self.value_range),
            "num_labels": self.num_labels,
            "vocabulary": list(self.vocabulary),
            "parts": [part.to_json() for part in self.parts],
            "extra": dict(self.extra),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], whole: bool = True) -> DataSpec:
        """Rebuild from `to_json`. Raises ValueError when a value has the wrong type or cannot be.

        Only a `whole` specification has parts; these have none.
        """
        try:
            height, width = values["image_size"]
            low, high = values["value_range"]
            spec = cls(
                domains=tuple(map(str, values["domains"])),
                channels={str(key): int(count) for key, count in values["channels"].items()},
                image_size=(int(height), int(width)),
                depth=int(values["depth"]),
                value_range=(float(low), float(high)),
                num_labels=int(values["num_labels"]),
                vocabulary=tuple(map(str, values["vocabulary"])),
                parts=tuple(cls.from_json(part, whole=False) for part in values.get("parts", ()) if whole),
                extra=dict(values["extra"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"the data specification is damaged ({type(error).__name__}: {error})") from None
        counts = [*spec.channels.values(), *spec.image_size, spec.depth, spec.num_labels + 1]
        if (
            min(counts) < 1
            or max(counts) > 2**31
            or not -math.inf < spec.value_range[0] < spec.value_range[1] < math.inf
        ):
            raise ValueError("the data specification is damaged: it holds sizes or values that no data has")
        return spec

    def unlike(self, other: DataSpec) -> str:
        """What differs from another spec, in words: `channels a 1, b 1 instead of a 3, b 3`."""
        pairs = [(f.name.replace("_", " "), getattr(self, f.name), getattr(other, f.name)) for f in fields(self)]
        return "; ".join(f"{name} {words(mine)} instead of {words(its)}" for name, mine, its in pairs if mine != its)


def words(value: Any) -> str:
    """A plain value in words."""
    if isinstance(value, DataSpec):
        return f"({words(value.to_json())})"
    if isinstance(value, Mapping):
        return words([f"{key} {words(part)}" for key, part in value.items()])
    if isinstance(value, (list, tuple)):
        return ", ".join(map(words, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
