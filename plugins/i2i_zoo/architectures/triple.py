"""Triple-GAN's networks for small pictures: generator and discriminator are told the class in every layer.

Li et al., 2017, arXiv:1703.02291, with weight norm where the authors have it; pictures are not whitened.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.layers import weightnorm
from i2i_zoo.parts import Architecture, Chance, Judged, Shape, one_hot

LEAK, CLASSIFIER_LEAK, NOISE = 0.2, 0.1, 0.15


@dataclass(frozen=True)
class Triple(Architecture):
    """`width` is of the discriminator's first layers; the others' are four times as wide. Sides are multiples of 8."""

    width: int = 32

    conditions = frozenset({"concat"})
    gives = frozenset({"features"})

    def check(self, to: Shape) -> None:
        to.check_sides(8, 24)
        if to.conditioning != "concat+concat":
            raise ValueError("both networks are told the class in every layer; use --conditioning concat+concat")

    def generator(self, to: Shape) -> nn.Module:
        return Generator(to, 4 * self.width)

    def discriminator(self, to: Shape) -> nn.Module:
        return Discriminator(to, self.width)

    def classifier(self, to: Shape) -> nn.Module:
        """Build what names the class of pictures."""
        return Classifier(to, 4 * self.width)

    def initialise(self, net: nn.Module) -> None:
        if isinstance(net, Generator):
            networks.initialise(net, gain=0.05)


class Generator(nn.Module):
    """Latents (N, Z) and classes (N,) to pictures (N, C, H, W) in [-1, 1]."""

    def __init__(self, to: Shape, width: int) -> None:
        super().__init__()
        self.classes, self.smallest = to.classes, (4 * width, to.size[0] // 8, to.size[1] // 8)
        units = self.smallest[0] * self.smallest[1] * self.smallest[2]
        self.first = nn.Sequential(nn.Linear(to.latent + to.classes, units), networks.BatchNorm1d(units), nn.ReLU())
        widths = (4 * width, 2 * width, width, to.channels)
        after = [*(nn.Sequential(networks.BatchNorm2d(each), nn.ReLU()) for each in widths[1:3]), nn.Tanh()]
        self.ups = nn.ModuleList(_up(widths[n] + to.classes, widths[n + 1]) for n in range(3))
        self.after = nn.ModuleList(after)

    def forward(self, z: Tensor, labels: Tensor, chance: Chance | None = None) -> Tensor:
        told = one_hot(labels, self.classes).to(z)
        maps: Tensor = self.first(torch.cat([z, told], dim=1)).unflatten(1, self.smallest)
        for up, after in zip(self.ups, self.after, strict=True):
            maps = after(up(with_planes(maps, told)))
        return maps


class Discriminator(nn.Module):
    """Pictures (N, C, H, W) and classes (N,) to a logit each."""

    def __init__(self, to: Shape, width: int) -> None:
        super().__init__()
        self.classes = to.classes
        widths = (to.channels, width, width, 2 * width, 2 * width, 4 * width, 4 * width)
        strides, paddings = (1, 2, 1, 2, 1, 1), (1, 1, 1, 1, 0, 0)
        self.layers = nn.ModuleList(
            weightnorm.Conv2d(widths[n] + to.classes, widths[n + 1], 3, strides[n], paddings[n]) for n in range(6)
        )
        self.dropped = nn.ModuleList(nn.Dropout(0.2 if n % 2 == 0 and n < 5 else 0.0) for n in range(6))
        self.head = weightnorm.Linear(4 * width + to.classes, 1)

    def forward(self, images: Tensor, labels: Tensor) -> Judged:
        told = one_hot(labels, self.classes).to(images)
        maps = images
        for layer, dropped in zip(self.layers, self.dropped, strict=True):
            maps = nn.functional.leaky_relu(layer(with_planes(dropped(maps), told)), LEAK)
        features = maps.mean(dim=(2, 3))
        return Judged(images, self.head(torch.cat([features, told], dim=1)).squeeze(1), features=features)


class Classifier(nn.Module):
    """Pictures (N, C, H, W) to logits of classes (N, K); with a chance they have noise, as in training."""

    def __init__(self, to: Shape, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((to.channels, width), (width, 2 * width)):
            for inputs in (before, after, after):
                layers += [weightnorm.Conv2d(inputs, after, 3, 1, 1), nn.LeakyReLU(CLASSIFIER_LEAK)]
            layers += [nn.MaxPool2d(2), nn.Dropout(0.5)]
        for before, after, kernel in ((2, 4, 3), (4, 2, 1), (2, 1, 1)):
            layers += [weightnorm.Conv2d(before * width, after * width, kernel), nn.LeakyReLU(CLASSIFIER_LEAK)]
        self.body = nn.Sequential(*layers)
        self.head = weightnorm.Linear(width, to.classes)

    def forward(self, images: Tensor, chance: Chance | None = None) -> Tensor:
        if chance is not None:
            images = images + NOISE * chance.randn(*images.shape).to(images)
        logits: Tensor = self.head(self.body(images).mean(dim=(2, 3)))
        return logits


def with_planes(maps: Tensor, told: Tensor) -> Tensor:
    """Maps (N, C, H, W) with a further constant one for each number of (N, K)."""
    return torch.cat([maps, told[:, :, None, None].to(maps).expand(-1, -1, *maps.shape[2:])], dim=1)


def _up(before: int, after: int) -> nn.Module:
    return nn.ConvTranspose2d(before, after, 5, 2, 2, output_padding=1)
