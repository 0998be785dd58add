"""StarGAN's generator and discriminator, as the authors' code builds them, and the norm that both forms need.

Names of weights are i2i's; `i2i_stargan.published` knows the authors'.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i import networks

DOWNS = 2  # halvings of the generator; the authors' code has no option for it
LEAK = 0.01  # slope of the discriminator's LeakyReLUs below 0


class AffineInstanceNorm(nn.Module):
    """Normalise each channel of each picture of (N, C, H, W) by itself, then scale and shift it by learnt numbers.

    It has no running statistics, so training and translating compute the same. The authors' layer keeps some and never
    uses them: were it ever put into evaluation mode, it would, and pictures would turn grey.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, images: Tensor) -> Tensor:
        if images.is_cuda or torch.compiler.is_compiling() or (len(images) > 1 and images.is_contiguous()):
            return F.instance_norm(images, weight=self.weight, bias=self.bias)
        # On a CPU a batch norm of one picture keeps the convolutions' memory layout, which instance_norm does not.
        normed = [F.batch_norm(i, None, None, self.weight, self.bias, training=True) for i in images.split(1)]
        return torch.cat(normed) if len(normed) > 1 else normed[0]


class ResidualBlock(nn.Module):
    """Add two convolutions of (N, C, H, W) to it; there is no activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels, 3, 1)
        self.second = networks.stage(
            conv=nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm=AffineInstanceNorm(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Generator(nn.Module):
    """Translate (N, C, H, W) to the same in [-1, 1], towards a label (N, labels) that joins the picture as planes.

    All padding is of zeros: with reflection a plane would stay constant, and the norm after the first convolution
    would remove it. Sides are multiples of `size_multiple`.
    """

    size_multiple = 2**DOWNS
    min_size = 2 ** (DOWNS + 1)  # the norms need more than one pixel at the bottom

    def __init__(self, channels: int, labels: int, width: int = 64, blocks: int = 6) -> None:
        super().__init__()
        self.channels, self.labels, self.width = channels, labels, width
        widths = [width * 2**level for level in range(DOWNS + 1)]
        self.stem = _convolution(channels + labels, width, 7, 1)
        self.down = nn.Sequential(*(_convolution(a, b, 4, 2) for a, b in pairwise(widths)))
        self.blocks = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(blocks)))
        self.up = nn.Sequential()
        for a, b in pairwise(widths[::-1]):
            doubling = networks.upsampling(a, b, "transposed", size=4, bias=False)
            self.up.append(networks.stage(**doubling, norm=AffineInstanceNorm(b), act=nn.ReLU(inplace=True)))
        self.head = networks.stage(conv=nn.Conv2d(width, channels, 7, padding=3, bias=False), act=nn.Tanh())

    def forward(self, images: Tensor, label: Tensor) -> Tensor:
        planes = label.to(images)[:, :, None, None].expand(-1, -1, *images.shape[2:])
        x = torch.cat([images, planes], dim=1)  # (N, C + labels, H, W)
        if images.is_contiguous(memory_format=torch.channels_last):
            x = x.contiguous(memory_format=torch.channels_last)  # expanded planes have no layout of their own
        x = self.stem(x)  # (N, width, H, W)
        x = self.down(x)  # (N, 4 width, H/4, W/4)
        x = self.blocks(x)
        x = self.up(x)  # (N, width, H, W)
        return self.head(x)  # (N, C, H, W)


class Halving(nn.Conv2d):
    """Halve the sides of (N, C, H, W), rounded down: a convolution of 4x4 pixels with stride 2.

    The deepest have millions of weights for a handful of pixels. There a CPU is several times faster at the matrix
    product that a convolution is.
    """

    def __init__(self, source: int, target: int) -> None:
        super().__init__(source, target, 4, stride=2, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2] // 2, images.shape[3] // 2
        if not _is_deep(images, height * width):
            return super().forward(images)
        columns = F.unfold(images, 4, padding=1, stride=2).transpose(1, 2)  # (N, H/2 W/2, 16 C)
        rows = F.linear(columns, self.weight.flatten(1), self.bias)  # (N, H/2 W/2, target)
        return rows.transpose(1, 2).unflatten(2, (height, width))

    def back(self, gradient: Tensor, size: torch.Size) -> Tensor:
        """Take the gradient (N, target, H/2, W/2) of a result back to the (N, C, H, W) of that `size` it is made of."""
        height, width = gradient.shape[2:]
        if not _is_deep(gradient, height * width):
            odd = size[2] - 2 * height, size[3] - 2 * width
            return F.conv_transpose2d(gradient, self.weight, None, 2, 1, odd)
        rows = gradient.flatten(2).transpose(1, 2) @ self.weight.flatten(1)  # (N, H/2 W/2, 16 C)
        return F.fold(rows.transpose(1, 2), size[2:], 4, padding=1, stride=2)


def _is_deep(images: Tensor, pixels: int) -> bool:
    return images.is_cpu and pixels <= 16


class Discriminator(nn.Module):
    """Judge (N, C, H, W): a map of logits (N, 1, h, w), real where positive, and logits of the labels (N, labels).

    Each of the `layers` convolutions halves the sides. The label's logits see pictures of exactly `image_size` (H, W),
    the map those of any size.
    """

    def __init__(
        self, channels: int, labels: int, image_size: tuple[int, int], width: int = 64, layers: int = 6
    ) -> None:
        super().__init__()
        self.channels, self.labels, self.width, self.image_size = channels, labels, width, image_size
        widths = [channels, *(width * 2**level for level in range(layers))]
        bottom = image_size[0] // 2**layers, image_size[1] // 2**layers
        if min(bottom) < 1:
            side, fewer = min(image_size), min(image_size).bit_length() - 1
            raise ValueError(
                f"image size {side} is too small for {layers} halvings of the discriminator; "
                f"use --image-size {2**layers} or more, or --discriminator-layers {max(fewer, 1)}"
            )
        self.layers = nn.Sequential(
            *(networks.stage(conv=Halving(a, b), act=nn.LeakyReLU(LEAK, inplace=True)) for a, b in pairwise(widths))
        )
        self.patches = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.classes = nn.Conv2d(widths[-1], labels, bottom, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the map of logits alone."""
        return self.patches(self.layers(images))

    def judge(self, images: Tensor, count: int | None = None) -> tuple[Tensor, Tensor]:
        """Return the map of logits of all pictures, and the label's logits of the first `count` of them."""
        features = self.layers(images)  # (N, width 2^(layers - 1), H/2^layers, W/2^layers)
        return self.patches(features), self.classes(features[:count]).flatten(1)

    def slope(self, images: Tensor) -> Tensor:
        """Return the gradient (N, C, H, W) of each picture's SUMMED map, through which the weights can be learnt.

        Between the kinks of its LeakyReLUs the network is linear, so the gradient is the chain of its convolutions
        backwards, with the signs that they met: a product of weights. What autograd makes of a gradient's gradient is
        the same, with a second way through the network that carries zeros. Computed outside autocast.
        """
        with torch.autocast(images.device.type, enabled=False):
            with torch.no_grad():
                seen = [images]
                for layer in self.layers:
                    seen.append(layer(seen[-1]))
                ones = torch.ones_like(self.patches(seen[-1]))
            gradient = F.conv_transpose2d(ones, self.patches.weight, padding=1)
            for level in reversed(range(len(self.layers))):
                gradient = torch.where(seen[level + 1] > 0, gradient, LEAK * gradient)
                gradient = self.layers[level].conv.back(gradient, seen[level].shape)
        return gradient


def _convolution(source: int, target: int, size: int, stride: int) -> nn.Sequential:
    """Chain a convolution that divides the sides by its stride, a norm and a ReLU."""
    conv = nn.Conv2d(source, target, size, stride, padding=(size - 1) // 2, bias=False)
    return networks.stage(conv=conv, norm=AffineInstanceNorm(target), act=nn.ReLU(inplace=True))
