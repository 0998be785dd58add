"""Weight norm: a weight's direction and its length are learnt apart (Salimans and Kingma, 2016, arXiv:1602.07868).

Each output has w = g v / |v|. The lengths g begin so that leaky units keep their squares; the authors of improved-gan
take them of a first batch.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.2
GAIN = math.sqrt(2 / (1 + LEAK**2))


def weight(direction: Tensor, length: Tensor) -> Tensor:
    """The weight of a direction (out, ...) and lengths (out,)."""
    norms = direction.flatten(1).norm(dim=1).clamp_min(1e-12)
    return direction * (length / norms).view(-1, *[1] * (direction.dim() - 1))


def start(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> None:
    """Draw a layer's directions, and begin without a bias."""
    nn.init.normal_(layer.weight, 0.0, 0.05)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class Conv2d(nn.Conv2d):
    """A convolution with weight norm."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(before, after, kernel, stride, padding)
        start(self)
        self.length = nn.Parameter(torch.full((after,), GAIN))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, weight(self.weight, self.length), self.bias, self.stride, self.padding)


class Doubling(nn.ConvTranspose2d):
    """A transposed convolution of 5x5 that doubles the sides, with weight norm; its lengths begin at `length`."""

    def __init__(self, before: int, after: int, length: float) -> None:
        super().__init__(before, after, 5, 2, 2, output_padding=1)
        start(self)
        self.length = nn.Parameter(torch.full((after,), length))

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        outputs_first = weight(self.weight.transpose(0, 1), self.length)  # its weight is (in, out, H, W)
        return F.conv_transpose2d(
            x, outputs_first.transpose(0, 1), self.bias, self.stride, self.padding, self.output_padding
        )


class Linear(nn.Linear):
    """A linear layer with weight norm."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after)
        start(self)
        self.length = nn.Parameter(torch.full((after,), 1.0))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, weight(self.weight, self.length), self.bias)
