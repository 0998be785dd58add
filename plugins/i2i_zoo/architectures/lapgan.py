"""LAPGAN's networks of a level: a generator adds to a picture scaled up (Denton et al., 2015, arXiv:1506.05751)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from i2i_zoo.bounds import Probability
from i2i_zoo.layers.pyramid import up
from i2i_zoo.parts import Architecture, Chance, Judged, Shape, one_hot

if TYPE_CHECKING:
    from i2i_zoo.model import TwoPlayer


@dataclass(frozen=True)
class LAPGAN(Architecture):
    """The authors' of 16 to 32 pixels; noise and class are a plane each. Sides are 13 pixels at least."""

    width: int = 64
    dropout: float = Probability(0.5)

    method = "lapgan"
    conditions = frozenset({"concat"})
    gives = frozenset({"features"})

    def generator(self, to: Shape) -> nn.Module:
        return Generator(to, self.width)

    def discriminator(self, to: Shape) -> nn.Module:
        return Discriminator(to, self.width, self.dropout)


class ClassPlane(nn.Module):
    """Classes (N,) to a plane (N, 1, H, W)."""

    def __init__(self, classes: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.linear = nn.Linear(classes, size[0] * size[1])
        self.classes, self.size = classes, size

    def forward(self, labels: Tensor) -> Tensor:
        plane: Tensor = self.linear(one_hot(labels, self.classes).to(self.linear.weight))
        return plane.relu().view(-1, 1, *self.size)


class Generator(nn.Module):
    """Noise (N, H W), classes (N,) and pictures scaled up (N, C, H, W) to what is added to these."""

    def __init__(self, to: Shape, width: int) -> None:
        super().__init__()
        self.plane = ClassPlane(to.classes, to.size) if to.generator_conditioning == "concat" else None
        inputs = to.channels + (1 if self.plane is None else 2)
        self.main = nn.Sequential(
            *(nn.Conv2d(inputs, width, 7, 1, 3), nn.ReLU(), nn.Conv2d(width, width, 7, 1, 3), nn.ReLU()),
            nn.Conv2d(width, to.channels, 5, 1, 2),
        )

    def forward(self, z: Tensor, labels: Tensor | None, chance: Chance | None, coarse: Tensor) -> Tensor:
        seen = [z.view(-1, 1, *coarse.shape[2:]).to(coarse), coarse]
        if self.plane is not None and labels is not None:
            seen.append(self.plane(labels).to(coarse))
        added: Tensor = self.main(torch.cat(seen, dim=1))
        return added


class Discriminator(nn.Module):
    """Pictures (N, C, H, W) to a logit each."""

    def __init__(self, to: Shape, width: int, dropout: float) -> None:
        super().__init__()
        self.plane = ClassPlane(to.classes, to.size) if to.discriminator_conditioning == "concat" else None
        inputs = to.channels + (self.plane is not None)
        area = ((to.size[0] - 9) // 2 + 1) * ((to.size[1] - 9) // 2 + 1)
        self.body = nn.Sequential(
            *(nn.Conv2d(inputs, width, 5), nn.ReLU(), nn.Conv2d(width, width, 5, 2), nn.ReLU()),
            *(nn.Flatten(), nn.Dropout(dropout)),
        )
        self.head = nn.Linear(width * area, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        seen = images
        if self.plane is not None and labels is not None:
            seen = torch.cat([images, self.plane(labels).to(images)], dim=1)
        features = self.body(seen)
        return Judged(images, self.head(features).squeeze(1), features=features)


class Pyramid(nn.Module):
    """Latents (N, Z) of all levels, the coarsest's first, to pictures (N, C, H, W): by the players of each."""

    def __init__(self, levels: Sequence[TwoPlayer]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(levels)
        self.sizes = [level.latent.size for level in levels]
        self.last = len(levels) - 1  # the finest level that adds detail

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        images = torch.empty(0)
        for number, (level, latents) in enumerate(zip(self.levels, z.split(self.sizes, dim=1), strict=True)):
            painter = cast("TwoPlayer", level).drawer()
            if number == 0:
                images = painter(latents, labels, chance)
                continue
            images = up(images)
            if number <= self.last:
                images = images + painter(latents, labels, chance, images)
        return images
