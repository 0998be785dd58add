"""StarGAN as a plain script would have it, in float32: what i2i's step is timed against.

Choi, Choi, Kim, Ha, Kim, Choo, 2018, arXiv:1711.09020, with the defaults of the authors' code for CelebA: 6 residual
blocks, 6 halvings in the discriminator, WGAN-GP, weights 1, 10 and 10, Adam 1e-4 (0.5, 0.999), the generator every
fifth step. It imports nothing of i2i. Weights and losses are named as in the authors' code.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.InstanceNorm2d(channels, affine=True, track_running_stats=True),
            nn.ReLU(True),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.InstanceNorm2d(channels, affine=True, track_running_stats=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.main(x)


class Generator(nn.Module):
    def __init__(self, labels: int, width: int = 64, blocks: int = 6) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3 + labels, width, 7, 1, 3, bias=False)]
        layers += [nn.InstanceNorm2d(width, affine=True, track_running_stats=True), nn.ReLU(True)]
        for channels in (width, 2 * width):
            layers += [nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False)]
            layers += [nn.InstanceNorm2d(2 * channels, affine=True, track_running_stats=True), nn.ReLU(True)]
        layers += [ResidualBlock(4 * width) for _ in range(blocks)]
        for channels in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False)]
            layers += [nn.InstanceNorm2d(channels // 2, affine=True, track_running_stats=True), nn.ReLU(True)]
        layers += [nn.Conv2d(width, 3, 7, 1, 3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        c = c.view(c.size(0), c.size(1), 1, 1).repeat(1, 1, x.size(2), x.size(3))
        return self.main(torch.cat([x, c], dim=1))


class Discriminator(nn.Module):
    def __init__(self, labels: int, size: int = 128, width: int = 64, layers: int = 6) -> None:
        super().__init__()
        widths = [3] + [width * 2**level for level in range(layers)]
        main: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            main += [nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.01)]
        self.main = nn.Sequential(*main)
        self.conv1 = nn.Conv2d(widths[-1], 1, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(widths[-1], labels, size // 2**layers, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.main(x)
        out_cls = self.conv2(h)
        return self.conv1(h), out_cls.view(out_cls.size(0), out_cls.size(1))


class StarGAN:
    """Labels are attributes, (N, 5) of 0 and 1, or class numbers (N,) with `classes`."""

    def __init__(
        self,
        width: int = 64,
        blocks: int = 6,
        layers: int = 6,
        size: int = 128,
        labels: int = 5,
        classes: bool = False,
        n_critic: int = 5,
        lr: float = 1e-4,
        device: torch.device | str = "cpu",
    ) -> None:
        self.width, self.blocks, self.layers, self.size = width, blocks, layers, size
        self.labels, self.classes, self.n_critic, self.lr = labels, classes, n_critic, lr
        self.G = Generator(labels, width, blocks).to(device)
        self.D = Discriminator(labels, size, width, layers).to(device)
        self.g_optimizer = torch.optim.Adam(self.G.parameters(), lr, (0.5, 0.999))
        self.d_optimizer = torch.optim.Adam(self.D.parameters(), lr, (0.5, 0.999))

    def optimize(self, x: Tensor, label: Tensor, order: Tensor, alpha: Tensor, step: int) -> dict[str, Tensor]:
        """Train on one batch; return the losses. `order` (N,) permutes labels, `alpha` (N,) mixes real and fake."""
        label_trg = label[order]
        c_org, c_trg = self.label(label, x), self.label(label_trg, x)

        # Discriminator.
        out_src, out_cls = self.D(x)
        d_loss_real = -torch.mean(out_src)
        d_loss_cls = self.classification_loss(out_cls, label)
        x_fake = self.G(x, c_trg)
        out_src, _ = self.D(x_fake.detach())
        d_loss_fake = torch.mean(out_src)
        alpha = alpha.view(-1, 1, 1, 1)
        x_hat = (alpha * x.data + (1 - alpha) * x_fake.data).requires_grad_(True)
        out_src, _ = self.D(x_hat.view_as(x_hat))  # FlopCounterMode cannot hook a leaf
        d_loss_gp = self.gradient_penalty(out_src, x_hat)
        d_loss = d_loss_real + d_loss_fake + d_loss_cls + 10 * d_loss_gp
        self.reset_grad()
        d_loss.backward()
        self.d_optimizer.step()
        losses = {"D_gan": d_loss_real + d_loss_fake, "D_cls": d_loss_cls, "D_gp": 10 * d_loss_gp}

        # Generator.
        if (step + 1) % self.n_critic == 0:
            x_fake = self.G(x, c_trg)
            out_src, out_cls = self.D(x_fake)
            g_loss_fake = -torch.mean(out_src)
            g_loss_cls = self.classification_loss(out_cls, label_trg)
            g_loss_rec = torch.mean(torch.abs(x - self.G(x_fake, c_org)))
            g_loss = g_loss_fake + 10 * g_loss_rec + g_loss_cls
            self.reset_grad()
            g_loss.backward()
            self.g_optimizer.step()
            losses |= {"G_fake": g_loss_fake, "G_rec": 10 * g_loss_rec, "G_cls": g_loss_cls}
        return {name: loss.detach() for name, loss in losses.items()}

    def reset_grad(self) -> None:
        self.g_optimizer.zero_grad()
        self.d_optimizer.zero_grad()

    def label(self, label: Tensor, x: Tensor) -> Tensor:
        return F.one_hot(label, self.labels).to(x) if self.classes else label

    def classification_loss(self, logit: Tensor, target: Tensor) -> Tensor:
        if self.classes:
            return F.cross_entropy(logit, target)
        return F.binary_cross_entropy_with_logits(logit, target, reduction="sum") / logit.size(0)

    def gradient_penalty(self, y: Tensor, x: Tensor) -> Tensor:
        (dydx,) = torch.autograd.grad(y, x, torch.ones_like(y), retain_graph=True, create_graph=True)
        dydx_l2norm = torch.sqrt(torch.sum(dydx.view(dydx.size(0), -1) ** 2, dim=1))
        return torch.mean((dydx_l2norm - 1) ** 2)
