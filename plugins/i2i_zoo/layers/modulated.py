"""The layers of StyleGAN2's generator, whose weights a style scales (Karras et al., 2020, arXiv:1912.04958)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i_zoo.layers.equalised import LEAKY, Equalised, EqualisedLinear, exact, leaky
from i2i_zoo.layers.resample import SMOOTHER, blur
from i2i_zoo.layers.styles import Noise
from i2i_zoo.parts import Chance, wide


class Modulated(Equalised):
    """Convolve maps (N, C, H, W) by weights that each picture's style w (N, W) has scaled.

    A style has a factor for each of the C input channels; demodulated, weights of an output channel are then brought
    back to length 1. Scaling what goes in and what comes out is the same, and takes one convolution of the batch
    instead of one for each picture. `up` doubles the sides. The length is sqrt(square + 1e-8), of weights that are
    scaled already; `later` adds to the square of those that are not, as NVlabs' PyTorch code does.
    """

    def __init__(
        self,
        source: int,
        target: int,
        kernel: int,
        size: int,
        up: bool = False,
        demodulate: bool = True,
        later: bool = False,
    ) -> None:
        super().__init__((target, source, kernel, kernel), bias=None)
        self.up, self.demodulate = up, demodulate
        self.eps = 1e-8 * (self.scale**2 if later else 1)
        self.affine = EqualisedLinear(size, source, bias=(1.0,))

    def forward(self, x: Tensor, w: Tensor, gain: float = 1.0) -> Tensor:
        with exact(x):
            weight, style = self.weight * self.scale, self.affine(wide(w))
            if self.demodulate:
                inverse = gain * demodulation(weight, style, self.eps)[:, :, None, None]
        x = x * style.to(x.dtype)[:, :, None, None]
        if self.up:
            x = blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), SMOOTHER, padding=1, gain=4.0)
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        return x * inverse.to(x.dtype) if self.demodulate else x


def demodulation(weight: Tensor, style: Tensor, eps: float = 1e-8) -> Tensor:
    """1 / the lengths of weights (out, in, k, k) as styles (N, in) have scaled them: (N, out)."""
    return (style.square() @ weight.square().sum(dim=(2, 3)).t() + eps).rsqrt()


class Layer(nn.Module):
    """A modulated convolution, noise, bias, and a leaky ReLU times sqrt 2, which is done to its three parts before."""

    def __init__(self, source: int, target: int, side: int, size: int, up: bool, later: bool) -> None:
        super().__init__()
        self.conv = Modulated(source, target, 3, size, up, later=later)
        self.noise = Noise(side, gain=LEAKY)
        self.bias = nn.Parameter(torch.zeros(target))

    def forward(self, x: Tensor, w: Tensor, chance: Chance | None) -> Tensor:
        x = self.noise(self.conv(x, w, LEAKY), self.noise.drawn(len(x), chance))
        return leaky(x + (self.bias * LEAKY).to(x.dtype)[:, None, None])


class ToRGB(nn.Module):
    """Features (N, C, H, W) to a picture, modulated and not demodulated; in float32 at least from there on."""

    def __init__(self, source: int, pictures: int, size: int) -> None:
        super().__init__()
        self.conv = Modulated(source, pictures, 1, size, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(pictures))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return wide(self.conv(x, w)) + self.bias[:, None, None]
