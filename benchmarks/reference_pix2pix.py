"""pix2pix as a plain script would have it, in float32: what i2i's step is timed against.

Isola, Zhu, Zhou, Efros, 2017, arXiv:1611.07004, with the defaults of the authors' code: a U-Net that halves eight times
with batch norm and dropout, a 70x70 PatchGAN on the pair, vanilla loss on logits, L1 times 100, Adam 2e-4 (0.5, 0.999),
the discriminator's update before the generator's. It imports nothing of i2i. The weights are named as in the authors'
code, so they can be handed over.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Level(nn.Module):
    """One halving and doubling of the U-Net around the levels below; returns its input beside its output."""

    def __init__(self, above: int, below: int, inside: nn.Module | None, dropout: float = 0.0) -> None:
        super().__init__()
        down = [nn.LeakyReLU(0.2, True), nn.Conv2d(above, below, 4, stride=2, padding=1, bias=False)]
        if inside is None:
            up = [nn.ReLU(True), nn.ConvTranspose2d(below, above, 4, stride=2, padding=1, bias=False)]
            layers = [*down, *up, nn.BatchNorm2d(above)]
        else:
            up = [nn.ReLU(True), nn.ConvTranspose2d(2 * below, above, 4, stride=2, padding=1, bias=False)]
            layers = [*down, nn.BatchNorm2d(below), inside, *up, nn.BatchNorm2d(above)]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.model(x)], 1)


class Outermost(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, width: int, inside: nn.Module) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(in_channels, width, 4, stride=2, padding=1, bias=False),
            inside,
            nn.ReLU(True),
            nn.ConvTranspose2d(2 * width, out_channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Generator(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        widths = [width * min(2**level, 8) for level in range(depth)]
        block: nn.Module | None = None
        for level in reversed(range(1, depth)):
            drop = dropout if 4 <= level < depth - 1 else 0.0
            block = Level(widths[level - 1], widths[level], block, drop)
        assert block is not None
        self.model = Outermost(in_channels, out_channels, width, block)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Discriminator(nn.Module):
    def __init__(self, in_channels: int, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(in_channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
        for channels, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
            layers += [nn.Conv2d(channels, 2 * channels, 4, stride=stride, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)]
        layers += [nn.Conv2d(8 * width, 1, 4, padding=1)]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def initialise(net: nn.Module) -> nn.Module:
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)
    return net


class Pix2Pix:
    """G leads from A to B and D judges pairs of them, A first, as in the authors' code."""

    def __init__(
        self,
        width: int = 64,
        depth: int = 8,
        dropout: float = 0.5,
        channels: tuple[int, int] = (3, 3),
        device: torch.device | str = "cpu",
    ) -> None:
        self.width, self.depth, self.dropout, self.channels = width, depth, dropout, channels
        self.G = initialise(Generator(*channels, width, depth, dropout)).to(device)
        self.D = initialise(Discriminator(sum(channels), width)).to(device)
        self.bce, self.l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()
        self.optimizer_G = torch.optim.Adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimizer_D = torch.optim.Adam(self.D.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def gan_loss(self, logits: Tensor, real: bool) -> Tensor:
        return self.bce(logits, torch.full_like(logits, float(real)))

    def optimize(self, A: Tensor, B: Tensor) -> dict[str, Tensor]:
        """Train on one batch; return the losses."""
        fake_B = self.G(A)

        # Discriminator.
        for parameter in self.D.parameters():
            parameter.requires_grad = True
        self.optimizer_D.zero_grad()
        D_fake = self.gan_loss(self.D(torch.cat([A, fake_B.detach()], 1)), False)
        D_real = self.gan_loss(self.D(torch.cat([A, B], 1)), True)
        loss_D = 0.5 * (D_fake + D_real)
        loss_D.backward()
        self.optimizer_D.step()

        # Generator.
        for parameter in self.D.parameters():
            parameter.requires_grad = False
        self.optimizer_G.zero_grad()
        G_GAN = self.gan_loss(self.D(torch.cat([A, fake_B], 1)), True)
        G_L1 = self.l1(fake_B, B) * 100.0
        (G_GAN + G_L1).backward()
        self.optimizer_G.step()
        return {"G_GAN": G_GAN.detach(), "G_L1": G_L1.detach(), "D": loss_D.detach()}
