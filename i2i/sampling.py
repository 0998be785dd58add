"""Drawing pictures of models that take none: each from a seed of its own, so that any can be drawn again alone."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from i2i import encoding, images, previews
from i2i.model import evaluating
from i2i.picture import Picture, to_pixels
from i2i.translation import make_request, to_pillow

if TYPE_CHECKING:
    import PIL.Image

    from i2i.model import Batch, Model

PER_ROW = 8  # pictures of a row of the sheet


def rows_of(model: Model, request: Any) -> list[list[tuple[str, Any]]]:
    """The pictures that a request stands for, in rows, with titles: the model's grid, or one a seed.

    Raises ValueError for a model that translates pictures.
    """
    if model.inputs:
        raise ValueError("this model makes pictures of pictures; use: i2i translate --model MODEL photos/")
    grid = model.grid(request)
    if grid is not None:
        return [[(title, dataclasses.replace(asked, samples=1)) for title, asked in row] for row in grid]
    seeds = range(request.seed, request.seed + request.samples)
    asked = [(f"seed {seed}", dataclasses.replace(request, samples=1, seed=seed)) for seed in seeds]
    return [asked[first : first + PER_ROW] for first in range(0, len(asked), PER_ROW)]


def draw(model: Model, request: Any) -> Iterator[tuple[int, Tensor]]:
    """Draw the pictures that a request stands for, row by row: (seed, image (C, H, W) in [-1, 1])."""
    rows = rows_of(model, request)
    return ((asked.seed, draw_one(model, asked)) for row in rows for _, asked in row)


def draw_one(model: Model, request: Any, inputs: Batch | None = None) -> Tensor:
    """Draw one picture (C, H, W) in [-1, 1], by the request's seed alone; `inputs` may hold a latent."""
    parameter = next(model.parameters(), torch.zeros(()))
    devices = [parameter.device] if parameter.device.type == "cuda" else []
    with evaluating(model), torch.random.fork_rng(devices):
        torch.manual_seed(request.seed)
        return model.translate(inputs or {}, request)[0].float().cpu()


def sample_images(model: Model, count: int = 1, **request: Any) -> list[PIL.Image.Image]:
    """Draw pictures as Pillow images; see `i2i.Model.sample_images`."""
    asked = make_request(model, {**request, "samples": count})
    return [to_pillow(to_picture(model, image)) for _, image in draw(model, asked)]


def to_picture(model: Model, image: Tensor) -> Picture:
    """An image (C, H, W) in [-1, 1] in the depth of the pictures that the model was trained on."""
    kind = {8: np.uint8, 16: np.uint16}.get(model.spec.depth, np.float32)
    format = "TIFF" if kind is np.float32 or image.shape[0] not in (1, 3) else "PNG"
    return Picture(to_pixels(image, model.spec.value_range, kind), None, format)


def write(model: Model, request: Any, folder: Path, format: str = "", inputs: Batch | None = None) -> list[Path]:
    """Draw pictures into a folder, a file each, and a sheet of them; return the files, the sheet last.

    Files are named by seed, or by their place where two have the same; the sheet of one row of places is a strip. The
    folder is made when the first picture is drawn. Raises ValueError where a file is there already, OSError where
    nothing can be written.
    """
    rows = rows_of(model, request)
    names = _names(rows)
    sheet = "strip" if len(rows) == 1 and not names[0].startswith("seed") else "sheet"
    check_free(folder, {*names, "sheet", "strip"})
    written: list[Path] = []
    shown: list[dict[str, Tensor]] = []
    for row in rows:
        shown.append({})
        for title, asked in row:
            image = draw_one(model, asked, inputs)
            written.append(write_one(to_picture(model, image), folder, names[len(written)], format))
            shown[-1][_unlike(title, shown[-1])] = image
    previews.sheet(shown, heading(request, [cell for row in rows for cell in row])).save(folder / f"{sheet}.png")
    return [*written, folder / f"{sheet}.png"]


def _names(rows: list[list[tuple[str, Any]]]) -> list[str]:
    """Names of the files, row by row, without their ends."""
    seeds = [asked.seed for row in rows for _, asked in row]
    if len(set(seeds)) == len(seeds):
        return [f"seed-{seed:06}" for seed in seeds]
    return [f"row-{i:02}-column-{j:02}" for i, row in enumerate(rows, 1) for j in range(1, len(row) + 1)]


def check_free(folder: Path, names: Container[str]) -> None:
    """Look whether files of these names, whatever their ends, are free to be written. Raises ValueError."""
    for path in folder.glob("*"):
        if path.stem in names:
            raise ValueError(f"{path} is there already; give another folder with --out")


def write_one(picture: Picture, folder: Path, name: str, format: str = "") -> Path:
    """Write a picture into a folder, which is made if need be; return the file."""
    if not folder.is_dir():
        encoding.encode(picture, encoding.format_of(format or picture.format))  # what cannot be makes no folder
        folder.mkdir(parents=True, exist_ok=True)
    suffix = format.lower().lstrip(".") or {"TIFF": "tif"}.get(picture.format, "png")
    images.write(folder / f"{name}.{suffix}", picture, format)
    return folder / f"{name}.{suffix}"


def _unlike(title: str, others: Container[str]) -> str:
    """The title, with a number where another picture of the row has it."""
    numbered = (f"{title} ({number})" for number in itertools.count(2))
    return title if title not in others else next(other for other in numbered if other not in others)


def heading(request: Any, cells: Sequence[tuple[str, Any]] = ()) -> str:
    """What a request asks for in words: its class, and each option that was given with its flag's name.

    What the pictures' titles say, and their number shows, is left out; so are a seed that none of them is drawn of and
    the numbers of a search.
    """
    said = ", ".join(title for title, _ in cells)
    words = []
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        if value == field.default or field.name == "samples" or field.name.startswith("search_"):
            continue
        if field.name == "seed" and ("seed" in said or any(asked.seed != value for _, asked in cells)):
            continue
        if isinstance(value, str) and f", {value}, " in f", {said}, ":
            continue
        words.append(_worded(field.name, value))
    return ", ".join(words)


def _worded(name: str, value: Any) -> str:
    """An option as its flag is typed, without hyphens in front; a class by its name alone."""
    flag = name.replace("_", "-")
    if name == "to":
        return str(value)
    if isinstance(value, bool):
        return flag if value else f"no-{flag}"
    parts = value if isinstance(value, tuple) else (value,)
    return " ".join([flag, *(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)])
