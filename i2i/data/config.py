"""dataset.toml: what a folder says of itself where detection needs help."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from i2i.data import labels
from i2i.options import nearest, read_toml

NAME = "dataset.toml"
_HINTS = {
    **dict.fromkeys(("kind", "name", "licence", "license", "source", "summary"), "text"),
    "authors": 'their names, as authors = ["A. Surveyor"]',
    "domains": 'their names, as domains = ["summer", "winter"]',
    "range": "the lowest and highest value, as range = [0, 4095]",
    "labels": "how many there are, as labels = 35",
}


def read(root: Path) -> dict[str, Any]:
    """Read a folder's dataset.toml; an absent one is an empty one.

    Raises ValueError for a value that cannot be, LookupError for an unknown key or kind, with the nearest.
    """
    path = root / NAME
    if not path.is_file():
        return {}
    config = read_toml(path)
    for key, value in config.items():
        if key == labels.KEY:
            labels.check(path, value)
        elif key not in _HINTS:
            raise LookupError(f'{path}: unknown key "{key}"{nearest(key, [*_HINTS, labels.KEY])}')
        elif not _fits(key, value):
            raise ValueError(f"{path}: {key} is {value!r}; give {_HINTS[key]}")
    if "kind" in config:
        _check_kind(path, config["kind"])
    return config


def _fits(key: str, value: Any) -> bool:
    if key == "labels":
        return type(value) is int and value > 0
    if key == "range":
        numbers = isinstance(value, list) and all(type(v) in (int, float) and math.isfinite(v) for v in value)
        return numbers and len(value) == 2 and value[0] < value[1]
    names = isinstance(value, list) and all(isinstance(name, str) and name.strip() for name in value)
    if key == "domains":
        return names and len(value) > 1 and len({*value}) == len(value)
    return isinstance(value, str) or (names and key == "authors")


def _check_kind(path: Path, kind: str) -> None:
    from i2i.plugins import registry

    known = registry().datasets()
    if kind not in known:
        raise LookupError(f'{path}: there is no kind "{kind}"' + nearest(kind, known, f"choose {', '.join(known)}"))
