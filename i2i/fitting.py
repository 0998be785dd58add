"""Whether a picture is what a model takes: its channels, its depth, its range; and where it holds no data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from i2i.picture import Array, Picture, convert_channels, natural_range
from i2i.request import Forced
from i2i.spec import DataSpec

if TYPE_CHECKING:
    from i2i.model import Model


def source_channels(spec: DataSpec, to: str | None) -> int:
    """How many channels a model takes, on the way to a target."""
    channels = spec.channels
    if "a" in channels and "b" in channels:  # two domains: the source is the one that is not the target
        return channels["b" if spec.domains and to == spec.domains[0] else "a"]
    for key in ("source", "image"):
        if key in channels:
            return channels[key]
    return next(iter(channels.values()), 3)


def missing_pixels(picture: Picture) -> Array | None:
    """Where a picture holds no data (H, W): its nodata value in all channels, or a number that is none."""
    missing = np.zeros(picture.pixels.shape[:2], bool)
    if picture.metadata.nodata is not None:
        missing |= (picture.pixels == picture.metadata.nodata).all(axis=2)
    if picture.pixels.dtype.kind == "f":
        missing |= ~np.isfinite(picture.pixels).all(axis=2)
    return missing if missing.any() else None


def range_of(model: Model, picture: Picture, wanted: int, forced: Forced, name: str) -> tuple[float, float]:
    """The file values that map to -1 and 1: the model's own, or a type's whole range where the model has that."""
    if forced.value_range is not None:
        return forced.value_range
    spec, kind = model.spec, picture.pixels.dtype
    own = {8: (0.0, 255.0), 16: (0.0, 65535.0)}.get(spec.depth)
    if tuple(spec.value_range) == own and kind.kind == "u":
        return natural_range(kind)
    if spec.depth == picture.depth:
        return spec.value_range
    raise ValueError(_mismatch(model, picture, wanted, name))


def fit_channels(model: Model, picture: Picture, wanted: int, forced: Forced, name: str) -> Array:
    if picture.channels == wanted or (picture.channels == 1 and wanted == 3):
        return convert_channels(picture.pixels, wanted)
    if picture.channels == 3 and wanted == 1 and forced.luminance:
        return convert_channels(picture.pixels, 1)
    raise ValueError(_mismatch(model, picture, wanted, name))


def _mismatch(model: Model, picture: Picture, wanted: int, name: str) -> str:
    def told(channels: int, depth: int) -> str:
        bits = "floating point" if depth == 32 else f"{depth} bit"
        return f"{channels} channel{'s' if channels > 1 else ''}, {bits}"

    spec, ways = model.spec, []
    if picture.channels == 3 and wanted == 1:
        ways.append("--channels luminance")
    own = {8: (0.0, 255.0), 16: (0.0, 65535.0)}.get(spec.depth)  # pictures of another depth then fit as they are
    fits = spec.depth == picture.depth or (tuple(spec.value_range) == own and picture.pixels.dtype.kind == "u")
    if not fits and (picture.channels == wanted or ways or (picture.channels == 1 and wanted == 3)):
        ways.append(f"--range {'0-1' if picture.depth == 32 else f'0-{2**picture.depth - 1}'}")
    force = f", or force it with {' '.join(ways)}" if ways else ""
    manifest = getattr(model, "manifest", None)  # a model that was never saved has none
    label = f'"{manifest.model}" ' if manifest is not None else ""
    low, high = spec.value_range
    return (
        f"model {label}expects {told(wanted, spec.depth)}, range {low:g}-{high:g}; {name} has "
        f"{told(picture.channels, picture.depth)}. Nothing was written. Convert the input{force}."
    )
