"""Files that hold many pictures: MNIST's IDX and CIFAR-10's batches. A picture inside is named FILE/00017."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2i.data import cifar, idx
from i2i.data.tables import SPLIT_WORDS

if TYPE_CHECKING:
    import numpy as np

_FORMATS = (idx, cifar)


def is_array(name: str) -> bool:
    """Whether a file is named as those that hold many pictures, or their labels, are."""
    return any(format.is_array(name) for format in _FORMATS)


def inside(name: str) -> bool:
    """Whether a picture's name points into such a file."""
    return is_array(name.rpartition("/")[0].rpartition("/")[2])


def describe(root: Path, name: str) -> dict[str, dict[str, Any]]:
    """Describe the pictures inside a file by their names; nothing for any other document."""
    return {key: about for format in _FORMATS for key, about in format.describe(root, name).items()}


def picture(root: Path, name: str) -> np.ndarray:
    """Read the picture `FILE/00017` as (H, W, C) uint8."""
    file = name.rpartition("/")[0].rpartition("/")[2]
    return next(format for format in _FORMATS if format.is_array(file)).picture(root, name)


def split(name: str) -> str:
    """The split of a picture `FILE/00017`: train, test, or empty. MNIST calls its test split t10k."""
    file = name.rpartition("/")[0]
    if cifar.is_array(Path(file).name):
        return cifar.split(file)
    word = idx.parts(file)[0].lower()
    return "test" if word in ("t10k", "test") else SPLIT_WORDS.get(word, "")
