"""Where holes of any place and size lie, and square views of a picture around them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Hole(NamedTuple):
    """One connected hole: which pixels of its bounding box (H, W) belong to it, and where that box begins."""

    pixels: Tensor
    top: int
    left: int


class Square(NamedTuple):
    """A square around a hole, which may reach beyond the border of the picture."""

    top: int
    left: int
    side: int

    def view(self, pictures: Tensor, size: int) -> Tensor:
        """What pictures (N, C, H, W) show there, mirrored beyond the border, scaled to (N, C, size, size)."""
        for axis, start in ((2, self.top), (3, self.left)):
            places = mirrored(torch.arange(start, start + self.side, device=pictures.device), pictures.shape[axis])
            pictures = pictures.index_select(axis, places)
        return scaled(pictures, size)


def separate(mask: Tensor) -> Iterator[Hole]:
    """The connected holes of a mask (1, 1, H, W)."""
    from skimage.measure import label, regionprops

    for region in regionprops(label(mask[0, 0].cpu().numpy() > 0.5)):
        top, left = region.bbox[:2]
        yield Hole(torch.from_numpy(region.image.copy()).to(mask.device), int(top), int(left))


def around(hole: Hole, ratio: float) -> Square:
    """The square with a hole in its middle, so many times its longer side."""
    height, width = hole.pixels.shape
    side = max(1, round(max(height, width) * ratio))
    return Square(hole.top + (height - side) // 2, hole.left + (width - side) // 2, side)


def put(picture: Tensor, hole: Hole, new: Tensor) -> Tensor:
    """A picture (1, C, H, W) with a hole filled with what a picture (1, C, h, w) of its bounding box shows."""
    height, width = hole.pixels.shape
    filled = picture.clone()
    part = filled[:, :, hole.top : hole.top + height, hole.left : hole.left + width]
    part[:] = torch.where(hole.pixels, new.to(picture), part)
    return filled


def mirrored(places: Tensor, length: int) -> Tensor:
    """Places on a line of `length` pixels; those beyond its ends count back, as often as it takes."""
    if length == 1:
        return torch.zeros_like(places)
    places = places % (2 * (length - 1))
    return torch.minimum(places, 2 * (length - 1) - places)


def scaled(pictures: Tensor, size: int) -> Tensor:
    """Scale square pictures by a filter that averages where it shrinks."""
    if pictures.shape[2] == size:
        return pictures
    return F.interpolate(pictures, (size, size), mode="bilinear", antialias=True, align_corners=False)
