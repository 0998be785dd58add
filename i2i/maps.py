"""Maps: label maps as inputs, and the pictures that go along with an input (an instance map, a mask)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from i2i import images
from i2i.picture import Array, Header, Picture, Unreadable
from i2i.tree import Job, Plan, shown

if TYPE_CHECKING:
    from torch import Tensor

    from i2i.spec import DataSpec

LABELS = ("label", "instance")  # batch keys of whole numbers; `mask` is of 0 and 1


def read(path: Path, key: str) -> Picture:
    """Read a map (H, W, 1) in the file's numbers: of a palette the indices, of a mask its brightness.

    Raises Unreadable, also for a map of labels in colours.
    """
    if key not in LABELS:
        picture = images.read(path)
        return dataclasses.replace(picture, pixels=images.convert_channels(picture.pixels, 1), alpha=None)
    from i2i.data.cache import read_labels

    header: Header = images.header(path)
    try:
        return Picture(read_labels(path), None, header.format)
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable(path, str(error).removeprefix(f"{path} ")) from None


def to_tensor(pixels: Array, key: str) -> Tensor:
    """Turn a map (H, W, 1) into what models take: int64 (1, 1, H, W), of a mask float32 of 0 and 1."""
    import torch

    if key in LABELS:
        return torch.from_numpy(pixels[:, :, 0].astype(np.int64))[None, None]
    return torch.from_numpy(is_set(pixels[:, :, 0]).astype(np.float32))[None, None]


def is_set(mask: Array) -> Array:
    """Where a mask of any depth is set: above the middle of its type's range, or of 0 to 1 where it holds no more."""
    highest = np.iinfo(mask.dtype).max if mask.dtype.kind == "u" and mask.max(initial=0) > 1 else 1
    return np.asarray(mask > highest / 2)


def transparent(picture: Picture, name: str) -> Array:
    """The mask (H, W, 1) of what is wholly transparent. Raises ValueError where nothing is."""
    if picture.alpha is None or picture.alpha.all():
        raise ValueError(
            f"there is no hole in {name}; give its mask with --mask FILE, or --mask-box X,Y,WIDTH,HEIGHT, or make the "
            "hole transparent"
        )
    return (picture.alpha == 0).astype(np.uint8)[..., None]


def box(picture: Picture, place: tuple[int, int, int, int]) -> Array:
    """The mask (H, W, 1) of a box: x, y, width and height in pixels. Raises ValueError where it misses the picture."""
    x, y, width, height = place
    if min(width, height) < 1:
        raise ValueError(
            f"is not filled: --mask-box {x},{y},{width},{height} is a box of no pixel; give X,Y,WIDTH,HEIGHT"
        )
    mask = np.zeros((picture.height, picture.width, 1), np.uint8)
    mask[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = 1
    if not mask.any():
        raise ValueError(
            f"has {picture.width} x {picture.height} pixels, and --mask-box {x},{y},{width},{height} lies outside them"
        )
    return mask


def noted(picture: Picture, hole: Array) -> Picture:
    """The picture, with a note where nothing but hole is left of it."""
    return (
        dataclasses.replace(picture, notes=(*picture.notes, "wholly masked, made of nothing"))
        if hole.all()
        else picture
    )


def check_labels(labels: Array, spec: DataSpec, name: str) -> None:
    """Refuse a map with a label that the model was not trained on. Raises ValueError naming it."""
    highest = int(labels.max(initial=0))
    if highest >= spec.num_labels:
        raise ValueError(
            f"label {highest} in {name} is outside 0-{spec.num_labels - 1}, which this model knows; correct the map"
        )


def attach(made: Plan, given: Mapping[str, Path]) -> None:
    """Give every picture of a plan the companions that lie at the given places: a file, or a folder searched by name.

    A file goes along with every picture. Raises ValueError for a place that is not there.
    """
    for key, place in given.items():
        if not place.exists():
            raise ValueError(f"there is no file or folder {place} (--{key})")
        if place.is_dir():
            found = _by_stem(place)
            made.jobs = [_with(job, key, _partner(job, place, found)) for job in made.jobs]
        else:
            made.jobs = [_with(job, key, place) for job in made.jobs]


def _with(job: Job, key: str, path: Path) -> Job:
    return dataclasses.replace(job, companions={**job.companions, key: path})


def _by_stem(folder: Path) -> dict[str, Path]:
    """The pictures below a folder by their path there without suffix, and by their bare stem where that is unique."""
    files = [path for path in sorted(folder.rglob("*")) if images.is_picture(path)]
    found: dict[str, Path] = {}
    bare: dict[str, list[Path]] = {}
    for path in files:
        bare.setdefault(path.stem, []).append(path)
        found[path.relative_to(folder).with_suffix("").as_posix()] = path
    return {stem: paths[0] for stem, paths in bare.items() if len(paths) == 1} | found


def _partner(job: Job, place: Path, found: Mapping[str, Path]) -> Path:
    """The companion by the longest end of the picture's path; where there is none a place that does not exist."""
    parts = job.source.with_suffix("").parts
    for start in range(1, len(parts)):
        if (path := found.get("/".join(parts[start:]))) is not None:
            return path
    return place / f"{job.source.stem}.png"


def read_companions(job: Job) -> dict[str, Array]:
    """Read what goes along with a picture, (H, W, 1) each. Raises ValueError where one is missing or unreadable."""
    read_ones = {}
    for key, path in job.companions.items():
        if not path.is_file():
            raise ValueError(
                f"there is no {key} of {job.name} in {shown(path.parent)}; one of the same name is needed there"
            )
        read_ones[key] = read(path, key).pixels
    return read_ones
