"""Fully connected networks: the modern ones of PyTorch-GAN, and those of the first paper with maxout units.

With labels both get them as further numbers of their input, one for each class; or the discriminator tells them (`ac`).
Pictures may have any size, one pixel as well.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.bounds import Probability
from i2i_zoo.parts import Architecture, Chance, Judged, Shape, one_hot


@dataclass(frozen=True)
class MLP(Architecture):
    """The generator has layers of 1, 2, 4 and 8 times `width`, with batch norm; the discriminator of 4 and 2 times.

    Without `norm` the generator has none, as points need. Then both begin with weights of variance 2 / fan in (He et
    al., 2015, arXiv:1502.01852), since of PyTorch's smaller ones five layers let hardly any of the latent pass.
    """

    width: int = 128
    norm: Literal["batch", "none"] = "batch"

    conditions = frozenset({"concat", "ac"})
    gives = frozenset({"features"})

    def generator(self, to: Shape) -> nn.Module:
        widths = [self.width << n for n in range(4)]
        layers: list[nn.Module] = []
        for before, after in zip([to.latent + _told(to, 0), *widths], widths, strict=False):
            layers.append(nn.Linear(before, after))
            if len(layers) > 1 and self.norm == "batch":
                layers.append(networks.BatchNorm1d(after))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        return Generator(nn.Sequential(*layers, nn.Linear(widths[-1], _pixels(to))), to)

    def discriminator(self, to: Shape) -> nn.Module:
        inputs, wide, narrow = _pixels(to) + _told(to, 1), 4 * self.width, 2 * self.width
        leak = nn.LeakyReLU(0.2, inplace=True)
        body = nn.Sequential(nn.Linear(inputs, wide), leak, nn.Linear(wide, narrow), leak)
        return Discriminator(body, narrow, to)

    def initialise(self, net: nn.Module) -> None:
        if self.norm == "none":
            networks.initialise(net, "kaiming")


@dataclass(frozen=True)
class MaxoutMLP(Architecture):
    """Two layers of `width` in the generator; in the discriminator two of `units` maxout units, with dropout.

    Goodfellow et al., 2014, arXiv:1406.2661, as in the authors' MNIST configuration. `dropout` is the share of the
    discriminator's input that is dropped; of its hidden layers half is, unless it is 0. Unlike the authors' code the
    generator's first bias is 0, not the mean picture.
    """

    width: int = 1200
    units: int = 240
    pieces: int = 5
    dropout: float = Probability(0.2)

    conditions = frozenset({"concat", "ac"})
    gives = frozenset({"features"})

    def generator(self, to: Shape) -> nn.Module:
        sizes = [to.latent + _told(to, 0), self.width, self.width]
        layers = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
        return Generator(nn.Sequential(*layers, nn.Linear(self.width, _pixels(to))), to)

    def discriminator(self, to: Shape) -> nn.Module:
        inputs, hidden = _pixels(to) + _told(to, 1), 0.5 if self.dropout else 0.0
        body = nn.Sequential(
            nn.Dropout(self.dropout),
            Maxout(inputs, self.units, self.pieces),
            nn.Dropout(hidden),
            Maxout(self.units, self.units, self.pieces),
            nn.Dropout(hidden),
        )
        return Discriminator(body, self.units, to)

    def initialise(self, net: nn.Module) -> None:
        half = 0.05 if isinstance(net, Generator) else 0.005
        for layer in net.modules():
            if isinstance(layer, nn.Linear):
                nn.init.uniform_(layer.weight, -half, half)
                nn.init.zeros_(layer.bias)


class Maxout(nn.Module):
    """Units (N, `units`), each the largest of `pieces` linear functions of the input."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (-1, self.pieces)).amax(dim=2)


class Generator(nn.Module):
    """Latents (N, Z) to pictures (N, C, H, W) in [-1, 1]."""

    def __init__(self, body: nn.Sequential, to: Shape) -> None:
        super().__init__()
        self.body, self.classes = body, _told(to, 0)
        self.shape = (to.channels, *to.size)

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        if self.classes and labels is not None:
            z = torch.cat([z, one_hot(labels, self.classes).to(z)], dim=1)
        images: Tensor = self.body(z).tanh().unflatten(1, self.shape)
        return images


class Discriminator(nn.Module):
    """Pictures (N, C, H, W) to one logit each."""

    def __init__(self, body: nn.Sequential, features: int, to: Shape) -> None:
        super().__init__()
        self.body, self.told = body, _told(to, 1)
        self.head = nn.Linear(features, 1)
        self.classes = nn.Linear(features, to.classes) if to.discriminator_conditioning == "ac" else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        seen = images.flatten(1)
        if self.told and labels is not None:
            seen = torch.cat([seen, one_hot(labels, self.told).to(seen)], dim=1)
        features = self.body(seen)  # (N, F)
        classes = self.classes(features) if self.classes is not None else None
        return Judged(images, self.head(features).flatten(), features=features, classes=classes)


def _pixels(to: Shape) -> int:
    return to.channels * math.prod(to.size)


def _told(to: Shape, player: int) -> int:
    """How many numbers tell the generator (0) or the discriminator (1) the class."""
    how = (to.generator_conditioning, to.discriminator_conditioning)[player]
    return to.classes if how == "concat" else 0
