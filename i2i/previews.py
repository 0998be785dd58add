"""Sample sheets: what a model makes of the same few pictures, drawn as one labelled picture."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image
    from PIL.ImageFont import FreeTypeFont, ImageFont
    from torch import Tensor

MARGIN, GAP, BLOCK_GAP, LEADING = 16, 12, 32, 4  # pixels
TEXT_SIZE = 15
LINE = TEXT_SIZE + 2 * LEADING  # its height
SMALLEST, LARGEST = 192, 512  # sides of a picture on the sheet are brought between these
WIDEST = 2400  # of a sheet; more columns make smaller pictures
NARROWEST = 96  # of a column, for its title
_LETTERS = {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d"}
PAPER, INK = (250, 250, 248), (40, 40, 44)


def sheet(rows: Sequence[Mapping[str, Tensor]], heading: str = "") -> PIL.Image.Image:
    """Draw a labelled contact sheet, an RGB picture: one row an example, one column an entry of its mapping.

    Images are (C, H, W) in [-1, 1], of any size, type and device. One channel is drawn grey; of two the first, of
    four or more the first three are drawn, and the title says so. Titles stand on top of rows that share them; where
    these change, a block begins, and blocks stand side by side if the sheet were higher than wide otherwise. A
    heading stands above all, in two lines at most. Raises ValueError when there is nothing to draw.
    """
    from PIL import Image, ImageDraw, ImageFont

    rows = [row for row in rows if row]
    if not rows:
        raise ValueError("a sample sheet needs at least one row with an image")
    count = max(len(row) for row in rows)
    largest = min(LARGEST, max((WIDEST - 2 * MARGIN - (count - 1) * GAP) // count, 16))
    cells = [[(f"{name}{note(image)}", _draw(image, largest)) for name, image in row.items()] for row in rows]
    grouped = itertools.groupby(cells, key=lambda row: [title for title, _ in row])
    blocks = [_block(titles, [[picture for _, picture in row] for row in group]) for titles, group in grouped]

    width, height = sum(block.width for block in blocks) + BLOCK_GAP * (len(blocks) - 1), sum(b.height for b in blocks)
    beside = len(blocks) > 1 and height > max(b.width for b in blocks) and width + 2 * MARGIN <= WIDEST
    if beside:
        height = max(block.height for block in blocks)
    else:
        width, height = max(block.width for block in blocks), height + GAP * (len(blocks) - 1)
    font = ImageFont.load_default(TEXT_SIZE)
    lines = wrap(heading, width, font) if heading.strip() else []
    top = len(lines) * LINE + GAP * bool(lines)
    page = Image.new("RGB", (width + 2 * MARGIN, top + height + 2 * MARGIN), PAPER)
    pen = ImageDraw.Draw(page)
    for i, text in enumerate(lines):
        pen.text((MARGIN, MARGIN + i * LINE), text, fill=INK, font=font)
    x, y = MARGIN, MARGIN + top
    for block in blocks:
        page.paste(block, (x, y))
        x, y = (x + block.width + BLOCK_GAP, y) if beside else (x, y + block.height + GAP)
    return page


def _block(titles: Sequence[str], rows: Sequence[Sequence[PIL.Image.Image]]) -> PIL.Image.Image:
    """Draw rows of pictures below the titles that they share."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(TEXT_SIZE)
    widths = [max([NARROWEST, *(row[i].width for row in rows)]) for i in range(len(titles))]
    heights = [max(picture.height for picture in row) for row in rows]
    texts = [wrap(title, width, font) for title, width in zip(titles, widths, strict=True)]
    top = max(map(len, texts)) * LINE
    size = sum(widths) + GAP * (len(widths) - 1), top + sum(heights) + GAP * (len(rows) - 1)
    block = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(block)
    x = 0
    for column, (lines, width) in enumerate(zip(texts, widths, strict=True)):
        for i, text in enumerate(lines):
            pen.text((x, top - (len(lines) - i) * LINE), text, fill=INK, font=font)
        y = top
        for row, height in zip(rows, heights, strict=True):
            block.paste(row[column], (x, y))
            y += height + GAP
        x += width + GAP
    return block


def note(image: Tensor) -> str:
    """Say which channels of an image (C, H, W) are drawn, where they are not all."""
    channels = image.shape[0]
    if channels in (1, 3):
        return ""
    return f" (channel 1 of {channels})" if channels == 2 else f" (channels 1-3 of {channels})"


def wrap(title: str, width: int, font: ImageFont | FreeTypeFont) -> list[str]:
    """Break a title into at most two lines of so many pixels; what does not fit ends in three dots."""
    lines: list[str] = []
    words = plain(title).split() or [""]
    while words:
        last = len(lines) == 1
        taken = len(words)
        while not last and taken > 1 and font.getlength(" ".join(words[:taken])) > width:
            taken -= 1
        text, words = " ".join(words[:taken]), words[taken:]
        if font.getlength(text) > width:
            while text and font.getlength(text + "...") > width:
                text = text[:-1]
            text = text.rstrip() + "..."
        lines.append(text)
    return lines


def plain(title: str) -> str:
    """A title with letters that Pillow's font has: "a" for "ä", "ss" for "ß". What is made of none stays as it is."""
    letters = []
    for letter in unicodedata.normalize("NFC", title):
        parts = unicodedata.normalize("NFKD", _LETTERS.get(letter, letter))
        base = "".join(part for part in parts if not unicodedata.combining(part))
        letters.append(base if base.isascii() and letter >= "À" else letter)
    return "".join(letters)


def save(folder: Path, step: int, picture: PIL.Image.Image) -> Path:
    """Write a sheet as `step-00001200.png`, beside and then renamed; return its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:08d}.png"
    beside = path.with_suffix(".new")
    picture.save(beside, format="PNG", compress_level=4)
    os.replace(beside, path)
    return path


def listed(folder: Path) -> list[Path]:
    """The sheets in a folder, by step."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if step_of(path) >= 0), key=step_of)


def step_of(path: Path) -> int:
    """The step a sheet shows; -1 when the file is none."""
    match = re.fullmatch(r"step-(\d{8,})\.png", path.name)
    return int(match[1]) if match else -1


def _draw(image: Tensor, largest: int) -> PIL.Image.Image:
    """Turn an image (C, H, W) in [-1, 1] into an RGB picture whose sides suit a sheet."""
    import torch
    from PIL import Image

    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"an image of a sample sheet has the shape {tuple(image.shape)}; give (C, H, W)")
    channels = image[:3] if image.shape[0] >= 3 else image[:1].expand(3, -1, -1)
    values = torch.nan_to_num(channels.detach().to("cpu", torch.float32), nan=-1.0).clamp(-1, 1)
    pixels = ((values + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).contiguous()  # (H, W, 3)
    picture = Image.fromarray(pixels.numpy())
    longest, shortest = max(picture.size), min(picture.size)
    if longest > largest:
        scale = largest / longest
        size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
        return picture.resize(size, Image.Resampling.LANCZOS)
    times = min(-(-SMALLEST // shortest), largest // longest)  # whole, so that pixels stay pixels
    if times <= 1:
        return picture
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
