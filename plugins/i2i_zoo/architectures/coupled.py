"""CoGAN's networks: a pair of generators with the same first layers, a pair of discriminators with the same last ones.

Liu and Tuzel, 2016, arXiv:1606.07536. Both pairs are one network each, told by labels 0 and 1 which domain is meant.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.architectures import dcgan
from i2i_zoo.layers.chosen import Norm
from i2i_zoo.parts import Architecture, Chance, Judged, Shape


class Coupled(Architecture):
    """A family of pairs, whose generator has `pair(z)`, a picture in each domain of the same latent."""

    method = "cogan"
    gives = frozenset({"features"})

    def initialise(self, net: nn.Module) -> None:
        networks.initialise(net)


@dataclass(frozen=True)
class Digits(Coupled):
    """The authors' for digits of 28 pixels; `width` is of the last shared layer, `units` of the discriminator's last.

    Sides may be 20, 28, 36 and so on. Pictures are in [-1, 1], of a tanh, where the authors have a sigmoid.
    """

    width: int = 128
    units: int = 500

    def check(self, to: Shape) -> None:
        if any(side % 8 != 4 or side < 20 for side in to.size):
            near = max(20, 8 * round((to.size[0] - 4) / 8) + 4)
            raise ValueError(
                f"these networks are for sides of 20, 28, 36 and so on, not {to.size[0]} x {to.size[1]}; "
                f"use --image-size {near}, or --architecture cogan-conv"
            )

    def generator(self, to: Shape) -> nn.Module:
        widths = [to.latent, *(self.width << n for n in (3, 2, 1, 0))]
        smallest = ((to.size[0] + 4) // 8, (to.size[1] + 4) // 8)
        shared: list[nn.Module] = [nn.Unflatten(1, (to.latent, 1, 1))]
        for number, (before, after) in enumerate(itertools.pairwise(widths)):
            up = nn.ConvTranspose2d(before, after, 3, 2, 1) if number else nn.ConvTranspose2d(before, after, smallest)
            shared += [up, networks.BatchNorm2d(after, affine=False), nn.PReLU()]
        return Generators(shared, lambda: [nn.ConvTranspose2d(self.width, to.channels, 6, 1, 1), nn.Tanh()])

    def discriminator(self, to: Shape) -> nn.Module:
        smallest = ((to.size[0] - 12) // 4, (to.size[1] - 12) // 4)
        shared = [
            *(nn.Conv2d(20, 50, 5), nn.MaxPool2d(2)),
            *(nn.Conv2d(50, self.units, smallest), nn.PReLU(), nn.Conv2d(self.units, 2, 1), nn.Flatten()),
        ]
        return Discriminators(lambda: [nn.Conv2d(to.channels, 20, 5), nn.MaxPool2d(2)], shared)


@dataclass(frozen=True)
class Convolutions(Coupled):
    """DCGAN's of any size: the generators' last layer and the discriminators' first are the domain's own.

    `norm` is the discriminators'.
    """

    width: int = 64
    norm: Norm = "batch"

    def check(self, to: Shape) -> None:
        dcgan.DCGAN(self.width).check(to)

    def generator(self, to: Shape) -> nn.Module:
        layers = list(dcgan.Generator(to, self.width).main)
        shared = [nn.Unflatten(1, (to.latent, 1, 1)), *layers[:-2]]
        return Generators(shared, lambda: [nn.ConvTranspose2d(self.width, to.channels, 4, 2, 1, bias=False), nn.Tanh()])

    def discriminator(self, to: Shape) -> nn.Module:
        whole = dcgan.Discriminator(to, self.width, self.norm)
        shared, biased = [*list(whole.body)[2:], whole.head, nn.Flatten()], self.norm != "batch"
        return Discriminators(
            lambda: [nn.Conv2d(to.channels, self.width, 4, 2, 1, bias=biased), nn.LeakyReLU(0.2)], shared
        )


class Generators(nn.Module):
    """Latents (N, Z) with domains (N,) to pictures (N, C, H, W) in [-1, 1]."""

    def __init__(self, shared: list[nn.Module], own: Callable[[], list[nn.Module]]) -> None:
        super().__init__()
        self.shared = nn.Sequential(*shared)
        self.a, self.b = nn.Sequential(*own()), nn.Sequential(*own())

    def pair(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """A picture in each domain of each latent."""
        maps = self.shared(z)
        return self.a(maps), self.b(maps)

    def forward(self, z: Tensor, labels: Tensor, chance: Chance | None = None) -> Tensor:
        a, b = self.pair(z)
        return torch.where((labels == 0)[:, None, None, None], a, b)


class Discriminators(nn.Module):
    """Pictures (N, C, H, W) with domains (N,) to a logit each: of one output, or of two, false and true."""

    def __init__(self, own: Callable[[], list[nn.Module]], shared: list[nn.Module]) -> None:
        super().__init__()
        self.a, self.b = nn.Sequential(*own()), nn.Sequential(*own())
        self.shared = nn.Sequential(*shared)

    def forward(self, images: Tensor, labels: Tensor) -> Judged:
        maps = torch.where((labels == 0)[:, None, None, None], self.a(images), self.b(images))
        *body, head, flat = self.shared
        for layer in body:
            maps = layer(maps)
        says = flat(head(maps))
        logit = says[:, 1] - says[:, 0] if says.shape[1] == 2 else says[:, 0]
        return Judged(images, logit, features=maps.flatten(1))
