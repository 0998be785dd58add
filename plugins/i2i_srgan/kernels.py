"""Filters that blur, in many shapes, as Real-ESRGAN draws them: (N, 21, 21), each of sum 1, one for each picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SIDE = 21
DRAWS = 7
"""Random numbers that `blurs` takes for a picture."""

SHAPES = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)  # shares: Gaussian, generalised, plateau, each round and then stretched
SINC = 0.1  # share of pictures that are not blurred by these, but lose their highest frequencies
GENERALISED, PLATEAU = (0.5, 4.0), (1.0, 2.0)  # exponents
CUTOFF = (math.pi / 5, math.pi)


def blurs(draws: Tensor, sigma: tuple[float, float]) -> Tensor:
    """Make filters of draws (N, DRAWS) from U[0, 1), with deviations between those of `sigma` (pixels)."""
    kind, x, y, turn, exponent, cutoff, sinc = draws.unbind(1)
    shape = torch.bucketize(kind.contiguous(), torch.tensor(SHAPES).cumsum(0).to(draws), right=True).clamp_max(
        len(SHAPES) - 1
    )
    family, stretched = shape // 2, shape % 2 == 1
    along = sigma[0] + x * (sigma[1] - sigma[0])
    across = torch.where(stretched, sigma[0] + y * (sigma[1] - sigma[0]), along)
    power = torch.where(family == 1, _skewed(exponent, GENERALISED), _skewed(exponent, PLATEAU))
    distance = _distance(along, across, math.pi * turn)  # (N, k, k), squared
    powered = distance ** torch.where(family == 0, 1.0, power).view(-1, 1, 1)
    taps = torch.where((family == 2).view(-1, 1, 1), 1 / (1 + powered), torch.exp(-0.5 * powered))
    taps = taps / taps.sum(dim=(1, 2), keepdim=True)
    return torch.where((sinc < SINC).view(-1, 1, 1), sincs(cutoff), taps)


def sincs(draws: Tensor) -> Tensor:
    """Make filters that cut off high frequencies in all directions, and so ring at edges; draws (N,) say where."""
    cutoff = (CUTOFF[0] + draws * (CUTOFF[1] - CUTOFF[0])).view(-1, 1, 1)
    radius = _places(draws)[0].hypot(_places(draws)[1]).clamp_min(1e-6)  # (k, k)
    taps = cutoff * torch.special.bessel_j1(cutoff * radius) / (2 * math.pi * radius)
    return taps / taps.sum(dim=(1, 2), keepdim=True)


def _distance(along: Tensor, across: Tensor, angle: Tensor) -> Tensor:
    """Squared distance from the middle in deviations (N,) along a direction and across it: (N, k, k)."""
    x, y = _places(along)
    cos, sin = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    one, other = cos * x + sin * y, cos * y - sin * x
    return (one / along.view(-1, 1, 1)) ** 2 + (other / across.view(-1, 1, 1)) ** 2


def _places(like: Tensor) -> tuple[Tensor, Tensor]:
    side = torch.arange(SIDE, device=like.device, dtype=like.dtype) - SIDE // 2
    return side.expand(SIDE, SIDE), side[:, None].expand(SIDE, SIDE)


def _skewed(draws: Tensor, span: tuple[float, float]) -> Tensor:
    """Half of the draws below 1, half above, each half even."""
    low, high = span
    return torch.where(draws < 0.5, low + 2 * draws * (1 - low), 1 + (2 * draws - 1) * (high - 1))
