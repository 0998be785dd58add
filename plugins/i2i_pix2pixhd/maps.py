"""Maps of labels and instances, computed with on their device and for all pixels at once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor


def one_hot(
    labels: Tensor, count: int, marked: Tensor | None, dtype: torch.dtype, layout: torch.memory_format
) -> Tensor:
    """Turn a label map (N, 1, H, W) into (N, count, H, W) of 0 and 1, of this type and memory layout.

    What is `marked`, (N, 1, H, W), is a last channel. Looking rows up in a table is many times faster than scattering.
    """
    table = torch.eye(count, dtype=dtype, device=labels.device)
    if marked is not None:
        plain = F.pad(table, (0, 1))
        table = torch.cat([plain, F.pad(table, (0, 1), value=1.0)])
        labels = labels + count * marked
    n, _, height, width = labels.shape
    rows = table.index_select(0, labels.flatten()).view(n, height, width, -1)
    return rows.permute(0, 3, 1, 2).contiguous(memory_format=layout)


def edges(instances: Tensor) -> Tensor:
    """Mark, in (N, 1, H, W), the pixels whose instance is not that of the pixel to the left, right, above or below."""
    marked = torch.zeros_like(instances, dtype=torch.bool)
    across = instances[..., :, 1:] != instances[..., :, :-1]
    down = instances[..., 1:, :] != instances[..., :-1, :]
    marked[..., :, 1:] |= across
    marked[..., :, :-1] |= across
    marked[..., 1:, :] |= down
    marked[..., :-1, :] |= down
    return marked


def numbered(found: Tensor) -> tuple[Tensor, Tensor]:
    """List the regions (N, 1, H, W) of all pictures: numbers (R,), and for each pixel which it lies in, (N, H, W)."""
    stride = found.max() + 1
    pictures = torch.arange(len(found), device=found.device).view(-1, 1, 1)
    numbers, place = torch.unique(found[:, 0] + stride * pictures, return_inverse=True)
    return numbers % stride, place


def region_means(features: Tensor, found: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Average features (N, C, H, W) over each region (N, 1, H, W) of each picture.

    Returns, for the R regions of all pictures, their numbers (R,), means (R, C) and sizes in pixels (R,), and for each
    pixel which of them it lies in, (N, H, W).
    """
    numbers, place = numbered(found)
    flat = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    flat = flat if flat.dtype == torch.float64 else flat.float()  # thousands of bfloat16s would not add up
    sums = flat.new_zeros(len(numbers), flat.shape[1]).index_add(0, place.flatten(), flat)
    sizes = torch.bincount(place.flatten(), minlength=len(numbers))
    return numbers, sums / sizes[:, None], sizes, place


def paint(values: Tensor, place: Tensor) -> Tensor:
    """Give every pixel (N, H, W) the values (R, C) of the region it lies in: (N, C, H, W)."""
    return values.index_select(0, place.flatten()).view(*place.shape, -1).permute(0, 3, 1, 2)


def layout_of(images: Tensor) -> torch.memory_format:
    """The memory layout of pictures (N, C, H, W)."""
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def edited(labels: Tensor, changes: Mapping[int, int]) -> Tensor:
    """Exchange labels: what is 9 becomes 3, for {9: 3}. All changes are of what was there before."""
    result = labels
    for old, new in changes.items():
        result = torch.where(labels == old, new, result)
    return result


def pairs(text: str | None, flag: str) -> dict[int, int]:
    """Read `9=3,4=0`. Raises LookupError that names the flag."""
    found = {}
    for part in filter(None, (text or "").replace(" ", "").split(",")):
        old, sign, new = part.partition("=")
        if not (sign and old.isascii() and old.isdigit() and new.isascii() and new.isdigit()):
            raise LookupError(f'{flag} is "{text}"; give pairs of whole numbers, as in {flag} 9=3,4=0')
        found[int(old)] = int(new)
    return found


def colours(labels: Tensor) -> Tensor:
    """Show a map (N, 1, H, W) of labels: a colour for each, (N, 3, H, W) in [-1, 1]; 0 is black."""
    steps = torch.tensor([0.618034, 0.381966, 0.763932], device=labels.device)  # neighbours get unlike colours
    shown = torch.where(labels > 0, (labels * steps.view(1, 3, 1, 1)) % 1 * 1.7 - 0.7, -1.0)
    return shown.float()
