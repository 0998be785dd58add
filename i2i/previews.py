"""Sample sheets: what a model makes of the same few pictures, drawn as one labelled picture."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image
    from PIL.ImageFont import FreeTypeFont, ImageFont
    from torch import Tensor

MARGIN, GAP, LEADING = 16, 12, 4  # pixels
TEXT_SIZE = 15
SMALLEST, LARGEST = 192, 512  # sides of a picture on the sheet are brought between these
WIDEST = 2400  # of a sheet; more columns make smaller pictures
NARROWEST = 96  # of a column, for its title
PAPER, INK = (250, 250, 248), (40, 40, 44)


def sheet(rows: Sequence[Mapping[str, Tensor]]) -> PIL.Image.Image:
    """Draw a labelled contact sheet, an RGB picture: one row an example, one column an entry of its mapping.

    Images are (C, H, W) in [-1, 1], of any size, type and device. One channel is drawn grey; of two the first, of
    four or more the first three are drawn, and the title says so. Titles stand once on top where all rows share
    them, else above each picture. Raises ValueError when there is nothing to draw.
    """
    from PIL import Image, ImageDraw, ImageFont

    rows = [row for row in rows if row]
    if not rows:
        raise ValueError("a sample sheet needs at least one row with an image")
    font = ImageFont.load_default(TEXT_SIZE)
    count = max(len(row) for row in rows)
    largest = min(LARGEST, max((WIDEST - 2 * MARGIN - (count - 1) * GAP) // count, 16))
    cells = [[(f"{name}{note(image)}", _draw(image, largest)) for name, image in row.items()] for row in rows]
    widths = [max([NARROWEST, *(row[i][1].width for row in cells if i < len(row))]) for i in range(count)]
    shared = all([title for title, _ in row] == [title for title, _ in cells[0]] for row in cells)

    titles = [[wrap(title, widths[i], font) for i, (title, _) in enumerate(row)] for row in cells]
    line = sum(font.getmetrics()) + LEADING if hasattr(font, "getmetrics") else TEXT_SIZE + LEADING
    tops = [max(map(len, row)) * line + LEADING if not shared or y == 0 else 0 for y, row in enumerate(titles)]
    heights = [max(picture.height for _, picture in row) for row in cells]
    size = (
        sum(widths) + GAP * (count - 1) + 2 * MARGIN,
        sum(tops) + sum(heights) + GAP * (len(cells) - 1) + 2 * MARGIN,
    )

    page = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(page)
    y = MARGIN
    for row, row_titles, top, height in zip(cells, titles, tops, heights, strict=True):
        x = MARGIN
        for (_, picture), lines, width in zip(row, row_titles, widths, strict=False):
            if top:
                for i, text in enumerate(lines):
                    pen.text((x, y + top - LEADING - (len(lines) - i) * line), text, fill=INK, font=font)
            page.paste(picture, (x, y + top))
            x += width + GAP
        y += top + height + GAP
    return page


def note(image: Tensor) -> str:
    """Say which channels of an image (C, H, W) are drawn, where they are not all."""
    channels = image.shape[0]
    if channels in (1, 3):
        return ""
    return f" (channel 1 of {channels})" if channels == 2 else f" (channels 1-3 of {channels})"


def wrap(title: str, width: int, font: ImageFont | FreeTypeFont) -> list[str]:
    """Break a title into at most two lines of so many pixels; what does not fit ends in three dots."""
    lines: list[str] = []
    words = title.split() or [""]
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
