"""The networks of the Context Encoder: a picture squeezed to a few numbers, and its middle made of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from i2i import networks

BASE = 4  # side of the map that is squeezed


class ContextEncoderNetwork(nn.Module):
    """Make the middle (N, C, S / 2, S / 2) of pictures (N, C, S, S), S a power of two, in [-1, 1].

    Convolutions halve down to 4x4; `bottleneck` is a convolution to `squeezed` numbers, or connects the positions of
    each channel with each other and then the channels, as the paper does. Convolutions have biases, which do nothing in
    front of a norm; the authors' code has and zeroes them.
    """

    def __init__(
        self, channels: int, size: int, width: int = 64, bottleneck: str = "conv", squeezed: int = 4000
    ) -> None:
        super().__init__()
        halvings = int(math.log2(size // BASE))
        stages: list[nn.Module] = []
        before = channels
        for level in range(halvings):
            after = width * 2 ** max(0, level - max(0, halvings - 4))
            norm = nn.BatchNorm2d(after) if level else None
            stages.append(networks.stage(conv=conv(before, after), norm=norm, activation=nn.LeakyReLU(0.2)))
            before = after
        self.encoder = nn.Sequential(*stages)
        self.bottleneck = _Squeeze(before, squeezed) if bottleneck == "conv" else _ChannelWise(before)
        stages = []
        for level in range(halvings - 1):
            after = channels if level == halvings - 2 else max(width, before // 2)
            up = nn.ConvTranspose2d(before, after, 4, 2, 1)
            if level == halvings - 2:
                stages.append(networks.stage(conv=up, activation=nn.Tanh()))
            else:
                stages.append(networks.stage(conv=up, norm=nn.BatchNorm2d(after), activation=nn.ReLU()))
            before = after
        self.decoder = nn.Sequential(*stages)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.decoder(self.bottleneck(self.encoder(pictures)))


def conv(before: int, after: int) -> nn.Conv2d:
    """A convolution that halves."""
    return nn.Conv2d(before, after, 4, 2, 1)


class _Squeeze(nn.Sequential):
    """Maps (N, C, 4, 4) through so many numbers to maps of the same shape."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__(
            networks.stage(
                conv=nn.Conv2d(channels, squeezed, BASE), norm=nn.BatchNorm2d(squeezed), activation=nn.LeakyReLU(0.2)
            ),
            networks.stage(
                conv=nn.ConvTranspose2d(squeezed, channels, BASE), norm=nn.BatchNorm2d(channels), activation=nn.ReLU()
            ),
        )


class _ChannelWise(nn.Module):
    """Maps (N, C, 4, 4) to maps of the same shape: a linear layer within each channel, then one across channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        positions = BASE * BASE
        self.weight = nn.Parameter(torch.empty(channels, positions, positions).normal_(0, positions**-0.5))
        self.bias = nn.Parameter(torch.zeros(channels, positions))
        self.mix = networks.stage(
            conv=nn.Conv2d(channels, channels, 1), norm=nn.BatchNorm2d(channels), activation=nn.ReLU()
        )

    def forward(self, maps: Tensor) -> Tensor:
        mixed = torch.einsum("nci,cij->ncj", maps.flatten(2), self.weight.to(maps)) + self.bias.to(maps)
        return self.mix(mixed.view_as(maps).relu())


class CentreDiscriminator(nn.Sequential):
    """Judge middles (N, C, S, S), S a power of two: logits (N, 1, 1, 1)."""

    def __init__(self, channels: int, size: int, width: int = 64) -> None:
        stages: list[nn.Module] = []
        for level in range(int(math.log2(size // BASE))):
            after = width * min(2**level, 8)
            norm = nn.BatchNorm2d(after) if level else None
            stages.append(networks.stage(conv=conv(channels, after), norm=norm, activation=nn.LeakyReLU(0.2)))
            channels = after
        super().__init__(*stages, nn.Conv2d(channels, 1, BASE))
