"""StudioGAN's deep convolutions: SNGAN's plain networks with a linear start, and batch norm in both players."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from i2i import networks
from i2i_zoo.architectures.residual import check_numbers
from i2i_zoo.architectures.sncnn import SNCNN, channels
from i2i_zoo.layers.chosen import Norm, of_maps
from i2i_zoo.layers.heads import Head
from i2i_zoo.parts import Architecture, Chance, Judged, Shape

LEAK = 0.1


@dataclass(frozen=True)
class DeepConv(Architecture):
    """DCGAN as it is compared at 32 pixels (Kang et al., 2022, arXiv:2206.09479); `norm` is the discriminator's."""

    width: int = 64  # channels of the largest maps
    norm: Norm = "batch"

    conditions = frozenset({"ac", "projection"})
    gives = frozenset({"features"})

    def check(self, to: Shape) -> None:
        check_numbers("deep-conv", width=self.width)
        SNCNN().check(to)

    def generator(self, to: Shape) -> nn.Module:
        return Generator(to, channels(self.width, to.size)[::-1])

    def discriminator(self, to: Shape) -> nn.Module:
        return Discriminator(to, channels(self.width, to.size), self.norm)

    def initialise(self, net: nn.Module) -> None:
        networks.initialise(net)


class Generator(nn.Module):
    """Latents (N, Z) to pictures (N, C, H, W) in [-1, 1]; maps get narrower as they get larger."""

    def __init__(self, to: Shape, counts: list[int]) -> None:
        super().__init__()
        levels = len(counts) - 1
        bottom = (counts[0], to.size[0] >> levels, to.size[1] >> levels)
        layers: list[nn.Module] = [nn.Linear(to.latent, bottom[0] * bottom[1] * bottom[2]), nn.Unflatten(1, bottom)]
        for before, after in pairwise(counts):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1), networks.BatchNorm2d(after), nn.ReLU()]
        self.main = nn.Sequential(*layers, nn.Conv2d(counts[-1], to.channels, 3, 1, 1), nn.Tanh())

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        images: Tensor = self.main(z)
        return images


class Discriminator(nn.Module):
    """Judge (N, C, H, W) by the sums of the last maps: a 3x3 convolution, then pairs of 4x4 that halve and 3x3."""

    def __init__(self, to: Shape, counts: list[int], norm: Norm) -> None:
        super().__init__()
        shapes = [(to.channels, counts[0], 3, 1)]
        for before, after in pairwise(counts):
            shapes += [(before, before, 4, 2), (before, after, 3, 1)]
        layers: list[nn.Module] = []
        for before, after, side, stride in shapes:
            layers += [nn.Conv2d(before, after, side, stride, 1), *of_maps(norm, after), nn.LeakyReLU(LEAK)]
        self.main = nn.Sequential(*layers)
        self.head = Head(counts[-1], to)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        return self.head(images, self.main(images).sum(dim=(2, 3)), labels)
