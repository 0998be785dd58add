"""StackGAN's networks, and what those of StackGAN++ share with them: conditioning, doubling, judging.

Layers are those of the authors' PyTorch code; `i2i_stackgan.published` knows its names of weights. Sides are 4 times a
power of two: the authors' 64 and 256, or smaller and larger with fewer or more levels of the same widths.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from i2i import networks

CODE = 4  # side of what a generator begins with and a discriminator ends with
LEVELS = 4  # of a discriminator that widen it; further ones are narrowed again
Net = TypeVar("Net", bound=nn.Module)


def levels_of(image_size: tuple[int, int], factor: int = 1) -> int:
    """How often 4 pixels are doubled to a `factor`-th of the run's `image_size` (H, W).

    Raises ValueError where that side is none of those, with sizes that lead to one, or where it is no square.
    """
    size, width = image_size
    if width != size:
        raise ValueError(f"this model draws squares, and the size is {width}x{size}; leave --image-width out")
    levels = (size // factor // CODE).bit_length() - 1
    if levels < 1 or factor * CODE * 2**levels != size:
        low = factor * CODE * 2 ** max(levels, 1)
        raise ValueError(
            f"the pictures are drawn from {CODE} pixels, doubled again and again, and {size} is not reached so; "
            f"use --image-size {low} or {2 * low}"
        )
    return levels


def initialise(net: Net, orthogonal: bool = False) -> Net:
    """Draw first weights anew as the authors do, in place: N(0, 0.02) or orthogonal, batch norms N(1, 0.02)."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.orthogonal_(layer.weight) if orthogonal else nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)
    return net


def beside(images: Tensor, code: Tensor, first: bool = False) -> Tensor:
    """Join a code (N, D) to maps (N, C, H, W) as constant planes: behind them, or first."""
    planes = code.to(images)[:, :, None, None].expand(-1, -1, *images.shape[2:])
    joined = torch.cat([planes, images] if first else [images, planes], dim=1)  # (N, C + D, H, W)
    if images.is_contiguous(memory_format=torch.channels_last):
        joined = joined.contiguous(memory_format=torch.channels_last)  # expanded planes have no layout of their own
    return joined


def convolution(source: int, target: int, gated: bool = False, resize: bool = False) -> nn.Sequential:
    """Chain a 3x3 convolution, after a doubling of the sides if need be, a norm, and a ReLU or a gate (GLU)."""
    return networks.stage(
        resize=nn.Upsample(scale_factor=2, mode="nearest") if resize else None,
        conv=nn.Conv2d(source, target * (2 if gated else 1), 3, padding=1, bias=False),
        norm=nn.BatchNorm2d(target * (2 if gated else 1)),
        act=nn.GLU(dim=1) if gated else nn.ReLU(inplace=True),
    )


class Conditioning(nn.Module):
    """Conditioning augmentation: of an embedding (N, D) a mean and a log variance (N, size), and a draw from them.

    Both come out of a ReLU and are at least 0; in StackGAN++ a gate replaces it (`gated`).
    """

    def __init__(self, text: int, size: int, gated: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(text, size * (4 if gated else 2))
        self.act = nn.GLU(dim=1) if gated else nn.ReLU()

    def forward(self, text: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the draw, which is made with noise (N, size) from N(0, 1), the mean and the log variance."""
        values = self.act(self.linear(text))
        mu, logvar = (values if values.dtype == torch.float64 else values.float()).chunk(2, dim=1)
        return mu + (0.5 * logvar).exp() * noise.to(mu), mu, logvar


class Seed(nn.Module):
    """Make maps (N, hidden, 4, 4) of a vector (N, D)."""

    def __init__(self, size: int, hidden: int, gated: bool = False) -> None:
        super().__init__()
        numbers = hidden * CODE**2 * (2 if gated else 1)
        self.linear = nn.Linear(size, numbers, bias=False)
        self.norm = nn.BatchNorm1d(numbers)
        self.act = nn.GLU(dim=1) if gated else nn.ReLU(inplace=True)

    def forward(self, vector: Tensor) -> Tensor:
        maps = self.act(self.norm(self.linear(vector))).unflatten(1, (-1, CODE, CODE))
        on_host = maps.is_cuda or maps.device.type == "cpu"  # whose convolutions are faster in this layout
        return maps.contiguous(memory_format=torch.channels_last) if on_host else maps


class FirstGenerator(nn.Module):
    """Stage I: draw pictures (N, C, H, W) in [-1, 1] of noise (N, Z) and a condition (N, size)."""

    def __init__(self, channels: int, levels: int, text: int, condition: int, noise: int, width: int) -> None:
        super().__init__()
        hidden = width * 2**levels // 2
        self.condition = Conditioning(text, condition)
        self.seed = Seed(noise + condition, hidden)
        self.up = nn.Sequential(*(convolution(hidden >> k, hidden >> k + 1, resize=True) for k in range(levels)))
        self.head = networks.stage(conv=nn.Conv2d(hidden >> levels, channels, 3, padding=1, bias=False), act=nn.Tanh())

    def forward(self, noise: Tensor, condition: Tensor) -> Tensor:
        return self.head(self.up(self.seed(torch.cat([noise.to(condition), condition], dim=1))))


class ResidualBlock(nn.Module):
    """Add two convolutions of (N, C, H, W) to it, with a ReLU after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = networks.stage(
            conv=nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm=nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class SecondGenerator(nn.Module):
    """Stage II: redraw a picture of stage I, (N, C, H, W), at four times its sides, under a condition of its own."""

    def __init__(self, channels: int, text: int, condition: int, width: int, blocks: int) -> None:
        super().__init__()
        self.condition = Conditioning(text, condition)
        self.stem = networks.stage(conv=nn.Conv2d(channels, width, 3, padding=1, bias=False), act=nn.ReLU(inplace=True))
        self.down = nn.Sequential(
            *(
                networks.stage(
                    conv=nn.Conv2d(wide, 2 * wide, 4, stride=2, padding=1, bias=False),
                    norm=nn.BatchNorm2d(2 * wide),
                    act=nn.ReLU(inplace=True),
                )
                for wide in (width, 2 * width)
            )
        )
        self.joint = convolution(4 * width + condition, 4 * width)
        self.blocks = nn.Sequential(*(ResidualBlock(4 * width) for _ in range(blocks)))
        self.up = nn.Sequential(*(convolution(4 * width >> k, 4 * width >> k + 1, resize=True) for k in range(4)))
        self.head = networks.stage(conv=nn.Conv2d(4 * width >> 4, channels, 3, padding=1, bias=False), act=nn.Tanh())

    def forward(self, base: Tensor, condition: Tensor) -> Tensor:
        maps = self.down(self.stem(base))  # (N, 4 width, H/4, W/4)
        return self.head(self.up(self.blocks(self.joint(beside(maps, condition)))))


class Discriminator(nn.Module):
    """Judge pictures (N, C, H, W), whose sides are 4 doubled `levels` times, with their sentences: logits (N,).

    With `alone` it judges them without, too. `forward` computes features (N, D, 4, 4), which both judgements share.
    StackGAN++ joins the sentence in front of them (`sentence_first`), StackGAN behind.
    """

    def __init__(
        self, channels: int, levels: int, condition: int, width: int, alone: bool, sentence_first: bool = False
    ) -> None:
        super().__init__()
        self.sentence_first = sentence_first
        self.layers, self.narrow = nn.Sequential(), nn.Sequential()
        for level in range(levels):
            wide = width * 2**level
            conv = nn.Conv2d(channels, wide, 4, stride=2, padding=1, bias=False)
            self.layers.append(networks.stage(conv=conv, norm=nn.BatchNorm2d(wide) if level else None, act=_leaky()))
            channels = wide
        for _ in range(levels - LEVELS):
            self.narrow.append(_judging(channels, channels // 2))
            channels //= 2
        self.joint = _judging(channels + condition, channels)
        self.paired = nn.Conv2d(channels, 1, CODE)
        self.alone = nn.Conv2d(channels, 1, CODE) if alone else None

    def forward(self, images: Tensor) -> Tensor:
        return self.narrow(self.layers(images))

    def judge(self, features: Tensor, condition: Tensor) -> Tensor:
        """Logits (N,) of pictures, by their features, with sentences, by the means of their conditions."""
        return self.paired(self.joint(beside(features, condition, self.sentence_first))).flatten()

    def judge_alone(self, features: Tensor) -> Tensor:
        """Logits (N,) of pictures without their sentences."""
        assert self.alone is not None
        return self.alone(features).flatten()


def _judging(source: int, target: int) -> nn.Sequential:
    conv = nn.Conv2d(source, target, 3, padding=1, bias=False)
    return networks.stage(conv=conv, norm=nn.BatchNorm2d(target), act=_leaky())


def _leaky() -> nn.LeakyReLU:
    return nn.LeakyReLU(0.2, inplace=True)
