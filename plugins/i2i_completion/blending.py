"""Poisson blending: what was made keeps its shapes and takes its colours from what lies around the hole.

Pérez, Gangnet, Blake, "Poisson Image Editing", 2003. It is solved on the pictures' own numbers, for any channels and
depth, which OpenCV's `seamlessClone` cannot: that takes eight bits, moves holes that touch the border of the picture,
and shares one centre among several holes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 1e-3  # of the error that is left, relative to the first; pictures end up within a grey level of exact


def poisson_blend(source: Tensor, made: Tensor, hole: Tensor) -> Tensor:
    """Fit what was made into the hole: pictures (N, C, H, W), of which only what lies in the hole (N, 1, H, W) counts.

    Inside the hole the result has the gradient of `made`; over its edge it has none, so that known pixels go on
    smoothly. Nothing flows over the border of the picture. Where nothing is known, `made` stays.
    """
    blended = [_blend_one(*one) for one in zip(source.float(), made.float(), hole.bool(), strict=True)]
    return torch.stack(blended).to(made)


def _blend_one(source: Tensor, made: Tensor, hole: Tensor) -> Tensor:
    if hole.all() or not hole.any():
        return made
    rows, columns = (hole[0].any(dim=axis).nonzero()[:, 0] for axis in (1, 0))
    part = (  # the hole and a pixel around it: all that counts
        slice(None),
        slice(max(0, int(rows[0]) - 1), int(rows[-1]) + 2),
        slice(max(0, int(columns[0]) - 1), int(columns[-1]) + 2),
    )
    inside = hole[part].float()
    known = 1 - inside
    # The change that is wanted of each pixel beside the edge: to what it should go on from.
    wanted = (_neighbours(source[part] * known, 0.0) - _neighbours(known, 0.0) * made[part]) * inside
    blended = made.clone()
    blended[part] += _solve(wanted, inside)
    return blended


def _neighbours(x: Tensor, beyond: float | None) -> Tensor:
    """The sum of the four neighbours of each pixel (C, H, W); beyond the border lies a number, or the pixel itself."""
    if beyond is None:
        padded = F.pad(x[None], (1, 1, 1, 1), mode="replicate")[0]
    else:
        padded = F.pad(x, (1, 1, 1, 1), value=beyond)
    return padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]


def _solve(wanted: Tensor, inside: Tensor) -> Tensor:
    """Solve the Laplace equation by conjugate gradients: 4 x - the neighbours of x = wanted, x = 0 outside."""
    x, rest = torch.zeros_like(wanted), wanted
    direction, left = rest, rest.square().sum(dim=(1, 2), keepdim=True)
    enough = left * TOLERANCE**2
    for _ in range(wanted.shape[1] * wanted.shape[2]):
        if not (left > enough).any():
            break
        turned = (4 * direction - _neighbours(direction, None)) * inside
        step = left / (direction * turned).sum(dim=(1, 2), keepdim=True).clamp_min(1e-30)
        x = x + step * direction
        rest = rest - step * turned
        before, left = left, rest.square().sum(dim=(1, 2), keepdim=True)
        direction = rest + left / before.clamp_min(1e-30) * direction
    return x
