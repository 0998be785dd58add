"""The one pair of a Gaussian pyramid: halving and doubling sides (Burt and Adelson, 1983)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def blur(images: Tensor) -> Tensor:
    """Pictures (N, C, H, W), by the kernel (1, 4, 6, 4, 1) / 16 along both axes; what is outside is as the edge."""
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=images.device, dtype=images.dtype) / 16
    channels = images.shape[1]
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    across = F.conv2d(padded, row.view(1, 1, 1, 5).expand(channels, 1, 1, 5), groups=channels)
    return F.conv2d(across, row.view(1, 1, 5, 1).expand(channels, 1, 5, 1), groups=channels)


def down(images: Tensor) -> Tensor:
    """Halve the sides of pictures (N, C, H, W)."""
    return blur(images)[:, :, ::2, ::2]


def up(images: Tensor) -> Tensor:
    """Double the sides of pictures (N, C, H, W)."""
    return blur(images.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
