"""Contact sheets of `--to all`: every picture beside what it became in each domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from i2i import images, previews
from i2i.picture import convert_channels, natural_range, to_tensor
from i2i.tree import Job, slug

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 10  # pictures on one sheet
SIDE = 256  # pixels of the long side of a picture on it


def write(jobs: Sequence[tuple[Job, str]], place: Path) -> list[Path]:
    """Draw results that were written, as (job, target), a row a picture and a column a target; return the sheets.

    They are `place` and, where it takes more than one, `NAME-2.png` and so on. Raises OSError.
    """
    by_source: dict[Path, dict[str, Path]] = {}
    for job, target in jobs:
        by_source.setdefault(job.source, {})[target] = job.target
    written: list[Path] = []
    rows = _rows(by_source)
    while group := list(islice(rows, ROWS)):
        number = len(written) + 1
        path = place if number == 1 else place.with_name(f"{place.stem}-{number}.png")
        beside = path.with_name(f".{path.name}.writing")
        previews.sheet(group).save(beside, format="PNG")
        beside.replace(path)
        written.append(path)
    return written


def place_of(jobs: Sequence[Job], folder: str) -> Path:
    """Where the sheet of some results lies: in their folder, or beside the results of a single file."""
    if folder:
        return Path(folder) / "contact-sheet.png"
    return jobs[0].target.with_name(f"{jobs[0].stem}-{slug('all')}.png")


def _rows(by_source: dict[Path, dict[str, Path]]) -> Iterator[dict[str, Tensor]]:
    for source, made in by_source.items():
        shown = {"source": _thumbnail(source)} | {f"to {target}": _thumbnail(path) for target, path in made.items()}
        row = {title: image for title, image in shown.items() if image is not None}
        if len(row) > 1:
            yield row


def _thumbnail(path: Path) -> Tensor | None:
    """A file's picture (C, H, W) in [-1, 1], small; None where it cannot be read or shown."""
    from i2i.data import sizes

    try:
        pixels = images.read(path).pixels
    except images.Unreadable:
        return None
    height, width = pixels.shape[:2]
    factor = min(1.0, SIDE / max(height, width))
    colours = pixels[..., : 3 if pixels.shape[2] >= 3 else 1]
    small = sizes.resize(colours, (max(1, round(height * factor)), max(1, round(width * factor))))
    if small.dtype.kind == "u":
        return to_tensor(convert_channels(small, 3), natural_range(small.dtype))
    return to_tensor(convert_channels(small, 3), (float(small.min()), float(small.max()) + 1e-6))
