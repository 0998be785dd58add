"""Layers with an equalised learning rate (Karras et al., 2018, arXiv:1710.10196), and what goes between them.

Weights are stored with unit variance and used as w x gain / sqrt(fan_in): Adam, whose steps are as long for a large
weight as for a small one, then learns at one speed in every layer.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i_zoo.parts import wide

LEAKY = 2**0.5  # the gain that makes up for what a leaky ReLU takes from the variance


def exact(x: Tensor) -> torch.autocast:
    """A region without autocast, on the device of `x`: sums in it are not taken in bf16."""
    return torch.autocast(x.device.type, enabled=False)


def leaky(x: Tensor, gain: float = 1.0) -> Tensor:
    """A leaky ReLU of slope 0.2, times a gain."""
    x = F.leaky_relu(x, 0.2)
    return x if gain == 1 else x * gain


def pixel_norm(x: Tensor) -> Tensor:
    """Divide (N, C, ...) by the root mean square over C, x / sqrt(mean x^2 + 1e-8), in float32 at least."""
    with exact(x):
        full = wide(x)
        return (full * (full.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()).to(x.dtype)


def adain(x: Tensor, scale: Tensor, shift: Tensor, eps: float = 1e-8) -> Tensor:
    """Adaptive instance norm: give each map of (N, C, H, W) the deviation and mean of (N, C), in float32 at least.

    scale (x - mean) / sqrt(variance + eps) + shift, with the biased variance (Karras et al., 2019, arXiv:1812.04948).
    """
    with exact(x):
        full, scale, shift = wide(x), wide(scale), wide(shift)
        # a group of one channel is that map: on a CPU a third of the time of `torch.var_mean` and its gradient
        normed = F.group_norm(full, full.shape[1], eps=eps)
        return torch.addcmul(shift[:, :, None, None], normed, scale[:, :, None, None]).to(x.dtype)


class Equalised(nn.Module):
    """A weight used as w x gain / sqrt(fan_in), and a bias; both learn at `rate` times the speed of others.

    `bias` is what the bias begins with, for each of as many equal shares of the outputs; None is no bias.
    """

    def __init__(
        self, shape: tuple[int, ...], gain: float = 1.0, bias: tuple[float, ...] | None = (0.0,), rate: float = 1.0
    ) -> None:
        super().__init__()
        self.scale, self.rate, self.start = gain / math.sqrt(math.prod(shape[1:])) * rate, rate, bias or ()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = None if bias is None else nn.Parameter(torch.empty(shape[0]))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight from N(0, 1), and set the bias to what it starts from."""
        nn.init.normal_(self.weight, 0.0, 1.0 / self.rate)
        if self.bias is not None:
            for part, start in zip(self.bias.chunk(len(self.start)), self.start, strict=True):
                nn.init.constant_(part, start / self.rate)

    def used_bias(self) -> Tensor | None:
        """The bias as it is added."""
        return self.bias if self.bias is None or self.rate == 1 else self.bias * self.rate


class EqualisedLinear(Equalised):
    """(N, source) to (N, target)."""

    def __init__(self, source: int, target: int, **numbers: Any) -> None:
        super().__init__((target, source), **numbers)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.used_bias())


class EqualisedConv2d(Equalised):
    """(N, source, H, W) to (N, target, H, W)."""

    def __init__(self, source: int, target: int, kernel: int, **numbers: Any) -> None:
        super().__init__((target, source, kernel, kernel), **numbers)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, self.used_bias(), padding=self.weight.shape[-1] // 2)

    def spread(self) -> Tensor:
        """The 4x4 weight that does at stride 2 what a 3x3 does between pixels repeated twice: four of it, summed."""
        padded = F.pad(self.weight * self.scale, (1, 1, 1, 1))
        rows = padded[:, :, 1:] + padded[:, :, :-1]
        return rows[..., 1:] + rows[..., :-1]  # (target, source, 4, 4)


class UpConv2d(EqualisedConv2d):
    """Repeat pixels twice either way, then convolve 3x3: (N, source, H, W) to (N, target, 2H, 2W).

    Done as one transposed convolution of 4x4 at stride 2, which is the same in 4/9 of the multiplications.
    """

    def forward(self, x: Tensor) -> Tensor:
        weight = self.spread().flip(2, 3).transpose(0, 1)
        return F.conv_transpose2d(x, weight, self.used_bias(), stride=2, padding=1)


class DownConv2d(EqualisedConv2d):
    """Convolve 3x3, then take means of 2x2: (N, source, H, W) to (N, target, H / 2, W / 2), as one convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.spread() / 4, self.used_bias(), stride=2, padding=1)
