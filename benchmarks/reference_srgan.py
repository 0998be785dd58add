"""SRGAN as a plain script would have it, in float32: what i2i's step is timed against.

Ledig et al., 2017, arXiv:1609.04802, in its second phase: SRResNet of 16 blocks against the discriminator, the content
loss of VGG-19 after the ReLU of conv5_4, pixels beside it, Adam (1e-4, 0.9, 0.999), the generator's
update before the discriminator's, and a moving average of the generator, as the codes that reproduce it have it. It
imports nothing of i2i. The weights are named as in SRGAN-PyTorch and torchvision, so they can be handed over.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualConvBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rcb = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.rcb(x) + x


class UpsampleBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        conv = nn.Conv2d(channels, channels * 4, 3, padding=1)
        self.upsample_block = nn.Sequential(conv, nn.PixelShuffle(2), nn.PReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample_block(x)


class Generator(nn.Module):
    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU())
        self.trunk = nn.Sequential(*[ResidualConvBlock(channels) for _ in range(blocks)])
        self.conv2 = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.upsampling = nn.Sequential(UpsampleBlock(channels), UpsampleBlock(channels))
        self.conv3 = nn.Conv2d(channels, 3, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        out1 = self.conv1(x)
        return self.conv3(self.upsampling(self.conv2(self.trunk(out1)) + out1))


class Discriminator(nn.Module):
    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1), nn.LeakyReLU(0.2, True)]
        seen = channels
        for times, stride in ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2)):
            layers += [nn.Conv2d(seen, channels * times, 3, stride, 1, bias=False)]
            layers += [nn.BatchNorm2d(channels * times), nn.LeakyReLU(0.2, True)]
            seen = channels * times
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(seen * (side // 16) ** 2, 1024), nn.LeakyReLU(0.2, True), nn.Linear(1024, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


class ContentLoss(nn.Module):
    """VGG-19 up to the ReLU after conv5_4; random weights take as long as trained ones."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.features, seen = nn.Sequential(), 3
        for block, count in enumerate((2, 2, 4, 4, 4)):
            for _ in range(count):
                channels = min(width * 2**block, 8 * width)
                self.features.extend([nn.Conv2d(seen, channels, 3, padding=1), nn.ReLU(True)])
                seen = channels
            if block < 4:
                self.features.append(nn.MaxPool2d(2))
        for layer in self.features:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
        self.requires_grad_(False).eval()

    def forward(self, sr: Tensor, gt: Tensor) -> Tensor:
        mean, std = (sr.new_tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        return F.mse_loss(self.features((sr - mean) / std), self.features((gt - mean) / std))


class SRGAN:
    """G enlarges four times, D judges; `ema` is the average of G that is kept."""

    def __init__(self, width: int = 64, blocks: int = 16, side: int = 96, device: torch.device | str = "cpu") -> None:
        self.width, self.blocks = width, blocks
        self.G, self.D = Generator(width, blocks).to(device), Discriminator(width, side).to(device)
        self.ema = copy.deepcopy(self.G).requires_grad_(False)
        self.content = ContentLoss().to(device)
        self.bce, self.steps = nn.BCEWithLogitsLoss(), 0
        self.optimizer_G = torch.optim.Adam(self.G.parameters(), lr=1e-4, betas=(0.9, 0.999))
        self.optimizer_D = torch.optim.Adam(self.D.parameters(), lr=1e-4, betas=(0.9, 0.999))

    def downsample(self, gt: Tensor) -> Tensor:
        """Bicubic, antialiased, with the border mirrored, as files of 8 bits have it."""
        rows, columns = (torch.arange(-8, side + 8) % (2 * side) for side in gt.shape[2:])
        rows, columns = (
            torch.minimum(place, 2 * side - 1 - place).to(gt.device)
            for place, side in ((rows, gt.shape[2]), (columns, gt.shape[3]))
        )
        padded = gt[:, :, rows][:, :, :, columns]
        lr = F.interpolate(padded, scale_factor=0.25, mode="bicubic", antialias=True)[:, :, 2:-2, 2:-2]
        return (lr.clamp(0, 1) * 255).round() / 255

    def optimize(self, gt: Tensor) -> dict[str, Tensor]:
        """Train on one batch of large pictures in [0, 1]; return the losses."""
        sr = self.G(self.downsample(gt))
        real_label, fake_label = torch.ones_like(gt[:, :1, 0, 0]), torch.zeros_like(gt[:, :1, 0, 0])

        # Generator.
        for parameter in self.D.parameters():
            parameter.requires_grad = False
        self.optimizer_G.zero_grad()
        pixel = F.mse_loss(sr, gt)
        content = 0.006 * self.content(sr, gt)
        adversarial = 0.001 * self.bce(self.D(sr), real_label)
        (pixel + content + adversarial).backward()
        self.optimizer_G.step()

        # Discriminator.
        for parameter in self.D.parameters():
            parameter.requires_grad = True
        self.optimizer_D.zero_grad()
        D_real = self.bce(self.D(gt), real_label)
        D_real.backward()
        D_fake = self.bce(self.D(sr.detach()), fake_label)
        D_fake.backward()
        self.optimizer_D.step()

        # Average.
        decay = min(0.999, (1 + self.steps) / (10 + self.steps))
        for average, weight in zip(self.ema.parameters(), self.G.parameters(), strict=True):
            average.lerp_(weight.detach(), 1 - decay)
        self.steps += 1
        losses = {"pixel": pixel, "content": content, "adversarial": adversarial, "D": D_real + D_fake}
        return {name: loss.detach() for name, loss in losses.items()}
