"""The plain convolutional networks of SNGAN, which the relativistic GANs were tried on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.architectures.residual import check_numbers, layer_norm
from i2i_zoo.layers.heads import Head
from i2i_zoo.layers.norms import EPS
from i2i_zoo.layers.spectral import Kit, Players, kit
from i2i_zoo.parts import Architecture, Chance, Judged, Shape

BOTTOM = 4  # at least so many pixels a side are left at the bottom
WIDEST = 8  # times the width


def doublings(size: tuple[int, int]) -> int:
    """How often sides are doubled, or halved."""
    return int(math.log2(min(size) / BOTTOM))


def channels(width: int, size: tuple[int, int]) -> list[int]:
    """Of the largest maps first: the width, twice that, and so on up to 8 times."""
    return [width * min(2**number, WIDEST) for number in range(doublings(size) + 1)]


class Generator(nn.Module):
    """Draw (N, C, H, W) of a latent (N, Z): transposed convolutions with batch norm and ReLU, then 3x3 and tanh."""

    def __init__(self, to: Shape, counts: list[int], kit: Kit) -> None:
        super().__init__()
        self.latent = to.latent
        levels = len(counts) - 1
        self.bottom = (to.size[0] >> levels, to.size[1] >> levels)
        narrowing = counts[::-1]
        self.first = kit.transposed(to.latent, narrowing[0], self.bottom)  # type: ignore[arg-type]
        self.ups = nn.ModuleList(kit.transposed(*pair, 4, 2, 1) for pair in pairwise(narrowing))
        self.norms = nn.ModuleList(networks.BatchNorm2d(count, eps=EPS) for count in narrowing)
        self.last = kit.transposed(counts[0], to.channels, 3, 1, 1)

    def forward(self, z: Tensor, labels: Tensor | None = None, chance: Chance | None = None) -> Tensor:
        h = z[:, :, None, None]
        for layer, norm in zip([self.first, *self.ups], self.norms, strict=True):
            h = F.relu(norm(layer(h)))
        return self.last(h).tanh()


class Discriminator(nn.Module):
    """Judge (N, C, H, W): a 3x3 convolution, then pairs of 4x4 that halve and 3x3 that widen, each with lrelu(0.1)."""

    def __init__(self, to: Shape, counts: list[int], kit: Kit, norm: str) -> None:
        super().__init__()
        self.joint = norm != "batch"
        layers: list[nn.Module] = [kit.conv(to.channels, counts[0], 3, 1, 1)]
        for inputs, outputs in pairwise(counts):
            layers += [kit.conv(inputs, inputs, 4, 2, 1), kit.conv(inputs, outputs, 3, 1, 1)]
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(layer_norm(norm, layer.out_channels) or nn.Identity() for layer in layers[1:])  # type: ignore[arg-type]
        levels = len(counts) - 1
        self.head = Head(counts[-1] * (to.size[0] >> levels) * (to.size[1] >> levels), to, kit)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judged:
        h = F.leaky_relu(self.layers[0](images), 0.1)  # no norm after the first
        for layer, norm in zip(list(self.layers)[1:], self.norms, strict=True):
            h = F.leaky_relu(norm(layer(h)), 0.1)
        return self.head(images, h.flatten(1), labels)


@dataclass(frozen=True)
class SNCNN(Architecture):
    """SNGAN's standard networks (Miyato et al., 2018, arXiv:1802.05957, table 3), as their PyTorch port builds them."""

    width: int = 64  # channels of the largest maps
    spectral: Players = "d"  # the networks with spectral norm
    norm: Literal["none", "batch", "layer"] = "none"  # of the discriminator

    gives = frozenset({"features"})

    def check(self, to: Shape) -> None:
        """Refuse sides that cannot be halved down to 4 to 7 pixels. Raises ValueError."""
        check_numbers("sncnn", width=self.width)
        side = min(to.size)
        levels = doublings(to.size) if side >= 2 * BOTTOM else 0
        if not levels or any(pixels % (1 << levels) for pixels in to.size):
            step = 1 << max(levels, 1)
            fitting = max(round(side / step) * step, 2 * BOTTOM)
            raise ValueError(
                f"--architecture sncnn halves pictures down to 4 to 7 pixels, and these have "
                f"{to.size[0]}x{to.size[1]}; use --image-size {fitting}"
            )

    def generator(self, to: Shape) -> nn.Module:
        return Generator(to, channels(self.width, to.size), kit(self.spectral, "g"))

    def discriminator(self, to: Shape) -> nn.Module:
        return Discriminator(to, channels(self.width, to.size), kit(self.spectral, "d"), self.norm)

    def initialise(self, net: nn.Module) -> None:
        """Weights from N(0, 0.02), of batch norms from N(1, 0.02); biases 0."""
        networks.initialise(net)
