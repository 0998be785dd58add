"""Values of label maps: which there are, and how dataset.toml exchanges them: `map_labels = {255 = 0}`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i import places

if TYPE_CHECKING:
    import numpy as np

    from i2i.data.scan import Tree

KEY = "map_labels"  # in dataset.toml, and in the `extra` of a data specification
HIGHEST = 65535  # what a map can hold


def check(path: Path, value: Any) -> None:
    """Check what dataset.toml says of exchanging labels. Raises ValueError."""

    def is_pair(old: str, new: Any) -> bool:
        return old.isdecimal() and int(old) <= HIGHEST and type(new) is int and 0 <= new <= HIGHEST

    if not isinstance(value, dict) or not all(is_pair(old, new) for old, new in value.items()):
        raise ValueError(f"{path}: {KEY} is {value!r}; say what becomes what, as {KEY} = {{255 = 0, 34 = 7}}")


def mapping(config: Mapping[str, Any]) -> dict[int, int]:
    """What becomes what, of dataset.toml or of a specification's `extra`."""
    return {int(old): int(new) for old, new in config.get(KEY, {}).items()}


def exchange(pixels: np.ndarray, pairs: Mapping[int, int]) -> np.ndarray:
    """Exchange labels of a map of whole numbers, all at once: of {1: 2, 2: 3} no 1 becomes 3."""
    import numpy as np

    if not pairs:
        return pixels
    highest = max(int(pixels.max(initial=0)), *pairs, *pairs.values())
    table = np.arange(highest + 1, dtype=np.uint8 if highest < 256 else np.uint16)
    for old, new in pairs.items():
        table[old] = new
    return table[pixels]


def highest(tree: Tree, names: Iterable[str], pairs: Mapping[int, int]) -> dict[str, int]:
    """The highest label of each map that stays what it is; -1 where all are exchanged."""
    found = {name: tree.pictures[name].highest for name in names}
    exchanged = [name for name, value in found.items() if value in pairs]
    for name, present in values(tree, exchanged).items():
        found[name] = max((value for value in present if value not in pairs), default=-1)
    return found


def values(tree: Tree, names: Iterable[str]) -> dict[str, list[int]]:
    """The values that maps hold, sorted. Each is read once and remembered by its content."""
    names = list(names)
    if not names:
        return {}
    folder = places.cache() / "scans"
    memory = folder / f"{hashlib.sha256(os.fsencode(tree.root)).hexdigest()[:24]}-values.json"
    known = _recall(memory)
    todo = [name for name in names if tree.pictures[name].sha256 not in known]
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        found = pool.map(lambda name: _values(tree.root / name), todo)
        known |= {tree.pictures[name].sha256: present for name, present in zip(todo, found, strict=True)}
    if todo:
        beside = memory.with_suffix(f".{os.getpid()}.tmp")
        with suppress(OSError):  # a place that cannot be written only costs the time to read them again
            folder.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(known), encoding="utf-8")
            beside.replace(memory)
    return {name: known[tree.pictures[name].sha256] for name in names}


def _values(path: Path) -> list[int]:
    import numpy as np

    from i2i.data.cache import read_labels

    pixels = read_labels(path)
    if pixels.dtype.itemsize > 2:
        return [int(value) for value in np.unique(pixels)]
    return [int(value) for value in np.flatnonzero(np.bincount(pixels.ravel()))]  # ten times as fast


def _recall(memory: Path) -> dict[str, list[int]]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def in_words(present: Iterable[int]) -> str:
    """Say which values there are: `0-10 and 255`."""
    spans: list[list[int]] = []
    for value in sorted(present):
        if spans and value == spans[-1][1] + 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    words = [f"{first}-{last}" if first < last else f"{first}" for first, last in spans]
    words = [*words[:5], "more"] if len(words) > 6 else words
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
