"""CIFAR-10's binary files: records of a byte that is the class and 32 x 32 pixels, all red, then green, then blue."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

NAMES = "batches.meta.txt"  # the classes, one a line
_NAME = re.compile(r"(data|test)_batch(_\d+)?\.bin")
_SIDE = 32
_RECORD = 1 + 3 * _SIDE**2  # bytes


def is_array(name: str) -> bool:
    """Whether a file is named as CIFAR-10's are: data_batch_1.bin to data_batch_5.bin, test_batch.bin."""
    return _NAME.fullmatch(name) is not None


def split(name: str) -> str:
    """The split of a file's pictures."""
    return "test" if Path(name).name.startswith("test") else "train"


@lru_cache(maxsize=8)
def read(path: Path) -> np.ndarray:
    """Open a file as records (N, 3073) uint8, which stay on disk. Raises ValueError when it is cut or is none."""
    import numpy as np

    try:
        size = path.stat().st_size
        if not size or size % _RECORD:
            raise ValueError(
                f"{path} holds {size:,} bytes, which is no whole number of pictures of {_RECORD:,}; download it again"
            )
        return np.asarray(np.memmap(path, np.uint8, "r")).reshape(-1, _RECORD)
    except OSError as error:
        raise ValueError(f"{path} cannot be opened: {error.strerror or error}") from None


def describe(root: Path, name: str) -> dict[str, dict[str, Any]]:
    """Describe the pictures inside a file by their names; nothing for any other document."""
    if not is_array(Path(name).name):
        return {}
    try:
        records = read(root / name)
    except ValueError as error:
        return {f"{name}/00000": {"problem": str(error).removeprefix(f"{root / name} ")}}
    about = {"width": _SIDE, "height": _SIDE, "channels": 3, "mode": "RGB", "depth": 8}
    return {
        f"{name}/{index:05}": {**about, "sha256": hashlib.sha256(record[1:].tobytes()).hexdigest()}
        for index, record in enumerate(records)
    }


def picture(root: Path, name: str) -> np.ndarray:
    """Read the picture `FILE/00017` as (H, W, 3) uint8."""
    import numpy as np

    file, _, index = name.rpartition("/")
    planes = read(root / file)[int(index), 1:].reshape(3, _SIDE, _SIDE)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def classes(root: Path, name: str) -> tuple[list[int], tuple[str, ...]]:
    """The class of each picture of a file, and what the file beside it calls the classes: numbers where there is none.

    Raises ValueError for a class that has no name there.
    """
    numbers = read(root / name)[:, 0].tolist()
    try:
        lines = (root / name).with_name(NAMES).read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return numbers, tuple(map(str, range(10)))
    names = tuple(line.strip() for line in lines if line.strip())
    if max(numbers) >= len(names):
        raise ValueError(
            f"{root / name} holds a picture of class {max(numbers)}, and {NAMES} beside it names {len(names)}, from 0 "
            "on; download both again"
        )
    return numbers, names
