"""Progressive GAN: networks that grow from 4 pixels up (Karras et al., 2018, arXiv:1710.10196).

Layers are those of the authors' TensorFlow code; `layout="rosinality"` is progressive-gan-pytorch, whose generator
normalises before it activates and whose discriminator takes the deviation of its pictures' pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.layers.batch import MinibatchDeviation
from i2i_zoo.layers.equalised import LEAKY, DownConv2d, EqualisedConv2d, EqualisedLinear, UpConv2d, leaky, pixel_norm
from i2i_zoo.layers.growth import Growing, Growth, channels_of
from i2i_zoo.layers.resample import SMOOTH, blur, repeated
from i2i_zoo.parts import Chance, Judged, Shape, wide

Layout = Literal["paper", "rosinality"]


@dataclass(frozen=True)
class ProGAN(Growing):
    """The numbers of both networks; the paper's are the defaults."""

    width: int = 512  # channels at most; from 64 pixels on they are halved with each doubling
    group: int = 4  # pictures of which the discriminator takes a deviation
    layout: Layout = "paper"

    conditions = frozenset({"concat", "embed", "ac"})
    gives = frozenset({"features"})

    def generator(self, to: Shape) -> nn.Module:
        channels = channels_of(to.size[0], self.width)
        return Generator(channels, to.channels, to.latent, to.classes, to.generator_conditioning, self.layout)

    def discriminator(self, to: Shape) -> nn.Module:
        channels = channels_of(to.size[0], self.width)
        classes = to.classes if to.discriminator_conditioning == "ac" else 0
        return Discriminator(channels, to.channels, classes, self.group, self.layout)


def plain_or_equalised(source: int, target: int, layout: Layout) -> nn.Module:
    """The 1x1 convolution between features and pictures."""
    return nn.Conv2d(source, target, 1) if layout == "rosinality" else EqualisedConv2d(source, target, 1)


class Normed(nn.Module):
    """A convolution, a leaky ReLU and pixel norm; `first` normalises before it activates."""

    def __init__(self, conv: nn.Module, first: bool) -> None:
        super().__init__()
        self.conv, self.first = conv, first

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return leaky(pixel_norm(x)) if self.first else pixel_norm(leaky(x))


class Stem(nn.Module):
    """A dense layer from a latent (N, Z) to (N, C, 4, 4), with one bias a channel."""

    def __init__(self, latent: int, channels: int) -> None:
        super().__init__()
        self.linear = EqualisedLinear(latent, 16 * channels, gain=LEAKY / 4, bias=None)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, z: Tensor) -> Tensor:
        return self.linear(z).view(len(z), -1, 4, 4) + self.bias[:, None, None]


class Generator(nn.Module):
    """Draw latents (N, Z), and labels (N,) where it is told them, as pictures of its level's size, without a tanh."""

    def __init__(
        self, channels: Sequence[int], pictures: int, latent: int, classes: int, told: str, layout: Layout
    ) -> None:
        super().__init__()
        self.classes, first = classes, layout == "rosinality"
        self.labels = nn.Embedding(classes, classes) if told == "embed" else None
        self.concat = told == "concat"
        inside = latent + (classes if told in ("concat", "embed") else 0)
        self.stem = Normed(Stem(inside, channels[0]), first)
        blocks = [[Normed(EqualisedConv2d(channels[0], channels[0], 3, gain=LEAKY), first)]]
        for before, now in pairwise(channels):
            up, same = UpConv2d(before, now, 3, gain=LEAKY), EqualisedConv2d(now, now, 3, gain=LEAKY)
            blocks.append([Normed(up, first), Normed(same, first)])
        self.blocks = nn.ModuleList(nn.Sequential(*block) for block in blocks)
        self.to_rgb = nn.ModuleList(plain_or_equalised(width, pictures, layout) for width in channels)
        self.levels = Growth([4 << k for k in range(len(channels))])

    def grown(self, level: int) -> Iterator[nn.Parameter]:
        """The parameters that draw at a level and, while it fades in, at the one below."""
        if self.labels is not None:
            yield from self.labels.parameters()
        parts = [self.stem, *self.blocks[: level + 1], *self.to_rgb[max(level - 1, 0) : level + 1]]
        for part in parts:
            yield from part.parameters()

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        if self.labels is not None:
            z = torch.cat([pixel_norm(z), self.labels(labels).to(z)], dim=1)
        elif self.concat:
            assert labels is not None
            z = pixel_norm(torch.cat([z, F.one_hot(labels, self.classes).to(z)], dim=1))
        else:
            z = pixel_norm(z)
        x = before = self.stem(z)
        top = self.levels.level
        for block in self.blocks[: top + 1]:
            before, x = x, block(x)
        image = wide(self.to_rgb[top](x))
        if self.levels.fading:
            image = self.levels.mixed(repeated(wide(self.to_rgb[top - 1](before))), image)
        return image


class Halving(nn.Module):
    """Two convolutions, and half the sides: (N, source, H, W) to (N, target, H / 2, W / 2).

    ProGAN takes means of 2x2 after the activation; StyleGAN (`smooth`) blurs, convolves and takes means before it.
    """

    def __init__(self, source: int, target: int, layout: Layout, smooth: bool) -> None:
        super().__init__()
        between = source if layout == "paper" else target
        self.first = EqualisedConv2d(source, between, 3, gain=LEAKY)
        self.second = (DownConv2d if smooth else EqualisedConv2d)(between, target, 3, gain=LEAKY)
        self.smooth = smooth

    def forward(self, x: Tensor) -> Tensor:
        x = leaky(self.first(x))
        if self.smooth:
            return leaky(self.second(blur(x, SMOOTH, padding=1)))
        return F.avg_pool2d(leaky(self.second(x)), 2)


class Discriminator(nn.Module):
    """Judge pictures of its level's size, and tell `classes` apart where there are any.

    It compares pictures with each other, so that real and generated ones are judged apart. `smooth` is StyleGAN's.
    """

    joint = False

    def __init__(
        self, channels: Sequence[int], pictures: int, classes: int, group: int, layout: Layout, smooth: bool = False
    ) -> None:
        super().__init__()
        self.official, plain = layout == "paper", layout == "rosinality" and not smooth
        self.from_rgb = nn.ModuleList(
            nn.Conv2d(pictures, width, 1) if plain else EqualisedConv2d(pictures, width, 1, gain=LEAKY)
            for width in channels
        )
        pairs = zip(channels[1:], channels, strict=False)
        self.blocks = nn.ModuleList(Halving(now, below, layout, smooth) for now, below in pairs)
        self.deviation = PixelDeviation() if plain else MinibatchDeviation(group if self.official else 0)
        self.conv = EqualisedConv2d(channels[0] + 1, channels[0], 3, gain=LEAKY)
        self.dense = EqualisedLinear(16 * channels[0], channels[0], gain=LEAKY)
        self.head = nn.Linear(channels[0], 1 + classes) if plain else EqualisedLinear(channels[0], 1 + classes)
        self.levels = Growth([4 << k for k in range(len(channels))])

    def grown(self, level: int) -> Iterator[nn.Parameter]:
        """The parameters that judge at a level and, while it fades in, at the one below."""
        ends = [self.conv, self.dense, self.head]
        for part in [*self.from_rgb[max(level - 1, 0) : level + 1], *self.blocks[:level], *ends]:
            yield from part.parameters()

    def _begin(self, level: int, images: Tensor) -> Tensor:
        x = self.from_rgb[level](images)
        return leaky(x) if self.official else x

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        top = self.levels.level
        x = self._begin(top, images)
        for level in range(top, 0, -1):
            x = self.blocks[level - 1](x)
            if level == top and self.levels.fading:
                x = self.levels.mixed(self._begin(top - 1, F.avg_pool2d(images, 2)), x)
        x = self.deviation(images, x) if isinstance(self.deviation, PixelDeviation) else self.deviation(x)
        features = leaky(self.dense(leaky(self.conv(x)).flatten(1)))  # (N, channels[0])
        out = self.head(features)
        return Judged(images, out[:, 0], labels, features, out[:, 1:] if out.shape[1] > 1 else None)


class PixelDeviation(nn.Module):
    """Append to maps the unbiased deviation of the pictures' pixels over the batch, averaged, as a constant map."""

    def forward(self, images: Tensor, x: Tensor) -> Tensor:
        spread = networks.gather(wide(images)).std(dim=0).mean()
        return torch.cat([x, spread.to(x.dtype).expand(len(x), 1, *x.shape[2:])], dim=1)
