"""StackGAN++'s tree, one trunk that draws at each of its sizes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_stackgan.networks import Conditioning, Seed, beside, convolution


class Block(nn.Module):
    """Add two convolutions of (N, C, H, W) to it; there is no activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels, gated=True)
        self.second = networks.stage(
            conv=nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm=nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Branch(nn.Module):
    """Double the sides of maps (N, width, H, W), under a condition, to (N, width / 2, 2H, 2W)."""

    def __init__(self, width: int, condition: int, blocks: int) -> None:
        super().__init__()
        self.joint = convolution(condition + width, width, gated=True)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.up = convolution(width, width // 2, gated=True, resize=True)

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        return self.up(self.blocks(self.joint(beside(maps, condition, first=True))))


class Tree(nn.Module):
    """Draw pictures of noise (N, Z) and a condition (N, size) at each of the sizes, the smallest first."""

    def __init__(
        self, channels: int, levels: int, branches: int, text: int, condition: int, noise: int, width: int, blocks: int
    ) -> None:
        super().__init__()
        hidden = width * 2**levels
        self.condition = Conditioning(text, condition, gated=True)
        self.seed = Seed(condition + noise, hidden, gated=True)
        self.up = nn.Sequential(
            *(convolution(hidden >> k, hidden >> k + 1, gated=True, resize=True) for k in range(levels))
        )
        self.branches = nn.ModuleList(Branch(width >> k, condition, blocks) for k in range(branches - 1))
        self.heads = nn.ModuleList(
            networks.stage(conv=nn.Conv2d(width >> k, channels, 3, padding=1, bias=False), act=nn.Tanh())
            for k in range(branches)
        )

    def forward(self, noise: Tensor, condition: Tensor) -> list[Tensor]:
        maps = self.up(self.seed(torch.cat([condition, noise.to(condition)], dim=1)))  # (N, width, H, W)
        drawn = [self.heads[0](maps)]
        for branch, head in zip(self.branches, list(self.heads)[1:], strict=True):
            maps = branch(maps, condition)  # (N, C / 2, 2H, 2W)
            drawn.append(head(maps))
        return drawn
