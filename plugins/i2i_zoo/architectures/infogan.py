"""InfoGAN's networks for digits: a fully connected half, a convolutional one (Chen et al., 2016, arXiv:1606.03657)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from i2i import networks
from i2i_zoo.layers.chosen import Norm, of_maps, of_vectors
from i2i_zoo.parts import Architecture, Chance, Judged, Shape


@dataclass(frozen=True)
class InfoGAN(Architecture):
    """`width` is of the layer next to the picture, the next has twice as many channels, the hidden one 16 times.

    Sides are multiples of 4; `norm` is the discriminator's. The authors' generator ends in a sigmoid on [0, 1], this
    one in a tanh.
    """

    width: int = 64
    norm: Norm = "batch"

    gives = frozenset({"features"})

    def check(self, to: Shape) -> None:
        if any(side % 4 for side in to.size):
            near = max(4, 4 * round(to.size[0] / 4))
            raise ValueError(
                f"these networks halve sides twice, and {to.size[0]} x {to.size[1]} cannot be; use --image-size {near}"
            )

    def generator(self, to: Shape) -> nn.Module:
        return Generator(to, self.width)

    def discriminator(self, to: Shape) -> nn.Module:
        return Discriminator(to, self.width, self.norm)

    def initialise(self, net: nn.Module) -> None:
        networks.initialise(net)


class Generator(nn.Module):
    """Latents (N, Z) to pictures (N, C, H, W) in [-1, 1]."""

    def __init__(self, to: Shape, width: int) -> None:
        super().__init__()
        hidden, maps = 16 * width, (2 * width, to.size[0] // 4, to.size[1] // 4)
        units = maps[0] * maps[1] * maps[2]
        self.main = nn.Sequential(
            *(nn.Linear(to.latent, hidden), networks.BatchNorm1d(hidden), nn.ReLU(inplace=True)),
            *(nn.Linear(hidden, units), networks.BatchNorm1d(units), nn.ReLU(inplace=True)),
            nn.Unflatten(1, maps),
            *(nn.ConvTranspose2d(maps[0], width, 4, 2, 1), networks.BatchNorm2d(width), nn.ReLU(inplace=True)),
            *(nn.ConvTranspose2d(width, to.channels, 4, 2, 1), nn.Tanh()),
        )

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        images: Tensor = self.main(z)
        return images


class Discriminator(nn.Module):
    """Pictures (N, C, H, W) to one logit each, by features that a recogniser may read."""

    def __init__(self, to: Shape, width: int, norm: Norm) -> None:
        super().__init__()
        hidden, units = 16 * width, 2 * width * (to.size[0] // 4) * (to.size[1] // 4)
        leak = nn.LeakyReLU(0.1, inplace=True)
        self.body = nn.Sequential(
            *(nn.Conv2d(to.channels, width, 4, 2, 1), leak),
            *(nn.Conv2d(width, 2 * width, 4, 2, 1), *of_maps(norm, 2 * width), leak),
            *(nn.Flatten(), nn.Linear(units, hidden), *of_vectors(norm, hidden), leak),
        )
        self.head = nn.Linear(hidden, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        features = self.body(images)  # (N, F)
        return Judged(images, self.head(features).flatten(), features=features)
