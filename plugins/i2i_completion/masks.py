"""Holes: random boxes, free-form strokes, a box in the middle, or masks of a folder. In masks 1 is the hole.

What is drawn is a function of numbers alone, so that any step can be replayed and processes agree.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

import i2i

KINDS = ("boxes", "strokes", "center")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".pbm")
STROKES = (0.15, 0.45)  # share of the picture that strokes hide, at least: each mask has one of its own
Rng = np.random.Generator
Size = tuple[int, int]  # (H, W)


class Window(NamedTuple):
    """A part of a picture, in pixels; its upper left corner and its sides."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, pictures: Tensor) -> Tensor:
        """The window of pictures (N, C, H, W)."""
        return pictures[:, :, self.top : self.top + self.height, self.left : self.left + self.width]


class Holes:
    """Draws masks for pictures of a size (H, W), and the windows that the discriminator looks at closely."""

    def __init__(self, kind: str, size: Size, sides: tuple[int, int], most: int, window: int) -> None:
        """`sides` are those of boxes, smallest and largest; up to `most` lie in one picture, within the `window`."""
        self.kind, self.size, self.sides, self.most, self.side = kind, size, sides, most, window
        self._folder: Folder | None = None

    def prepare(self) -> None:
        """Read the folder of masks, if that is what is drawn from. Raises ValueError where it cannot be used."""
        if self.kind not in KINDS and self._folder is None:
            self._folder = Folder(Path(self.kind), self.size)

    def draw(self, count: int, progress: i2i.Progress) -> tuple[Tensor, Window]:
        """Masks (N, 1, H, W) for this process's part of a batch, and the window that their pictures are judged by."""
        self.prepare()
        seed = progress.generator().initial_seed()
        window = self._window(np.random.default_rng(seed))
        numbers = range(progress.rank * count, (progress.rank + 1) * count)  # in the batch over all processes
        masks = np.stack([self._mask(np.random.default_rng([seed, number]), window) for number in numbers])
        return torch.from_numpy(masks[:, None]).to(progress.device, torch.float32), window

    def draw_window(self, progress: i2i.Progress) -> Window:
        """A window of its own: pictures without holes are judged by it."""
        return self._random_window(np.random.default_rng(progress.generator().initial_seed()))

    def fixed(self, seed: int) -> Tensor:
        """A mask (1, 1, H, W), always the same for a seed."""
        self.prepare()
        rng = np.random.default_rng([seed, 0])
        return torch.from_numpy(self._mask(rng, self._window(rng))[None, None]).float()

    def _window(self, rng: Rng) -> Window:
        if self.kind == "center":
            return Window(*((side - self.side) // 2 for side in self.size), self.side, self.side)
        return self._random_window(rng)

    def _random_window(self, rng: Rng) -> Window:
        top, left = (int(rng.integers(side - self.side + 1)) for side in self.size)
        return Window(top, left, self.side, self.side)

    def _mask(self, rng: Rng, window: Window) -> np.ndarray:
        if self.kind == "boxes":
            return boxes(rng, self.size, window, self.sides, self.most)
        if self.kind == "strokes":
            return strokes(rng, self.size)
        if self.kind == "center":
            return middle(self.size, self.sides[1])
        assert self._folder is not None
        return self._folder.draw(rng)


def boxes(rng: Rng, size: Size, window: Window, sides: tuple[int, int], most: int) -> np.ndarray:
    """One to `most` boxes in a window, sides and places uniform: a mask (H, W)."""
    mask = np.zeros(size, bool)
    for _ in range(rng.integers(1, most + 1)):
        height, width = (int(side) for side in rng.integers(sides[0], sides[1] + 1, 2))
        top = window.top + int(rng.integers(window.height - height + 1))
        left = window.left + int(rng.integers(window.width - width + 1))
        mask[top : top + height, left : left + width] = True
    return mask


def middle(size: Size, side: int) -> np.ndarray:
    """A square box in the middle: a mask (H, W)."""
    mask = np.zeros(size, bool)
    top, left = ((length - side) // 2 for length in size)
    mask[top : top + side, left : left + side] = True
    return mask


def strokes(rng: Rng, size: Size) -> np.ndarray:
    """Strokes of a thick brush that turns as it goes: a mask (H, W), of which 15 to 65 % are hidden, more or less.

    Yu et al., "Free-Form Image Inpainting with Gated Convolution", 2019, arXiv:1806.03589: 4 to 10 vertices, the brush
    10 to 45 pixels wide and each line 20 to 128 long at 256 pixels, which scale with the size.
    """
    height, width = size
    scale, wanted = min(size) / 256, rng.uniform(*STROKES)
    image = Image.new("L", (width, height))
    pen, hidden = ImageDraw.Draw(image), np.zeros(size, bool)
    while hidden.mean() < wanted:
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        for vertex in range(rng.integers(4, 11)):
            angle = rng.uniform(0, 6) if vertex % 2 else 2 * math.pi - rng.uniform(0, 6)
            length, brush = rng.uniform(20, 128) * scale, max(1.0, rng.uniform(10, 45) * scale)
            before, radius = (x, y), brush / 2
            x = min(max(x + length * math.sin(angle), 0), width)
            y = min(max(y + length * math.cos(angle), 0), height)
            pen.line([before, (x, y)], fill=255, width=round(brush))
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
            hidden = np.asarray(image) > 0
            if hidden.mean() >= wanted:
                break
    return hidden


class Folder:
    """Masks of a folder at one size, read once: of each picture what is bright. They are drawn mirrored and turned."""

    def __init__(self, folder: Path, size: Size) -> None:
        """Raises ValueError where there is no folder, no mask in it, or a file that cannot be read."""
        if not folder.is_dir():
            raise ValueError(
                f"--masks {folder}: there is no such folder; give a folder of masks (white is the hole), or choose "
                f"{', '.join(KINDS)}"
            )
        files = sorted(path for path in folder.rglob("[!.]*") if path.suffix.lower() in SUFFIXES)
        masks = [mask for mask in (read(path, size) for path in files) if mask.any() and not mask.all()]
        if not masks:
            what = "that hide a part of a picture" if files else "in it"
            raise ValueError(f"--masks {folder}: there are no masks {what}; white is the hole, black what is known")
        self.size, self.count = size, len(masks)
        self._packed = np.packbits(np.stack(masks).reshape(len(masks), -1), axis=1)  # 8 pixels in a byte

    def draw(self, rng: Rng) -> np.ndarray:
        """A mask (H, W)."""
        bits = self._packed[rng.integers(self.count)]
        mask = np.unpackbits(bits, count=self.size[0] * self.size[1]).reshape(self.size).astype(bool)
        square = self.size[0] == self.size[1]
        mask = np.rot90(mask, int(rng.integers(4)) if square else 2 * int(rng.integers(2)))
        return np.ascontiguousarray(mask[:, ::-1] if rng.integers(2) else mask)


def read(path: Path, size: Size) -> np.ndarray:
    """Read a mask at a size: (H, W), true where it is brighter than the middle, or 1 where no number is larger.

    Raises ValueError naming the file.
    """
    try:
        with Image.open(path) as image:
            deep = image.mode.startswith("I")  # 16 bits, which converting would cut off
            gray = image if deep else image.convert("L")
            highest = (65535 if deep else 255) if gray.getextrema()[1] > 1 else 1
            return np.asarray(gray.resize(size[::-1], Image.Resampling.NEAREST)) > highest / 2
    except Exception as error:  # Pillow raises much for a damaged file
        raise ValueError(f"{path} cannot be read as a mask ({error}); take it out of the folder") from None
