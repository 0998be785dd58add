"""Batch augmentation on the device, differentiable: what a discriminator sees of real and generated pictures.

DiffAugment: Zhao, Liu, Lin, Zhu and Han, "Differentiable Augmentation for Data-Efficient GAN Training", 2020,
arXiv:2006.10738. Differences: shifts are not rounded to whole pixels, and mirroring can be added.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

DRAWS = 8
"""Random numbers that `augment` takes for a picture."""

POLICY = ("color", "translation", "cutout")
_KNOWN = ("flip", *POLICY)
_SHIFT = 1 / 8  # largest shift, as a share of the side
_HOLE = 1 / 2  # side of the hole that is cut out, as a share of the side


def augment(images: Tensor, draws: Tensor, policy: Iterable[str] = POLICY) -> Tensor:
    """Augment pictures (N, C, H, W) in [-1, 1] by draws (N, DRAWS) from U[0, 1); the result is a function of both.

    In a train step the draws are `progress.rand(len(images), DRAWS)`, so that a step can be replayed. The policy names
    what is done: "flip" (mirror half of them), "color" (brightness, contrast, and saturation where there are channels),
    "translation" (by up to an eighth, filled with 0), "cutout" (a hole of half the side, filled with 0). Colours may
    leave [-1, 1]. Gradients flow to the pictures.

    Raises ValueError for other shapes or names.
    """
    policy = tuple(policy)
    for name in policy:
        if name not in _KNOWN:
            raise ValueError(f'policy names "{name}"; choose from {", ".join(_KNOWN)}')
    if images.ndim != 4:
        raise ValueError(f"images have the shape {tuple(images.shape)}; give (N, C, H, W)")
    if draws.shape != (images.shape[0], DRAWS):
        raise ValueError(f"draws have the shape {tuple(draws.shape)}; give ({images.shape[0]}, {DRAWS})")
    draws = draws.to(images.device, images.dtype)
    if "flip" in policy:
        images = torch.where(draws[:, 0, None, None, None] < 0.5, images.flip(-1), images)
    if "color" in policy:
        images = _color(images, *draws[:, 1:4, None, None, None].unbind(1))
    if "translation" in policy:
        images = _translate(images, draws[:, 4:6])
    return _cut_out(images, draws[:, 6:8]) if "cutout" in policy else images


def _color(images: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    images = images + (brightness - 0.5)
    gray = images.mean(dim=1, keepdim=True)
    images = gray + (images - gray) * (2 * saturation)  # of one channel: nothing
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (0.5 + contrast)


def _translate(images: Tensor, draws: Tensor) -> Tensor:
    from kornia.geometry.transform import translate

    sides = torch.tensor([images.shape[3], images.shape[2]], device=images.device)
    shifts = (2 * draws.float() - 1) * _SHIFT * sides  # (N, 2): x, y
    return translate(images.float(), shifts, padding_mode="zeros").to(images.dtype)  # coordinates need float32


def _cut_out(images: Tensor, draws: Tensor) -> Tensor:
    """Set a hole, whose middle lies anywhere in the picture, to 0."""
    inside = []
    for axis, side in enumerate(images.shape[2:]):
        middle = draws[:, axis].float() * side  # (N,)
        place = torch.arange(side, device=images.device) + 0.5
        inside.append((place - middle[:, None]).abs() < _HOLE * side / 2)  # (N, side)
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # (N, 1, H, W)
    return images.masked_fill(hole, 0)
