"""Networks of a stack of two levels: a classifier, and what undoes it (Huang et al., 2016, arXiv:1612.04357)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.architectures import dcgan
from i2i_zoo.parts import Chance, Judged, Shape, one_hot


class Encoder(nn.Module):
    """E_1, pictures (N, C, H, W) to features (N, F), and E_2, features to logits of classes (N, K)."""

    def __init__(self, to: Shape, width: int, features: int) -> None:
        super().__init__()
        body = dcgan.Discriminator(to, width, "layer").body
        self.first = nn.Sequential(body, nn.Flatten(), nn.Linear(count(to, width), features), nn.Tanh())
        self.second = nn.Linear(features, to.classes)


class Level(nn.Module):
    """G_i with its discriminator, and the recogniser of its noise."""

    def __init__(self, generator: nn.Module, body: nn.Module, features: int, noise: int) -> None:
        super().__init__()
        self.generator, self.body = generator, body
        self.head, self.recogniser = nn.Linear(features, 1), nn.Linear(features, noise)
        networks.initialise(self)

    def judge(self, made: Tensor) -> Judged:
        """What the discriminator says of features (N, F) or pictures (N, C, H, W)."""
        features = self.body(made).flatten(1)
        return Judged(made, self.head(features).squeeze(1), features=features, embedding=self.recogniser(features))


class Stack(nn.Module):
    """Latents (N, Z), half a level, and classes (N,) to pictures (N, C, H, W)."""

    def __init__(self, to: Shape, width: int, features: int) -> None:
        super().__init__()
        noise, self.classes = to.latent // 2, to.classes
        hidden = [nn.Linear(noise + to.classes, 2 * features), networks.BatchNorm1d(2 * features), nn.ReLU()]
        top = nn.Sequential(*hidden, nn.Linear(2 * features, features), nn.Tanh())
        judge = nn.Sequential(nn.Linear(features, 2 * features), nn.LeakyReLU(0.2))
        self.top = Level(top, judge, 2 * features, noise)
        bottom = dcgan.Generator(Shape(to.channels, to.size, noise + features), width)
        body = dcgan.Discriminator(to, width, "batch").body
        self.bottom = Level(bottom, body, count(to, width), noise)

    def features(self, z: Tensor, labels: Tensor) -> Tensor:
        """G_1: noise and classes to features."""
        drawn: Tensor = self.top.generator(torch.cat([z, one_hot(labels, self.classes).to(z)], dim=1))
        return drawn

    def pictures(self, z: Tensor, features: Tensor) -> Tensor:
        """G_0: noise and features to pictures."""
        drawn: Tensor = self.bottom.generator(torch.cat([z, features], dim=1))
        return drawn

    def forward(self, z: Tensor, labels: Tensor, chance: Chance | None = None) -> Tensor:
        first, second = z.chunk(2, dim=1)
        return self.pictures(second, self.features(first, labels))


def count(to: Shape, width: int) -> int:
    """How many numbers the body of DCGAN's discriminator ends in."""
    stages = dcgan.stages_of(to.size)
    return (width << stages - 1) * (to.size[0] >> stages) * (to.size[1] >> stages)
