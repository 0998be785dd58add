"""What help, listings and discovery need to know of a plugin's parts, without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class ModelCard:
    """Announce a model: its name, the class that builds it and the kinds of data it trains on."""

    name: str
    target: str  # "i2i_cyclegan.model:CycleGAN"
    data: str | tuple[str, ...]  # dataset kinds, the preferred one first
    summary: str
    paper: str = ""
    year: int = 0

    @property
    def kinds(self) -> tuple[str, ...]:
        """The dataset kinds as a tuple, the preferred one first."""
        return (self.data,) if isinstance(self.data, str) else self.data


@dataclass(frozen=True)
class DatasetCard:
    """Announce a dataset kind: a way to read a folder as samples."""

    kind: str
    target: str
    summary: str


@dataclass(frozen=True)
class MetricCard:
    """Announce a figure that can be measured on held-back pictures."""

    name: str
    target: str
    summary: str
    data: str | tuple[str, ...] = ()  # the kinds it can be measured on
    lower_is_better: bool = False


def import_target(target: str) -> Any:
    """Import the object that `"package.module:Name"` names.

    Raises ImportError or AttributeError as Python does.
    """
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
