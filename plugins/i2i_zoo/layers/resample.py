"""Filtering, doubling and halving by small binomial filters: the blurs of StyleGAN and StyleGAN2.

Sums are taken in float32 at least. The filters are linear and symmetric, so that each function's derivative is another
of the same kind: written so, R1 and path lengths are differentiated twice at the price of filtering once more.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i_zoo.layers.equalised import exact
from i2i_zoo.parts import wide

SMOOTH = (1, 2, 1)  # StyleGAN's
SMOOTHER = (1, 3, 3, 1)  # StyleGAN2's


class _Filter(torch.autograd.Function):
    """Filter every channel and keep each `stride`-th pixel; the transpose is `_Spread`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.how = stride, padding, tuple(x.shape[2:])
        with exact(x):
            return F.conv2d(x, _each(kernel, x), stride=stride, padding=padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        return _Spread.apply(gradients[0], *ctx.saved_tensors, *ctx.how), None, None, None


class _Spread(torch.autograd.Function):
    """Put `stride` - 1 zeros between pixels and filter every channel, to a `size` (H, W); `_Filter` transposed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, stride: int, padding: int, size: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.how = stride, padding
        taps, each = kernel.shape[-1], _each(kernel, x)
        with exact(x):
            if stride == 1:
                return F.conv2d(x, each, padding=taps - 1 - padding, groups=x.shape[1])
            extra = [s - ((side - 1) * stride - 2 * padding + taps) for s, side in zip(size, x.shape[2:], strict=True)]
            return F.conv_transpose2d(x, each, None, stride, padding, extra, x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        return _Filter.apply(gradients[0], *ctx.saved_tensors, *ctx.how), None, None, None, None


def _each(kernel: Tensor, x: Tensor) -> Tensor:
    return kernel.expand(x.shape[1], 1, *kernel.shape)


def _kernel(taps: tuple[int, ...], like: Tensor, gain: float = 1.0) -> Tensor:
    row = torch.tensor(taps, dtype=like.dtype, device=like.device)
    return row.outer(row) * (gain / sum(taps) ** 2)


def blur(x: Tensor, taps: tuple[int, ...], padding: int, gain: float = 1.0) -> Tensor:
    """Filter (N, C, H, W) by taps either way, with so many zeros around it; the filter sums to `gain`."""
    full = wide(x)
    return _Filter.apply(full, _kernel(taps, full, gain), 1, padding).to(x.dtype)


def double(x: Tensor, taps: tuple[int, ...] = SMOOTHER) -> Tensor:
    """Double the sides of (N, C, H, W): zeros in between, then the filter, with zeros around."""
    full = wide(x)
    size = (2 * x.shape[2], 2 * x.shape[3])
    return _Spread.apply(full, _kernel(taps, full, 4.0), 2, len(taps) // 2 - 1, size).to(x.dtype)


def halve(x: Tensor, taps: tuple[int, ...] = SMOOTHER) -> Tensor:
    """Halve the sides of (N, C, H, W): the filter, with zeros around, then each second pixel."""
    full = wide(x)
    return _Filter.apply(full, _kernel(taps, full), 2, len(taps) // 2 - 1).to(x.dtype)


def repeated(x: Tensor) -> Tensor:
    """Double the sides of (N, C, H, W) by repeating pixels: the nearest neighbour, without its own rules for sizes."""
    return F.interpolate(x, scale_factor=2, mode="nearest")
