"""What networks of residual blocks are put together from: blocks, and what stands before and after them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.layers.attention import SelfAttention
from i2i_zoo.layers.heads import Head
from i2i_zoo.layers.norms import EPS
from i2i_zoo.layers.spectral import Kit
from i2i_zoo.parts import Chance, Judged, Shape, wide

Pool = Literal["sum", "mean"]
Norm = Callable[[int], nn.Module]  # makes the norm of so many channels


class Plan(NamedTuple):
    """Channels for pictures of one size, in units of the width, and how many blocks of the discriminator halve."""

    generator: tuple[int, ...]  # of the smallest maps, then of what each block gives
    discriminator: tuple[int, ...]  # of what each block gives
    halvings: int

    @property
    def doublings(self) -> int:
        """How often the generator doubles the sides."""
        return len(self.generator) - 1

    def channels(self, width: int, narrow: float = 1.0) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Channels of the generator and of the discriminator, whose width is so many times the other's."""
        return tuple(width * k for k in self.generator), tuple(round(width * narrow) * k for k in self.discriminator)

    def sides(self, size: tuple[int, int]) -> tuple[list[int], list[int]]:
        """The smaller side of the maps that each block of the generator gives, and of the discriminator."""
        side = min(size)
        ups = [side >> self.doublings - number for number in range(1, self.doublings + 1)]
        return ups, [side >> min(number, self.halvings) for number in range(1, len(self.discriminator) + 1)]


class UpBlock(nn.Module):
    """Double the sides of (N, in, H, W): norm, ReLU, up, 3x3, norm, ReLU, 3x3, plus a shortcut of up and 1x1."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, kit: Kit, upsample: str) -> None:
        super().__init__()
        self.upsample = upsample
        self.conv1 = kit.conv(inputs, outputs, 3, padding=1)
        self.conv2 = kit.conv(outputs, outputs, 3, padding=1)
        self.conv_sc = kit.conv(inputs, outputs, 1)
        self.bn1, self.bn2 = norm(inputs), norm(outputs)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        h = self.conv1(self.up(F.relu(self.bn1(x, condition))))
        h = self.conv2(F.relu(self.bn2(h, condition)))
        return h + self.up(self.conv_sc(x))  # as if resized first: a 1x1 convolution of fewer places

    def up(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode=self.upsample)


class DownBlock(nn.Module):
    """A residual block of a discriminator: ReLU, 3x3, ReLU, 3x3, halved where it is `down`.

    The shortcut sees what came in, not rectified; it is 1x1 and then halved, or where nothing changes the identity. The
    first block has no ReLU before it, and its shortcut is halved before the 1x1.
    """

    def __init__(
        self, inputs: int, outputs: int, hidden: int, kit: Kit, norm: str, *, down: bool, first: bool = False
    ) -> None:
        super().__init__()
        self.down, self.first = down, first
        self.conv1 = kit.conv(inputs, hidden, 3, padding=1)
        self.conv2 = kit.conv(hidden, outputs, 3, padding=1)
        self.conv_sc = kit.conv(inputs, outputs, 1) if down or inputs != outputs else None
        self.norm1 = None if first else layer_norm(norm, inputs)
        self.norm2 = layer_norm(norm, hidden)
        self.norm_sc = None if self.conv_sc is None else layer_norm(norm, inputs)

    def forward(self, x: Tensor) -> Tensor:
        h = x if self.first else F.relu(normed(self.norm1, x))
        h = self.conv2(F.relu(normed(self.norm2, self.conv1(h))))
        return self.halved(h) + self.shortcut(x)

    def shortcut(self, x: Tensor) -> Tensor:
        if self.conv_sc is None:
            return x
        if self.first:
            return self.conv_sc(normed(self.norm_sc, self.halved(x)))
        return self.conv_sc(self.halved(normed(self.norm_sc, x)))  # as if halved last: both are linear

    def halved(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.down else x


def layer_norm(kind: str, channels: int) -> nn.Module | None:
    """The norm of a discriminator: batch, layer or None for none."""
    if kind == "batch":
        return networks.BatchNorm2d(channels, eps=EPS)
    return nn.GroupNorm(1, channels, eps=EPS) if kind == "layer" else None


def normed(norm: nn.Module | None, x: Tensor) -> Tensor:
    return x if norm is None else norm(x)


class Generator(nn.Module):
    """Draw (N, C, H, W) of a latent (N, Z), of which the first `latent` numbers are used, and of classes (N,)."""

    def __init__(
        self,
        to: Shape,
        stem: int,
        channels: tuple[int, ...],
        blocks: list[list[nn.Module]],
        kit: Kit,
        eps: float = EPS,
    ) -> None:
        super().__init__()
        doublings = len(channels) - 1
        self.bottom = (to.size[0] >> doublings, to.size[1] >> doublings)
        self.latent = to.latent
        self.linear = kit.linear(stem, channels[0] * math.prod(self.bottom))
        self.blocks = nn.ModuleList(nn.ModuleList(layers) for layers in blocks)
        self.norm = networks.BatchNorm2d(channels[-1], eps=eps)
        self.conv = kit.conv(channels[-1], to.channels, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        stem, told = self.told(z[:, : self.latent], labels)
        h = self.linear(stem).unflatten(1, (-1, *self.bottom))
        h = h.contiguous(memory_format=torch.channels_last)  # in which convolutions are faster; they hand it on
        for layers, condition in zip(self.blocks, told, strict=True):
            for layer in layers:  # type: ignore[attr-defined]
                h = layer(h) if isinstance(layer, SelfAttention) else layer(h, condition)
        return self.conv(F.relu(self.norm(h))).tanh()

    def told(self, z: Tensor, labels: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        """What the first layer gets, and the condition of each block."""
        return z, [labels] * len(self.blocks)


class Discriminator(nn.Module):
    """Judge (N, C, H, W), by the sum or the mean of the last block's maps over all places."""

    def __init__(self, blocks: list[list[nn.Module]], head: Head, pool: Pool = "sum", *, joint: bool = True) -> None:
        super().__init__()
        self.joint = joint  # whether pictures are judged one by one, and real and generated ones may be in one batch
        self.pool = pool
        self.blocks = nn.ModuleList(nn.ModuleList(layers) for layers in blocks)
        self.head = head

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        h = images
        for layers in self.blocks:
            for layer in layers:  # type: ignore[attr-defined]
                h = layer(h)
        return self.head(images, pooled(h, self.pool), labels)


def pooled(maps: Tensor, pool: Pool) -> Tensor:
    """Sum or mean of (N, C, H, W) over places, after a ReLU, in float32 at least."""
    maps = wide(F.relu(maps))
    return maps.sum(dim=(2, 3)) if pool == "sum" else maps.mean(dim=(2, 3))


def down_blocks(
    plan: Plan, inputs: int, channels: tuple[int, ...], kit: Kit, norm: str, *, broad: bool
) -> list[list[nn.Module]]:
    """The blocks of a discriminator; `broad` ones have as many channels within as they give."""
    blocks: list[list[nn.Module]] = []
    for number, outputs in enumerate(channels):
        first, down = number == 0, number < plan.halvings
        hidden = outputs if broad or first else inputs
        blocks.append([DownBlock(inputs, outputs, hidden, kit, norm, down=down, first=first)])
        inputs = outputs
    return blocks


def attending(blocks: list[list[nn.Module]], channels: tuple[int, ...], sides: list[int], side: int, kit: Kit) -> None:
    """Put self-attention after the first block whose maps have a side; nowhere for 0."""
    if side:
        place = sides.index(side)
        blocks[place].append(SelfAttention(channels[place], kit))


def plan_of(size: tuple[int, int], plans: Mapping[int, Plan], name: str) -> Plan:
    """The plan for the smaller side of pictures. Raises ValueError that names the nearest size."""
    plan = plans.get(min(size))
    if plan is None or any(side % (1 << plan.doublings) for side in size):
        fitting = min(plans, key=lambda side: (abs(side - min(size)), side))
        words = ", ".join(map(str, plans))
        raise ValueError(
            f"--architecture {name} has networks for pictures whose smaller side is one of {words}, and these have "
            f"{size[0]}x{size[1]}; use --image-size {fitting}"
        )
    return plan


def check_attention(name: str, side: int, *sides: list[int]) -> None:
    """Refuse a side that no maps have. Raises ValueError."""
    allowed = sorted(set(sides[0]).intersection(*sides))
    if side and side not in allowed:
        words = ", ".join(map(str, allowed))
        raise ValueError(
            f"{name}:attention={side} asks for attention at maps of {side} pixels, and these networks have {words}; "
            f"write --architecture {name}:attention={min(allowed, key=lambda other: abs(other - side))}"
        )


def check_numbers(name: str, **numbers: int) -> None:
    """Refuse numbers of which at least one is needed. Raises ValueError."""
    for key, number in numbers.items():
        if number < 1:
            raise ValueError(f"--architecture {name} has too small a {key}; leave it out, or give more")
