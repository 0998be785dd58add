"""StyleGAN2 as a plain script would have it, in float32: what i2i's step is timed against.

Karras et al., 2020, arXiv:1912.04958, with the training loop of stylegan2-pytorch: mixing of styles, R1 each 16th step,
path lengths each 4th, an average of the generator's weights. Modulation scales what goes in and out of a convolution,
as NVlabs' code does in training. It imports nothing of i2i. The weights are named as in stylegan2-pytorch, so they can
be handed over.
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, autograd, nn

GAIN = math.sqrt(2)


def kernel(total: float = 1.0) -> Tensor:
    row = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return row.outer(row) * (total / 64)


class Blur(nn.Module):
    def __init__(self, pad: int, total: float = 1.0) -> None:
        super().__init__()
        self.pad = pad
        self.register_buffer("kernel", kernel(total))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel.expand(x.shape[1], 1, 4, 4), padding=self.pad, groups=x.shape[1])


class Upsample(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", kernel(4.0))

    def forward(self, x: Tensor) -> Tensor:
        taps = self.kernel.expand(x.shape[1], 1, 4, 4)
        return F.conv_transpose2d(x, taps, stride=2, padding=1, groups=x.shape[1])


class PixelNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(dim=1, keepdim=True) + 1e-8)


class FusedLeakyReLU(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.bias[:, None, None], 0.2) * GAIN


class EqualConv2d(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.scale, self.stride, self.padding = 1 / math.sqrt(inputs * size**2), stride, padding

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, stride=self.stride, padding=self.padding)


class EqualLinear(nn.Module):
    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, rate: float = 1.0, active: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.scale, self.rate, self.active = rate / math.sqrt(inputs), rate, active

    def forward(self, x: Tensor) -> Tensor:
        out = F.linear(x, self.weight * self.scale, self.bias * self.rate)
        return F.leaky_relu(out, 0.2) * GAIN if self.active else out


class ModulatedConv2d(nn.Module):
    def __init__(
        self, inputs: int, outputs: int, size: int, style: int, up: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, size, size))
        self.modulation = EqualLinear(style, inputs, bias=1.0)
        self.scale, self.up, self.demodulate = 1 / math.sqrt(inputs * size**2), up, demodulate
        if up:
            self.blur = Blur(1, 4.0)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        weight, style = self.weight[0] * self.scale, self.modulation(style)
        x = x * style[:, :, None, None]
        if self.up:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            squares = style.pow(2) @ weight.pow(2).sum([2, 3]).t()
            x = x * torch.rsqrt(squares + 1e-8)[:, :, None, None]
        return x


class NoiseInjection(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, chance: Any) -> Tensor:
        return x + self.weight * chance.randn(len(x), 1, *x.shape[2:]).to(x)


class StyledConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, style: int, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(inputs, outputs, 3, style, up)
        self.noise = NoiseInjection()
        self.activate = FusedLeakyReLU(outputs)

    def forward(self, x: Tensor, style: Tensor, chance: Any) -> Tensor:
        return self.activate(self.noise(self.conv(x, style), chance))


class ToRGB(nn.Module):
    def __init__(self, inputs: int, channels: int, style: int, up: bool = True) -> None:
        super().__init__()
        if up:
            self.upsample = Upsample()
        self.conv = ModulatedConv2d(inputs, channels, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, style: Tensor, skip: Tensor | None = None) -> Tensor:
        out = self.conv(x, style) + self.bias
        return out if skip is None else out + self.upsample(skip)


class ConstantInput(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class Generator(nn.Module):
    def __init__(self, size: int, width: int, latent: int, mapping: int, channels: int) -> None:
        super().__init__()
        widths = channels_at(size, width)
        layers = [EqualLinear(width if n else latent, width, rate=0.01, active=True) for n in range(mapping)]
        self.style = nn.Sequential(PixelNorm(), *layers)
        self.input = ConstantInput(widths[0])
        self.conv1 = StyledConv(widths[0], widths[0], width)
        self.to_rgb1 = ToRGB(widths[0], channels, width, up=False)
        self.convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        for before, after in pairwise(widths):
            self.convs += [StyledConv(before, after, width, up=True), StyledConv(after, after, width)]
            self.to_rgbs.append(ToRGB(after, channels, width))
        self.num_styles = 2 * len(widths)

    def styles(self, z: Tensor, chance: Any, mixing: float = 0.9) -> Tensor:
        """(N, L, W): with the probability `mixing` later layers have the style of a second latent."""
        count = self.num_styles
        w, other = self.style(z), self.style(chance.randn(*z.shape).to(z))
        crossing = 1 + (chance.rand(len(z)) * (count - 1)).long().to(z.device)
        crosses = (chance.rand(len(z)) < mixing).to(z.device)
        later = (torch.arange(count, device=z.device) >= crossing[:, None]) & crosses[:, None]
        return torch.where(later[..., None], other[:, None], w[:, None])

    def forward(self, styles: Tensor, chance: Any) -> Tensor:
        x = self.conv1(self.input.input.repeat(len(styles), 1, 1, 1), styles[:, 0], chance)
        skip = self.to_rgb1(x, styles[:, 1])
        for n, to_rgb in enumerate(self.to_rgbs):
            x = self.convs[2 * n](x, styles[:, 2 * n + 1], chance)
            x = self.convs[2 * n + 1](x, styles[:, 2 * n + 2], chance)
            skip = to_rgb(x, styles[:, 2 * n + 3], skip)
        return skip


class ResBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(EqualConv2d(inputs, inputs, 3, padding=1), FusedLeakyReLU(inputs))
        self.conv2 = nn.Sequential(Blur(2), EqualConv2d(inputs, outputs, 3, stride=2), FusedLeakyReLU(outputs))
        self.skip = nn.Sequential(Blur(1), EqualConv2d(inputs, outputs, 1, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / GAIN


class Discriminator(nn.Module):
    def __init__(self, size: int, width: int, channels: int) -> None:
        super().__init__()
        widths = channels_at(size, width)[::-1]
        first = nn.Sequential(EqualConv2d(channels, widths[0], 1), FusedLeakyReLU(widths[0]))
        blocks = [ResBlock(before, after) for before, after in pairwise(widths)]
        self.convs = nn.Sequential(first, *blocks)
        last = widths[-1]
        self.final_conv = nn.Sequential(EqualConv2d(last + 1, last, 3, padding=1), FusedLeakyReLU(last))
        self.final_linear = nn.Sequential(EqualLinear(last * 16, last, active=True), EqualLinear(last, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = self.convs(images)
        group = min(len(x), 4)
        spread = torch.sqrt(x.view(group, -1, *x.shape[1:]).var(0, unbiased=False) + 1e-8).mean([1, 2, 3])
        x = torch.cat([x, spread.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])], 1)
        return self.final_linear(self.final_conv(x).flatten(1)).view(-1)


def channels_at(size: int, width: int) -> list[int]:
    """Channels at 4, 8, ... pixels."""
    return [min(width, 64 * width // side) for side in (4 << n for n in range(size.bit_length() - 2))]


class StyleGAN2:
    def __init__(
        self,
        width: int = 512,
        size: int = 64,
        latent: int = 512,
        mapping: int = 8,
        channels: int = 3,
        device: torch.device | str = "cpu",
    ) -> None:
        self.width, self.latent = width, latent
        self.G = Generator(size, width, latent, mapping, channels).to(device)
        self.D = Discriminator(size, width, channels).to(device)
        self.G_ema = copy.deepcopy(self.G)
        self.mean_path = torch.zeros((), device=device)
        lazy_G, lazy_D = 4 / 5, 16 / 17
        self.optimizer_G = torch.optim.Adam(self.G.parameters(), lr=2e-3 * lazy_G, betas=(0.0, 0.99**lazy_G))
        self.optimizer_D = torch.optim.Adam(self.D.parameters(), lr=2e-3 * lazy_D, betas=(0.0, 0.99**lazy_D))

    def draw(self, count: int, like: Tensor, chance: Any) -> tuple[Tensor, Tensor]:
        styles = self.G.styles(chance.randn(count, self.latent).to(like), chance)
        return self.G(styles, chance), styles

    def path_length(self, count: int, like: Tensor, chance: Any) -> Tensor:
        images, styles = self.draw(count, like, chance)
        noise = chance.randn(*images.shape).to(images) / math.sqrt(images.shape[2] * images.shape[3])
        (gradient,) = autograd.grad((images * noise).sum(), styles, create_graph=True)
        lengths = torch.sqrt(gradient.pow(2).sum(2).mean(1))
        mean = self.mean_path + 0.01 * (lengths.mean() - self.mean_path)
        self.mean_path = mean.detach()
        return (lengths - mean).pow(2).mean()

    @torch.no_grad()
    def average(self, pictures: int, count: int) -> None:
        """Keep half after 10,000 pictures, early in a run after a twentieth of those seen."""
        decay = 0.5 ** (count / max(min(10_000, 0.05 * pictures), 1e-8))
        for mean, now in zip(self.G_ema.parameters(), self.G.parameters(), strict=True):
            mean.mul_(decay).add_(now, alpha=1 - decay)

    def optimize(self, real: Tensor, step: int, chance: Any = torch) -> dict[str, Tensor]:
        """Train on one batch; return the losses."""
        losses = {}

        # Discriminator.
        self.learn(self.D, self.G)
        with torch.no_grad():
            fake, _ = self.draw(len(real), real, chance)
        D_fake, D_real = self.D(fake), self.D(real)
        losses["D"] = F.softplus(-D_real).mean() + F.softplus(D_fake).mean()
        self.update(self.optimizer_D, losses["D"])
        if step % 16 == 0:
            images = real.detach().requires_grad_(True).clone()
            (gradient,) = autograd.grad(self.D(images).sum(), images, create_graph=True)
            losses["R1"] = 10 / 2 * gradient.pow(2).sum([1, 2, 3]).mean() * 16
            self.update(self.optimizer_D, losses["R1"])

        # Generator.
        self.learn(self.G, self.D)
        fake, _ = self.draw(len(real), real, chance)
        losses["G"] = F.softplus(-self.D(fake)).mean()
        self.update(self.optimizer_G, losses["G"])
        if step % 4 == 0:
            losses["path"] = 2 * self.path_length(max(1, len(real) // 2), real, chance) * 4
            self.update(self.optimizer_G, losses["path"])
        self.average((step + 1) * len(real), len(real))
        return {name: loss.detach() for name, loss in losses.items()}

    def learn(self, one: nn.Module, other: nn.Module) -> None:
        one.requires_grad_(True)
        other.requires_grad_(False)

    def update(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
