"""StyleGAN2: styles scale the weights, and nothing is normed or grown (Karras et al., 2020, arXiv:1912.04958).

The generator adds up pictures of all sizes, the discriminator is residual. Layers are those of the authors' code, whose
weights, and those of stylegan2-pytorch, `stylegan2_weights` reads and writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i_zoo.bounds import Factor, Probability
from i2i_zoo.layers.batch import MinibatchDeviation
from i2i_zoo.layers.equalised import LEAKY, EqualisedConv2d, EqualisedLinear, leaky
from i2i_zoo.layers.growth import channels_of, check_side
from i2i_zoo.layers.modulated import Layer, ToRGB
from i2i_zoo.layers.resample import SMOOTHER, blur, double, halve
from i2i_zoo.layers.styles import Mapping, drawn_styles
from i2i_zoo.parts import Architecture, Chance, Judged, Shape, wide

JUDGE_MAPPING = 8  # layers from a label to what the discriminator compares features with


@dataclass(frozen=True)
class StyleGAN2(Architecture):
    """The numbers of both networks; the paper's configuration F are the defaults.

    Channels are `width` at most, and 32 x width x multiplier / side where that is less.
    """

    width: int = 512
    multiplier: float = Factor(2.0)
    mapping: int = 8  # layers from latents to styles
    mixing: float = Probability(0.9)  # probability that a picture in training has the styles of two latents
    group: int = 4  # pictures of which the discriminator takes a deviation
    discriminator_blocks: Literal["residual", "plain"] = "residual"
    layout: Literal["paper", "nvlabs"] = "paper"  # of the later PyTorch code, which differs in a small constant

    conditions = frozenset({"embed", "projection", "ac"})
    gives = frozenset({"features", "styles"})

    def check(self, to: Shape) -> None:
        check_side(to.size, 8)

    def generator(self, to: Shape) -> nn.Module:
        classes = to.classes if to.generator_conditioning == "embed" else 0
        mapping = Mapping(to.latent, classes, self.width, self.mapping, rate=0.01, activation=LEAKY)
        channels = channels_of(to.size[0], self.width, self.multiplier)
        return Generator(mapping, channels, to.channels, self.width, self.mixing, self.layout == "nvlabs")

    def discriminator(self, to: Shape) -> nn.Module:
        channels = channels_of(to.size[0], self.width, self.multiplier)
        told = to.discriminator_conditioning
        residual = self.discriminator_blocks == "residual"
        return Discriminator(
            channels,
            to.channels,
            self.group,
            residual,
            projected=to.classes if told == "projection" else 0,
            told=to.classes if told == "ac" else 0,
        )


class Generator(nn.Module):
    """Draw latents (N, Z), and labels (N,) where there are classes, as pictures (N, C, H, W), without a tanh."""

    def __init__(
        self,
        mapping: Mapping,
        channels: Sequence[int],
        pictures: int,
        size: int,
        mixing: float = 0.0,
        later: bool = False,
    ) -> None:
        super().__init__()
        self.mapping, self.mixing = mapping, mixing
        self.const = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        self.layers = nn.ModuleList([Layer(channels[0], channels[0], 4, size, up=False, later=later)])
        for level, now in enumerate(channels[1:], 1):
            self.layers.append(Layer(channels[level - 1], now, 4 << level, size, up=True, later=later))
            self.layers.append(Layer(now, now, 4 << level, size, up=False, later=later))
        self.to_rgb = nn.ModuleList(ToRGB(width, pictures, size) for width in channels)

    @property
    def num_styles(self) -> int:
        """How many layers take a style; that of a picture is the next layer's, too."""
        return 2 * len(self.to_rgb)

    @property
    def w_avg(self) -> Tensor:
        """The mean style (W,)."""
        return self.mapping.w_avg

    def synthesis(self, styles: Tensor, chance: Chance | None = None) -> Tensor:
        """Draw pictures of styles (N, num_styles, W)."""
        x = self.layers[0](self.const.expand(len(styles), -1, -1, -1), styles[:, 0], chance)
        image = self.to_rgb[0](x, styles[:, 1])
        for level in range(1, len(self.to_rgb)):
            x = self.layers[2 * level - 1](x, styles[:, 2 * level - 1], chance)
            x = self.layers[2 * level](x, styles[:, 2 * level], chance)
            image = double(image) + self.to_rgb[level](x, styles[:, 2 * level + 1])
        return image

    def draw_styles(self, z: Tensor, labels: Tensor | None, chance: Chance | None) -> Tensor:
        """The styles (N, num_styles, W) of latents, by chance of two each."""
        return drawn_styles(self.mapping, z, labels, self.num_styles, chance, self.mixing)

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        return self.synthesis(self.draw_styles(z, labels, chance), chance)


class Activated(EqualisedConv2d):
    """A convolution and a leaky ReLU times `after`; `down` blurs first and halves the sides.

    A leaky ReLU keeps positive factors, so that weights and biases are multiplied instead of pictures.
    """

    def __init__(self, source: int, target: int, kernel: int, down: bool = False, after: float = LEAKY) -> None:
        super().__init__(source, target, kernel)
        self.down, self.after = down, after

    def forward(self, x: Tensor) -> Tensor:
        assert self.bias is not None
        weight, bias = self.weight * (self.scale * self.after), self.bias * self.after
        if self.down:
            return leaky(F.conv2d(blur(x, SMOOTHER, padding=2), weight, bias, stride=2))
        return leaky(F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2))


class Block(nn.Module):
    """Two convolutions that halve the sides, (N, source, H, W) to (N, target, H / 2, W / 2), and a shortcut.

    Both ways are divided by sqrt 2 before they are added, which cancels the gain of the second convolution.
    """

    def __init__(self, source: int, target: int, residual: bool) -> None:
        super().__init__()
        self.first = Activated(source, source, 3)
        self.second = Activated(source, target, 3, down=True, after=1.0 if residual else LEAKY)
        self.skip = EqualisedConv2d(source, target, 1, gain=1 / LEAKY, bias=None) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(x))
        return out if self.skip is None else out + self.skip(halve(x))


class Discriminator(nn.Module):
    """Judge pictures, which it compares with each other: real and generated ones apart.

    Of `projected` classes the logit is the product of features with what a label is mapped to, over sqrt(size); `told`
    are classes that it tells apart itself.
    """

    joint = False

    def __init__(
        self,
        channels: Sequence[int],
        pictures: int,
        group: int,
        residual: bool = True,
        projected: int = 0,
        told: int = 0,
    ) -> None:
        super().__init__()
        self.from_rgb = Activated(pictures, channels[-1], 1)
        down = list(zip(channels[1:], channels, strict=False))[::-1]
        self.blocks = nn.Sequential(*(Block(source, target, residual) for source, target in down))
        self.deviation = MinibatchDeviation(group)
        self.conv = Activated(channels[0] + 1, channels[0], 3)
        self.dense = EqualisedLinear(16 * channels[0], channels[0])
        self.head = EqualisedLinear(channels[0], channels[0] if projected else 1 + told)
        self.mapping = (
            Mapping(0, projected, channels[0], JUDGE_MAPPING, rate=0.01, activation=LEAKY) if projected else None
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        x = self.conv(self.deviation(self.blocks(self.from_rgb(images))))
        features = leaky(self.dense(x.flatten(1)), LEAKY)  # (N, channels[0])
        out = self.head(features)
        if self.mapping is not None:
            logit = (wide(out) * self.mapping(None, labels)).mean(dim=1) * out.shape[1] ** 0.5
            return Judged(images, logit, labels, features)
        return Judged(images, out[:, 0], labels, features, out[:, 1:] if out.shape[1] > 1 else None)
