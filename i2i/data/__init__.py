"""Data: folders read as samples of a kind. Layouts are detected, not configured.

Importing this package imports no torch; the kinds and the stream do.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i2i.data.dataset import Dataset
    from i2i.data.stream import Stream as Stream
    from i2i.settings import Settings


def __getattr__(name: str) -> Any:
    if name == "Stream":
        return import_module("i2i.data.stream").Stream
    raise AttributeError(f"module 'i2i.data' has no attribute {name!r}")


def open_dataset(
    root: Path, kinds: tuple[str, ...], split: str, settings: Settings, options: dict[str, Any] | None = None
) -> Dataset:
    """Open a folder as the first of `kinds` that it holds; options with the names of settings are taken from them.

    Raises ValueError when the data is of another kind or cannot be used, LookupError for an unknown kind.
    """
    from i2i.cards import import_target
    from i2i.data.survey import OtherKind
    from i2i.options import build, describe, nearest
    from i2i.plugins import registry

    known = registry().datasets()
    reasons = []
    for kind in kinds:
        if kind not in known:
            raise LookupError(f'there is no kind of data "{kind}"' + nearest(kind, known, "see: i2i plugins"))
        cls = import_target(known[kind].target)
        fields = {field.name for field in describe(cls.Options)}
        values = {name: getattr(settings, name) for name in fields if hasattr(settings, name)}
        if split != "train" and "resize" in fields:
            values["resize"] = settings.image_size  # what is looked at is resized once, to the size it is shown at
        values |= {name: value for name, value in (options or {}).items() if name in fields}
        try:
            dataset: Dataset = cls(Path(root), split, build(cls.Options, values))
            return dataset
        except OtherKind as error:
            reasons.append(str(error))
    raise ValueError(reasons[0])


def open_datasets(
    roots: tuple[Path, ...],
    kinds: tuple[str, ...],
    split: str,
    settings: Settings,
    options: dict[str, Any] | None = None,
) -> Dataset:
    """Open one folder, or several as one for joint training, where each takes those of `domains` that it has.

    Raises as `open_dataset` does, and ValueError for sets that cannot be joined.
    """
    if len(roots) == 1:
        return open_dataset(roots[0], kinds, split, settings, options)
    from dataclasses import replace

    from i2i.data.joint import Joint
    from i2i.options import nearest

    asked, found = settings.domain_names, []
    known: set[str] = set()
    for root in roots:
        part = open_dataset(root, kinds, split, replace(settings, domains=None), options)
        known |= set(part.spec().domains)
        if asked:
            mine = [name for name in asked if name in part.spec().domains]
            if not mine:
                raise ValueError(
                    f"--domains names none of {root.name}, which has {', '.join(part.spec().domains)}; add one of these"
                )
            part = open_dataset(root, kinds, split, replace(settings, domains=",".join(mine)), options)
        found.append(part)
        kinds = (part.kind,)
    for name in asked:
        if name not in known:
            raise LookupError(f'no data set has the domain "{name}"{nearest(name, known)}')
    return Joint(found)
