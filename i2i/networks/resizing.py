"""Bicubic resizing by whole numbers as MATLAB's `imresize` does it, for the small pictures of super-resolution.

The cubic kernel with a = -0.5 (Keys, 1981), stretched when it shrinks so that nothing aliases, pixel centres at halves,
and a border that mirrors the picture with its edge repeated. torch's own bicubic with antialiasing is the same inside;
it lets its kernel end at the border instead, which changes the pixels there by some grey levels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def bicubic_down(images: Tensor, times: int) -> Tensor:
    """Shrink pictures (N, C, H, W) to (N, C, H/times, W/times), rounded up; values may leave the range a little.

    Computed in float32 or better, also within autocast. Raises ValueError for less than once.
    """
    images = _checked(images, times)
    more = [-side % times for side in images.shape[2:]]  # to whole small pixels
    padded = mirrored(images, (2 * times, 2 * times + more[0]), (2 * times, 2 * times + more[1]))
    size = [side // times for side in padded.shape[2:]]
    return _bicubic(padded, size)[:, :, 2:-2, 2:-2]


def bicubic_up(images: Tensor, times: int) -> Tensor:
    """Enlarge pictures (N, C, H, W) to (N, C, times H, times W); values may leave the range a little.

    Computed in float32 or better, also within autocast. Raises ValueError for less than once.
    """
    padded = mirrored(_checked(images, times), (3, 3), (3, 3))  # the kernel reaches two pixels far
    size = [side * times for side in padded.shape[2:]]
    return _bicubic(padded, size)[:, :, 3 * times : -3 * times, 3 * times : -3 * times]


def mirrored(images: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """Extend pictures (N, C, H, W) by so many rows (above, below) and columns (left, right), mirrored.

    The edge pixel is repeated, and so is the picture where it is smaller than what is asked for.
    """
    for axis, (before, after) in ((2, rows), (3, columns)):
        side = images.shape[axis]
        place = torch.arange(-before, side + after, device=images.device) % (2 * side)
        images = images.index_select(axis, torch.minimum(place, 2 * side - 1 - place))
    return images


def _checked(images: Tensor, times: int) -> Tensor:
    if times < 1 or times != int(times):
        raise ValueError(f"pictures cannot be resized {times} times; give a whole number of at least 1")
    return images.float() if images.dtype in (torch.bfloat16, torch.float16) else images


def _bicubic(images: Tensor, size: list[int]) -> Tensor:
    with torch.autocast(images.device.type, enabled=False):
        return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False)
