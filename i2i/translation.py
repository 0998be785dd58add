"""Translating one picture of any size, mode and depth: what the command does to files and Python to Pillow images."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor

from i2i import images, maps
from i2i.data.facts import MAPS
from i2i.data.labels import exchange, mapping
from i2i.fitting import fit_channels, missing_pixels, range_of, source_channels
from i2i.metadata import gather, orientation, resized
from i2i.model import evaluating
from i2i.options import build
from i2i.picture import Array, Picture, convert_channels, natural_range, orient, to_pixels, to_tensor
from i2i.request import Forced, choose_target, further_inputs

if TYPE_CHECKING:
    from i2i.model import Model


def translate_picture(
    model: Model,
    picture: Picture,
    request: Any,
    image_size: int | None = None,
    forced: Forced | None = None,
    name: str = "the picture",
    companions: Mapping[str, Array] | None = None,
) -> Picture:
    """Translate a picture to one of the same size (times `model.scale`), depth and metadata.

    With `image_size` the network sees the picture at that short side, in pixels, and the result is scaled back.
    `companions` are what goes along with it, (H, W, 1) by batch key. Of a model that takes a mask, what lies outside
    the hole stays bit for bit, and what is wholly transparent is the hole where no mask is given; the result is opaque
    then. Raises ValueError, naming the picture by `name`, where its channels, depth or labels are not the model's or a
    companion is missing or of another size.
    """
    forced, companions = forced or Forced(), dict(companions or {})
    shown = picture.alpha
    if "mask" in model.inputs and "mask" not in companions:
        companions["mask"], shown = maps.transparent(picture, name), None
    others = _companions(picture, companions, name)
    hole = maps.is_set(companions["mask"][..., 0]) if "mask" in model.inputs else None
    if hole is not None and not hole.any():
        return replace(picture, alpha=shown, notes=(*picture.notes, "nothing masked, copied as it is"))
    if model.inputs[:1] == ("label",):
        return _translate_labels(model, picture, request, image_size, name, others)
    wanted = source_channels(model.spec, request.to)
    value_range = range_of(model, picture, wanted, forced, name)
    pixels = fit_channels(model, picture, wanted, forced, name)
    missing = missing_pixels(picture)
    if missing is not None:
        pixels = np.where(missing[..., None] | ~np.isfinite(pixels), np.asarray(value_range[0], pixels.dtype), pixels)
    source = to_tensor(pixels, value_range).clamp_(-1, 1)[None]  # (1, C, H, W)
    size = picture.height * model.scale, picture.width * model.scale
    with evaluating(model):
        result = _run(model, source, others, request, image_size, size)[0]
    made = to_pixels(result, value_range, picture.pixels.dtype)
    if missing is not None and model.scale == 1:
        nodata = picture.metadata.nodata
        made[missing] = np.nan if nodata is None else nodata
    if hole is not None:
        made, picture = _fill(picture, pixels, made, hole), maps.noted(picture, hole)
    alpha = shown
    if alpha is not None and model.scale != 1:
        alpha = _resize_alpha(alpha, size)
    kept = resized(picture.metadata, size, model.scale, picture.channels, made.shape[2])
    return replace(picture, pixels=made, alpha=alpha, metadata=kept)


def _fill(picture: Picture, pixels: Array, made: Array, hole: Array) -> Array:
    """Put what was made into the hole (H, W) and nowhere else; a gray picture stays gray."""
    if picture.channels == 1:
        pixels, made = picture.pixels, convert_channels(made, 1)
    return np.where(hole[..., None], made, pixels)


def _translate_labels(
    model: Model, picture: Picture, request: Any, image_size: int | None, name: str, others: Mapping[str, Tensor]
) -> Picture:
    """Make a picture of a label map, in the depth of the pictures that the model was trained on."""
    known = exchange(picture.pixels, mapping(model.spec.extra))  # as in training
    maps.check_labels(known, model.spec, name)
    size = picture.height * model.scale, picture.width * model.scale
    with evaluating(model):
        labels = maps.to_tensor(known, "label")
        result = _run(model, labels, others, request, image_size, size)[0]
    kind = {8: np.uint8, 16: np.uint16}.get(model.spec.depth, np.float32)
    return Picture(to_pixels(result, model.spec.value_range, kind), None, picture.format)


def _companions(picture: Picture, given: Mapping[str, Array], name: str) -> dict[str, Tensor]:
    """What goes along with a picture, as tensors (1, 1, H, W)."""
    for key, pixels in given.items():
        if pixels.shape[:2] != (picture.height, picture.width):
            raise ValueError(
                f"the {key} of {name} has {pixels.shape[1]} x {pixels.shape[0]} pixels, the picture "
                f"{picture.width} x {picture.height}; give one of the same size"
            )
    return {key: maps.to_tensor(pixels, key) for key, pixels in given.items()}


def translate_image(model: Model, image: PIL.Image.Image, **request: Any) -> PIL.Image.Image:
    """Translate a Pillow image of any size and mode; see `i2i.Model.translate_image`.

    The result is upright, has the image's alpha and, in `info`, its profile and EXIF. A label map is an image in mode
    P, L or I;16; what may go along with the image is given by its batch key, as an image.
    """
    if not isinstance(image, PIL.Image.Image) or 0 in image.size:
        told = f"{image.width} x {image.height} pixels" if isinstance(image, PIL.Image.Image) else repr(image)[:80]
        raise ValueError(f"translate_image takes a Pillow image with pixels in it, and got {told}; see PIL.Image.open")
    others = {key: _map(request.pop(key)) for key in further_inputs(model) if key in request}
    asked = make_request(model, request)
    if model.inputs[:1] == ("label",):
        return to_pillow(translate_picture(model, Picture(_map(image)), asked, companions=others))
    upright = image.copy()  # loads it; the caller's stays as it is
    upright.info = dict(image.info)
    pixels, alpha, profile = images.from_pillow(upright)
    turn = orientation(image)
    pixels, alpha = orient(pixels, turn), None if alpha is None else orient(alpha, turn)
    kept = replace(gather(image, pixels.shape[:2]), icc=profile)
    made = translate_picture(model, Picture(pixels, alpha, image.format or "", kept), asked, companions=others)
    result = to_pillow(made)
    info = {"icc_profile": made.metadata.icc, "exif": made.metadata.exif, "dpi": made.metadata.dpi}
    result.info |= {key: value for key, value in info.items() if value}
    return result


def _map(image: PIL.Image.Image) -> Array:
    """The numbers (H, W, 1) of an image that is a map; of a palette the indices."""
    values = np.asarray(image)
    if values.ndim != 2:
        raise ValueError(f"a map has one number a pixel, this image has the mode {image.mode}; use mode P, L or I;16")
    return values.astype(np.uint8 if values.dtype in (np.bool_, np.uint8) else np.uint16)[..., None]


def make_request(model: Model, values: dict[str, Any]) -> Any:
    """Build a model's Request from plain values, with the target filled in where there is only one.

    A model that takes no picture need not be told its target: the seed draws a class as it draws the rest. Raises
    LookupError for an unknown field or target, ValueError for a bad value or when a target must be chosen.
    """
    request = build(type(model).Request, values)
    if request.to is None and not model.inputs:
        return request
    targets = model.targets() if model.manifest is None else model.manifest.targets  # which may lack networks
    target = choose_target(request.to, targets, model.joins_targets, draws=not model.inputs)
    return dataclasses.replace(request, to=target)


def reflected(length: int, padded: int, device: torch.device | str = "cpu") -> Tensor:
    """Indices (padded,) that read a side of `length` pixels with its surroundings mirrored, as often as it takes.

    The edge pixel is not doubled; a single pixel is repeated. The picture lies in the middle.
    """
    period = max(1, 2 * (length - 1))
    place = (torch.arange(padded, device=device) - (padded - length) // 2) % period
    return torch.minimum(place, period - place) if length > 1 else torch.zeros_like(place)


def pad(images: Tensor, multiple: int, smallest: int) -> Tensor:
    """Pad images (N, C, H, W) by repeated reflection to sides that are multiples and at least `smallest`."""
    for axis in (2, 3):
        length = images.shape[axis]
        padded = -(-max(length, smallest) // multiple) * multiple
        if padded != length:
            images = images.index_select(axis, reflected(length, padded, images.device))
    return images


def _run(
    model: Model,
    source: Tensor,
    others: Mapping[str, Tensor],
    request: Any,
    image_size: int | None,
    size: tuple[int, int],
) -> Tensor:
    """Run the network: resized, padded, cropped, resized back to `size` (H, W)."""
    if not model.inputs:
        raise ValueError("this model draws pictures and takes none; use: i2i sample RUN, or sample_images in Python")
    if not set(model.inputs[1:]) <= others.keys():
        raise ValueError(f"this model translates from {', '.join(model.inputs)}; from one picture alone it cannot")
    parameter = next(model.parameters(), torch.zeros(()))
    inputs = {model.inputs[0]: source, **others}
    height, width = source.shape[2:]
    if image_size is not None:
        factor = image_size / min(height, width)
        height, width = (max(1, round(side * factor)) for side in (height, width))
    for key, given in inputs.items():
        given = given.to(parameter.device, parameter.dtype if given.is_floating_point() else given.dtype)
        if image_size is not None:
            given = _nearest(given, (height, width)) if key in MAPS else _resize(given, (height, width))
        inputs[key] = pad(given, model.size_multiple, model.min_size)
    padded = inputs[model.inputs[0]].shape
    top, left = (padded[2] - height) // 2, (padded[3] - width) // 2
    devices = [parameter.device] if parameter.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(request.seed)
        result = model.translate(inputs, request)
    scale = model.scale
    result = result[:, :, top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    return _resize(result, size) if result.shape[2:] != size else result


def _resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images (N, C, H, W) in [-1, 1] by a bicubic filter that averages when it shrinks."""
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False).clamp(-1, 1)


def _nearest(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps (N, C, H, W) by taking the nearest pixel."""
    rows, columns = (
        torch.arange(new, device=images.device).add(0.5).mul(old / new).long().clamp_max(old - 1)
        for new, old in zip(size, images.shape[2:], strict=True)
    )
    return images.index_select(2, rows).index_select(3, columns)


def _resize_alpha(alpha: Array, size: tuple[int, int]) -> Array:
    limits = (0.0, 1.0) if alpha.dtype.kind == "f" else natural_range(alpha.dtype)
    return to_pixels(_resize(to_tensor(alpha[..., None], limits)[None], size)[0], limits, alpha.dtype)[..., 0]


def to_pillow(picture: Picture) -> PIL.Image.Image:
    """Turn a picture into the Pillow image that holds it best."""
    pixels, alpha = picture.pixels, picture.alpha
    if picture.channels not in (1, 3):
        raise ValueError(
            f"the result has {picture.channels} channels, Pillow images have 1 or 3; translate files instead"
        )
    if pixels.dtype == np.uint16 and (picture.channels == 3 or alpha is not None):
        warnings.warn("Pillow holds 16 bits only in gray: this result has 8; i2i translate keeps 16", stacklevel=3)
        pixels = (pixels / 257).round().astype(np.uint8)
        alpha = None if alpha is None else (alpha / 257).round().astype(np.uint8)
    if pixels.dtype == np.float32 and picture.channels == 3:
        raise ValueError("the result has 3 channels of fractions, which Pillow cannot hold; translate files instead")
    values = pixels if alpha is None else np.dstack([pixels, alpha])
    return PIL.Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
