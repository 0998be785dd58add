"""The handwritten digits that scikit-learn's wheel carries, 8 x 8 pixels: no network is needed.

The table is read where it lies, for importing scikit-learn takes seconds.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

TABLE = Path("datasets", "data", "digits.csv.gz")  # of scikit-learn's package
SIDE = 8  # pixels
HIGHEST = 16  # value of a pixel: of 4 x 4 scanned points, how many are ink
ROWS = 1797
TRAIN = 1500  # the first rows; the others are held back
_REINSTALL = "reinstall it: pip install --force-reinstall scikit-learn"


def digits(folder: Path) -> None:
    """Write train/ and test/ with a folder of grey pictures for each digit, the same on every machine."""
    import numpy as np
    from PIL import Image

    with gzip.open(_table(), "rt", encoding="ascii") as opened:
        rows = np.loadtxt(opened, delimiter=",").astype(np.int64)
    if rows.shape != (ROWS, SIDE**2 + 1):
        found, wanted = "{} rows of {} numbers".format(*rows.shape), f"{ROWS} of {SIDE**2 + 1}"
        raise ValueError(f"{_table()} holds {found}, not {wanted}; {_REINSTALL}")
    values = (rows[:, :-1] * 255 + HIGHEST // 2) // HIGHEST  # 0 to 255
    pictures = values.reshape(-1, SIDE, SIDE).astype(np.uint8)
    for split in ("train", "test"):
        for digit in range(10):
            (folder / split / str(digit)).mkdir(parents=True)
    for number, (picture, digit) in enumerate(zip(pictures, rows[:, -1], strict=True)):
        split = "train" if number < TRAIN else "test"
        Image.fromarray(picture).save(folder / split / str(digit) / f"{number:04}.png")


def _table() -> Path:
    """Where scikit-learn keeps the digits. Raises FileNotFoundError when this installation lacks them."""
    spec = importlib.util.find_spec("sklearn")
    for place in (spec and spec.submodule_search_locations) or ():
        if (path := Path(place) / TABLE).is_file():
            return path
    raise FileNotFoundError(
        f"the installed scikit-learn does not carry {TABLE.name}, which its wheel does; {_REINSTALL}"
    )
