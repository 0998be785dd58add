"""pix2pixHD as a plain script would have it, in float32: what i2i's step is timed against.

Wang, Liu, Zhu, Tao, Kautz, Catanzaro, 2018, arXiv:1711.11585, with the defaults of the authors' code: label maps
one-hot, edges of instances, 9 residual blocks, two discriminators with feature matching (10), lsgan, Adam 2e-4 (0.5,
0.999). Without the perceptual loss, whose network nobody trains. The networks see `width` channels first, where the
authors have 64. With `local` it is the enhancer on top of the global generator, of which `fixed` trains the enhancer
alone. The weights are named as in the authors' code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
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


class GlobalGenerator(nn.Module):
    def __init__(self, channels: int, width: int, downs: int = 4, blocks: int = 9) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7)]
        layers += [nn.InstanceNorm2d(width), nn.ReLU(True)]
        for c in (width * 2**level for level in range(downs)):
            layers += [nn.Conv2d(c, 2 * c, 3, stride=2, padding=1), nn.InstanceNorm2d(2 * c), nn.ReLU(True)]
        layers += [ResidualBlock(width * 2**downs) for _ in range(blocks)]
        for c in (width * 2**level for level in range(downs, 0, -1)):
            layers += [nn.ConvTranspose2d(c, c // 2, 3, stride=2, padding=1, output_padding=1)]
            layers += [nn.InstanceNorm2d(c // 2), nn.ReLU(True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class LocalEnhancer(nn.Module):
    def __init__(self, channels: int, width: int, downs: int = 4, blocks: int = 9, local_blocks: int = 3) -> None:
        super().__init__()
        self.model = nn.Sequential(*list(GlobalGenerator(channels, 2 * width, downs, blocks).model)[:-3])
        self.model1_1 = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(channels, width, 7),
            nn.InstanceNorm2d(width),
            nn.ReLU(True),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.InstanceNorm2d(2 * width),
            nn.ReLU(True),
        )
        self.model1_2 = nn.Sequential(
            *(ResidualBlock(2 * width) for _ in range(local_blocks)),
            nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),
            nn.InstanceNorm2d(width),
            nn.ReLU(True),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, 3, 7),
            nn.Tanh(),
        )
        self.downsample = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.model1_2(self.model1_1(x) + self.model(self.downsample(x)))


class MultiscaleDiscriminator(nn.Module):
    """Its scales are counted from the smallest."""

    def __init__(self, channels: int, width: int, scales: int = 2) -> None:
        super().__init__()
        self.scales = scales
        widths = [width, 2 * width, 4 * width, min(8 * width, 512)]
        for scale in range(scales):
            self.add(scale, 0, nn.Conv2d(channels, width, 4, stride=2, padding=2), nn.LeakyReLU(0.2, True))
            for layer, stride in ((1, 2), (2, 2), (3, 1)):
                conv = nn.Conv2d(widths[layer - 1], widths[layer], 4, stride=stride, padding=2)
                self.add(scale, layer, conv, nn.InstanceNorm2d(widths[layer]), nn.LeakyReLU(0.2, True))
            self.add(scale, 4, nn.Conv2d(widths[3], 1, 4, padding=2))
        self.downsample = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)

    def add(self, scale: int, layer: int, *modules: nn.Module) -> None:
        setattr(self, f"scale{scale}_layer{layer}", nn.Sequential(*modules))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        result = []
        for scale in range(self.scales - 1, -1, -1):
            features = [x]
            for layer in range(5):
                features.append(getattr(self, f"scale{scale}_layer{layer}")(features[-1]))
            result.append(features[1:])
            x = self.downsample(x)
        return result


def initialise(net: nn.Module) -> nn.Module:
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
    return net


class Pix2PixHD:
    def __init__(
        self,
        width: int = 32,
        labels: int = 35,
        local: bool = False,
        fixed: bool = False,
        downs: int = 4,
        blocks: int = 9,
        device: torch.device | str = "cpu",
    ) -> None:
        self.width, self.labels, self.local, self.downs, self.blocks = width, labels, local, downs, blocks
        channels = labels + 1
        if local:
            net: nn.Module = LocalEnhancer(channels, width // 2, downs, blocks)
        else:
            net = GlobalGenerator(channels, width, downs, blocks)
        self.G = initialise(net).to(device)
        self.D = initialise(MultiscaleDiscriminator(channels + 3, width)).to(device)
        trained = [p for name, p in self.G.named_parameters() if not fixed or name.startswith("model1")]
        self.optimizer_G = torch.optim.Adam(trained, lr=2e-4, betas=(0.5, 0.999))
        self.optimizer_D = torch.optim.Adam(self.D.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def encode(self, label: Tensor, instance: Tensor, like: Tensor) -> Tensor:
        n, _, height, width = label.shape
        one_hot = torch.zeros(n, self.labels, height, width, dtype=like.dtype, device=like.device)
        one_hot.scatter_(1, label, 1.0)
        return torch.cat((one_hot, self.edges(instance).to(like)), dim=1)

    def edges(self, instance: Tensor) -> Tensor:
        edge = torch.zeros_like(instance, dtype=torch.bool)
        edge[:, :, :, 1:] = edge[:, :, :, 1:] | (instance[:, :, :, 1:] != instance[:, :, :, :-1])
        edge[:, :, :, :-1] = edge[:, :, :, :-1] | (instance[:, :, :, 1:] != instance[:, :, :, :-1])
        edge[:, :, 1:, :] = edge[:, :, 1:, :] | (instance[:, :, 1:, :] != instance[:, :, :-1, :])
        edge[:, :, :-1, :] = edge[:, :, :-1, :] | (instance[:, :, 1:, :] != instance[:, :, :-1, :])
        return edge

    def gan_loss(self, prediction: list[list[Tensor]], real: bool) -> Tensor:
        return sum(F.mse_loss(scale[-1], torch.full_like(scale[-1], float(real))) for scale in prediction)

    def optimize(self, label: Tensor, instance: Tensor, image: Tensor) -> dict[str, Tensor]:
        """Train on one batch; return the losses."""
        told = self.encode(label, instance, image)
        fake = self.G(told)

        # Everything is computed first, as in the authors' forward().
        pred_fake_pool = self.D(torch.cat((told, fake.detach()), dim=1))
        loss_D_fake = self.gan_loss(pred_fake_pool, False)
        pred_real = self.D(torch.cat((told, image), dim=1))
        loss_D_real = self.gan_loss(pred_real, True)
        pred_fake = self.D(torch.cat((told, fake), dim=1))
        loss_G_GAN = self.gan_loss(pred_fake, True)
        loss_G_GAN_Feat = torch.zeros_like(loss_G_GAN)
        for fake_scale, real_scale in zip(pred_fake, pred_real, strict=True):
            for fake_layer, real_layer in zip(fake_scale[:-1], real_scale[:-1], strict=True):
                loss_G_GAN_Feat = loss_G_GAN_Feat + 0.5 * F.l1_loss(fake_layer, real_layer.detach()) * 10.0

        self.optimizer_G.zero_grad()
        (loss_G_GAN + loss_G_GAN_Feat).backward()
        self.optimizer_G.step()

        self.optimizer_D.zero_grad()
        loss_D = (loss_D_fake + loss_D_real) * 0.5
        loss_D.backward()
        self.optimizer_D.step()

        losses = {"G_GAN": loss_G_GAN, "G_GAN_Feat": loss_G_GAN_Feat, "D": loss_D}
        return {name: loss.detach() for name, loss in losses.items()}
