"""What is announced, a file a family: `MODELS`, `PARTS` or both, as data. Every file here is read."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

import i2i
from i2i_zoo import Part


def _families() -> list[ModuleType]:
    return [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]


def models() -> list[i2i.ModelCard]:
    """The cards of all presets."""
    return [card for family in _families() for card in getattr(family, "MODELS", ())]


def parts() -> list[Part]:
    """All parts."""
    return [part for family in _families() for part in getattr(family, "PARTS", ())]
