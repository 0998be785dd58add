"""Looking for a latent whose picture is like a given one, and reading a latent that was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from i2i import images, previews
from i2i.fitting import source_channels
from i2i.picture import Array, Picture, convert_channels, natural_range, to_tensor
from i2i.sampling import check_free as check_free
from i2i.sampling import draw_one, heading, to_picture, write_one
from i2i.spec import DataSpec

if TYPE_CHECKING:
    from i2i.model import Batch, Model


NAMES = ("found", "latent", "strip")  # of the files that a search writes


@dataclass(frozen=True)
class Result:
    """The best latent of a search, and how far the search came."""

    latent: Tensor  # (1, *latent_shape)
    distance: float
    step: int
    steps: int
    stopped: bool  # by Ctrl-C


def read_wanted(model: Model, like: Path, stroke: Path | None = None) -> Batch:
    """Read what to look for: `like` (1, C, H, W), and a `stroke` with its share of each pixel, `mask` (1, 1, H, W).

    Pictures are cut to the shape of the model's, in their middle, and brought to its size. A stroke is what is not
    transparent of its picture, or where it has no transparency what differs from `like`. Raises ValueError for what
    does not fit.
    """
    if model.inputs:
        raise ValueError("this model makes pictures of pictures; use: i2i translate --model MODEL photos/")
    photo = images.read(like)
    pixels = _values(model.spec, photo, like)
    parameter = next(model.parameters(), torch.zeros(()))
    wanted: Batch = {"like": fit(pixels, model.spec.image_size)}
    if stroke is not None:
        edit = images.read(stroke)
        if (edit.height, edit.width) != (photo.height, photo.width):
            raise ValueError(
                f"{stroke} has {edit.width} x {edit.height} pixels, {like} {photo.width} x {photo.height}; "
                "paint on a copy of the picture, or on a transparent one of its size"
            )
        colours = _values(model.spec, edit, stroke)
        painted = _painted(edit, colours, pixels)
        if not painted.any():
            raise ValueError(f"{stroke} has no stroke: it is {like} or wholly transparent; paint into it")
        share = fit(painted, model.spec.image_size).clamp(0, 1)
        mixed = fit((colours + 1) * painted, model.spec.image_size)  # what lies beside a stroke does not tint it
        wanted |= {"stroke": (mixed / share.clamp_min(1e-6) - 1).clamp(-1, 1) * (share > 0), "mask": share}
    return {key: value.to(parameter) for key, value in wanted.items()}


def _values(spec: DataSpec, picture: Picture, path: Path) -> Tensor:
    """A picture's values (1, C, H, W) in [-1, 1], in the channels that the model draws."""
    channels = source_channels(spec, None)
    if picture.channels != channels and {picture.channels, channels} != {1, 3}:
        raise ValueError(f"{path} has {picture.channels} channels, and this model draws {channels}; convert it")
    limits = spec.value_range
    if picture.depth != spec.depth:
        if picture.pixels.dtype.kind != "u" or spec.depth == 32:
            raise ValueError(f"{path} has {picture.depth} bits, and this model draws {spec.depth}; convert it")
        limits = natural_range(picture.pixels.dtype)
    pixels: Array = np.nan_to_num(convert_channels(picture.pixels, channels), nan=limits[0])
    return to_tensor(pixels, limits).clamp_(-1, 1)[None]


def _painted(edit: Picture, colours: Tensor, photo: Tensor) -> Tensor:
    """Where a stroke is, (1, 1, H, W), 0 to 1."""
    if edit.alpha is None:
        return (colours != photo).any(dim=1, keepdim=True).float()
    limits = (0.0, 1.0) if edit.alpha.dtype.kind == "f" else natural_range(edit.alpha.dtype)
    return (to_tensor(edit.alpha[..., None], limits)[None] + 1) / 2


def fit(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut the middle of (N, C, H, W) to the shape of a size, and bring it there by a filter that averages."""
    height, width = values.shape[2:]
    scale = min(height / size[0], width / size[1])
    tall, wide = (max(1, min(full, round(side * scale))) for full, side in zip((height, width), size, strict=True))
    top, left = (height - tall) // 2, (width - wide) // 2
    cut = values[:, :, top : top + tall, left : left + wide]
    return F.interpolate(cut, size, mode="bilinear", antialias=True, align_corners=False)


def search(
    model: Model, wanted: Batch, request: Any, tell: Callable[[int, int, float], None] = lambda *_: None
) -> Result:
    """Run a model's search to its end, or to Ctrl-C once there is something; `tell` hears of every step.

    Raises ValueError where the model has no search, or finds nothing.
    """
    best: Result | None = None
    stopped = False
    with searching(model, request.seed):
        try:
            for step, steps, distance, latent in model.find(wanted, request):
                if math.isfinite(distance) and (best is None or distance < best.distance):
                    best = Result(latent.detach().clone()[None], distance, step, steps, False)
                tell(step, steps, math.nan if best is None else best.distance)
        except KeyboardInterrupt:
            if best is None:
                raise
            stopped = True
    if best is None:
        raise ValueError("the search found nothing: no step had a distance that is a number")
    return Result(best.latent, best.distance, step, steps, stopped)


@contextmanager
def searching(model: Model, seed: int) -> Iterator[None]:
    """Evaluate with gradients and frozen parameters, by a seed's chance alone; all is put back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    place = next(model.parameters(), torch.zeros(())).device
    try:
        model.eval().requires_grad_(False)
        with torch.random.fork_rng([place] if place.type == "cuda" else []), torch.enable_grad():
            torch.manual_seed(seed)
            yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
        for module, training in modes:
            module.training = training


def write(
    model: Model, found: Result, wanted: Batch, request: Any, folder: Path, format: str = ""
) -> tuple[Path, Path, Path]:
    """Write the picture that was found, its latent, and both beside what was asked for; return the files."""
    image = draw_one(model, request, {"latent": found.latent})
    written = write_one(to_picture(model, image), folder, "found", format)
    kept = found.latent[0].cpu()
    np.save(folder / "latent.npy", (kept if kept.dtype == torch.float64 else kept.float()).numpy())
    row = {"asked for": wanted["like"][0]}
    if "stroke" in wanted:
        row["with the stroke"] = torch.lerp(wanted["like"], wanted["stroke"], wanted["mask"])[0]
    previews.sheet([row | {"found": image}], heading(request)).save(folder / "strip.png")
    return written, folder / "latent.npy", folder / "strip.png"


def read_latent(model: Model, path: Path) -> Tensor:
    """Read a latent that a search wrote, (1, *latent_shape). Raises ValueError for what is none of this model's."""
    shape = model.latent_shape
    if shape is None:
        raise ValueError("this model draws of no latent that a file could hold; leave --latent out")
    if not path.is_file():
        raise ValueError(f"there is no file {path}; --like writes one: latent.npy")
    try:
        held = np.lib.format.open_memmap(path, mode="r")  # no archive, no pickle, and no more than the file holds
    except ValueError:
        held = None
    if held is None or held.dtype.kind not in "fiu":
        raise ValueError(f"{path} holds no array of numbers; give a latent.npy that --like wrote")
    if held.shape != shape:
        raise ValueError(f"{path} has the shape {held.shape}, and this model's latents have {shape}")
    if not np.isfinite(held).all():
        raise ValueError(f"{path} has values that are no numbers; give a latent.npy that --like wrote")
    return torch.tensor(np.array(held))[None].to(next(model.parameters(), torch.zeros(())))
