"""The pipeline "bgc" of ADA (Karras et al., 2020, arXiv:2006.06676, appendix B): mirror, turn, shift, scale, recolour.

Each thing is done with a probability p. Unlike the authors' code this one samples bilinearly, without filters before
and after. Pictures are mirrored beyond their border. Gradients of any order flow to the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i_zoo.parts import wide

UNIFORM, NORMAL = 21, 7  # draws for a picture
SHIFT, SCALE, STRETCH, FRACTION = 1 / 8, 0.2, 0.2, 1 / 8  # the largest whole shift, then deviations
BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.5, 1.0  # deviations

Draw = Callable[[], Tensor]


def warp(images: Tensor, p: Tensor, uniform: Tensor, normal: Tensor) -> Tensor:
    """Change pictures (N, C, H, W) by draws (N, UNIFORM) from U[0, 1) and (N, NORMAL) from N(0, 1)."""
    columns = (iter(each.to(images.device, torch.float32).unbind(1)) for each in (uniform, normal))
    u, n = (columns_of.__next__ for columns_of in columns)
    with torch.autocast(images.device.type, enabled=False):
        moved = sampled(wide(images), placed(images.shape[2:], p, u, n))
        return recoloured(moved, colours(p, u, n, many=images.shape[1] == 3)).to(images.dtype)


def placed(size: torch.Size, p: Tensor, u: Draw, n: Draw) -> Tensor:
    """Where each pixel comes from: matrices (N, 3, 3) of places in pixels, from the middle; x, y, 1."""
    height, width = size

    def allowed(value: Tensor, neutral: float, chance: Tensor = p) -> Tensor:
        return torch.where(u() < chance, value, neutral)

    mirrored = 1 - 2 * allowed((u() * 2).floor(), 0)
    steps = [scaling(mirrored, torch.ones_like(mirrored))]
    steps.append(turning(allowed((u() * 4).floor(), 0) * (math.pi / 2)))
    x, y = (2 * u() - 1) * SHIFT, (2 * u() - 1) * SHIFT
    shifts = allowed(torch.ones_like(x), 0)
    steps.append(shifting((x * width).round() * shifts, (y * height).round() * shifts))
    size_up = allowed((n() * SCALE).exp2(), 1)
    steps.append(scaling(1 / size_up, 1 / size_up))
    either = 1 - (1 - p).clamp_min(0).sqrt()  # so that one of both turns is p
    steps.append(turning(allowed((2 * u() - 1) * math.pi, 0, either)))
    stretch = allowed((n() * STRETCH).exp2(), 1)
    steps.append(scaling(1 / stretch, stretch))
    steps.append(turning(allowed((2 * u() - 1) * math.pi, 0, either)))
    shifts = allowed(torch.ones_like(x), 0)
    steps.append(shifting(n() * FRACTION * width * shifts, n() * FRACTION * height * shifts))
    place = steps[0]
    for step in steps[1:]:
        place = place @ step
    return place


def colours(p: Tensor, u: Draw, n: Draw, many: bool) -> Tensor:
    """What becomes of colours: matrices (N, 4, 4) of red, green, blue, 1. Without `many` hue and saturation stay."""

    def allowed(value: Tensor, neutral: float) -> Tensor:
        return torch.where(u() < p, value, neutral)

    brighter, contrast = allowed(n() * BRIGHTNESS, 0), allowed((n() * CONTRAST).exp2(), 1)
    flipped, turned = allowed((u() * 2).floor(), 0), allowed((2 * u() - 1) * math.pi, 0)
    colourful = allowed((n() * SATURATION).exp2(), 1)
    eye = torch.eye(3, device=p.device)
    grey = torch.full((3, 3), 1 / 3, device=p.device)  # onto the axis of luma
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=p.device) / math.sqrt(3)
    linear = contrast[:, None, None] * (eye - 2 * flipped[:, None, None] * grey)
    if many:
        cosine, sine = turned.cos()[:, None, None], turned.sin()[:, None, None]
        hue = cosine * eye + sine * cross + (1 - cosine) * grey
        linear = (grey + colourful[:, None, None] * (eye - grey)) @ hue @ linear
    shift = linear @ brighter[:, None, None].expand(-1, 3, 1)
    return torch.cat([torch.cat([linear, shift], dim=2), _row(brighter)], dim=1)


def sampled(images: Tensor, place: Tensor) -> Tensor:
    """Pictures (N, C, H, W) whose pixels come from elsewhere."""
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = torch.arange(height, device=images.device) - (height - 1) / 2
    spots = torch.stack([*torch.meshgrid(x, y, indexing="xy"), torch.ones(height, width, device=images.device)], dim=-1)
    source = torch.einsum("nij,hwj->nhwi", place[:, :2], spots)
    grid = source / torch.tensor([width / 2, height / 2], device=images.device)
    return F.grid_sample(images, grid.to(images), padding_mode="reflection", align_corners=False)


def recoloured(images: Tensor, colour: Tensor) -> Tensor:
    """Pictures (N, C, H, W) whose colours are others; those without three channels become lighter and darker alone."""
    colour = colour.to(images)
    if images.shape[1] == 3:
        return torch.einsum("nij,njhw->nihw", colour[:, :3, :3], images) + colour[:, :3, 3, None, None]
    mean = colour[:, :3].mean(dim=1)  # (N, 4)
    return images * mean[:, :3].sum(dim=1)[:, None, None, None] + mean[:, 3, None, None, None]


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Matrices (N, 3, 3) that scale by (N,) numbers."""
    return torch.stack([x, y, torch.ones_like(x)], dim=1).diag_embed()


def turning(angle: Tensor) -> Tensor:
    """Matrices (N, 3, 3) that turn by (N,) angles."""
    cosine, sine, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = [cosine, -sine, none, sine, cosine, none, none, none, torch.ones_like(angle)]
    return torch.stack(rows, dim=1).unflatten(1, (3, 3))


def shifting(x: Tensor, y: Tensor) -> Tensor:
    """Matrices (N, 3, 3) that shift by (N,) pixels."""
    one, none = torch.ones_like(x), torch.zeros_like(x)
    return torch.stack([one, none, -x, none, one, -y, none, none, one], dim=1).unflatten(1, (3, 3))


def _row(like: Tensor) -> Tensor:
    """The last row of matrices (N, 4, 4) that keep the 1."""
    return torch.tensor([0.0, 0, 0, 1], device=like.device).expand(len(like), 1, 4)
