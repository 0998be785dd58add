"""The completion network and the context discriminator.

Both put their batch norms after each activation, as the PyTorch reference does, or before it, as mmagic does; in the
second case the convolutions have no bias, for the norm would take it away.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

REACH = 160  # pixels around a hole that can change what is made in it, at most; a multiple of 4
DILATIONS = (2, 4, 8, 16)


def layer(conv: nn.Module, channels: int, norm_first: bool) -> nn.Sequential:
    """Chain a convolution, its activation and its batch norm."""
    norm, activation = ("norm", nn.BatchNorm2d(channels)), ("activation", nn.ReLU())
    rest = (norm, activation) if norm_first else (activation, norm)
    return nn.Sequential(OrderedDict([("conv", conv), *rest]))


class CompletionNetwork(nn.Module):
    """Make a picture (N, C, H, W) of one with holes and its mask (N, C + 1, H, W); sides are multiples of 4.

    Two halvings, four dilated convolutions that see far, two doublings. The result lies in [0, 1] by a sigmoid, or with
    `signed` in [-1, 1], cut off.
    """

    def __init__(self, channels: int, width: int = 64, norm_first: bool = False, signed: bool = False) -> None:
        super().__init__()
        self.signed = signed
        layers: list[nn.Module] = []
        before = channels + 1

        def add(after: int, kernel: int = 3, stride: int = 1, dilation: int = 1, up: bool = False) -> None:
            nonlocal before
            if up:
                conv: nn.Module = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=not norm_first)
            else:
                padding = dilation * (kernel // 2)
                conv = nn.Conv2d(before, after, kernel, stride, padding, dilation, bias=not norm_first)
            layers.append(layer(conv, after, norm_first))
            before = after

        add(width, kernel=5)
        add(2 * width, stride=2)
        add(2 * width)
        add(4 * width, stride=2)
        for dilation in (1, 1, *DILATIONS, 1, 1):
            add(4 * width, dilation=dilation)
        add(2 * width, up=True)
        add(2 * width)
        add(width, up=True)
        add(width // 2)
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv2d(before, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        made = self.head(self.layers(x))
        return made.clamp(-1, 1) if self.signed else made.sigmoid()


class Tower(nn.Module):
    """Describe pictures (N, C, *size) by a vector (N, 16 width): convolutions that halve, then a linear layer."""

    def __init__(
        self, channels: int, size: tuple[int, int], width: int, halvings: int, norm_first: bool = False
    ) -> None:
        super().__init__()
        layers = []
        for level in range(halvings):
            after = width * min(2**level, 8)
            conv = nn.Conv2d(channels, after, 5, 2, 2, bias=not norm_first)
            layers.append(layer(conv, after, norm_first))
            channels = after
        self.layers = nn.Sequential(*layers)
        height, wide = (halved(side, halvings) for side in size)
        self.linear = nn.Linear(channels * height * wide, 16 * width)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.linear(self.layers(pictures).flatten(1)).relu()


class ContextDiscriminator(nn.Module):
    """Judge pictures (N, C, *size) by a square window of them and by the whole: logits (N, 1)."""

    def __init__(
        self,
        channels: int,
        local_size: int,
        size: tuple[int, int],
        width: int = 64,
        local_layers: int = 5,
        global_layers: int = 5,
        norm_first: bool = False,
    ) -> None:
        super().__init__()
        self.local = Tower(channels, (local_size, local_size), width, local_layers, norm_first)
        self.whole = Tower(channels, size, width, global_layers, norm_first)
        self.head = nn.Linear(32 * width, 1)

    def forward(self, window: Tensor, whole: Tensor) -> Tensor:
        return self.head(torch.cat([self.local(window), self.whole(whole)], dim=1))


def halved(side: int, times: int) -> int:
    """A side after so many halvings, odd ones rounded up."""
    return -(-side // 2**times)
