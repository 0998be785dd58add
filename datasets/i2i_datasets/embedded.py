"""Small real data sets from the photographs that scikit-image's wheel carries: no network is needed.

The files are read where they lie, not through `skimage.data`, which may go to the network for what it does not find.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from pathlib import Path

TEXTURES = ("grass", "gravel", "brick")
CROP = 96  # pixels: some six stones or one brick across, so that a 64-pixel view still tells what it shows
COUNTS = {"train": 150, "test": 20}  # crops of each texture
TRAIN_WIDTH = 384  # of the 512 columns; the rest is held back, so that no test pixel is ever seen in training

PHOTOS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "retina.jpg",
    "rocket.jpg",
)


def textures(folder: Path) -> None:
    """Write train/ and test/ with a folder of grey crops for each texture, the same on every machine."""
    from PIL import Image

    for name in TEXTURES:
        with Image.open(_photograph(f"{name}.png")) as opened:
            picture = opened.convert("L")
        for split, count in COUNTS.items():
            left, right = (0, TRAIN_WIDTH) if split == "train" else (TRAIN_WIDTH, picture.width)
            target = folder / split / name
            target.mkdir(parents=True)
            for index, (x, y) in enumerate(_corners(f"{split}/{name}", count, right - left, picture.height)):
                box = (left + x, y, left + x + CROP, y + CROP)
                picture.crop(box).save(target / f"{name}_{index:03}.png")


def photos(folder: Path) -> None:
    """Copy ten photographs, grey and coloured, of different sizes and formats, byte for byte."""
    for name in PHOTOS:
        shutil.copyfile(_photograph(name), folder / name)


def _corners(key: str, count: int, width: int, height: int) -> list[tuple[int, int]]:
    """Distinct corners of crops, drawn by a hash: no library's generator, whose stream a new version may change."""
    corners: dict[tuple[int, int], None] = {}
    number = 0
    while len(corners) < count:
        draw = hashlib.sha256(f"{key}/{number}".encode()).digest()
        x = int.from_bytes(draw[:8]) % (width - CROP + 1)
        y = int.from_bytes(draw[8:16]) % (height - CROP + 1)
        corners[x, y] = None
        number += 1
    return list(corners)


def _photograph(name: str) -> Path:
    """Where scikit-image keeps a photograph. Raises FileNotFoundError when this installation lacks it."""
    spec = importlib.util.find_spec("skimage")
    for place in (spec and spec.submodule_search_locations) or ():
        if (path := Path(place) / "data" / name).is_file():
            return path
    raise FileNotFoundError(
        f"the installed scikit-image does not carry {name}, which its wheel does; "
        "reinstall it: pip install --force-reinstall scikit-image"
    )
