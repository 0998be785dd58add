"""Discriminators that are classifiers, for learning of few labels: what is real has any class (K logits, no other).

The logit of a real picture is log sum exp of a picture's logits of classes (Salimans et al., 2016, arXiv:1606.03498).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from i2i import networks
from i2i_zoo.architectures import dcgan
from i2i_zoo.bounds import Probability
from i2i_zoo.layers import weightnorm
from i2i_zoo.layers.weightnorm import LEAK
from i2i_zoo.parts import Architecture, Chance, Judged, Shape, wide

FAINT = 0.2 * 2**0.5  # a length with which pictures begin with a deviation of 0.1, as the authors'


@dataclass(frozen=True)
class ImprovedGAN(Architecture):
    """The authors' for CIFAR-10: weight norm and dropout in the discriminator, batch norm in the generator and
    weight norm in its last layer.

    `width` is of the discriminator's first layers, `maps` of the generator's last; sides are multiples of 8.
    """

    width: int = 96
    maps: int = 128
    dropout: float = Probability(0.5)

    conditions = frozenset({"ac"})
    gives = frozenset({"features"})

    def check(self, to: Shape) -> None:
        to.check_sides(8, 16)
        if to.discriminator_conditioning != "ac":
            raise ValueError(f"this discriminator is a classifier; use --conditioning {to.generator_conditioning}+ac")

    def generator(self, to: Shape) -> nn.Module:
        return Generator(to, self.maps)

    def discriminator(self, to: Shape) -> nn.Module:
        return Classifier(to, self.width, self.dropout)

    def initialise(self, net: nn.Module) -> None:
        if isinstance(net, Generator):
            networks.initialise(net, gain=0.05)


@dataclass(frozen=True)
class ClassifyingDCGAN(dcgan.DCGAN):
    """DCGAN's, whose discriminator has logits of classes alone."""

    width: int = 64
    norm: Literal["batch", "layer", "instance", "none"] = "batch"

    def check(self, to: Shape) -> None:
        super().check(to)
        if to.discriminator_conditioning != "ac":
            raise ValueError(f"this discriminator is a classifier; use --conditioning {to.generator_conditioning}+ac")

    def discriminator(self, to: Shape) -> nn.Module:
        return ClassesAlone(dcgan.Discriminator(to, self.width, self.norm))


class ClassesAlone(nn.Module):
    """DCGAN's discriminator without its own logit."""

    def __init__(self, net: dcgan.Discriminator) -> None:
        super().__init__()
        assert net.classes is not None
        self.body, self.classes = net.body, net.classes

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        features = self.body(images)
        return told(images, features.flatten(1), self.classes(features).flatten(1))


def told(images: Tensor, features: Tensor, classes: Tensor) -> Judged:
    """What is said by logits of classes (N, K) alone."""
    return Judged(images, wide(classes).logsumexp(dim=1), features=features, classes=classes)


class Generator(nn.Module):
    """Latents (N, Z) to pictures (N, C, H, W) in [-1, 1], by convolutions of 5x5."""

    def __init__(self, to: Shape, maps: int) -> None:
        super().__init__()
        smallest = (4 * maps, to.size[0] // 8, to.size[1] // 8)
        units = smallest[0] * smallest[1] * smallest[2]
        self.main = nn.Sequential(
            *(nn.Linear(to.latent, units, bias=False), networks.BatchNorm1d(units), nn.ReLU()),
            nn.Unflatten(1, smallest),
            *(_up(4 * maps, 2 * maps), networks.BatchNorm2d(2 * maps), nn.ReLU()),
            *(_up(2 * maps, maps), networks.BatchNorm2d(maps), nn.ReLU()),
            *(weightnorm.Doubling(maps, to.channels, FAINT), nn.Tanh()),
        )

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        images: Tensor = self.main(z)
        return images


class Classifier(nn.Module):
    """Pictures (N, C, H, W) to logits of classes; features are means over the last maps."""

    def __init__(self, to: Shape, width: int, dropout: float) -> None:
        super().__init__()
        blocks: list[nn.Module] = [nn.Dropout(0.4 * dropout)]  # of the picture, 0.2 with half of the maps
        for before, after in ((to.channels, width), (width, 2 * width)):
            for inputs, stride in ((before, 1), (after, 1), (after, 2)):
                blocks += [weightnorm.Conv2d(inputs, after, 3, stride, 1), nn.LeakyReLU(LEAK)]
            blocks.append(nn.Dropout(dropout))
        for kernel in (3, 1, 1):
            blocks += [weightnorm.Conv2d(2 * width, 2 * width, kernel), nn.LeakyReLU(LEAK)]
        self.body = nn.Sequential(*blocks)
        self.classes = weightnorm.Linear(2 * width, to.classes)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        features = self.body(images).mean(dim=(2, 3))
        return told(images, features, self.classes(features))


def _up(before: int, after: int) -> nn.Module:
    return nn.ConvTranspose2d(before, after, 5, 2, 2, output_padding=1)
