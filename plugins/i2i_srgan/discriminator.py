"""SRGAN's discriminator, and its losses: each picture by itself, or real ones held against fake ones (ESRGAN)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from i2i import losses

LAYERS = ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))  # (width, stride) after the first convolution
SMALLEST = 32  # pixels of a side: four halvings must leave a batch norm something to compare


class Discriminator(nn.Module):
    """Judge pictures (N, C, H, W) of one size, in [0, 1], by one logit each, (N, 1). Weights are named as Lornatang's.

    The linear layers fix the size. Raises ValueError for pictures of another.
    """

    def __init__(self, channels: int, width: int = 64, size: tuple[int, int] = (96, 96), hidden: int = 1024) -> None:
        super().__init__()
        self.size = size
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        seen = width
        for times, stride in LAYERS:
            layers += [
                nn.Conv2d(seen, width * times, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(width * times),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            seen = width * times
        self.features = nn.Sequential(*layers)
        left = math.prod(math.ceil(side / 16) for side in size)  # pixels, after four halvings
        self.classifier = nn.Sequential(
            nn.Linear(seen * left, hidden), nn.LeakyReLU(0.2, inplace=True), nn.Linear(hidden, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        if tuple(images.shape[2:]) != self.size:
            (height, width), (h, w) = self.size, images.shape[2:]
            raise ValueError(f"this discriminator judges pictures of {width} x {height} pixels, these have {w} x {h}")
        return self.classifier(self.features(images).flatten(1))


def judge(real_logits: Tensor, fake_logits: Tensor, gan: str) -> Tensor:
    """What the discriminator minimises. `relativistic`: real pictures shall look more real than fake ones on average.

    Without it each picture is real or fake by itself, and there is no factor of one half, as in the paper.
    """
    if gan == "vanilla":
        return losses.discriminator(real_logits, fake_logits)
    return 0.5 * losses.discriminator(*_relative(real_logits, fake_logits))


def fool(real_logits: Tensor, fake_logits: Tensor, gan: str) -> Tensor:
    """What the generator minimises: with `relativistic`, the same with the roles exchanged."""
    if gan == "vanilla":
        return losses.generator(fake_logits)
    return 0.5 * losses.discriminator(*reversed(_relative(real_logits.detach(), fake_logits)))


def _relative(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    real, fake = (logits.float() if logits.dtype != torch.float64 else logits for logits in (real, fake))
    return real - fake.mean(), fake - real.mean()
