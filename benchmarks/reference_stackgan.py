"""StackGAN's stage I as a plain script would have it, in float32: what i2i's step is timed against.

Zhang et al., 2017, arXiv:1612.03242, with the networks and losses of the authors' PyTorch code at 64 pixels: Adam 2e-4
(0.5, 0.999), the divergence weighing 2, embeddings of sentences computed beforehand. It imports nothing of i2i. Weights
are named as in the authors' code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def weights_init(layer: nn.Module) -> None:
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


def conv3x3(source: int, target: int) -> nn.Conv2d:
    return nn.Conv2d(source, target, 3, 1, 1, bias=False)


def up_block(source: int, target: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"), conv3x3(source, target), nn.BatchNorm2d(target), nn.ReLU(True)
    )


class CANet(nn.Module):
    def __init__(self, text: int, condition: int) -> None:
        super().__init__()
        self.fc = nn.Linear(text, 2 * condition)
        self.relu = nn.ReLU()

    def forward(self, text: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.relu(self.fc(text)).chunk(2, dim=1)
        return eps * logvar.mul(0.5).exp() + mu, mu, logvar


class Generator(nn.Module):
    def __init__(self, text: int, condition: int, noise: int, width: int) -> None:
        super().__init__()
        ngf = 8 * width
        self.ngf = ngf
        self.ca_net = CANet(text, condition)
        self.fc = nn.Sequential(
            nn.Linear(noise + condition, ngf * 16, bias=False), nn.BatchNorm1d(ngf * 16), nn.ReLU(True)
        )
        self.upsample1 = up_block(ngf, ngf // 2)
        self.upsample2 = up_block(ngf // 2, ngf // 4)
        self.upsample3 = up_block(ngf // 4, ngf // 8)
        self.upsample4 = up_block(ngf // 8, ngf // 16)
        self.img = nn.Sequential(conv3x3(ngf // 16, 3), nn.Tanh())

    def forward(self, text: Tensor, noise: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        c, mu, logvar = self.ca_net(text, eps)
        h = self.fc(torch.cat((noise, c), 1)).view(-1, self.ngf, 4, 4)
        h = self.upsample4(self.upsample3(self.upsample2(self.upsample1(h))))
        return self.img(h), mu, logvar


class CondLogits(nn.Module):
    def __init__(self, ndf: int, condition: int) -> None:
        super().__init__()
        self.outlogits = nn.Sequential(
            conv3x3(ndf * 8 + condition, ndf * 8),
            nn.BatchNorm2d(ndf * 8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 8, 1, kernel_size=4, stride=4),
            nn.Sigmoid(),
        )

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        c = c.view(len(c), -1, 1, 1).repeat(1, 1, 4, 4)
        return self.outlogits(torch.cat((h, c), 1)).view(-1)


class Discriminator(nn.Module):
    def __init__(self, condition: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
        for channels in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, inplace=True)]
        self.encode_img = nn.Sequential(*layers)
        self.get_cond_logits = CondLogits(width, condition)

    def forward(self, x: Tensor) -> Tensor:
        return self.encode_img(x)


class StackGAN:
    """Stage I; a batch is pictures (N, 3, 64, 64) and embeddings (N, text), all of different sentences."""

    def __init__(
        self,
        width: int = 128,
        text: int = 256,
        condition: int = 128,
        noise: int = 100,
        device: torch.device | str = "cpu",
    ) -> None:
        self.width, self.text, self.condition, self.noise = width, text, condition, noise
        self.netG = Generator(text, condition, noise, width).to(device)
        self.netD = Discriminator(condition, width // 2).to(device)
        self.netG.apply(weights_init)
        self.netD.apply(weights_init)
        self.criterion = nn.BCELoss()
        self.optimizerG = torch.optim.Adam(self.netG.parameters(), 2e-4, (0.5, 0.999))
        self.optimizerD = torch.optim.Adam(self.netD.parameters(), 2e-4, (0.5, 0.999))

    def optimize(self, real_imgs: Tensor, text: Tensor, noise: Tensor, eps: Tensor) -> dict[str, Tensor]:
        """Train on one batch; return the losses. `noise` (N, 100) and `eps` (N, 128) are drawn by the caller."""
        real_labels, fake_labels = torch.ones_like(noise[:, 0]), torch.zeros_like(noise[:, 0])
        fake_imgs, mu, logvar = self.netG(text, noise, eps)

        # Discriminator.
        self.netD.zero_grad()
        cond = mu.detach()
        real_features, fake_features = self.netD(real_imgs), self.netD(fake_imgs.detach())
        real = self.criterion(self.netD.get_cond_logits(real_features, cond), real_labels)
        wrong = self.criterion(self.netD.get_cond_logits(real_features[:-1], cond[1:]), fake_labels[1:])
        fake = self.criterion(self.netD.get_cond_logits(fake_features, cond), fake_labels)
        (real + 0.5 * (fake + wrong)).backward()
        self.optimizerD.step()

        # Generator.
        self.netG.zero_grad()
        gan = self.criterion(self.netD.get_cond_logits(self.netD(fake_imgs), cond), real_labels)
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).mean()
        (gan + 2.0 * kl).backward()
        self.optimizerG.step()
        losses = {"D_real": real, "D_wrong": 0.5 * wrong, "D_fake": 0.5 * fake, "G_gan": gan, "G_kl": 2.0 * kl}
        return {name: loss.detach() for name, loss in losses.items()}
