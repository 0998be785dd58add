"""Drawing pictures of models that take none: each from a seed of its own, so that any can be drawn again alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
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

    from i2i.model import Model

PER_ROW = 8  # pictures of a row of the sheet


def draw(model: Model, request: Any) -> Iterator[tuple[int, Tensor]]:
    """Draw `request.samples` pictures, with seeds one after another: (seed, image (C, H, W) in [-1, 1]).

    Raises ValueError for a model that translates pictures.
    """
    if model.inputs:
        raise ValueError("this model makes pictures of pictures; use: i2i translate --model MODEL photos/")
    return _draw(model, request)


def _draw(model: Model, request: Any) -> Iterator[tuple[int, Tensor]]:
    parameter = next(model.parameters(), torch.zeros(()))
    devices = [parameter.device] if parameter.device.type == "cuda" else []
    for seed in range(request.seed, request.seed + request.samples):
        asked = dataclasses.replace(request, samples=1, seed=seed)
        with evaluating(model), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield seed, model.translate({}, asked)[0].float().cpu()


def sample_images(model: Model, count: int = 1, **request: Any) -> list[PIL.Image.Image]:
    """Draw pictures as Pillow images; see `i2i.Model.sample_images`."""
    asked = make_request(model, {**request, "samples": count})
    return [to_pillow(to_picture(model, image)) for _, image in draw(model, asked)]


def to_picture(model: Model, image: Tensor) -> Picture:
    """An image (C, H, W) in [-1, 1] in the depth of the pictures that the model was trained on."""
    kind = {8: np.uint8, 16: np.uint16}.get(model.spec.depth, np.float32)
    format = "TIFF" if kind is np.float32 or image.shape[0] not in (1, 3) else "PNG"
    return Picture(to_pixels(image, model.spec.value_range, kind), None, format)


def write(model: Model, request: Any, folder: Path, format: str = "") -> list[Path]:
    """Draw pictures into a folder, one file a seed, and a sheet of them; return the files, the sheet last.

    The folder is made when the first picture is drawn. Raises ValueError where a file is there already, OSError where
    nothing can be written.
    """
    names = {seed: f"seed-{seed:06}" for seed in range(request.seed, request.seed + request.samples)}
    there = [path for path in folder.glob("*") if path.stem in {*names.values(), "sheet"}]
    if there:
        raise ValueError(f"{there[0]} is there already; give another folder with --out")
    written: list[Path] = []
    row, rows = {}, []
    for seed, image in draw(model, request):
        picture = to_picture(model, image)
        if not written:
            encoding.encode(picture, encoding.format_of(format or picture.format))  # what cannot be makes no folder
            folder.mkdir(parents=True, exist_ok=True)
        suffix = format.lower().lstrip(".") or {"TIFF": "tif"}.get(picture.format, "png")
        images.write(folder / f"{names[seed]}.{suffix}", picture, format)
        written.append(folder / f"{names[seed]}.{suffix}")
        row[f"seed {seed}"] = image
        if len(row) == PER_ROW or len(written) == request.samples:
            rows.append(row)
            row = {}
    previews.sheet(rows, heading(request)).save(folder / "sheet.png")
    return [*written, folder / "sheet.png"]


def heading(request: Any) -> str:
    """What a request asks for in words: a sentence, a class. Options that were not given say nothing."""
    fields = [field for field in dataclasses.fields(request) if getattr(request, field.name) != field.default]
    values = [getattr(request, field.name) for field in fields]
    return ", ".join(str(value) for value in values if isinstance(value, (str, Path)))
