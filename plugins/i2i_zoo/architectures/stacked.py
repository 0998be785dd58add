"""Networks of a stack of two levels: a classifier, and what undoes it (Huang et al., 2016, arXiv:1612.04357).

Features are pictures (N, F, 1, 1) of one pixel, so that players of features are like those of pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.architectures import dcgan, mlp
from i2i_zoo.base import Zoo
from i2i_zoo.parts import Architecture, Chance, Shape


class Encoder(nn.Module):
    """E_1, pictures (N, C, H, W) to features (N, F, 1, 1), and E_2, features to logits of classes (N, K)."""

    def __init__(self, to: Shape, width: int, features: int) -> None:
        super().__init__()
        body, stages = dcgan.Discriminator(to, width, "layer").body, dcgan.stages_of(to.size)
        units = (width << stages - 1) * (to.size[0] >> stages) * (to.size[1] >> stages)
        last = [nn.Linear(units, features), nn.Tanh(), nn.Unflatten(1, (features, 1, 1))]
        self.first = nn.Sequential(body, nn.Flatten(), *last)
        self.second = nn.Sequential(nn.Flatten(), nn.Linear(features, to.classes))


@dataclass(frozen=True)
class Features(Architecture):
    """Of the upper level: one hidden layer, twice as wide as there are features."""

    conditions = frozenset({"concat"})
    gives = frozenset({"features"})

    def generator(self, to: Shape) -> nn.Module:
        hidden = 2 * to.channels
        first = [nn.Linear(to.latent + to.classes, hidden), networks.BatchNorm1d(hidden), nn.ReLU()]
        return mlp.Generator(nn.Sequential(*first, nn.Linear(hidden, to.channels)), to)

    def discriminator(self, to: Shape) -> nn.Module:
        hidden = 2 * to.channels
        return mlp.Discriminator(nn.Sequential(nn.Linear(to.channels, hidden), nn.LeakyReLU(0.2)), hidden, to)

    def initialise(self, net: nn.Module) -> None:
        networks.initialise(net)


class Stack(nn.Module):
    """Latents (N, Z), half a level, and classes (N,) to pictures (N, C, H, W): by the players of both levels."""

    def __init__(self, top: Zoo, bottom: Zoo) -> None:
        super().__init__()
        self.top, self.bottom = top, bottom

    def forward(self, z: Tensor, labels: Tensor, chance: Chance | None = None) -> Tensor:
        first, second = z.chunk(2, dim=1)
        images: Tensor = self.bottom.drawer()(given(second, self.top.drawer()(first, labels, chance)), None, chance)
        return images


def given(z: Tensor, features: Tensor) -> Tensor:
    """What the lower generator is given, (N, Z / 2 + F): noise (N, Z / 2) and features (N, F, 1, 1)."""
    return torch.cat([z, features.flatten(1)], dim=1)
