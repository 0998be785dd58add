"""Batch norms that are told what to draw."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2i import networks
from i2i_zoo.layers.spectral import PLAIN, Kit

EPS = 1e-5  # added to the variance, as the references do


class ClassNorm(nn.Module):
    """Normalise (N, C, H, W) over the batch, then scale and shift by what a condition says.

    y = (1 + gain(c)) norm(x) + bias(c), where gain and bias are tables of classes (de Vries et al., 2017,
    arXiv:1707.00683) or linear maps of a vector, which BigGAN shares between all its layers (Brock et al., 2019,
    arXiv:1809.11096). So weights of 0 are a gain of 1.
    """

    def __init__(self, channels: int, gain: nn.Module, bias: nn.Module, eps: float = EPS) -> None:
        super().__init__()
        self.norm = networks.BatchNorm2d(channels, eps=eps, affine=False)
        self.gain = gain
        self.bias = bias

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """The condition is classes (N,) for tables, vectors (N, size) for linear maps."""
        normal = self.norm(x)
        gain, bias = (told(condition).to(normal.dtype)[:, :, None, None] for told in (self.gain, self.bias))
        return torch.addcmul(bias, normal, 1 + gain)


class PlainNorm(networks.BatchNorm2d):
    """A batch norm that is told nothing, where others are."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return super().forward(x)


def class_table(channels: int, classes: int, eps: float = EPS) -> ClassNorm:
    """A gain and a bias for each channel and class. Tables have no spectral norm."""
    return ClassNorm(channels, nn.Embedding(classes, channels), nn.Embedding(classes, channels), eps)


def class_linear(channels: int, size: int, kit: Kit = PLAIN, eps: float = EPS) -> ClassNorm:
    """Gain and bias are linear in a condition of so many numbers, without biases of their own."""
    return ClassNorm(channels, kit.linear(size, channels, bias=False), kit.linear(size, channels, bias=False), eps)
