"""CycleGAN as a plain script would have it, in float32: what i2i's step is timed against.

Zhu, Park, Isola, Efros, 2017, arXiv:1703.10593, with the defaults of the authors' code: ResNet-9 generators, 70x70
PatchGANs, lsgan, cycle weights 10, identity 0.5, image pools of 50, Adam 2e-4 (0.5, 0.999). It imports nothing of i2i.
The weights are named as in the authors' code, so `i2i.networks.reference` can hand them over.
"""

from __future__ import annotations

import itertools
import random

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class Generator(nn.Module):
    def __init__(self, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7)]
        layers += [nn.InstanceNorm2d(width), nn.ReLU(True)]
        for channels in (width, 2 * width):
            layers += [nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)]
            layers += [nn.InstanceNorm2d(2 * channels), nn.ReLU(True)]
        layers += [ResidualBlock(4 * width) for _ in range(blocks)]
        for channels in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(channels, channels // 2, 3, stride=2, padding=1, output_padding=1)]
            layers += [nn.InstanceNorm2d(channels // 2), nn.ReLU(True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Discriminator(nn.Module):
    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
        for channels, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
            layers += [nn.Conv2d(channels, 2 * channels, 4, stride=stride, padding=1)]
            layers += [nn.InstanceNorm2d(2 * channels), nn.LeakyReLU(0.2, True)]
        layers += [nn.Conv2d(8 * width, 1, 4, padding=1)]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class ImagePool:
    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        answers = []
        for image in images.detach():
            if len(self.images) < self.size:
                self.images.append(image.clone())
            elif random.random() > 0.5:
                place = random.randrange(self.size)
                self.images[place], image = image.clone(), self.images[place]
            answers.append(image)
        return torch.stack(answers)


def initialise(net: nn.Module) -> nn.Module:
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


def set_requires_grad(nets: list[nn.Module], requires_grad: bool) -> None:
    for net in nets:
        for parameter in net.parameters():
            parameter.requires_grad = requires_grad


class CycleGAN:
    """G_A leads from A to B and D_A judges pictures of B, as in the authors' code."""

    def __init__(self, width: int = 64, blocks: int = 9, device: torch.device | str = "cpu") -> None:
        self.width, self.blocks = width, blocks
        self.G_A = initialise(Generator(width, blocks)).to(device)
        self.G_B = initialise(Generator(width, blocks)).to(device)
        self.D_A = initialise(Discriminator(width)).to(device)
        self.D_B = initialise(Discriminator(width)).to(device)
        self.pool_A, self.pool_B = ImagePool(), ImagePool()
        self.mse, self.l1 = nn.MSELoss(), nn.L1Loss()
        generators = itertools.chain(self.G_A.parameters(), self.G_B.parameters())
        discriminators = itertools.chain(self.D_A.parameters(), self.D_B.parameters())
        self.optimizer_G = torch.optim.Adam(generators, lr=2e-4, betas=(0.5, 0.999))
        self.optimizer_D = torch.optim.Adam(discriminators, lr=2e-4, betas=(0.5, 0.999))

    def gan_loss(self, logits: Tensor, real: bool) -> Tensor:
        return self.mse(logits, torch.full_like(logits, float(real)))

    def optimize(self, A: Tensor, B: Tensor) -> dict[str, Tensor]:
        """Train on one batch; return the losses."""
        fake_B, fake_A = self.G_A(A), self.G_B(B)
        rec_A, rec_B = self.G_B(fake_B), self.G_A(fake_A)

        # Generators.
        set_requires_grad([self.D_A, self.D_B], False)
        self.optimizer_G.zero_grad()
        idt_A = self.l1(self.G_A(B), B) * 10.0 * 0.5
        idt_B = self.l1(self.G_B(A), A) * 10.0 * 0.5
        gan_A = self.gan_loss(self.D_A(fake_B), True)
        gan_B = self.gan_loss(self.D_B(fake_A), True)
        cycle_A = self.l1(rec_A, A) * 10.0
        cycle_B = self.l1(rec_B, B) * 10.0
        (gan_A + gan_B + cycle_A + cycle_B + idt_A + idt_B).backward()
        self.optimizer_G.step()

        # Discriminators.
        set_requires_grad([self.D_A, self.D_B], True)
        self.optimizer_D.zero_grad()
        judge_A = self.judge(self.D_A, B, self.pool_B.query(fake_B))
        judge_B = self.judge(self.D_B, A, self.pool_A.query(fake_A))
        self.optimizer_D.step()

        losses = {"gan_A": gan_A, "gan_B": gan_B, "cycle_A": cycle_A, "cycle_B": cycle_B}
        losses |= {"idt_A": idt_A, "idt_B": idt_B, "D_A": judge_A, "D_B": judge_B}
        return {name: loss.detach() for name, loss in losses.items()}

    def judge(self, net: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        loss = 0.5 * (self.gan_loss(net(real), True) + self.gan_loss(net(fake), False))
        loss.backward()
        return loss
