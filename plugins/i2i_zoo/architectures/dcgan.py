"""DCGAN: strided convolutions with batch norm, of any number of stages (Radford et al., 2015, arXiv:1511.06434).

At 64 pixels layers and first weights are those of the PyTorch examples. The discriminator's norm can be another, as
gradient penalties need; its convolutions have biases then, or a norm of each picture would hide the contrast. With
labels the generator gets them as further numbers of the latent, one for each class, the discriminator as further
channels of the picture; or it tells them (`ac`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.parts import Architecture, Chance, Judged, Shape, one_hot

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": networks.BatchNorm2d,
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
}


def stages_of(size: tuple[int, int]) -> int:
    """How often a size (H, W) can be halved down to sides of 4 to 7 pixels at least; 0 where it cannot be."""
    stages = 0
    while all(side % 2 ** (stages + 1) == 0 and side // 2 ** (stages + 1) >= 4 for side in size):
        stages += 1
    return stages


@dataclass(frozen=True)
class DCGAN(Architecture):
    """`width` is of the layer next to the picture; `norm` is the discriminator's."""

    width: int = 64
    norm: Literal["batch", "layer", "instance", "none"] = "batch"

    conditions = frozenset({"concat", "ac"})
    gives = frozenset({"features"})

    def check(self, to: Shape) -> None:
        height, width = to.size
        stages = stages_of(to.size)
        if not stages or min(to.size) >> stages > 7:
            near = [base << n for n in range(1, 12) for base in (4, 5, 6, 7)]
            best = min(near, key=lambda side: abs(side - height))
            raise ValueError(
                f"these networks halve sides down to 4 to 7 pixels, which {height} x {width} do not come to; "
                f"use --image-size {best}"
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
        stages = stages_of(to.size)
        self.classes = to.classes if to.generator_conditioning == "concat" else 0
        widths = [width << n for n in reversed(range(stages))]
        smallest = (to.size[0] >> stages, to.size[1] >> stages)
        layers: list[nn.Module] = [_up(to.latent + self.classes, widths[0], smallest, 1, 0)]
        for before, after in zip(widths, [*widths[1:], to.channels], strict=True):
            layers += [networks.BatchNorm2d(before), nn.ReLU(inplace=True), _up(before, after, 4, 2, 1)]
        self.main = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        if self.classes and labels is not None:
            z = torch.cat([z, one_hot(labels, self.classes).to(z)], dim=1)
        images: Tensor = self.main(z[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """Pictures (N, C, H, W) to one logit each."""

    def __init__(self, to: Shape, width: int, norm: str) -> None:
        super().__init__()
        stages = stages_of(to.size)
        conditioning = to.discriminator_conditioning
        self.planes = to.classes if conditioning == "concat" else 0
        widths = [width << n for n in range(stages)]
        layers: list[nn.Module] = []
        for before, after in zip([to.channels + self.planes, *widths[:-1]], widths, strict=True):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=norm != "batch"))
            if layers[:-1] and norm != "none":
                layers.append(NORMS[norm](after))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.body = nn.Sequential(*layers)
        smallest = (to.size[0] >> stages, to.size[1] >> stages)
        self.head = nn.Conv2d(widths[-1], 1, smallest, bias=norm != "batch")
        self.classes = nn.Conv2d(widths[-1], to.classes, smallest) if conditioning == "ac" else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        seen = images
        if self.planes and labels is not None:
            planes = one_hot(labels, self.planes).to(images)[:, :, None, None]
            seen = torch.cat([images, planes.expand(-1, -1, *images.shape[2:])], dim=1)
        features = self.body(seen)  # (N, F, 4, 4)
        classes = self.classes(features).flatten(1) if self.classes is not None else None
        return Judged(images, self.head(features).flatten(), features=features.flatten(1), classes=classes)


def _up(before: int, after: int, kernel: int | tuple[int, int], stride: int, padding: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(before, after, kernel, stride, padding, bias=False)
