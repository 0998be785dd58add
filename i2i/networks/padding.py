"""Padding at picture borders, with a backward pass that is exact on a GPU when that is asked for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.options import nearest

KINDS = ("reflect", "replicate", "zeros")


def check_padding(kind: str) -> str:
    """Return the kind of padding. Raises LookupError for an unknown one."""
    if kind not in KINDS:
        raise LookupError(f'there is no padding "{kind}"' + nearest(kind, KINDS, f"choose {', '.join(KINDS)}"))
    return kind


def pad(images: Tensor, size: int, kind: str = "reflect") -> Tensor:
    """Pad (N, C, H, W) by `size` pixels on each side.

    `reflect` mirrors without repeating the border, `replicate` repeats it, `zeros` adds zeros. Raises LookupError for
    another kind, and RuntimeError, as torch does, where a side is too small to be reflected.
    """
    if check_padding(kind) == "zeros":
        return F.pad(images, (size,) * 4)
    if images.is_cpu and torch.is_autocast_enabled("cpu"):
        # Autocast would widen this to float32, for twice the time and memory; mirroring rounds nothing.
        with torch.autocast("cpu", enabled=False):
            return pad(images, size, kind)
    if images.is_cuda and torch.are_deterministic_algorithms_enabled():
        return pad_by_slices(images, size, kind)  # torch's own backward adds up in no fixed order there, and refuses
    return F.pad(images, (size,) * 4, mode=kind)


def pad_by_slices(images: Tensor, size: int, kind: str) -> Tensor:
    """Pad as `pad` does, from slices: slower, and its gradient is summed in a fixed order on every device."""
    for dim in (2, 3):
        length = images.shape[dim]
        if kind == "reflect":
            if size >= length:
                raise RuntimeError(f"cannot reflect {size} pixels of a side of {length}; it needs at least {size + 1}")
            before = images.narrow(dim, 1, size).flip(dim)
            after = images.narrow(dim, length - 1 - size, size).flip(dim)
        else:
            before = images.narrow(dim, 0, 1).repeat_interleave(size, dim)
            after = images.narrow(dim, length - 1, 1).repeat_interleave(size, dim)
        images = torch.cat([before, images, after], dim)
    return images  # (N, C, H + 2 size, W + 2 size)


class Pad(nn.Module):
    """Pad (N, C, H, W) by a number of pixels on each side; see `pad`."""

    def __init__(self, size: int, kind: str = "reflect") -> None:
        super().__init__()
        self.size = size
        self.kind = check_padding(kind)

    def forward(self, images: Tensor) -> Tensor:
        return pad(images, self.size, self.kind)

    def extra_repr(self) -> str:
        return f"{self.size}, {self.kind}"
