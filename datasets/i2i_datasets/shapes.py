"""Coloured shapes with sentences, drawn by whole-number arithmetic alone: the same pixels on every machine.

A sentence names the colour and the shape, and often the size and the ground. Four pairs of a colour and a shape are
held back: no sentence that is trained on says "red star", though many say "red" and many "star".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SIDE = 64  # pixels
FINE = 4  # points along a pixel's side; coordinates are in half points, so that points lie between them
COLOURS = {"red": (215, 40, 40), "green": (40, 165, 65), "blue": (45, 80, 215), "yellow": (235, 205, 45)}
GROUNDS = {"black": 25, "grey": 125, "white": 230}
RADII = {"small": (11, 14), "large": (19, 23)}  # pixels from the centre to the corners
SHAPES = ("circle", "square", "triangle", "star")
HELD_BACK = {("red", "star"), ("green", "circle"), ("blue", "triangle"), ("yellow", "square")}
COUNTS = {"train": 6, "test": 3}  # pictures of each combination
SENTENCES = (
    "a {size} {colour} {shape} on a {ground} background",
    "a {colour} {shape} on {ground}",
    "there is a {shape}, and it is {size} and {colour}",
    "a {shape} that is {colour}, in front of {ground}",
    "one {colour} {shape}",
    "{ground} ground with a {size} {shape} in {colour}",
)
SAID = 4  # of these, for each picture
OTHER_WORDS = {"small": "little", "large": "big"}
TIPS = ((0, -1000), (951, -309), (588, 809), (-588, 809), (-951, -309))  # of a star of radius 1000


def shapes(folder: Path) -> None:
    """Write images/ and captions.jsonl, which says what is held back."""
    from PIL import Image

    (folder / "images").mkdir()
    pictures = {
        "-".join([*words.values(), str(number)]): (split, words)
        for split, words in combinations()
        for number in range(COUNTS[split])
    }
    rows = []
    for number, name in enumerate(sorted(pictures, key=_draws)):  # in no order, so that the first ones differ
        split, words = pictures[name]
        file = f"images/{number:03}-{name[:-2]}.png"
        Image.fromarray(draw(name, **words)).save(folder / file)
        rows.append({"file": file, "split": split, "captions": captions(name, words)})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "captions.jsonl").write_text(text, encoding="utf-8", newline="\n")


def combinations() -> Iterator[tuple[str, dict[str, str]]]:
    """Everything that is drawn: the split, and what the picture shows, in words."""
    for colour, shape, size, ground in product(COLOURS, SHAPES, RADII, GROUNDS):
        split = "test" if (colour, shape) in HELD_BACK else "train"
        yield split, {"size": size, "colour": colour, "shape": shape, "ground": ground}


def captions(name: str, words: dict[str, str]) -> list[str]:
    """Four sentences about a picture, chosen by its name."""
    draws = _draws(f"{name}/captions")
    order = sorted(range(len(SENTENCES)), key=lambda i: (draws[i], i))
    said = []
    for place in order[:SAID]:
        size = OTHER_WORDS[words["size"]] if draws[10 + place] % 3 == 0 else words["size"]
        said.append(SENTENCES[place].format(**words | {"size": size}))
    return said


def draw(name: str, size: str, colour: str, shape: str, ground: str) -> np.ndarray:
    """Pixels (64, 64, 3) of a picture; where the shape lies, its exact size and its shades are chosen by the name."""
    import numpy as np

    draws = _draws(name)
    unit = 2 * FINE  # of a pixel
    low, high = RADII[size]
    radius = low * unit + draws[0] % ((high - low) * unit + 1)
    room = SIDE * unit // 2 - radius - 2 * unit  # the shape stays two pixels away from the edges
    centre = [SIDE * unit // 2 + draws[1 + axis] % (2 * room + 1) - room for axis in (0, 1)]

    points = 2 * np.arange(SIDE * FINE, dtype=np.int64) + 1
    x, y = points[None] - centre[0], points[:, None] - centre[1]
    covered = inside(shape, x, y, radius).reshape(SIDE, FINE, SIDE, FINE).sum((1, 3))[..., None]  # 0-16 of each pixel

    shade = draws[3] % 25 - 12
    behind = np.full(3, GROUNDS[ground] + shade)
    before = np.array([value + draws[4 + i] % 31 - 15 for i, value in enumerate(COLOURS[colour])])
    whole = FINE**2
    return ((behind * (whole - covered) + before * covered + whole // 2) // whole).astype(np.uint8)


def inside(shape: str, x: np.ndarray, y: np.ndarray, radius: int) -> np.ndarray:
    """Whether points lie in a shape of a radius around 0; `y` grows downwards."""
    if shape == "circle":
        return x * x + y * y <= radius * radius
    if shape == "square":
        return (abs(x) * 1000 <= 800 * radius) & (abs(y) * 1000 <= 800 * radius)
    if shape == "triangle":
        return (2 * y <= radius) & (866 * abs(x) - 500 * y <= 500 * radius)
    within = sum((dx * x + dy * y <= 309 * radius).astype(int) for dx, dy in TIPS)  # each line cuts one tip off
    return within >= len(TIPS) - 1


def _draws(key: str) -> list[int]:
    """Sixteen numbers of 16 bits, drawn by a hash: no library's generator, whose stream a new version may change."""
    digest = hashlib.sha256(key.encode()).digest()
    return [int.from_bytes(digest[i : i + 2], "big") for i in range(0, 32, 2)]


def colour_of(pixels: np.ndarray) -> str | None:
    """Tell the colour of a shape, drawn by whomever: pixels (H, W, 3) from 0 to 255; None where all is grey.

    Pixels that are more than a bit coloured are the shape; their mean is nearest to one of the colours.
    """
    import numpy as np

    values = pixels.astype(np.float64)
    coloured = values.max(2) - values.min(2) > 60
    if coloured.sum() < 0.01 * coloured.size:
        return None
    mean = values[coloured].mean(0)
    return min(COLOURS, key=lambda name: float(np.square(mean - COLOURS[name]).sum()))
