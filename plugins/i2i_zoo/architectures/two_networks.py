"""CGAN's networks for digits: picture and class, or latent and class, have layers of their own before they are joined.

Mirza and Osindero, 2014, arXiv:1411.1784.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from i2i_zoo.architectures import mlp
from i2i_zoo.bounds import Probability
from i2i_zoo.parts import Architecture, Chance, Judged, Shape, one_hot


@dataclass(frozen=True)
class TwoNetworks(Architecture):
    """Of the generator's `width` joined units a sixth and five sixths lead there; the discriminator has maxout units.

    `dropout` is of the discriminator's hidden layers. The authors' generator ends in a sigmoid on [0, 1], this one in a
    tanh.
    """

    width: int = 1200
    units: int = 240
    dropout: float = Probability(0.5)

    conditions = frozenset({"concat"})
    gives = frozenset({"features"})

    def check(self, to: Shape) -> None:
        if to.conditioning != "concat+concat":
            raise ValueError("these networks have a half for the class each; use --conditioning concat+concat")

    def generator(self, to: Shape) -> nn.Module:
        return Generator(to, self.width)

    def discriminator(self, to: Shape) -> nn.Module:
        return Discriminator(to, self.units, self.dropout)

    def initialise(self, net: nn.Module) -> None:
        mlp.MaxoutMLP().initialise(net)
        if isinstance(net, Generator):
            for layer in (net.noise, net.told, net.joined, net.pixels):
                nn.init.uniform_(layer.weight, -0.05, 0.05)


class Generator(nn.Module):
    """Latents (N, Z) and classes (N,) to pictures (N, C, H, W) in [-1, 1]."""

    def __init__(self, to: Shape, width: int) -> None:
        super().__init__()
        few, self.classes, self.shape = max(1, width // 6), to.classes, (to.channels, *to.size)
        self.noise, self.told = nn.Linear(to.latent, few), nn.Linear(to.classes, width - few)
        self.joined, self.pixels = nn.Linear(width, width), nn.Linear(width, math.prod(self.shape))

    def forward(self, z: Tensor, labels: Tensor, chance: Chance | None = None) -> Tensor:
        told = self.told(one_hot(labels, self.classes).to(z))
        joined = self.joined(torch.cat([self.noise(z), told], dim=1).relu()).relu()
        images: Tensor = self.pixels(joined).tanh().unflatten(1, self.shape)
        return images


class Discriminator(nn.Module):
    """Pictures (N, C, H, W) and classes (N,) to one logit each."""

    def __init__(self, to: Shape, units: int, dropout: float) -> None:
        super().__init__()
        self.classes, few = to.classes, max(1, units * 5 // 24)
        self.seen = nn.Sequential(nn.Flatten(), mlp.Maxout(to.channels * math.prod(to.size), units, 5))
        self.told = mlp.Maxout(to.classes, few, 5)
        self.joined = nn.Sequential(nn.Dropout(dropout), mlp.Maxout(units + few, units, 4), nn.Dropout(dropout))
        self.head = nn.Linear(units, 1)

    def forward(self, images: Tensor, labels: Tensor) -> Judged:
        told = self.told(one_hot(labels, self.classes).to(images))
        features = self.joined(torch.cat([self.seen(images), told], dim=1))  # (N, F)
        return Judged(images, self.head(features).flatten(), features=features)
