"""i2i: image-to-image translation with plugins. The public API is the names below and nothing else.

They are imported on first use, so that `import i2i` does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i2i.bundle import load as load
    from i2i.cards import DatasetCard as DatasetCard
    from i2i.cards import MetricCard as MetricCard
    from i2i.cards import ModelCard as ModelCard
    from i2i.data.dataset import Dataset as Dataset
    from i2i.data.dataset import Transform as Transform
    from i2i.importing import Imported as Imported
    from i2i.model import Batch as Batch
    from i2i.model import Model as Model
    from i2i.model import Phase as Phase
    from i2i.model import Progress as Progress
    from i2i.model import Terms as Terms
    from i2i.model import Updates as Updates
    from i2i.model import Watch as Watch
    from i2i.options import Options as Options
    from i2i.options import Request as Request
    from i2i.options import option as option
    from i2i.plugins import announced as announced
    from i2i.plugins import hookimpl as hookimpl
    from i2i.plugins import hookspec as hookspec
    from i2i.rates import linear_decay as linear_decay
    from i2i.spec import DataSpec as DataSpec
    from i2i.training import resume as resume
    from i2i.training import train as train

__version__ = "0.1.0"

_HOMES = {
    "i2i.bundle": ("load",),
    "i2i.cards": ("DatasetCard", "MetricCard", "ModelCard"),
    "i2i.data.dataset": ("Dataset", "Transform"),
    "i2i.importing": ("Imported",),
    "i2i.model": (
        "Batch",
        "Model",
        "Phase",
        "Progress",
        "Terms",
        "Updates",
        "Watch",
    ),
    "i2i.options": ("Options", "Request", "option"),
    "i2i.plugins": ("announced", "hookimpl", "hookspec"),
    "i2i.rates": ("linear_decay",),
    "i2i.spec": ("DataSpec",),
    "i2i.training": ("resume", "train"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("networks", "losses", "augment", "testing")

__all__ = ["__version__", *sorted([*_HOME, *_MODULES])]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _MODULES:
        return import_module(f"i2i.{name}")
    raise AttributeError(f"module 'i2i' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
