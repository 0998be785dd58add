"""DCGAN as a plain script would have it, in float32: what i2i's step is timed against.

Radford, Metz, Chintala, 2015, arXiv:1511.06434, as in the PyTorch examples at 64 pixels: strided convolutions with
batch norm, latents of 100 numbers, cross-entropy, Adam 2e-4 (0.5, 0.999). The discriminator judges real and drawn
pictures one after the other; the generator is then updated by the same pictures. It imports nothing of i2i. The layers
are in the order of the examples, so their weights can be handed over.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn


def initialise(layer: nn.Module) -> None:
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


class Generator(nn.Module):
    def __init__(self, latent: int, width: int, channels: int, stages: int) -> None:
        super().__init__()
        widths = [width * 2**n for n in reversed(range(stages))]
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, widths[0], 4, 1, 0, bias=False)]
        for before, after in zip(widths, [*widths[1:], channels], strict=True):
            layers += [nn.BatchNorm2d(before), nn.ReLU(True), nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)]
        self.main = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self, width: int, channels: int, stages: int) -> None:
        super().__init__()
        widths = [width * 2**n for n in range(stages)]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2, True)]
        self.main = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False))

    def forward(self, images: Tensor) -> Tensor:
        return self.main(images).view(-1)


class DCGAN:
    def __init__(
        self,
        width: int = 64,
        size: int = 64,
        latent: int = 100,
        channels: int = 3,
        device: torch.device | str = "cpu",
    ) -> None:
        self.width, self.latent, self.channels = width, latent, channels
        stages = size.bit_length() - 3
        self.G = Generator(latent, width, channels, stages).to(device)
        self.D = Discriminator(width, channels, stages).to(device)
        self.G.apply(initialise)
        self.D.apply(initialise)
        self.criterion = nn.BCEWithLogitsLoss()
        self.optimizer_G = torch.optim.Adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimizer_D = torch.optim.Adam(self.D.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def optimize(self, real: Tensor, chance: Any = torch) -> dict[str, Tensor]:
        """Train on one batch; return the losses. `chance` has randn(n, z), as torch does."""
        z = chance.randn(len(real), self.latent).to(real)
        ones, zeros = real.new_ones(len(real)), real.new_zeros(len(real))

        # Discriminator.
        for parameter in self.D.parameters():
            parameter.requires_grad = True
        self.optimizer_D.zero_grad()
        D_real = self.criterion(self.D(real), ones)
        D_real.backward()
        fake = self.G(z[:, :, None, None])
        D_fake = self.criterion(self.D(fake.detach()), zeros)
        D_fake.backward()
        self.optimizer_D.step()

        # Generator.
        for parameter in self.D.parameters():
            parameter.requires_grad = False
        self.optimizer_G.zero_grad()
        G = self.criterion(self.D(fake), ones)
        G.backward()
        self.optimizer_G.step()
        return {"D": (D_real + D_fake).detach(), "G": G.detach()}
