"""SNGAN as a plain script would have it, in float32: what i2i's step is timed against.

Miyato, Kataoka, Koyama, Yoshida, 2018, arXiv:1802.05957, the residual networks for 32 pixels: hinges, spectral norm in
the discriminator by one step of power iteration a pass, five updates of the discriminator on 64 pictures for one of the
generator on 128, Adam 2e-4 (0, 0.9). Real and drawn pictures are judged in one batch, as BigGAN's authors do. It
imports nothing of i2i.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SN:
    """Divides a layer's weight by its largest singular value: u, kept between passes, is refined in each."""

    def start(self, rows: int) -> None:
        self.register_buffer("u", F.normalize(torch.randn(rows), dim=0))

    def W(self) -> Tensor:
        matrix = self.weight.view(self.weight.shape[0], -1)
        with torch.no_grad():
            v = F.normalize(torch.mv(matrix.t(), self.u), dim=0, eps=1e-12)
            u = F.normalize(torch.mv(matrix, v), dim=0, eps=1e-12)
            if self.training:
                self.u.copy_(u)
        return self.weight / torch.dot(u, torch.mv(matrix, v))


class SNConv2d(nn.Conv2d, SN):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start(self.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.W(), self.bias, padding=self.padding)


class SNLinear(nn.Linear, SN):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.start(self.out_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.W(), self.bias)


class GBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_sc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = F.interpolate(F.relu(self.bn1(x)), scale_factor=2)
        h = self.conv2(F.relu(self.bn2(self.conv1(h))))
        return h + self.conv_sc(F.interpolate(x, scale_factor=2))


class DBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, down: bool, first: bool = False) -> None:
        super().__init__()
        self.down, self.first = down, first
        hidden = outputs if first else inputs
        self.conv1 = SNConv2d(inputs, hidden, 3, padding=1)
        self.conv2 = SNConv2d(hidden, outputs, 3, padding=1)
        self.conv_sc = SNConv2d(inputs, outputs, 1) if down or inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        h = F.avg_pool2d(h, 2) if self.down else h
        if self.first:
            return h + self.conv_sc(F.avg_pool2d(x, 2))
        if self.conv_sc is None:
            return h + x
        x = self.conv_sc(x)
        return h + (F.avg_pool2d(x, 2) if self.down else x)


class Generator(nn.Module):
    def __init__(self, latent: int, width: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(latent, width * 16)
        self.blocks = nn.Sequential(*(GBlock(width) for _ in range(3)))
        self.norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.blocks(self.linear(z).view(len(z), -1, 4, 4))
        return torch.tanh(self.conv(F.relu(self.norm(h))))


class Discriminator(nn.Module):
    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            DBlock(channels, width, down=True, first=True),
            DBlock(width, width, down=True),
            DBlock(width, width, down=False),
            DBlock(width, width, down=False),
        )
        self.linear = SNLinear(width, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(F.relu(self.blocks(images)).sum(dim=(2, 3))).view(-1)


def initialise(net: nn.Module) -> nn.Module:
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            square = isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
            nn.init.xavier_uniform_(layer.weight, 2**0.5 if square else 1.0)
            nn.init.zeros_(layer.bias)
    return net


class SNGAN:
    def __init__(
        self,
        width: int = 64,
        latent: int = 128,
        channels: int = 3,
        n_critic: int = 5,
        device: torch.device | str = "cpu",
    ) -> None:
        self.width, self.latent, self.channels, self.n_critic = width, latent, channels, n_critic
        self.G = initialise(Generator(latent, 4 * width, channels)).to(device)
        self.D = initialise(Discriminator(2 * width, channels)).to(device)
        self.optimizer_G = torch.optim.Adam(self.G.parameters(), lr=2e-4, betas=(0.0, 0.9))
        self.optimizer_D = torch.optim.Adam(self.D.parameters(), lr=2e-4, betas=(0.0, 0.9))

    def optimize(self, real: Tensor, step: int, chance: Any = torch) -> dict[str, Tensor]:
        """Train on one batch, in each n_critic-th step the generator, too; return the losses."""
        # Discriminator.
        for parameter in self.D.parameters():
            parameter.requires_grad = True
        self.optimizer_D.zero_grad()
        with torch.no_grad():
            fake = self.G(chance.randn(len(real), self.latent).to(real))
        D_real, D_fake = self.D(torch.cat([real, fake])).chunk(2)
        D = F.relu(1 - D_real).mean() + F.relu(1 + D_fake).mean()
        D.backward()
        self.optimizer_D.step()
        if (step + 1) % self.n_critic:
            return {"D": D.detach()}

        # Generator, by twice as many pictures.
        for parameter in self.D.parameters():
            parameter.requires_grad = False
        self.optimizer_G.zero_grad()
        G = -self.D(self.G(chance.randn(2 * len(real), self.latent).to(real))).mean()
        G.backward()
        self.optimizer_G.step()
        return {"D": D.detach(), "G": G.detach()}
